//! Offsets of a log: by time, by epoch, moved by DeleteRecords.

use super::{consume::filled, make_topic, topic_name};
use crate::session::Session;
use anyhow::Result;
use kafka_protocol::messages::{
    BrokerId, DeleteRecordsRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest,
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic},
};

pub(super) fn listing(topic: &str, partition: i32, timestamp: i64) -> ListOffsetsRequest {
    let partition = ListOffsetsPartition::default()
        .with_partition_index(partition)
        .with_timestamp(timestamp)
        .with_current_leader_epoch(-1);
    let topic = ListOffsetsTopic::default().with_name(topic_name(topic)).with_partitions(vec![partition]);
    ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]).with_timeout_ms(5_000)
}

pub(super) fn list_offsets(session: &mut Session) -> Result<()> {
    filled(session, "listed")?;
    for timestamp in [-1, -2, -3, -4, -5, -9, 0, super::RECORDED_AT + 1, super::RECORDED_AT + 2, i64::MAX] {
        session.ask_all(&format!("ListOffsets {timestamp}"), 1..=10, |_| listing("listed", 0, timestamp))?;
        session.ask(&format!("ListOffsets {timestamp}, empty"), 7, &listing("listed", 1, timestamp))?;
    }
    session.ask_all("ListOffsets committed", 2..=10, |_| listing("listed", 0, -1).with_isolation_level(1))?;
    session.ask_all("ListOffsets of an unknown topic", 1..=10, |_| listing("listed-unknown", 0, -1))?;
    session.ask_all("ListOffsets of an unknown partition", 1..=10, |_| listing("listed", 9, -1))?;
    let mut ahead = listing("listed", 0, -1);
    ahead.topics[0].partitions[0].current_leader_epoch = 50;
    session.ask("ListOffsets with a higher leader epoch", 7, &ahead)?;
    let mut twice = listing("listed", 0, -1);
    let again = twice.topics[0].partitions[0].clone();
    twice.topics[0].partitions.push(again);
    session.ask("ListOffsets of a partition twice", 7, &twice)?;
    Ok(())
}

pub(super) fn leader_epochs(session: &mut Session) -> Result<()> {
    filled(session, "epochs")?;
    let asking = |topic: &str, partition, epoch, current| {
        let partition = OffsetForLeaderPartition::default()
            .with_partition(partition)
            .with_leader_epoch(epoch)
            .with_current_leader_epoch(current);
        let topic = OffsetForLeaderTopic::default().with_topic(topic_name(topic)).with_partitions(vec![partition]);
        OffsetForLeaderEpochRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic])
    };
    for version in 2..=4 {
        session.ask("current epoch", version, &asking("epochs", 0, 0, -1))?;
        session.ask("a later epoch", version, &asking("epochs", 0, 7, -1))?;
        session.ask("no epoch", version, &asking("epochs", 0, -1, -1))?;
        session.ask("empty partition", version, &asking("epochs", 1, 0, -1))?;
        session.ask("ahead of the leader", version, &asking("epochs", 0, 0, 9))?;
        session.ask("unknown partition", version, &asking("epochs", 9, 0, -1))?;
        session.ask("unknown topic", version, &asking("epochs-unknown", 0, 0, -1))?;
    }
    Ok(())
}

pub(super) fn delete_records(session: &mut Session) -> Result<()> {
    filled(session, "trimmed")?;
    make_topic(session, "trimmed-compacted", 1, &[("cleanup.policy", "compact")])?;
    let trimming = |topic: &str, partition, offset| {
        let partition = DeleteRecordsPartition::default().with_partition_index(partition).with_offset(offset);
        let topic = DeleteRecordsTopic::default().with_name(topic_name(topic)).with_partitions(vec![partition]);
        DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(5_000)
    };
    for (version, offset) in [(0, 1), (1, 2), (2, 3)] {
        session.ask("DeleteRecords", version, &trimming("trimmed", 0, offset))?;
    }
    session.ask("ListOffsets after it", 7, &listing("trimmed", 0, -2))?;
    session.ask("DeleteRecords back", 2, &trimming("trimmed", 0, 1))?;
    session.ask("DeleteRecords beyond the end", 2, &trimming("trimmed", 0, 99))?;
    session.ask("DeleteRecords below zero", 2, &trimming("trimmed", 0, -7))?;
    session.ask("DeleteRecords to the high watermark", 2, &trimming("trimmed", 0, -1))?;
    session.ask("DeleteRecords of an unknown topic", 2, &trimming("trimmed-unknown", 0, 1))?;
    session.ask("DeleteRecords of an unknown partition", 2, &trimming("trimmed", 9, 1))?;
    session.ask("DeleteRecords of a compacted topic", 2, &trimming("trimmed-compacted", 0, 0))?;
    super::groups::coordinated(session, "trimmed")?;
    session.ask("DeleteRecords of an internal topic", 2, &trimming("__consumer_offsets", 0, 0))?;
    Ok(())
}
