//! Any sequence of requests: the records alone lead to the same image, from any point on.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Action {
    Register(i32),
    Create {
        name: usize,
        partitions: i32,
        replication_factor: i16,
        configs: bool,
    },
    Delete {
        name: usize,
    },
    Grow {
        name: usize,
        count: i32,
    },
    Configure {
        name: usize,
        value: Option<i32>,
    },
    ConfigureBroker {
        broker: Option<i32>,
        value: Option<i32>,
    },
    Elect,
    Reassign {
        name: usize,
        target: Option<Vec<i32>>,
    },
    ProducerIds,
    Restore {
        name: usize,
    },
    /// Time passes, until no deletion can be undone any more.
    EndUndo,
    /// A broker comes up fenced, with its log or without.
    ComeBack {
        id: i32,
        keeps_its_log: bool,
    },
    Unfence {
        id: i32,
    },
    Feature {
        level: i16,
    },
    Hold {
        id: i32,
        change: HoldChange,
    },
    MoveLeaders {
        from: i32,
    },
}

const UNDO_WINDOW: Duration = Duration::from_secs(600);
const CHANGES: [HoldChange; 4] = [HoldChange::Fence, HoldChange::Unfence, HoldChange::Drain, HoldChange::Undrain];
const NAMES: [&str; 6] = ["a", "b", "c.d", "c_d", "e", "__consumer_offsets"];

fn action() -> impl Strategy<Value = Action> {
    let name = 0..NAMES.len();
    prop_oneof![
        (1..4i32).prop_map(Action::Register),
        (name.clone(), -1..5i32, -1..4i16, any::<bool>()).prop_map(
            |(name, partitions, replication_factor, configs)| {
                Action::Create { name, partitions, replication_factor, configs }
            }
        ),
        name.clone().prop_map(|name| Action::Delete { name }),
        (name.clone(), 0..9i32).prop_map(|(name, count)| Action::Grow { name, count }),
        (name.clone(), proptest::option::of(1..9i32)).prop_map(|(name, value)| Action::Configure { name, value }),
        (proptest::option::of(1..4i32), proptest::option::of(1..9i32))
            .prop_map(|(broker, value)| Action::ConfigureBroker { broker, value }),
        Just(Action::Elect),
        (name, proptest::option::of(proptest::collection::vec(1..4i32, 1..3)))
            .prop_map(|(name, target)| Action::Reassign { name, target }),
        Just(Action::ProducerIds),
        (0..NAMES.len()).prop_map(|name| Action::Restore { name }),
        Just(Action::EndUndo),
        (1..4i32, any::<bool>()).prop_map(|(id, keeps_its_log)| Action::ComeBack { id, keeps_its_log }),
        (1..4i32).prop_map(|id| Action::Unfence { id }),
        (0..2i16).prop_map(|level| Action::Feature { level }),
        (1..4i32, 0..4usize).prop_map(|(id, change)| Action::Hold { id, change: CHANGES[change] }),
        (1..4i32).prop_map(|from| Action::MoveLeaders { from }),
    ]
}

fn run(cluster: &mut Cluster, step: usize, action: &Action) {
    let set = |value: &Option<i32>| {
        AlterOperation::Incremental(vec![IncrementalChange {
            name: "retention.ms".to_owned(),
            kind: if value.is_some() { IncrementalKind::Set } else { IncrementalKind::Delete },
            value: value.map(|value| value.to_string()),
            list_default: None,
        }])
    };
    let alter = |resource, operation| {
        let resources = vec![AlterConfigResource { resource, operation }];
        Request::AlterConfigs(AlterConfigs { resources, validate_only: false })
    };
    let request = match action {
        Action::Register(id) => {
            cluster.register(*id);
            return;
        }
        Action::Create { name, partitions, replication_factor, configs } => {
            let id = TopicId(uuid::Uuid::from_u128(1000 + step as u128));
            let configs = configs.then(|| ("segment.ms".to_owned(), Some("77".to_owned()))).into_iter().collect();
            let topic = NewTopic { id, configs, ..topic(NAMES[*name], *partitions, *replication_factor) };
            Request::CreateTopics(CreateTopics { topics: vec![topic], validate_only: false })
        }
        Action::Delete { name } => {
            Request::DeleteTopics(DeleteTopics { topics: vec![TopicReference::Name(NAMES[*name].into())] })
        }
        Action::Grow { name, count } => {
            let topics = vec![MorePartitions { name: NAMES[*name].into(), count: *count, assignments: None }];
            Request::CreatePartitions(CreatePartitions { topics, validate_only: false })
        }
        Action::Configure { name, value } => alter(ConfigResource::Topic(NAMES[*name].into()), set(value)),
        Action::ConfigureBroker { broker, value } => alter(ConfigResource::Broker(broker.map(BrokerId)), set(value)),
        Action::Elect => Request::ElectLeaders(ElectLeaders {
            partitions: Some(NAMES.iter().map(|name| partition(name, 0)).collect()),
            unclean: true,
        }),
        Action::Reassign { name, target } => Request::ReassignPartitions(ReassignPartitions {
            partitions: vec![(
                partition(NAMES[*name], 0),
                target.as_ref().map(|ids| ids.iter().copied().map(BrokerId).collect()),
            )],
            allow_replication_factor_change: true,
        }),
        Action::ProducerIds => Request::AllocateProducerIds(model::ProducerId(0)),
        Action::Restore { name } => Request::RestoreTopics(vec![TopicReference::Name(NAMES[*name].into())]),
        Action::EndUndo => {
            cluster.pass(UNDO_WINDOW);
            return;
        }
        Action::ComeBack { id, keeps_its_log } => {
            let Some(known) = cluster.image().brokers.get(&BrokerId(*id)).cloned() else { return };
            let life = if *keeps_its_log { known.log_life } else { None };
            let log_life = life.or(Some(model::LogLife(uuid::Uuid::from_u128(step as u128))));
            cluster.force(MetadataRecord::BrokerRegistered(BrokerRegistration { fenced: true, log_life, ..known }));
            return;
        }
        Action::Unfence { id } => {
            let id = BrokerId(*id);
            if let Some(epoch) = cluster.image().brokers.get(&id).map(|known| known.epoch) {
                cluster.force(MetadataRecord::BrokerUnfenced { id, epoch });
            }
            return;
        }
        Action::Hold { id, change } => {
            Request::HoldBroker(HoldBroker { id: BrokerId(*id), change: *change, force: true, validate_only: false })
        }
        Action::MoveLeaders { from } => {
            Request::MoveLeaders(MoveLeaders { from: BrokerId(*from), validate_only: false })
        }
        Action::Feature { level } => Request::UpdateFeatures(UpdateFeatures {
            updates: vec![FeatureUpdate {
                name: crate::features::ELIGIBLE_LEADER_REPLICAS.to_owned(),
                level: *level,
                allow_downgrade: true,
            }],
            validate_only: false,
        }),
    };
    cluster.ask(request);
}

fn check(image: &ClusterImage) {
    let counted: usize = image.topics.iter().map(|topic| topic.partitions.len()).sum();
    assert_eq!(image.topics.partition_count(), counted);
    for topic in image.topics.iter() {
        assert!(Arc::ptr_eq(image.topic_by_id(topic.id).unwrap(), topic));
        for partition in &topic.partitions {
            assert!(partition.isr.iter().all(|id| partition.replicas.contains(id)) && !partition.isr.is_empty());
            assert!(partition.leader.is_none_or(|leader| partition.isr.contains(&leader)), "{partition:?}");
            let may_lead_besides = |id| partition.replicas.contains(id) && !partition.isr.contains(id);
            assert!(partition.elr.iter().all(may_lead_besides), "{partition:?}");
        }
    }
}

proptest! {
    #[test]
    fn records_replayed_from_any_prefix_give_the_same_image(
        actions in proptest::collection::vec(action(), 1..60),
        cut in 0.0..1.0f64,
        keeps_tombstones in any::<bool>(),
    ) {
        let settings = Settings {
            deletion_undo_window: if keeps_tombstones { UNDO_WINDOW } else { Duration::ZERO },
            min_insync_replicas: 2,
            ..settings()
        };
        let mut cluster = Cluster::with(settings, 1);
        let mut epochs = std::collections::BTreeMap::new();
        for (step, action) in actions.iter().enumerate() {
            run(&mut cluster, step, action);
            check(cluster.image());
            for topic in cluster.image().topics.iter() {
                for (index, partition) in topic.indexed_partitions() {
                    let now = (partition.leader_epoch, partition.partition_epoch);
                    let before = epochs.insert((topic.id, index), now).unwrap_or(now);
                    prop_assert!(before.0 <= now.0 && before.1 <= now.1, "epochs never go back");
                }
            }
        }
        let cut = (cluster.changes.len() as f64 * cut) as usize;
        let mut replayed = ClusterImage::empty(ClusterId::from("test"));
        for change in &cluster.changes[..cut] {
            replayed.apply(change).unwrap();
        }
        // What a store keeps is text: the image and each change come back from it as they were.
        let stored = serde_json::to_vec(&replayed).unwrap();
        let mut restored: ClusterImage = serde_json::from_slice(&stored).unwrap();
        prop_assert_eq!(&restored, &replayed);
        for change in &cluster.changes[cut..] {
            let stored = serde_json::to_vec(change).unwrap();
            restored.apply(&serde_json::from_slice(&stored).unwrap()).unwrap();
        }
        prop_assert_eq!(&restored, cluster.image());
    }

    #[test]
    fn a_change_out_of_turn_is_refused(actions in proptest::collection::vec(action(), 2..20)) {
        let mut cluster = Cluster::of(1);
        for (step, action) in actions.iter().enumerate() {
            run(&mut cluster, step, action);
        }
        let mut image = ClusterImage::empty(ClusterId::from("test"));
        let first = cluster.changes[0].clone();
        image.apply(&first).unwrap();
        prop_assert!(image.apply(&first).is_err());
        let mut ahead = first;
        ahead.version = model::MetadataVersion(9);
        prop_assert!(image.apply(&ahead).is_err());
    }
}
