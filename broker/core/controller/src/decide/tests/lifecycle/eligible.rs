//! Eligible leader replicas: who may lead when the ISR has nobody left (KIP-966).

use super::*;
use crate::{
    FeatureError,
    features::{ELIGIBLE_LEADER_REPLICAS, METADATA_VERSION},
    requests::{FeatureUpdate, UpdateFeatures},
};

const NOBODY: [i32; 0] = [];

impl Live {
    /// Topic `a` needs two in-sync replicas.
    pub(super) fn careful() -> Self {
        let mut live = Self::start();
        live.configure(ConfigResource::Topic("a".into()), "2");
        live
    }

    fn configure(&mut self, resource: ConfigResource, min_insync_replicas: &str) {
        let change = IncrementalChange {
            name: "min.insync.replicas".to_owned(),
            kind: IncrementalKind::Set,
            value: Some(min_insync_replicas.to_owned()),
            list_default: None,
        };
        let operation = AlterOperation::Incremental(vec![change]);
        let resources = vec![AlterConfigResource { resource, operation }];
        let altered = self.ask(Request::AlterConfigs(AlterConfigs { resources, validate_only: false }));
        assert!(matches!(altered, Reply::ConfigsAltered(results) if results[0].1.is_ok()));
    }

    pub(super) fn lose(&mut self, id: i32) {
        self.kill(id);
        self.pass(2 * TIMEOUT_MS);
    }

    /// The machine is lost, with what was not flushed.
    fn lose_machine(&mut self, id: i32) {
        self.lose(id);
        self.losses[usize::try_from(id).unwrap()] += 1;
    }

    /// The leader says that it is there, and that the ISR is as it was told.
    fn confirm(&mut self) {
        let (leader, isr, _) = self.led();
        let confirmed = self.proposal(&isr);
        self.propose(leader.unwrap(), confirmed).unwrap();
    }

    /// The first is lost, and whoever leads then knows of it.
    fn careful_without_1() -> Self {
        let mut live = Self::careful();
        live.lose(1);
        live.confirm();
        live
    }

    pub(super) fn eligible(&self) -> Vec<i32> {
        self.state().elr.iter().map(|id| id.0).collect()
    }

    fn update(&mut self, name: &str, level: i16, allow_downgrade: bool) -> Result<(), FeatureError> {
        let updates = vec![FeatureUpdate { name: name.to_owned(), level, allow_downgrade }];
        match self.ask(Request::UpdateFeatures(UpdateFeatures { updates, validate_only: false })) {
            Reply::FeaturesUpdated(mut results) => results.remove(0).1,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn member_that_leaves_too_small_an_isr_stays_eligible_until_enough_are_in_sync() {
    let mut live = Live::careful();
    live.lose(1);
    assert_eq!((live.led(), live.eligible()), ((Some(2), vec![2, 3], 1), vec![1]));
    live.confirm();
    assert_eq!((live.led(), live.eligible()), ((Some(2), vec![2, 3], 1), vec![]), "two are enough, and they are there");
    live.lose(2);
    assert_eq!((live.led(), live.eligible()), ((Some(3), vec![3], 2), vec![2]));
    live.come_up(1);
    let joined = live.proposal(&[3, 1]);
    live.propose(3, joined).unwrap();
    assert_eq!(live.eligible(), NOBODY, "more is committed without it");
}

#[test]
fn leader_that_shrinks_the_isr_leaves_eligible_members_behind() {
    let mut live = Live::careful();
    let alone = live.proposal(&[1]);
    live.propose(1, alone).unwrap();
    assert_eq!(live.eligible(), [2, 3]);
    let joined = live.proposal(&[1, 3]);
    live.propose(1, joined).unwrap();
    assert_eq!(live.eligible(), NOBODY);
}

#[test]
fn eligible_replica_leads_when_the_last_member_is_gone_and_both_stay_eligible() {
    let mut live = Live::careful_without_1();
    live.lose(2);
    live.come_up(2);
    assert_eq!((live.led(), live.eligible()), ((Some(3), vec![3], 2), vec![2]));
    live.lose(3);
    assert_eq!((live.led(), live.eligible()), ((Some(2), vec![2], 3), vec![3]));
    live.come_up(1);
    live.lose(2);
    assert_eq!(live.led(), (None, vec![2], 4), "1 is alive and may lack records");
    live.come_up(3);
    assert_eq!((live.led(), live.eligible()), ((Some(3), vec![3], 5), vec![2]));
}

#[test]
fn last_member_without_its_log_makes_way_for_an_eligible_one() {
    let mut live = Live::careful_without_1();
    live.lose(2);
    live.lose_machine(3);
    assert_eq!((live.led(), live.eligible()), ((None, vec![3], 3), vec![2]));
    live.come_up(3);
    assert_eq!((live.led(), live.eligible()), ((None, vec![2], 3), vec![]), "what 3 had is not all there");
    live.come_up(1);
    assert_eq!(live.led(), (None, vec![2], 3));
    live.come_up(2);
    assert_eq!(live.led(), (Some(2), vec![2], 4));
}

#[test]
fn eligible_replica_without_its_log_is_forgotten() {
    let mut live = Live::careful_without_1();
    live.lose_machine(2);
    assert_eq!(live.eligible(), [2]);
    live.come_up(2);
    assert_eq!(live.eligible(), NOBODY);
    live.lose(3);
    assert_eq!(live.led(), (None, vec![3], 3));
}

#[test]
fn restart_with_the_log_that_nobody_noticed_keeps_the_replica_eligible() {
    let mut live = Live::careful_without_1();
    let session = live.session(2);
    live.handle(Event::Disconnected(session));
    live.come_up(2);
    assert_eq!((live.led(), live.eligible()), ((Some(3), vec![3], 2), vec![2]));
}

#[test]
fn all_machines_lost_at_once_come_back_with_what_is_left() {
    let mut live = Live::careful();
    for id in 1..=3 {
        live.silence(id);
        live.losses[usize::try_from(id).unwrap()] += 1;
    }
    live.pass(3 * TIMEOUT_MS);
    (1..=3).for_each(|id| live.come_up(id));
    assert!(live.led().0.is_some());
}

#[test]
fn sole_replica_leads_again_whatever_happened_to_its_machine() {
    let mut live = Live::start();
    let created = live.ask(Request::CreateTopics(CreateTopics {
        topics: vec![NewTopic {
            configs: vec![("min.insync.replicas".to_owned(), Some("2".to_owned()))],
            ..assigned("alone", &[(0, &[2])])
        }],
        validate_only: false,
    }));
    assert!(matches!(created, Reply::TopicsCreated(results) if results[0].1.is_ok()));
    live.lose_machine(2);
    live.come_up(2);
    let state = live.controller.committed().partition(&partition("alone", 0)).unwrap().clone();
    assert_eq!((state.leader, state.isr), (Some(BrokerId(2)), vec![BrokerId(2)]));
}

#[test]
fn broker_that_stops_hands_over_to_an_eligible_replica() {
    let mut live = Live::careful();
    let alone = live.proposal(&[1]);
    live.propose(1, alone).unwrap();
    let session = live.session(1);
    live.ask(Request::BeginShutdown(session));
    assert_eq!((live.led(), live.eligible()), ((Some(2), vec![2], 1), vec![1, 3]));
}

/// Its machine may be lost, which nobody knows of yet: then the others have what it has not.
#[test]
fn smaller_minimum_ends_eligibility_once_the_leader_says_that_it_is_there() {
    for (resource, minimum) in [(ConfigResource::Topic("a".into()), "1"), (ConfigResource::Broker(None), "1")] {
        let mut live = Live::start();
        live.configure(ConfigResource::Broker(None), "2");
        let alone = live.proposal(&[1]);
        live.propose(1, alone).unwrap();
        live.configure(resource, minimum);
        assert_eq!(live.eligible(), [2, 3]);
        let confirmed = live.proposal(&[1]);
        let state = live.propose(1, confirmed).unwrap();
        assert_eq!((state.isr, state.elr), (vec![BrokerId(1)], vec![]));
    }
}

#[test]
fn leader_that_is_lost_before_it_hears_of_a_smaller_minimum_is_succeeded_by_an_eligible_one() {
    let mut live = Live::careful();
    let alone = live.proposal(&[1]);
    live.propose(1, alone).unwrap();
    live.configure(ConfigResource::Topic("a".into()), "1");
    live.lose_machine(1);
    assert_eq!((live.led(), live.eligible()), ((Some(2), vec![2], 1), vec![1, 3]));
}

/// The one that is elected may have lost its machine meanwhile, and with it what the member of the ISR still has.
#[test]
fn members_of_the_isr_stay_eligible_under_a_leader_from_outside_until_it_says_that_it_is_there() {
    for says_so in [false, true] {
        let mut live = Live::careful();
        let alone = live.proposal(&[1]);
        live.propose(1, alone).unwrap();
        live.configure(ConfigResource::Topic("a".into()), "1");
        live.lose(1);
        assert_eq!((live.led(), live.eligible()), ((Some(2), vec![2], 1), vec![1, 3]));
        if says_so {
            let confirmed = live.proposal(&[2]);
            live.propose(2, confirmed).unwrap();
            assert!(live.eligible().is_empty());
            continue;
        }
        live.lose(3);
        live.lose_machine(2);
        live.come_up(2);
        assert_eq!(live.led().0, None, "it has lost its log");
        live.come_up(1);
        assert_eq!(live.led().0, Some(1));
    }
}

/// Whoever is silent first may be the only one left that has its log: the one that follows may have lost its machine before
/// anybody missed it.
#[test]
fn whoever_leaves_an_isr_that_is_large_enough_stays_eligible_until_the_leader_says_that_it_is_there() {
    for minimum in ["1", "2"] {
        let mut live = Live::careful();
        live.configure(ConfigResource::Topic("a".into()), minimum);
        live.lose(1);
        assert_eq!((live.led(), live.eligible()), ((Some(2), vec![2, 3], 1), vec![1]));
        live.lose_machine(2);
        live.lose_machine(3);
        live.come_up(2);
        live.come_up(3);
        assert_eq!(live.led().0, None, "both have lost their logs");
        live.come_up(1);
        assert_eq!((live.led().0, live.eligible()), (Some(1), vec![]), "minimum {minimum}");
    }
}

/// Nothing can be committed while nobody leads, whatever would be enough: and the last member may have lost its log.
#[test]
fn smaller_minimum_ends_no_eligibility_while_nobody_leads() {
    let mut live = Live::careful_without_1();
    live.lose(2);
    live.lose_machine(3);
    assert_eq!((live.led(), live.eligible()), ((None, vec![3], 3), vec![2]));
    live.configure(ConfigResource::Topic("a".into()), "1");
    assert_eq!(live.eligible(), [2]);
    live.come_up(3);
    assert_eq!(live.led(), (None, vec![2], 3), "it has lost its log");
    live.come_up(2);
    assert_eq!((live.led(), live.eligible()), ((Some(2), vec![2], 4), vec![]));
}

/// A proposal is on its way for long, its leader loses its machine, and a person who knows neither lets the leader write alone: the
/// others have all that was acknowledged, and the leader has not said that it is there since.
#[test]
fn word_of_before_a_smaller_minimum_ends_no_eligibility() {
    let mut live = Live::careful_without_1();
    live.lose(2);
    assert_eq!((live.led(), live.eligible()), ((Some(3), vec![3], 2), vec![2]));
    let of_before = IsrProposal { min_in_sync: Some(2), ..live.proposal(&[3]) };
    live.configure(ConfigResource::Topic("a".into()), "1");
    live.propose(3, of_before).unwrap();
    assert_eq!(live.eligible(), [2]);
    let of_now = IsrProposal { min_in_sync: Some(1), ..live.proposal(&[3]) };
    live.propose(3, of_now).unwrap();
    assert_eq!(live.eligible(), NOBODY);
}

/// After the loss of a broker that is thousands of partitions at once.
#[test]
fn leader_that_confirms_all_that_waits_for_its_word_does_so_by_one_record() {
    for confirmed in [3, 2] {
        let mut live = Live::start();
        live.ask(Request::DeleteTopics(DeleteTopics { topics: vec![TopicReference::Name("a".into())] }));
        let partitions: Vec<_> = (0..3).map(|index| (index, &[1, 2, 3][..])).collect();
        let topics = vec![assigned("many", &partitions)];
        live.ask(Request::CreateTopics(CreateTopics { topics, validate_only: false }));
        live.lose(3);
        let image = Arc::clone(live.controller.committed());
        let topic = image.topic("many").unwrap();
        assert!(topic.partitions.iter().all(|one| one.elr == [BrokerId(3)]));
        let proposals = topic.indexed_partitions().take(confirmed).map(|(partition, one)| IsrProposal {
            topic_id: topic.id,
            partition,
            leader_epoch: one.leader_epoch,
            partition_epoch: one.partition_epoch,
            isr: one.isr.iter().map(|id| (*id, image.brokers[id].epoch)).collect(),
            recovered: false,
            min_in_sync: None,
        });
        let BrokerSession { id: broker, epoch: broker_epoch } = live.session(1);
        let request = AlterPartitions { broker, broker_epoch, proposals: proposals.collect() };
        let Reply::PartitionsAltered(Ok(results)) = live.ask(Request::AlterPartitions(request)) else { panic!() };
        let after = live.controller.committed().topic("many").unwrap();
        for (index, state) in after.partitions.iter().enumerate() {
            assert_eq!(state.elr.is_empty(), index < confirmed, "partition {index}");
        }
        for (((_, partition), result), before) in results.into_iter().zip(&topic.partitions) {
            assert_eq!(after.partition(partition), Some(&result.unwrap()));
            assert!(after.partition(partition).unwrap().partition_epoch > before.partition_epoch);
        }
        let records = &live.changes.last().unwrap().records;
        match confirmed {
            3 => assert_eq!(records[..], [MetadataRecord::LeaderConfirmed { id: broker, epoch: broker_epoch }]),
            _ => {
                assert!(records.iter().all(|one| matches!(one, MetadataRecord::PartitionChanged { .. })), "{records:?}")
            }
        }
    }
}

#[test]
fn lowered_feature_level_ends_eligibility_and_is_asked_for_by_name() {
    let mut live = Live::careful();
    let alone = live.proposal(&[1]);
    live.propose(1, alone).unwrap();
    let refused = FeatureError::DowngradeNotAllowed { name: ELIGIBLE_LEADER_REPLICAS.to_owned(), current: 1 };
    assert_eq!(live.update(ELIGIBLE_LEADER_REPLICAS, 0, false), Err(refused));
    assert_eq!(live.update(ELIGIBLE_LEADER_REPLICAS, 0, true), Ok(()));
    assert_eq!(live.eligible(), NOBODY);
    live.lose(1);
    assert_eq!(live.led(), (None, vec![1], 1));
    let raised = live.update(ELIGIBLE_LEADER_REPLICAS, 1, true);
    assert!(matches!(raised, Err(FeatureError::InvalidUpdate(_))), "a downgrade does not raise: {raised:?}");
    assert_eq!(live.update(ELIGIBLE_LEADER_REPLICAS, 1, false), Ok(()));
    for (name, level) in [("unheard.of", 1), (ELIGIBLE_LEADER_REPLICAS, 2), (METADATA_VERSION, 7)] {
        assert!(matches!(live.update(name, level, true), Err(FeatureError::InvalidUpdate(_))), "{name} {level}");
    }
}

/// Below the level nobody would follow what becomes of its log.
#[test]
fn feature_level_is_not_lowered_while_a_deleted_topic_that_may_be_restored_has_eligible_replicas() {
    let mut live = Live::with(Settings { deletion_undo_window: Duration::from_secs(600), ..Live::settings() });
    live.lose(3);
    live.ask(Request::DeleteTopics(DeleteTopics { topics: vec![TopicReference::Name("a".into())] }));
    let refused = live.update(ELIGIBLE_LEADER_REPLICAS, 0, true);
    assert!(matches!(&refused, Err(FeatureError::InvalidUpdate(why)) if why.contains("restored")), "{refused:?}");
}

#[test]
fn metadata_of_before_the_feature_goes_on_by_the_rules_of_then() {
    let mut live = Live::careful();
    let json = serde_json::to_string(&**live.controller.committed()).unwrap();
    let old = json
        .replace(&format!("\"{ELIGIBLE_LEADER_REPLICAS}\":1,"), "")
        .replace(",\"default_min_insync_replicas\":1", "");
    assert_ne!(json, old);
    let image: ClusterImage = serde_json::from_str(&old).unwrap();
    assert_eq!((image.feature_level(ELIGIBLE_LEADER_REPLICAS), image.default_min_insync_replicas), (0, 1));
    live.controller = Controller::new(Live::settings(), Arc::new(image), MonotonicTime::from_ms(live.now_ms));
    let alone = live.proposal(&[1]);
    live.propose(1, alone).unwrap();
    assert_eq!(live.eligible(), NOBODY);
    live.lose_machine(1);
    live.come_up(1);
    assert_eq!(live.led(), (Some(1), vec![1], 2), "the last member is never removed");
}

#[test]
fn minimum_of_the_controllers_configuration_holds_from_its_take_over_on() {
    let mut live = Live::start();
    let image = Arc::clone(live.controller.committed());
    let settings = Settings { min_insync_replicas: 2, ..Live::settings() };
    live.controller = Controller::new(settings, image, MonotonicTime::from_ms(live.now_ms));
    let alone = live.proposal(&[1]);
    live.propose(1, alone).unwrap();
    assert_eq!(live.eligible(), [2, 3]);
    let image = Arc::clone(live.controller.committed());
    live.controller = Controller::new(Live::settings(), image, MonotonicTime::from_ms(live.now_ms));
    live.handle(Event::Tick);
    let confirmed = live.proposal(&[1]);
    live.propose(1, confirmed).unwrap();
    assert_eq!(live.eligible(), NOBODY);
}
