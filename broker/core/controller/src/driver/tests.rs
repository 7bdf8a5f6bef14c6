use super::*;
use crate::{
    TopicError,
    requests::{CreateTopics, CreatedTopic, NewTopic},
};
use model::{ClusterId, Incarnation, TopicId, TopicName};

const NOW: MonotonicTime = MonotonicTime::ZERO;

fn controller() -> Controller {
    let mut controller =
        Controller::new(Settings::default(), Arc::new(ClusterImage::empty(ClusterId::from("test"))), NOW);
    let broker = crate::requests::RegisterBroker {
        id: BrokerId(1),
        incarnation: Incarnation::default(),
        log_life: None,
        serves_at_once: true,
        rack: None,
        endpoints: Vec::new(),
        began_empty: false,
        follows: None,
    };
    ask(&mut controller, 0, Request::RegisterBroker(broker));
    controller.handle(Event::Committed, NOW);
    controller
}

fn ask(controller: &mut Controller, id: u64, request: Request) -> Vec<Effect> {
    controller.handle(Event::Request { id: RequestId(id), request }, NOW)
}

fn create(name: &str, id: u128) -> Request {
    let topic = NewTopic {
        name: TopicName::from(name),
        id: TopicId(uuid::Uuid::from_u128(id)),
        partitions: 1,
        replication_factor: 1,
        assignments: Vec::new(),
        configs: Vec::new(),
    };
    Request::CreateTopics(CreateTopics { topics: vec![topic], validate_only: false })
}

fn only_commit(effects: Vec<Effect>) -> Commit {
    match <[Effect; 1]>::try_from(effects) {
        Ok([Effect::Commit(commit)]) => commit,
        other => panic!("one commit, not {other:?}"),
    }
}

fn created(effect: &Effect) -> (u64, Result<CreatedTopic, TopicError>) {
    match effect {
        Effect::Reply { id, reply: Reply::TopicsCreated(results) } => (id.0, results[0].1.clone()),
        other => panic!("a reply about a topic, not {other:?}"),
    }
}

#[test]
fn nothing_is_published_or_answered_before_it_is_committed() {
    let mut controller = controller();
    let commit = only_commit(ask(&mut controller, 1, create("a", 1)));
    assert!(controller.committed().topic("a").is_none());
    assert!(commit.image.topic("a").is_some());
    assert_eq!(commit.expected, controller.committed().metadata_version);
    let effects = controller.handle(Event::Committed, NOW);
    assert!(matches!(&effects[0], Effect::Publish { image, .. } if image.topic("a").is_some()));
    assert!(created(&effects[1]).1.is_ok());
    assert_eq!(effects.len(), 2);
}

#[test]
fn requests_made_during_a_commit_share_the_next_one() {
    let mut controller = controller();
    only_commit(ask(&mut controller, 1, create("a", 1)));
    for (id, name) in [(2, "b"), (3, "a"), (4, "c")] {
        assert!(ask(&mut controller, id, create(name, u128::from(id))).is_empty());
    }
    let mut effects = controller.handle(Event::Committed, NOW);
    let Some(Effect::Commit(commit)) = effects.pop() else { panic!("the queue is decided") };
    assert_eq!(effects.len(), 2, "the first request is answered");
    assert_eq!(commit.changes.len(), 2, "each change has its own version");
    assert_eq!(commit.changes[1].version, commit.changes[0].version.next());
    assert_eq!(commit.image.metadata_version, commit.changes[1].version);
    let effects = controller.handle(Event::Committed, NOW);
    let replies: Vec<_> = effects[1..].iter().map(created).collect();
    assert_eq!(replies.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [2, 3, 4], "in the order asked");
    assert!(matches!(replies[1].1, Err(TopicError::AlreadyExists(_))));
}

#[test]
fn brokers_leave_once_what_was_decided_before_is_published() {
    let mut controller = controller();
    only_commit(ask(&mut controller, 1, create("a", 1)));
    let leaving = crate::Leaving { from: Some(BrokerId(1)) };
    assert!(ask(&mut controller, 2, Request::SetLeaving(leaving)).is_empty(), "a may be placed there");
    assert!(ask(&mut controller, 3, create("b", 2)).is_empty());
    let effects = controller.handle(Event::Committed, NOW);
    assert!(matches!(&effects[0], Effect::Publish { image, .. } if image.topic("a").is_some()));
    assert!(created(&effects[1]).1.is_ok());
    assert!(matches!(effects[2], Effect::Reply { id: RequestId(2), reply: Reply::LeavingSet }));
    assert!(matches!(created(&effects[3]), (3, Err(TopicError::InvalidReplicationFactor(_)))));
    assert_eq!(effects.len(), 4);
}

#[test]
fn what_is_decided_again_keeps_to_who_leaves_now() {
    let mut controller = controller();
    only_commit(ask(&mut controller, 1, create("a", 1)));
    let leaving = crate::Leaving { from: Some(BrokerId(1)) };
    assert!(ask(&mut controller, 2, Request::SetLeaving(leaving)).is_empty());
    let image = Arc::new(ClusterImage::clone(controller.committed()));
    let effects = controller.handle(Event::Conflict { image }, NOW);
    let refused = |effect: &Effect| matches!(effect, Effect::Reply { id: RequestId(1), reply: Reply::TopicsCreated(results) } if results[0].1.is_err());
    assert!(effects.iter().any(refused), "{effects:?}");
}

#[test]
fn a_refusal_that_rests_on_an_uncommitted_change_waits_for_it() {
    let mut controller = controller();
    only_commit(ask(&mut controller, 1, create("a", 1)));
    assert!(ask(&mut controller, 2, create("b", 2)).is_empty());
    assert!(ask(&mut controller, 3, create("b", 3)).is_empty());
    controller.handle(Event::Committed, NOW);
    let effects = controller.handle(Event::CommitFailed { reason: "disk full".to_owned() }, NOW);
    for effect in &effects {
        let Effect::Reply { reply: Reply::Refused(ControllerError::StoreFailed(reason)), .. } = effect else {
            panic!("nobody is told that b exists: {effect:?}");
        };
        assert_eq!(reason, "disk full");
    }
    assert_eq!(effects.len(), 2);
    assert!(controller.committed().topic("b").is_none());
    only_commit(ask(&mut controller, 4, create("b", 4)));
}

#[test]
fn after_a_conflict_everything_is_decided_again_on_what_the_store_holds() {
    let mut controller = controller();
    only_commit(ask(&mut controller, 1, create("a", 1)));
    assert!(ask(&mut controller, 2, create("b", 2)).is_empty());
    let mut other = ClusterImage::clone(controller.committed());
    let records = vec![crate::MetadataRecord::TopicCreated {
        id: TopicId(uuid::Uuid::from_u128(9)),
        name: TopicName::from("a"),
        partitions: Vec::new(),
    }];
    other.apply(&MetadataChange { version: other.metadata_version.next(), records }).unwrap();
    let image = Arc::new(other);
    let mut effects = controller.handle(Event::Conflict { image: Arc::clone(&image) }, NOW);
    assert!(matches!(&effects[0], Effect::Publish { image: published, .. } if Arc::ptr_eq(published, &image)));
    let commit = only_commit(effects.split_off(1));
    assert_eq!((commit.expected, commit.changes.len()), (image.metadata_version, 1));
    let effects = controller.handle(Event::Committed, NOW);
    assert!(matches!(created(&effects[1]), (1, Err(TopicError::AlreadyExists(_)))));
    assert!(matches!(created(&effects[2]), (2, Ok(_))));
}

#[test]
fn a_controller_that_is_told_of_a_later_one_looks_for_it_in_the_store() {
    let mut controller = controller();
    let looks =
        |controller: &mut Controller, now| matches!(controller.handle(Event::Outlived, now)[..], [Effect::Look]);
    assert!(looks(&mut controller, NOW));
    let image = Arc::clone(controller.committed());
    assert!(controller.handle(Event::Looked { image }, NOW).is_empty(), "the broker may be wrong");
    let later = NOW + LOOK_INTERVAL;
    assert!(!looks(&mut controller, NOW) && looks(&mut controller, later), "not too often");
    let mut image = ClusterImage::clone(controller.committed());
    image.controller_epoch = ControllerEpoch(image.controller_epoch.0 + 1);
    let effects = controller.handle(Event::Looked { image: Arc::new(image) }, later);
    assert!(matches!(effects[..], [Effect::Deposed]), "{effects:?}");
    let effects = ask(&mut controller, 1, create("a", 1));
    assert!(matches!(effects[..], [Effect::Reply { reply: Reply::Refused(ControllerError::Deposed), .. }]));
}

#[test]
fn a_commit_that_was_made_though_it_failed_is_found_by_a_look() {
    let mut controller = controller();
    let commit = only_commit(ask(&mut controller, 1, create("a", 1)));
    let failed = || Event::CommitFailed { reason: "no answer".to_owned() };
    controller.handle(failed(), NOW);
    let later = NOW + RETRY_AFTER;
    assert!(controller.next_deadline(NOW) <= later);
    assert!(matches!(controller.handle(Event::Tick, later)[..], [Effect::Look]));
    assert!(controller.handle(Event::Tick, later).is_empty(), "it has asked");
    let looks_again = controller.handle(Event::Tick, later + LOOK_INTERVAL);
    assert!(matches!(looks_again[..], [Effect::Look]), "the store may not have answered");
    let image = Arc::clone(controller.committed());
    assert!(controller.handle(Event::Looked { image }, later).is_empty(), "it was not made");

    only_commit(ask(&mut controller, 2, create("a", 1)));
    controller.handle(failed(), later);
    let effects = controller.handle(Event::Looked { image: Arc::clone(&commit.image) }, later);
    assert!(matches!(&effects[..], [Effect::Publish { image, .. }] if Arc::ptr_eq(image, &commit.image)));
    assert!(controller.committed().topic("a").is_some());
    assert!(controller.handle(Event::Tick, later + LOOK_INTERVAL).is_empty());
}

#[test]
fn a_controller_below_whose_epoch_the_store_went_gives_way() {
    let went_back = |controller: &Controller| {
        let mut image = ClusterImage::clone(controller.committed());
        image.metadata_version = MetadataVersion(image.metadata_version.0 + 100);
        image.controller_epoch = ControllerEpoch(image.controller_epoch.0 - 1);
        Arc::new(image)
    };
    let mut controller = controller();
    only_commit(ask(&mut controller, 1, create("a", 1)));
    let image = went_back(&controller);
    let effects = controller.handle(Event::Conflict { image }, NOW);
    let refused =
        |effect: &Effect| matches!(effect, Effect::Reply { reply: Reply::Refused(ControllerError::Deposed), .. });
    assert!(refused(&effects[0]) && matches!(effects[1..], [Effect::Deposed]), "{effects:?}");

    let mut controller = super::tests::controller();
    let image = went_back(&controller);
    let effects = controller.handle(Event::Looked { image }, NOW);
    assert!(matches!(effects[..], [Effect::Deposed]), "{effects:?}");
}

#[test]
fn a_controller_that_looks_for_another_decides_nothing_before_it_knows() {
    let mut controller = controller();
    let epoch = controller.committed().brokers[&BrokerId(1)].epoch;
    let session = BrokerSession { id: BrokerId(1), epoch };
    let heartbeat = Heartbeat {
        id: session.id,
        epoch: session.epoch,
        applied: controller.committed().metadata_version,
        condition: crate::BrokerCondition::default(),
    };
    assert!(controller.handle(Event::Heard(heartbeat), NOW).is_empty());
    assert!(controller.handle(Event::Disconnected(session), NOW).is_empty());
    // The moment in which the broker is lost.
    let lost_at = NOW + Settings::default().sessions.reconnect_grace;
    let effects = controller.handle(Event::Outlived, lost_at);
    assert!(matches!(effects[..], [Effect::Look]), "{effects:?}");
    let image = Arc::clone(controller.committed());
    let commit = only_commit(controller.handle(Event::Looked { image }, lost_at));
    assert!(commit.image.brokers[&session.id].fenced, "it is the one that decides");
}

#[test]
fn a_long_queue_is_committed_in_bounded_parts() {
    let mut controller = controller();
    only_commit(ask(&mut controller, 0, create("first", 1)));
    let total = REQUESTS_PER_COMMIT as u64 + 10;
    for id in 1..=total {
        assert!(ask(&mut controller, id, create(&format!("t{id}"), u128::from(id) + 1)).is_empty());
    }
    let mut effects = controller.handle(Event::Committed, NOW);
    let Some(Effect::Commit(first)) = effects.pop() else { panic!("the first part") };
    assert_eq!(first.changes.len(), REQUESTS_PER_COMMIT);
    let mut effects = controller.handle(Event::Committed, NOW);
    let Some(Effect::Commit(second)) = effects.pop() else { panic!("the second part") };
    assert_eq!(second.changes.len(), 10);
    assert_eq!(effects.len(), 1 + REQUESTS_PER_COMMIT);
}
