//! Metadata that is lost, damaged or went back is rebuilt from what the brokers know: each has the newest that it was sent.
//!
//! Every broker is waited for, because the one that is missing may know most. What is taken of it, and what is never given
//! again, are rules of the controller ([`controller::rebuild`]). Nothing was acknowledged by metadata that no broker ever had,
//! for brokers act only by what they were sent. The one exception is told: brokers that all died at once wrote their copies
//! up to five seconds before.

use control_plane::session::Recovery;
use controller::{
    ClusterImage,
    rebuild::{Offer, Offers, Rebuilt, Reign, rebuild},
};
use model::{BrokerId, ClusterId, ControllerEpoch, MetadataVersion};
use tokio::sync::watch;

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
    /// No broker knows anything that can be believed.
    Nothing,
    Rebuild {
        from: BrokerId,
        image: ClusterImage,
    },
}

/// From the brokers 0 to `brokers` − 1. `disproved`: what a controller committed on a store that had gone back.
pub fn choose(offers: &Offers, brokers: i32, disproved: Option<Reign>) -> Choice {
    let missing: Vec<_> = (0..brokers).map(BrokerId).filter(|id| !offers.contains_key(id)).collect();
    if !missing.is_empty() {
        return Choice::Wait(missing);
    }
    match rebuild(offers, disproved) {
        Some(Rebuilt { from, image }) => Choice::Rebuild { from, image },
        None => Choice::Nothing,
    }
}

/// Whether no broker ever obeyed a controller, so that no disk has a record.
pub fn is_new(offers: &Offers) -> bool {
    offers.values().all(|offer| offer.image.is_none() && offer.obeyed == ControllerEpoch(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ReignId;

    fn offer(broker: i32, obeyed: i64, known: Option<(i64, u64)>) -> Offer {
        let image = known.map(|(epoch, version)| ClusterImage {
            controller_epoch: ControllerEpoch(epoch),
            metadata_version: MetadataVersion(version),
            ..ClusterImage::empty(ClusterId::from("test"))
        });
        Offer { broker: BrokerId(broker), obeyed: ControllerEpoch(obeyed), reign: None, image }
    }

    fn chosen(offers: &[Offer], brokers: i32) -> Choice {
        choose(&offers.iter().map(|offer| (offer.broker, offer.clone())).collect(), brokers, None)
    }

    #[test]
    fn every_broker_is_waited_for() {
        let some = [offer(0, 4, Some((4, 90))), offer(2, 4, Some((4, 91)))];
        assert_eq!(chosen(&some, 4), Choice::Wait(vec![BrokerId(1), BrokerId(3)]));
    }

    /// Brokers acted by version 1000 of epoch 7. The store was put back to 900, and broker 2, which had been down, came first.
    #[test]
    fn after_a_rebuild_everybody_is_let_in() {
        let all = [offer(0, 7, Some((7, 1000))), offer(1, 7, Some((7, 990))), offer(2, 8, Some((8, 902)))];
        let offers = all.into_iter().map(|offer| (offer.broker, offer)).collect();
        let version = MetadataVersion;
        let id = ReignId(uuid::Uuid::from_u128(1));
        let reign = Reign { id, epoch: ControllerEpoch(8), found: version(900), newest: version(903) };
        let Choice::Rebuild { from, image } = choose(&offers, 3, Some(reign)) else { panic!("chooses nothing") };
        assert_eq!(from, BrokerId(0));
        // The controller that begins with it has a higher epoch than any that was obeyed, and found all that was acted by.
        assert_eq!((image.metadata_version, image.controller_epoch), (version(1000), ControllerEpoch(8)));
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
