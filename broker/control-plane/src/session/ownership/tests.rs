use super::*;
use controller::{
    TopicsImage,
    requests::{AlterConfigs, CreatePartitions, DeleteTopics, ElectLeaders, MorePartitions, ReassignPartitions},
};
use model::{ClusterId, LeaderEpoch, PartitionEpoch, PartitionIndex};
use uuid::Uuid;

fn ids(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

fn partition(replicas: &[i32], adding: &[i32]) -> PartitionImage {
    PartitionImage {
        replicas: ids(replicas),
        isr: ids(replicas),
        elr: Vec::new(),
        leader: None,
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(0),
        adding_replicas: ids(adding),
        removing_replicas: Vec::new(),
        recovering: false,
    }
}

/// `owned` and `free`, both with two replicas.
fn image(adding: &[i32]) -> ClusterImage {
    let mut replicas = vec![0, 1];
    replicas.extend(adding);
    let topic = |number: u128, name: &str| {
        Arc::new(TopicImage {
            id: TopicId(Uuid::from_u128(number)),
            name: TopicName::from(name),
            partitions: vec![partition(&replicas, adding)],
            configs: ConfigMap::new(),
            raised_to: 0,
        })
    };
    let mut image = ClusterImage::empty(ClusterId::from("test"));
    image.topics = Arc::new(TopicsImage::from(vec![topic(1, "owned"), topic(2, "free")]));
    image
}

fn owned() -> Owned {
    let configs = [("retention.ms", "1000"), ("cleanup.policy", "delete")];
    Owned {
        owner: "Topic shop/owned".to_owned(),
        partitions: true,
        replicas: Some(2),
        configs: configs.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    }
}

fn refusals(request: &mut Request, image: &ClusterImage, owned: Owned) -> Refusals {
    let owner = BTreeMap::from([(TopicId(Uuid::from_u128(1)), owned)]);
    take_out_owned(request, image, &owner).expect("is looked at")
}

fn name(name: &str) -> TopicName {
    TopicName::from(name)
}

#[test]
fn deletion_of_an_owned_topic_is_refused_and_answers_stay_in_order() {
    let owned_id = TopicId(Uuid::from_u128(1));
    let topics = vec![
        TopicReference::Name(name("owned")),
        TopicReference::Name(name("free")),
        TopicReference::Id(owned_id),
        TopicReference::Name(name("missing")),
    ];
    let mut request = Request::DeleteTopics(DeleteTopics { topics });
    let refusals = refusals(&mut request, &image(&[]), owned());
    let Request::DeleteTopics(left) = &request else { panic!("{request:?}") };
    assert_eq!(left.topics, [TopicReference::Name(name("free")), TopicReference::Name(name("missing"))]);
    let decided = |named: &str, result| DeletedTopic { name: Some(name(named)), id: TopicId::ZERO, result };
    let reply = Reply::TopicsDeleted(vec![decided("free", Ok(())), decided("missing", Err(TopicError::UnknownTopic))]);
    let Reply::TopicsDeleted(answers) = refusals.join(reply) else { panic!("another answer") };
    let names: Vec<_> = answers.iter().map(|answer| answer.name.as_ref().unwrap().to_string()).collect();
    assert_eq!(names, ["owned", "free", "owned", "missing"]);
    for refused in [&answers[0], &answers[2]] {
        assert!(matches!(&refused.result, Err(TopicError::Owned(reason)) if reason.contains("Topic shop/owned")));
        assert_eq!(refused.id, owned_id);
    }
}

#[test]
fn partitions_are_free_where_the_owner_says_nothing() {
    let grow = || {
        let more = |topic: &str| MorePartitions { name: name(topic), count: 9, assignments: None };
        Request::CreatePartitions(CreatePartitions { topics: vec![more("owned"), more("free")], validate_only: false })
    };
    for (says, left) in [(true, 1), (false, 2)] {
        let mut request = grow();
        refusals(&mut request, &image(&[]), Owned { partitions: says, ..owned() });
        let Request::CreatePartitions(asked) = request else { panic!("another request") };
        assert_eq!(asked.topics.len(), left);
    }
}

fn changes(operation: AlterOperation) -> Option<String> {
    let resource = ConfigResource::Topic(name("owned"));
    let resources = vec![AlterConfigResource { resource, operation }];
    let mut request = Request::AlterConfigs(AlterConfigs { resources, validate_only: true });
    let Refusals::Configs(refused) = refusals(&mut request, &image(&[]), owned()) else { panic!("other refusals") };
    match refused.into_iter().next().unwrap() {
        Some((_, Err(ConfigError::Owned(reason)))) => Some(reason),
        Some(other) => panic!("{other:?}"),
        None => None,
    }
}

#[test]
fn keys_of_the_owner_keep_their_values_and_others_are_free() {
    let one = |name: &str, kind, value: Option<&str>| {
        let value = value.map(str::to_owned);
        AlterOperation::Incremental(vec![IncrementalChange { name: name.to_owned(), kind, value, list_default: None }])
    };
    assert_eq!(changes(one("max.message.bytes", IncrementalKind::Set, Some("1"))), None);
    assert_eq!(changes(one("retention.ms", IncrementalKind::Set, Some("1000"))), None, "as it is");
    let refused = [
        one("retention.ms", IncrementalKind::Set, Some("2000")),
        one("retention.ms", IncrementalKind::Delete, None),
        one("cleanup.policy", IncrementalKind::Append, Some("compact")),
    ];
    for operation in refused {
        let reason = changes(operation.clone()).unwrap_or_else(|| panic!("{operation:?} is let through"));
        assert!(reason.ends_with("of topic owned is said by Topic shop/owned: change it there"), "{reason}");
    }
    let all = |pairs: &[(&str, &str)]| {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), Some((*value).to_owned()));
        AlterOperation::Replace(pairs.iter().map(pair).collect())
    };
    let whole = [("retention.ms", "1000"), ("cleanup.policy", "delete"), ("segment.ms", "5")];
    assert_eq!(changes(all(&whole)), None);
    assert!(changes(all(&whole[1..])).unwrap().starts_with("retention.ms"), "left out is reset");
}

fn moves_to(target: Option<&[i32]>, adding: &[i32], wanted: usize) -> bool {
    let to = TopicPartition { topic: name("owned"), partition: PartitionIndex(0) };
    let partitions = vec![(to, target.map(ids))];
    let mut request =
        Request::ReassignPartitions(ReassignPartitions { partitions, allow_replication_factor_change: true });
    refusals(&mut request, &image(adding), Owned { replicas: Some(wanted), ..owned() });
    let Request::ReassignPartitions(asked) = request else { panic!("another request") };
    !asked.partitions.is_empty()
}

#[test]
fn replicas_move_and_stay_as_many_as_the_owner_says() {
    assert!(moves_to(Some(&[3, 4]), &[], 2));
    assert!(!moves_to(Some(&[3, 4, 5]), &[], 2));
    assert!(!moves_to(Some(&[3]), &[], 2));
    assert!(moves_to(Some(&[3, 4]), &[], 3), "the third is still to come");
    assert!(!moves_to(Some(&[0, 1]), &[2], 3), "the third that comes is taken back");
    assert!(!moves_to(None, &[2], 3), "so it is by a cancellation");
    assert!(moves_to(None, &[2], 2), "of what somebody else began");
    assert!(moves_to(None, &[], 2), "there is nothing to cancel, as the controller says");
}

#[test]
fn other_requests_touch_nothing_of_an_owner() {
    let elect = Request::ElectLeaders(ElectLeaders { partitions: None, unclean: false });
    assert!(touched(&elect, &image(&[])).is_empty());
    let missing = Request::DeleteTopics(DeleteTopics { topics: vec![TopicReference::Name(name("missing"))] });
    assert!(touched(&missing, &image(&[])).is_empty());
}
