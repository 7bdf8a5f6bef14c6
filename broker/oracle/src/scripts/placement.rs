//! Leaders, replicas, log directories, producers.

use super::{consume::filled, make_topic, text, topic_name};
use crate::{
    answer::Node,
    session::{Session, decode_body},
};
use anyhow::{Context, Result};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, BrokerId, DescribeLogDirsRequest, DescribeProducersRequest,
    DescribeTransactionsRequest, ElectLeadersRequest, FindCoordinatorRequest, InitProducerIdRequest,
    ListPartitionReassignmentsRequest, ListTransactionsRequest, TransactionalId, UnregisterBrokerRequest,
    UpdateFeaturesRequest,
    alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic},
    describe_log_dirs_request::DescribableLogDirTopic,
    describe_producers_request::TopicRequest,
    elect_leaders_request::TopicPartitions,
    list_partition_reassignments_request::ListPartitionReassignmentsTopics,
    update_features_request::FeatureUpdateKey,
};
use kafka_protocol::protocol::Request;

pub(super) fn elections(session: &mut Session) -> Result<()> {
    make_topic(session, "elected", 1, &[])?;
    let electing = |topic: &str, partition, kind| {
        let topic = TopicPartitions::default().with_topic(topic_name(topic)).with_partitions(vec![partition]);
        ElectLeadersRequest::default()
            .with_election_type(kind)
            .with_topic_partitions(Some(vec![topic]))
            .with_timeout_ms(5_000)
    };
    for version in 0..=2 {
        session.ask("ElectLeaders", version, &electing("elected", 0, 0))?;
        session.ask("ElectLeaders of an unknown partition", version, &electing("elected", 9, 0))?;
        session.ask("ElectLeaders of an unknown topic", version, &electing("elected-unknown", 0, 0))?;
    }
    session.ask("ElectLeaders unclean", 2, &electing("elected", 0, 1))?;
    session.ask("ElectLeaders of an unknown kind", 2, &electing("elected", 0, 9))?;
    Ok(())
}

pub(super) fn reassignments(session: &mut Session) -> Result<()> {
    make_topic(session, "moved", 1, &[])?;
    let moving = |topic: &str, partition, brokers: Option<&[i32]>| {
        let replicas = brokers.map(|brokers| brokers.iter().map(|id| BrokerId(*id)).collect());
        let partition = ReassignablePartition::default().with_partition_index(partition).with_replicas(replicas);
        let topic = ReassignableTopic::default().with_name(topic_name(topic)).with_partitions(vec![partition]);
        AlterPartitionReassignmentsRequest::default().with_topics(vec![topic]).with_timeout_ms(5_000)
    };
    session.ask_all("to where it is", 0..=1, |_| moving("moved", 0, Some(&[1])))?;
    session.ask("cancel where none runs", 0, &moving("moved", 0, None))?;
    session.ask("to an unknown broker", 0, &moving("moved", 0, Some(&[9])))?;
    session.ask("to a broker twice", 0, &moving("moved", 0, Some(&[1, 1])))?;
    session.ask("to none", 0, &moving("moved", 0, Some(&[])))?;
    session.ask("unknown partition", 0, &moving("moved", 9, Some(&[1])))?;
    session.ask("unknown topic", 0, &moving("moved-unknown", 0, Some(&[1])))?;
    session.ask(
        "list all",
        0,
        &ListPartitionReassignmentsRequest::default().with_topics(None).with_timeout_ms(5_000),
    )?;
    let listed =
        ListPartitionReassignmentsTopics::default().with_name(topic_name("moved")).with_partition_indexes(vec![0]);
    session.ask(
        "list some",
        0,
        &ListPartitionReassignmentsRequest::default().with_topics(Some(vec![listed])).with_timeout_ms(5_000),
    )?;
    Ok(())
}

pub(super) fn log_dirs(session: &mut Session) -> Result<()> {
    filled(session, "stored")?;
    let asked = || DescribableLogDirTopic::default().with_topic(topic_name("stored")).with_partitions(vec![0]);
    session.ask_all("DescribeLogDirs of a partition", 1..=4, |_| {
        DescribeLogDirsRequest::default().with_topics(Some(vec![asked()]))
    })?;
    session
        .ask_all("DescribeLogDirs of none", 1..=4, |_| DescribeLogDirsRequest::default().with_topics(Some(vec![])))?;
    cordoned_log_dirs(session)
}

/// Version 5 has one more byte than 4, the last of each folder; both brokers have one folder.
fn cordoned_log_dirs(session: &mut Session) -> Result<()> {
    let everything_of_stored = b"\x02\x07stored\x02\0\0\0\0\0\0";
    let answer = session.call_with_body(DescribeLogDirsRequest::KEY, 5, everything_of_stored)?;
    let mut body = answer.context("describe log dirs")?.to_vec();
    let tags_of_folder_and_response = 2;
    let is_cordoned = body.remove(body.len() - tags_of_folder_and_response - 1);
    let described = decode_body::<DescribeLogDirsRequest>(body.into(), 4)?;
    session.note("DescribeLogDirs of a partition", 5, Some(&described));
    session.record("is cordoned", Node::Value(is_cordoned.to_string()));
    Ok(())
}

pub(super) fn producers_and_transactions(session: &mut Session) -> Result<()> {
    filled(session, "producers")?;
    let asking = |topic: &str, partitions: Vec<i32>| {
        DescribeProducersRequest::default()
            .with_topics(vec![TopicRequest::default().with_name(topic_name(topic)).with_partition_indexes(partitions)])
    };
    session.ask("DescribeProducers", 0, &asking("producers", vec![0, 1]))?;
    session.ask("DescribeProducers of an unknown partition", 0, &asking("producers", vec![9]))?;
    session.ask("DescribeProducers of an unknown topic", 0, &asking("producers-unknown", vec![0]))?;
    session.ask_all("ListTransactions", 0..=2, |_| ListTransactionsRequest::default())?;
    session.ask(
        "ListTransactions with an unknown state",
        0,
        &ListTransactionsRequest::default().with_state_filters(vec![text("NoState")]),
    )?;
    let asked = vec![TransactionalId(text("nobody"))];
    session.ask("DescribeTransactions", 0, &DescribeTransactionsRequest::default().with_transactional_ids(asked))?;
    Ok(())
}

/// Whoever wants transactions must be told that there are none, and not be left waiting.
pub(super) fn refused_transactions(session: &mut Session) -> Result<()> {
    let finding = |version: i16| {
        let request = FindCoordinatorRequest::default().with_key_type(1);
        if version < 4 { request.with_key(text("tx")) } else { request.with_coordinator_keys(vec![text("tx")]) }
    };
    let initialising = InitProducerIdRequest::default()
        .with_transactional_id(Some(TransactionalId(text("tx"))))
        .with_transaction_timeout_ms(60_000);
    let is_settling = |code| matches!(code, 14..=16);
    for _ in 0..20_000 {
        let found = session.call(3, &finding(3))?.context("find the coordinator")?;
        let ready = !is_settling(found.error_code)
            && session.call(4, &initialising)?.is_some_and(|answer| !is_settling(answer.error_code));
        if ready {
            break;
        }
    }
    session.ask_all("FindCoordinator of a transactional id", 1..=6, finding)?;
    session.ask("InitProducerId with a transactional id", 4, &initialising)?;
    Ok(())
}

/// Refusals and checks only: the level stays what it is.
pub(super) fn features_and_registrations(session: &mut Session) -> Result<()> {
    const UPGRADE: i8 = 1;
    const SAFE_DOWNGRADE: i8 = 2;
    let cases = [
        ("to the level that it has", "eligible.leader.replicas.version", 1, UPGRADE),
        ("down without a word", "eligible.leader.replicas.version", 0, UPGRADE),
        ("down to the level that it has", "eligible.leader.replicas.version", 1, SAFE_DOWNGRADE),
        ("too far", "eligible.leader.replicas.version", 9, UPGRADE),
        ("below zero", "eligible.leader.replicas.version", -1, SAFE_DOWNGRADE),
        ("of an unknown feature", "oracle.version", 1, UPGRADE),
        ("of an unknown kind", "eligible.leader.replicas.version", 1, 9),
    ];
    for (what, feature, level, kind) in cases {
        session.ask_all(&format!("UpdateFeatures {what}"), 0..=2, |version| {
            let update = FeatureUpdateKey::default().with_feature(text(feature)).with_max_version_level(level);
            let update = match version {
                0 => update.with_allow_downgrade(kind == SAFE_DOWNGRADE),
                _ => update.with_upgrade_type(kind),
            };
            UpdateFeaturesRequest::default().with_feature_updates(vec![update]).with_timeout_ms(5_000)
        })?;
    }
    session.ask("UnregisterBroker of nobody", 0, &UnregisterBrokerRequest::default().with_broker_id(BrokerId(999)))?;
    Ok(())
}
