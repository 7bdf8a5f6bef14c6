//! Topics: metadata, creation, deletion.

use super::{batch, make_topic, text, topic_id, topic_name, uuid_of::Uuid};
use crate::{answer::Node, session::Session};
use anyhow::{Context, Result};
use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeTopicPartitionsRequest,
    MetadataRequest, ProduceRequest,
    create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic},
    create_topics_request::*,
    delete_topics_request::DeleteTopicState,
    describe_topic_partitions_request::{Cursor, TopicRequest},
    metadata_request::MetadataRequestTopic,
    produce_request::{PartitionProduceData, TopicProduceData},
};
use protocol::record_batch::BatchOptions;

fn metadata_of(names: &[&str]) -> MetadataRequest {
    let topics = names.iter().map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(name))));
    MetadataRequest::default().with_topics(Some(topics.collect())).with_allow_auto_topic_creation(false)
}

pub(super) fn metadata(session: &mut Session) -> Result<()> {
    make_topic(session, "metadata-a", 3, &[])?;
    session
        .ask_all("Metadata of a topic", 0..=3, |_| metadata_of(&["metadata-a"]).with_allow_auto_topic_creation(true))?;
    session.ask_all("Metadata of a topic", 4..=13, |_| metadata_of(&["metadata-a"]))?;
    session.ask_all("Metadata of an unknown topic", 4..=13, |_| metadata_of(&["metadata-unknown"]))?;
    session
        .ask_all("Metadata of a bad name", 4..=13, |_| metadata_of(&["bad name", "", ".", "x".repeat(250).as_str()]))?;
    session.ask_all("Metadata of none", 1..=3, |_| metadata_of(&[]).with_allow_auto_topic_creation(true))?;
    session.ask_all("Metadata of none", 4..=13, |_| metadata_of(&[]))?;
    session.ask_all("Metadata with operations", 8..=10, |_| {
        metadata_of(&["metadata-a"])
            .with_include_topic_authorized_operations(true)
            .with_include_cluster_authorized_operations(true)
    })?;
    let id = topic_id(session, "metadata-a")?;
    let by_id = |id| {
        MetadataRequest::default()
            .with_topics(Some(vec![MetadataRequestTopic::default().with_topic_id(id).with_name(None)]))
    };
    session.ask_all("Metadata by id", 12..=13, |_| by_id(id))?;
    session.ask_all("Metadata by unknown id", 12..=13, |_| by_id(Uuid::from_u128(77)))?;
    for (label, version, frame) in [
        ("none at v0", 0, MetadataRequest::default().with_topics(Some(vec![]))),
        ("null at v1", 1, MetadataRequest::default().with_topics(None)),
        ("null at v9", 9, MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(true)),
        ("null at v12", 12, MetadataRequest::default().with_topics(None)),
    ] {
        let mut listed = session.call(version, &frame.with_allow_auto_topic_creation(true))?;
        if let Some(listed) = &mut listed {
            listed.topics.retain(|topic| topic.name.as_ref().is_some_and(|name| name.starts_with("metadata-")));
        }
        session.note(&format!("Metadata of all, asked by {label}"), version, listed.as_ref());
    }
    let described = |names: &[&str]| {
        let topics = names.iter().map(|name| TopicRequest::default().with_name(topic_name(name)));
        DescribeTopicPartitionsRequest::default().with_topics(topics.collect()).with_response_partition_limit(2)
    };
    session.ask("DescribeTopicPartitions", 0, &described(&["metadata-a", "metadata-unknown"]))?;
    let cursor = Cursor::default().with_topic_name(topic_name("metadata-a")).with_partition_index(2);
    session.ask("DescribeTopicPartitions with a cursor", 0, &described(&["metadata-a"]).with_cursor(Some(cursor)))?;
    Ok(())
}

fn creatable(name: &str, partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(partitions)
        .with_replication_factor(replication_factor)
}

fn creating(topics: Vec<CreatableTopic>) -> CreateTopicsRequest {
    CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(10_000)
}

fn config(key: &str, value: Option<&str>) -> CreatableTopicConfig {
    CreatableTopicConfig::default().with_name(text(key)).with_value(value.map(text))
}

pub(super) fn create_topics(session: &mut Session) -> Result<()> {
    session.ask_all("CreateTopics with default counts", 2..=7, |version| {
        creating(vec![creatable(&format!("created-{version}"), -1, -1)])
    })?;
    session.ask_all("CreateTopics that exists", 2..=7, |_| creating(vec![creatable("created-2", 1, 1)]))?;
    session.ask_all("CreateTopics only validated", 2..=7, |_| {
        creating(vec![creatable("validated", 5, 1)]).with_validate_only(true)
    })?;
    let assigned = || {
        let assignment =
            CreatableReplicaAssignment::default().with_partition_index(0).with_broker_ids(vec![BrokerId(1)]);
        creatable("assigned", -1, -1).with_assignments(vec![assignment])
    };
    session.ask("CreateTopics with an assignment", 7, &creating(vec![assigned()]))?;
    session.ask(
        "CreateTopics with a config",
        7,
        &creating(vec![creatable("configured", 1, 1).with_configs(vec![config("retention.ms", Some("1234"))])]),
    )?;
    Ok(())
}

pub(super) fn refused_topics(session: &mut Session) -> Result<()> {
    make_topic(session, "refused_a.b", 1, &[])?;
    let assignment = |partition, brokers: &[i32]| {
        CreatableReplicaAssignment::default()
            .with_partition_index(partition)
            .with_broker_ids(brokers.iter().map(|id| BrokerId(*id)).collect())
    };
    let long = "x".repeat(250);
    let cases = vec![
        ("bad name", creatable("bad name", 1, 1)),
        ("empty name", creatable("", 1, 1)),
        ("dot", creatable(".", 1, 1)),
        ("two dots", creatable("..", 1, 1)),
        ("long name", creatable(&long, 1, 1)),
        ("colliding name", creatable("refused.a_b", 1, 1)),
        ("no partitions", creatable("refused", 0, 1)),
        ("negative partitions", creatable("refused", -2, 1)),
        ("no replicas", creatable("refused", 1, 0)),
        ("negative replicas", creatable("refused", 1, -2)),
        ("too many replicas", creatable("refused", 1, 2)),
        ("assignment and counts", creatable("refused", 1, 1).with_assignments(vec![assignment(0, &[1])])),
        ("assignment to an unknown broker", creatable("refused", -1, -1).with_assignments(vec![assignment(0, &[9])])),
        ("assignment with a broker twice", creatable("refused", -1, -1).with_assignments(vec![assignment(0, &[1, 1])])),
        ("assignment with a gap", creatable("refused", -1, -1).with_assignments(vec![assignment(1, &[1])])),
        ("assignment without replicas", creatable("refused", -1, -1).with_assignments(vec![assignment(0, &[])])),
        ("unknown config", creatable("refused", 1, 1).with_configs(vec![config("no.such.key", Some("1"))])),
        ("null config", creatable("refused", 1, 1).with_configs(vec![config("retention.ms", None)])),
        (
            "config of the wrong type",
            creatable("refused", 1, 1).with_configs(vec![config("retention.ms", Some("long"))]),
        ),
        ("config out of range", creatable("refused", 1, 1).with_configs(vec![config("segment.bytes", Some("1"))])),
        ("unknown policy", creatable("refused", 1, 1).with_configs(vec![config("cleanup.policy", Some("shred"))])),
    ];
    for (why, topic) in cases {
        session.ask(&format!("CreateTopics refused: {why}"), 7, &creating(vec![topic]))?;
    }
    session.ask(
        "CreateTopics: a name twice",
        7,
        &creating(vec![creatable("refused-twice", 1, 1), creatable("refused-twice", 2, 1)]),
    )?;
    session.ask(
        "CreateTopics: good and bad",
        7,
        &creating(vec![creatable("refused-good", 1, 1), creatable("refused-bad", 0, 1)]),
    )?;
    Ok(())
}

pub(super) fn create_partitions(session: &mut Session) -> Result<()> {
    make_topic(session, "grown", 2, &[])?;
    let grown = |name: &str, count| {
        let topic =
            CreatePartitionsTopic::default().with_name(topic_name(name)).with_count(count).with_assignments(None);
        CreatePartitionsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000)
    };
    session.ask_all("CreatePartitions: fewer", 0..=3, |_| grown("grown", 1))?;
    session.ask_all("CreatePartitions: as many", 0..=3, |_| grown("grown", 2))?;
    session.ask_all("CreatePartitions: unknown topic", 0..=3, |_| grown("grown-unknown", 2))?;
    session.ask_all("CreatePartitions: validated", 0..=3, |_| grown("grown", 9).with_validate_only(true))?;
    session.ask_all("CreatePartitions", 0..=3, |version| grown("grown", 3 + i32::from(version)))?;
    let assigned = |brokers: &[i32]| {
        let assignment =
            CreatePartitionsAssignment::default().with_broker_ids(brokers.iter().map(|id| BrokerId(*id)).collect());
        let topic = CreatePartitionsTopic::default()
            .with_name(topic_name("grown"))
            .with_count(7)
            .with_assignments(Some(vec![assignment]));
        CreatePartitionsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000)
    };
    session.ask("CreatePartitions: on an unknown broker", 3, &assigned(&[9]))?;
    session.ask("CreatePartitions: assigned", 3, &assigned(&[1]))?;
    Ok(())
}

pub(super) fn delete_topics(session: &mut Session) -> Result<()> {
    let by_name = |name: &str, version: i16| {
        let request = DeleteTopicsRequest::default().with_timeout_ms(10_000);
        if version < 6 {
            request.with_topic_names(vec![topic_name(name)])
        } else {
            request.with_topics(vec![DeleteTopicState::default().with_name(Some(topic_name(name)))])
        }
    };
    for version in 1..=6 {
        make_topic(session, &format!("deleted-{version}"), 1, &[])?;
        session.ask("DeleteTopics", version, &by_name(&format!("deleted-{version}"), version))?;
        session.ask("DeleteTopics of an unknown topic", version, &by_name("deleted-unknown", version))?;
    }
    make_topic(session, "deleted-by-id", 1, &[])?;
    let by_id = |id| {
        DeleteTopicsRequest::default()
            .with_timeout_ms(10_000)
            .with_topics(vec![DeleteTopicState::default().with_name(None).with_topic_id(id)])
    };
    let id = topic_id(session, "deleted-by-id")?;
    session.ask("DeleteTopics by id", 6, &by_id(id))?;
    session.ask("DeleteTopics by unknown id", 6, &by_id(Uuid::from_u128(99)))?;
    let both =
        DeleteTopicState::default().with_name(Some(topic_name("deleted-both"))).with_topic_id(Uuid::from_u128(3));
    session.ask(
        "DeleteTopics by name and id",
        6,
        &DeleteTopicsRequest::default().with_timeout_ms(10_000).with_topics(vec![both]),
    )?;
    Ok(())
}

pub(super) fn auto_creation(session: &mut Session) -> Result<()> {
    let creating = metadata_of(&["auto-created"]).with_allow_auto_topic_creation(true);
    session.ask("Metadata that creates", 9, &creating)?;
    super::wait_for_leaders(session, "auto-created", 1)?;
    session.ask("Metadata after it", 9, &creating)?;
    let produced = PartitionProduceData::default().with_records(Some(batch(&["a"], &BatchOptions::default())));
    let produced = TopicProduceData::default()
        .with_name(topic_name("auto-created-by-produce"))
        .with_partition_data(vec![produced]);
    session.ask("Produce to no topic", 9, &ProduceRequest::default().with_acks(-1).with_topic_data(vec![produced]))?;
    let mut is_there = false;
    for _ in 0..200 {
        let response = session.call(9, &metadata_of(&["auto-created-by-produce"]))?.context("ask for metadata")?;
        is_there |= response.topics.first().is_some_and(|topic| topic.error_code != 3);
    }
    session.record("Metadata after Produce", Node::Fields(vec![("topic".into(), Node::Value(is_there.to_string()))]));
    session.ask("Metadata that cannot create", 9, &metadata_of(&["bad/name"]).with_allow_auto_topic_creation(true))?;
    Ok(())
}
