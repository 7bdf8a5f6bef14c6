use super::*;
use crate::image::BrokerRegistration;
use model::{BrokerEpoch, ClusterId};
use std::sync::Arc;

const ME: BrokerId = BrokerId(1);
const OWN: ReignId = ReignId(uuid::Uuid::from_u128(1));
const OTHER: ReignId = ReignId(uuid::Uuid::from_u128(2));

fn life(number: u128) -> Incarnation {
    Incarnation(uuid::Uuid::from_u128(number))
}

/// In which broker 1 is registered in life 1.
fn image(version: u64) -> ClusterImage {
    let mut image = ClusterImage::empty(ClusterId::from("obeying"));
    image.metadata_version = MetadataVersion(version);
    let registration = BrokerRegistration {
        id: ME,
        epoch: BrokerEpoch(1),
        incarnation: life(1),
        log_life: None,
        fenced: false,
        in_controlled_shutdown: false,
        rack: None,
        endpoints: Vec::new(),
    };
    Arc::make_mut(&mut image.brokers).insert(ME, registration);
    image
}

#[test]
fn broker_acts_by_what_is_newer_and_names_it_in_its_life() {
    for (what, version, own, expected) in [
        ("the next", 8, life(1), Ok(())),
        ("the same again", 7, life(1), Err(PassedOver::Known)),
        ("older", 6, life(1), Err(PassedOver::Known)),
        ("of another life", 8, life(2), Err(PassedOver::AnotherLife)),
    ] {
        assert_eq!(check_metadata(&image(version), (ME, own), MetadataVersion(7)), expected, "{what}");
    }
    let unknown = check_metadata(&image(8), (BrokerId(2), life(1)), MetadataVersion(7));
    assert_eq!(unknown, Err(PassedOver::AnotherLife), "it is not registered at all");
}

#[test]
fn controller_lets_in_who_acts_by_no_more_than_was_committed_before_or_by_it() {
    // Of epoch 5, which found version 10 and has committed up to 20.
    let reign = Reign { id: OWN, epoch: ControllerEpoch(5), found: MetadataVersion(10), newest: MetadataVersion(20) };
    let standing = Standing { reign: Some(reign), loaded: MetadataVersion(9) };
    for (what, epoch, id, applied, expected) in [
        ("new", 0, None, 0, Ok(())),
        ("obeyed the one before", 4, Some(OTHER), 10, Ok(())),
        ("the one before committed more", 4, Some(OTHER), 11, Err((11, 10))),
        ("obeyed this one", 5, Some(OWN), 20, Ok(())),
        ("of this one, and does not say so", 5, None, 20, Ok(())),
        ("of this one, and more than it has", 5, Some(OWN), 21, Err((21, 20))),
    ] {
        let broker = Obeyed { epoch: ControllerEpoch(epoch), reign: id, applied: MetadataVersion(applied) };
        let expected = expected.map_err(|(applied, known)| NotLetIn::KnowsMore {
            applied: MetadataVersion(applied),
            known: MetadataVersion(known),
            before_first_commit: false,
        });
        assert_eq!(standing.let_in(broker), expected, "{what}");
    }
    let obeyed =
        |epoch, reign| Obeyed { epoch: ControllerEpoch(epoch), reign: Some(reign), applied: MetadataVersion(1) };
    let outlived = NotLetIn::Outlived { own: ControllerEpoch(5), obeyed: ControllerEpoch(6) };
    assert_eq!(standing.let_in(obeyed(6, OTHER)), Err(outlived));
    assert!(!outlived.proves_that_the_store_went_back());
    assert!(standing.is_outlived_by(ControllerEpoch(6)) && !standing.is_outlived_by(ControllerEpoch(5)));
    let another = NotLetIn::AnotherOfThisEpoch(ControllerEpoch(5));
    assert_eq!(standing.let_in(obeyed(5, OTHER)), Err(another));
    assert!(another.proves_that_the_store_went_back());
}

#[test]
fn before_its_first_commit_a_controller_is_nobody_to_outlive_and_counts_what_it_read() {
    let standing = Standing { reign: None, loaded: MetadataVersion(9) };
    let comes =
        |applied| standing.let_in(Obeyed { epoch: ControllerEpoch(6), reign: None, applied: MetadataVersion(applied) });
    assert!(!standing.is_outlived_by(ControllerEpoch(6)));
    assert_eq!(comes(9), Ok(()));
    let refused = comes(10).unwrap_err();
    assert!(matches!(refused, NotLetIn::KnowsMore { .. }) && !refused.proves_that_the_store_went_back());
}
