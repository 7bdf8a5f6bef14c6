//! Administration: things named twice, not at all, or all at once.

use super::{
    configs::{ask, changing, describing},
    make_topic, text, topic_name,
};
use crate::session::Session;
use anyhow::Result;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeLogDirsRequest,
    DescribeTopicPartitionsRequest, ElectLeadersRequest,
    create_partitions_request::CreatePartitionsTopic,
    create_topics_request::{CreatableTopic, CreatableTopicConfig},
    delete_topics_request::DeleteTopicState,
    describe_topic_partitions_request::{Cursor, TopicRequest},
    incremental_alter_configs_request::AlterConfigsResource,
};

const TOPIC: i8 = 2;

pub(super) fn topics_at_once(session: &mut Session) -> Result<()> {
    make_topic(session, "at-once", 2, &[])?;
    session.ask("CreateTopics of none", 7, &CreateTopicsRequest::default().with_timeout_ms(1_000))?;
    let topic = CreatableTopic::default().with_name(topic_name("at-once-configs")).with_num_partitions(1);
    let config =
        |value: &str| CreatableTopicConfig::default().with_name(text("retention.ms")).with_value(Some(text(value)));
    let twice = topic.with_replication_factor(1).with_configs(vec![config("1"), config("2")]);
    let creating = CreateTopicsRequest::default().with_topics(vec![twice]).with_timeout_ms(1_000);
    session.ask("CreateTopics with a config twice, validated", 4, &creating.with_validate_only(true))?;
    let named = |name: &str| DeleteTopicState::default().with_name(Some(topic_name(name)));
    let deleting =
        |topics: Vec<DeleteTopicState>| DeleteTopicsRequest::default().with_topics(topics).with_timeout_ms(5_000);
    session.ask("DeleteTopics of none", 6, &deleting(vec![]))?;
    session.ask("DeleteTopics of a name twice", 6, &deleting(vec![named("at-once"), named("at-once")]))?;
    session.ask("DeleteTopics of nothing named", 6, &deleting(vec![DeleteTopicState::default().with_name(None)]))?;
    let growing = |counts: &[i32]| {
        let topics = counts.iter().map(|count| {
            CreatePartitionsTopic::default().with_name(topic_name("at-once")).with_count(*count).with_assignments(None)
        });
        CreatePartitionsRequest::default().with_topics(topics.collect()).with_timeout_ms(5_000)
    };
    session.ask("CreatePartitions of none", 3, &growing(&[]))?;
    session.ask("CreatePartitions of a name twice", 3, &growing(&[3, 4]))?;
    session.ask("CreatePartitions below one", 3, &growing(&[-1]))?;
    let described = |names: &[&str], limit: i32| {
        let topics = names.iter().map(|name| TopicRequest::default().with_name(topic_name(name)));
        DescribeTopicPartitionsRequest::default().with_topics(topics.collect()).with_response_partition_limit(limit)
    };
    let cursor = |name: &str, partition| {
        Some(Cursor::default().with_topic_name(topic_name(name)).with_partition_index(partition))
    };
    for (what, request) in [
        ("one at a time", described(&["at-once"], 1)),
        ("with no room", described(&["at-once"], 0)),
        ("twice", described(&["at-once", "at-once"], 9)),
        ("a bad name", described(&["bad name"], 9)),
        ("from beyond the end", described(&["at-once"], 9).with_cursor(cursor("at-once", 9))),
        ("from another topic", described(&["at-once"], 9).with_cursor(cursor("at", 0))),
        ("from a negative partition", described(&["at-once"], 9).with_cursor(cursor("at-once", -1))),
    ] {
        session.ask(&format!("DescribeTopicPartitions {what}"), 0, &request)?;
    }
    Ok(())
}

pub(super) fn everything_at_once(session: &mut Session) -> Result<()> {
    make_topic(session, "everything", 1, &[])?;
    for version in 0..=2 {
        let electing = ElectLeadersRequest::default().with_topic_partitions(None).with_timeout_ms(5_000);
        let mut elected = session.call(version, &electing)?;
        if let Some(elected) = &mut elected {
            elected.replica_election_results.retain(|one| one.topic.as_str() == "everything");
        }
        session.note("ElectLeaders of all", version, elected.as_ref());
    }
    for version in 1..=4 {
        let mut described = session.call(version, &DescribeLogDirsRequest::default().with_topics(None))?;
        for folder in described.iter_mut().flat_map(|described| &mut described.results) {
            folder.topics.retain(|topic| topic.name.as_str() == "everything");
        }
        session.note("DescribeLogDirs of all", version, described.as_ref());
    }
    for kind in [0, 1, 3, 8, 16, 32] {
        let mut described = session.call(4, &describing(kind, "1", None))?;
        for result in described.iter_mut().flat_map(|described| &mut described.results) {
            result.configs.clear();
        }
        session.note(&format!("DescribeConfigs of kind {kind}"), 4, described.as_ref());
        session.ask(
            &format!("IncrementalAlterConfigs of kind {kind}"),
            1,
            &changing(kind, "x", &[(0, "a", Some("b"))]),
        )?;
    }
    let mut twice = changing(TOPIC, "everything", &[(0, "retention.ms", Some("5"))]);
    let again: AlterConfigsResource = twice.resources[0].clone();
    twice.resources.push(again);
    session.ask("IncrementalAlterConfigs of a topic twice", 1, &twice)?;
    session.ask("IncrementalAlterConfigs of nothing", 1, &changing(TOPIC, "everything", &[]))?;
    let mixed: &[(i8, &str, Option<&str>)] = &[(0, "retention.ms", Some("5")), (0, "segment.bytes", Some("x"))];
    session.ask("IncrementalAlterConfigs good and bad", 1, &changing(TOPIC, "everything", mixed))?;
    ask(session, "after good and bad", 4, &describing(TOPIC, "everything", Some(&["retention.ms"])))?;
    Ok(())
}
