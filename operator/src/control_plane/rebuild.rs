//! Metadata that is lost, damaged or went back is rebuilt from what the brokers know: each has the newest that it was sent.
//!
//! Every broker is waited for, because the one that is missing may know most. What is chosen is the newest by controller
//! epoch and version; nothing was acknowledged by metadata that no broker ever had, for brokers act only by what they were
//! sent. The one exception is told: brokers that all died at once wrote their copies up to five seconds before.

use control_plane::session::{Offer, Recovery};
use controller::ClusterImage;
use model::{BrokerId, ClusterId, ControllerEpoch, MetadataVersion};
use std::collections::BTreeMap;
use tokio::sync::watch;

pub type Offers = BTreeMap<BrokerId, Offer>;

/// What brokers brought so far.
#[derive(Debug)]
pub struct Gathering {
    cluster_id: ClusterId,
    offers: watch::Sender<Offers>,
}

impl Gathering {
    pub fn new(cluster_id: ClusterId) -> Self {
        Self { cluster_id, offers: watch::channel(Offers::new()).0 }
    }

    pub fn offers(&self) -> watch::Receiver<Offers> {
        self.offers.subscribe()
    }
}

impl Recovery for Gathering {
    fn cluster_id(&self) -> ClusterId {
        self.cluster_id.clone()
    }

    fn wants(&self, broker: BrokerId, version: MetadataVersion) -> bool {
        let offers = self.offers.borrow();
        let known =
            offers.get(&broker).map(|offer| offer.image.as_ref().map_or(MetadataVersion(0), |i| i.metadata_version));
        known.is_none_or(|known| known < version)
    }

    fn offer(&self, offer: Offer) {
        self.offers.send_modify(|offers| {
            offers.insert(offer.broker, offer);
        });
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// For these brokers.
    Wait(Vec<BrokerId>),
    /// No broker knows anything.
    Nothing,
    Rebuild {
        from: BrokerId,
        image: ClusterImage,
    },
}

/// From the brokers 0 to `brokers` − 1.
pub fn choose(offers: &Offers, brokers: i32) -> Choice {
    let missing: Vec<_> = (0..brokers).map(BrokerId).filter(|id| !offers.contains_key(id)).collect();
    if !missing.is_empty() {
        return Choice::Wait(missing);
    }
    let known = offers.values().filter_map(|offer| Some((offer.broker, offer.image.as_ref()?)));
    let newest = known.max_by_key(|(_, image)| (image.controller_epoch, image.metadata_version));
    let Some((from, image)) = newest else { return Choice::Nothing };
    let obeyed = offers.values().map(|offer| offer.obeyed).fold(image.controller_epoch, ControllerEpoch::max);
    // The controller that begins with it is one above.
    Choice::Rebuild { from, image: ClusterImage { controller_epoch: obeyed, ..image.clone() } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(broker: i32, obeyed: i64, known: Option<(i64, u64)>) -> Offer {
        let image = known.map(|(epoch, version)| ClusterImage {
            controller_epoch: ControllerEpoch(epoch),
            metadata_version: MetadataVersion(version),
            ..ClusterImage::empty(ClusterId::from("test"))
        });
        Offer { broker: BrokerId(broker), obeyed: ControllerEpoch(obeyed), image }
    }

    fn chosen(offers: &[Offer], brokers: i32) -> Choice {
        choose(&offers.iter().map(|offer| (offer.broker, offer.clone())).collect(), brokers)
    }

    #[test]
    fn every_broker_is_waited_for() {
        let some = [offer(0, 4, Some((4, 90))), offer(2, 4, Some((4, 91)))];
        assert_eq!(chosen(&some, 4), Choice::Wait(vec![BrokerId(1), BrokerId(3)]));
    }

    #[test]
    fn newest_is_chosen_and_its_epoch_is_above_all_that_were_obeyed() {
        // Broker 2 obeyed the last controller and lost its copy; broker 0 has a higher version of an earlier epoch.
        let all = [offer(0, 4, Some((4, 99))), offer(1, 5, Some((5, 98))), offer(2, 6, Some((4, 80)))];
        let Choice::Rebuild { from, image } = chosen(&all, 3) else { panic!("chooses nothing") };
        assert_eq!(
            (from, image.metadata_version, image.controller_epoch),
            (BrokerId(1), MetadataVersion(98), ControllerEpoch(6))
        );
    }

    #[test]
    fn empty_brokers_are_no_source() {
        assert_eq!(chosen(&[offer(0, 0, None), offer(1, 0, None)], 2), Choice::Nothing);
        let one = [offer(0, 0, None), offer(1, 3, Some((3, 7)))];
        assert!(matches!(chosen(&one, 2), Choice::Rebuild { from: BrokerId(1), .. }));
    }

    #[test]
    fn broker_is_asked_again_only_for_something_newer() {
        let gathering = Gathering::new(ClusterId::from("test"));
        let wants = |version| gathering.wants(BrokerId(0), MetadataVersion(version));
        assert!(wants(0) && wants(7));
        gathering.offer(offer(0, 3, Some((3, 7))));
        assert!(!wants(7) && wants(8));
    }
}
