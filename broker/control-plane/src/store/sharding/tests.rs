use super::*;
use controller::{MetadataRecord, PartitionImage};
use model::{BrokerId, ClusterId, LeaderEpoch, PartitionEpoch, PartitionIndex, ProducerId, TopicId, TopicName};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What a place of objects holds.
#[derive(Debug, Default)]
struct Written {
    root: String,
    shards: BTreeMap<ShardName, String>,
}

impl Written {
    fn write(&mut self, plan: Plan) -> Layout {
        for (name, text) in plan.shards {
            assert!(self.shards.insert(name, text).is_none(), "a name is written once");
        }
        self.root = plan.root;
        for name in plan.superseded {
            assert!(self.shards.remove(&name).is_some(), "it was there");
        }
        plan.layout
    }

    fn read(&self) -> Layout {
        let outline = Outline::parse(&self.root).unwrap();
        let texts: Vec<_> = outline.shard_names().map(|name| self.shards[&name].clone()).collect();
        outline.with_shards(&texts).unwrap()
    }
}

/// A change of the metadata.
#[derive(Debug, Clone)]
enum Step {
    Create {
        topic: u8,
        partitions: u16,
    },
    Grow {
        topic: u8,
        partitions: u8,
    },
    Change {
        topic: u8,
        partition: u16,
    },
    Configure {
        topic: u8,
        bytes: u16,
    },
    Tombstone {
        topic: u8,
    },
    Restore,
    Delete {
        topic: u8,
    },
    ProducerIds,
    /// What is in the root alone, and long.
    BrokerConfig {
        bytes: u16,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let topic = || any::<u8>();
    let step = prop_oneof![
        4 => (topic(), prop_oneof![0..20_u16, 0..1500_u16]).prop_map(|(topic, partitions)| Step::Create { topic, partitions }),
        1 => (topic(), 1..200_u8).prop_map(|(topic, partitions)| Step::Grow { topic, partitions }),
        6 => (topic(), any::<u16>()).prop_map(|(topic, partition)| Step::Change { topic, partition }),
        2 => (topic(), 0..30_000_u16).prop_map(|(topic, bytes)| Step::Configure { topic, bytes }),
        1 => topic().prop_map(|topic| Step::Tombstone { topic }),
        1 => Just(Step::Restore),
        2 => topic().prop_map(|topic| Step::Delete { topic }),
        1 => Just(Step::ProducerIds),
        1 => (0..10_000_u16).prop_map(|bytes| Step::BrokerConfig { bytes }),
    ];
    prop::collection::vec(step, 1..60)
}

fn partition() -> PartitionImage {
    let replicas: Vec<_> = [0, 1, 2].map(BrokerId).to_vec();
    PartitionImage {
        isr: replicas.clone(),
        leader: Some(BrokerId(0)),
        replicas,
        elr: Vec::new(),
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(0),
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
        recovering: false,
    }
}

fn id(topic: u8) -> TopicId {
    TopicId(uuid::Uuid::from_u128(u128::from(topic).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_0c3b_11d3_55a1)))
}

/// `None` where there is nothing to change.
fn records(image: &ClusterImage, step: &Step) -> Option<MetadataRecord> {
    let known = |topic: u8| image.topic_by_id(id(topic)).map(|topic| topic.id);
    let set =
        |bytes: u16| vec![controller::ConfigChange { name: "a.key".to_owned(), value: Some("v".repeat(bytes.into())) }];
    Some(match *step {
        Step::Create { topic, partitions } => {
            let is_new = known(topic).is_none() && !image.tombstones.contains_key(&id(topic));
            let name = TopicName::from(format!("topic-{topic}").as_str());
            let is_free = is_new && image.topic(&name).is_none();
            is_free.then(|| MetadataRecord::TopicCreated {
                id: id(topic),
                name,
                partitions: vec![partition(); partitions.into()],
            })?
        }
        Step::Grow { topic, partitions } => {
            MetadataRecord::PartitionsAdded { id: known(topic)?, partitions: vec![partition(); partitions.into()] }
        }
        Step::Change { topic, partition } => {
            let topic = image.topic_by_id(id(topic))?;
            let index = usize::from(partition) % topic.partitions.len().max(1);
            let mut state = topic.partitions.get(index)?.clone();
            state.partition_epoch = state.partition_epoch.next();
            let partition = PartitionIndex(i32::try_from(index).unwrap());
            MetadataRecord::PartitionChanged { id: topic.id, partition, state }
        }
        Step::Configure { topic, bytes } => {
            MetadataRecord::TopicConfigChanged { id: known(topic)?, changes: set(bytes) }
        }
        Step::Tombstone { topic } => MetadataRecord::TopicTombstoned { id: known(topic)? },
        Step::Restore => {
            let mut free = image.tombstones.values().filter(|tombstone| image.topic(&tombstone.topic.name).is_none());
            MetadataRecord::TopicRestored { id: free.next()?.topic.id }
        }
        Step::Delete { topic } => {
            let is_there = known(topic).is_some() || image.tombstones.contains_key(&id(topic));
            is_there.then(|| MetadataRecord::TopicDeleted { id: id(topic) })?
        }
        Step::ProducerIds => MetadataRecord::ProducerIdsReserved { next: ProducerId(image.next_producer_id.0 + 1000) },
        Step::BrokerConfig { bytes } => MetadataRecord::BrokerConfigChanged { broker: None, changes: set(bytes) },
    })
}

fn commit(image: &Arc<ClusterImage>, records: Vec<MetadataRecord>) -> Commit {
    let change = MetadataChange { version: image.metadata_version.next(), records };
    let mut after = ClusterImage::clone(image);
    after.apply(&change).unwrap();
    Commit { expected: image.metadata_version, changes: vec![change], image: Arc::new(after) }
}

fn empty() -> Arc<ClusterImage> {
    Arc::new(ClusterImage::empty(ClusterId::from("a-cluster")))
}

/// The longest config of a topic here, which is in one shard whatever its length.
const LONGEST_CONFIG: usize = 30_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_what_is_read(steps in steps()) {
        let mut written = Written::default();
        let mut layout = written.write(Layout::of(empty()).unwrap());
        for step in &steps {
            let Some(record) = records(layout.image(), step) else { continue };
            let commit = commit(layout.image(), vec![record]);
            let before = layout.clone();
            let plan = layout.plan(&commit).unwrap();
            prop_assert_eq!(&plan.root, &before.plan(&commit).unwrap().root, "the same twice");
            layout = written.write(plan);
            let read = written.read();
            prop_assert_eq!(&**read.image(), &*commit.image);
            prop_assert_eq!(&read.base, &layout.base);
            prop_assert!(written.shards.values().all(|text| text.len() <= SHARD_BYTES + LONGEST_CONFIG));
            prop_assert!(layout.changes_bytes <= CHANGES_BYTES);
            let named: Vec<_> = layout.shard_names().collect();
            prop_assert_eq!(named.len(), written.shards.len(), "nothing else is left");
        }
        // Read by the next controller, it goes on in the same way.
        let read = written.read();
        let commit = commit(layout.image(), vec![MetadataRecord::ProducerIdsReserved { next: ProducerId(1 << 40) }]);
        prop_assert_eq!(read.plan(&commit).unwrap().root, layout.plan(&commit).unwrap().root);
        prop_assert_eq!(read.fold(Arc::clone(&commit.image)).unwrap().root, layout.fold(Arc::clone(&commit.image)).unwrap().root);
    }
}

/// Topics of `partitions` partitions each, all in shards.
fn with_topics(topics: u8, partitions: u16) -> (Written, Layout) {
    let mut image = empty();
    for topic in 0..topics {
        let record = records(&image, &Step::Create { topic, partitions }).unwrap();
        image = commit(&image, vec![record]).image;
    }
    let mut written = Written::default();
    let layout = written.write(Layout::of(image).unwrap());
    (written, layout)
}

fn folded(layout: &Layout, steps: &[Step]) -> Plan {
    let mut image = Arc::clone(layout.image());
    for step in steps {
        let record = records(&image, step).unwrap();
        image = commit(&image, vec![record]).image;
    }
    layout.fold(image).unwrap()
}

#[test]
fn one_changed_partition_rewrites_one_shard() {
    let (mut written, layout) = with_topics(100, 100);
    assert!(layout.shards.len() > 10, "{} shards", layout.shards.len());
    for topic in [0, 42, 99] {
        let plan = folded(&layout, &[Step::Change { topic, partition: 17 }]);
        assert_eq!((plan.shards.len(), plan.superseded.len()), (1, 1));
    }
    let plan = folded(&layout, &[Step::Configure { topic: 3, bytes: 10 }, Step::Tombstone { topic: 3 }]);
    assert_eq!(plan.shards.len(), 1, "a topic of one shard is in one shard afterwards");
    written.write(plan);
}

#[test]
fn what_is_not_about_topics_rewrites_no_shard() {
    let (_, layout) = with_topics(10, 100);
    let plan = folded(&layout, &[Step::ProducerIds, Step::BrokerConfig { bytes: 100 }]);
    assert!(plan.shards.is_empty() && plan.superseded.is_empty());
}

#[test]
fn a_large_topic_is_in_many_shards() {
    let (_, layout) = with_topics(1, 10_000);
    assert!(layout.shards.len() >= 10, "{} shards", layout.shards.len());
    let plan = folded(&layout, &[Step::Change { topic: 0, partition: 9_999 }]);
    assert_eq!(plan.shards.len(), 1);
}

#[test]
fn shards_that_became_small_join() {
    let (mut written, layout) = with_topics(100, 100);
    let before = layout.shards.len();
    let steps: Vec<_> = (0..95).map(|topic| Step::Delete { topic }).collect();
    let layout = written.write(folded(&layout, &steps));
    assert!(layout.shards.len() <= 3, "{} of {before} shards are left for 5 topics", layout.shards.len());
    assert_eq!(layout.image().topics.len(), 5);
    assert_eq!(written.read().image(), layout.image());
}

#[test]
fn shards_are_filled() {
    let (written, _) = with_topics(250, 40);
    let bytes: usize = written.shards.values().map(String::len).sum();
    let fair = bytes.div_ceil(TARGET_SHARD_BYTES);
    assert!(written.shards.len() <= fair + 1, "{} shards, {fair} would do", written.shards.len());
}

#[test]
fn a_part_that_no_object_can_hold_is_refused() {
    let (_, layout) = with_topics(1, 1);
    let value = Some("v".repeat(OBJECT_BYTES_LIMIT));
    let change = controller::ConfigChange { name: "a.key".to_owned(), value };
    for record in [
        MetadataRecord::TopicConfigChanged { id: id(0), changes: vec![change.clone()] },
        MetadataRecord::BrokerConfigChanged { broker: None, changes: vec![change.clone()] },
    ] {
        let commit = commit(layout.image(), vec![record]);
        assert!(layout.plan(&commit).unwrap_err().bytes > OBJECT_BYTES_LIMIT);
    }
}

#[test]
fn a_flipped_bit_is_never_taken_for_truth() {
    let (mut written, layout) = with_topics(2, 3);
    let record = records(layout.image(), &Step::Change { topic: 1, partition: 0 }).unwrap();
    written.write(layout.plan(&commit(layout.image(), vec![record])).unwrap());
    let texts: Vec<_> = written.shards.values().cloned().collect();
    let is_read = |root: &str, texts: &[String]| Outline::parse(root).and_then(|root| root.with_shards(texts)).is_ok();
    assert!(is_read(&written.root, &texts));
    let flip = |text: &str, position: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[position] ^= 1;
        String::from_utf8(bytes).unwrap()
    };
    for position in 0..written.root.len() {
        assert!(!is_read(&flip(&written.root, position), &texts), "byte {position} of the root");
    }
    for position in 0..texts[0].len() {
        assert!(!is_read(&written.root, &[flip(&texts[0], position)]), "byte {position} of the shard");
    }
    for length in 0..texts[0].len() {
        assert!(!is_read(&written.root, &[texts[0][..length].to_owned()]), "cut at {length}");
    }
    assert!(
        !is_read(&written.root, &[]) && !is_read(&texts[0], &texts) && !is_read(&written.root, &[written.root.clone()])
    );
}

#[test]
fn a_newer_format_says_so() {
    let (written, _) = with_topics(1, 1);
    let newer = written.root.replacen("weir-metadata 1 ", "weir-metadata 2 ", 1);
    let Damage(why) = Outline::parse(&newer).unwrap_err();
    assert!(why.contains("newer Weir"), "{why}");
}

/// The bytes are a contract with every version to come.
#[test]
fn texts_are_these() {
    let (_, layout) = with_topics(2, 1);
    let plan = folded(&layout, &[Step::Configure { topic: 0, bytes: 3 }, Step::Tombstone { topic: 1 }]);
    let mut written = Written::default();
    let layout = written.write(Plan { superseded: Vec::new(), ..plan });
    let record = MetadataRecord::ProducerIdsReserved { next: ProducerId(1000) };
    written.write(layout.plan(&commit(layout.image(), vec![record])).unwrap());
    let (name, shard) = written.shards.iter().next().unwrap();
    assert_eq!(written.root, include_str!("golden/root.txt"));
    assert_eq!(shard, include_str!("golden/shard.txt"));
    assert_eq!(name.to_string().parse(), Ok(*name));
}

#[test]
fn only_what_a_shard_is_called_names_one() {
    for text in [
        "",
        "-",
        "1-",
        "1-0",
        "01-0123456789abcdef",
        "1-0123456789ABCDEF",
        "+1-0123456789abcdef",
        "1-0123456789abcdef0",
    ] {
        assert!(text.parse::<ShardName>().is_err(), "{text}");
    }
    let name: ShardName = "57-0123456789abcdef".parse().unwrap();
    assert_eq!(name, ShardName { version: MetadataVersion(57), checksum: 0x0123_4567_89ab_cdef });
}
