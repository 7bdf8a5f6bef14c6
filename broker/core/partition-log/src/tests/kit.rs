//! Short words for tests.

use crate::{
    AppendOutcome, LogConfig, LogView, OpenReport, PreparedBatch, ReadRange, Start, disk::DiskFile,
    memory_disk::MemoryDisk,
};
use bytes::Bytes;
use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TopicId, WallTime};
use protocol::record_batch::{BatchOptions, Batches, MarkerKind, RecordData, build_batch, control_batch};

pub(crate) const FOLDER: &str = "orders-0";
pub(crate) const EPOCH: LeaderEpoch = LeaderEpoch(3);
pub(crate) const NOW: WallTime = WallTime(1_000_000_000_000);
pub(crate) const TOPIC: TopicId = TopicId::ZERO;

pub(crate) type Log = crate::Log<MemoryDisk>;

pub(crate) fn small() -> LogConfig {
    LogConfig { segment_bytes: 1000, ..LogConfig::default() }
}

pub(crate) fn create(disk: &MemoryDisk, config: LogConfig) -> Log {
    reopen(disk, config, Start::New).0
}

pub(crate) fn reopen(disk: &MemoryDisk, config: LogConfig, start: Start<'_>) -> (Log, OpenReport) {
    Log::open(disk.clone(), FOLDER, TOPIC, config, start, NOW).unwrap()
}

pub(crate) fn values(timestamp: i64, values: &[&str]) -> Bytes {
    let records: Vec<_> = values
        .iter()
        .map(|value| RecordData {
            timestamp: WallTime(timestamp),
            value: Some(value.as_bytes()),
            ..RecordData::default()
        })
        .collect();
    build_batch(&BatchOptions::default(), &records).unwrap()
}

pub(crate) fn plain(value: &str) -> PreparedBatch {
    PreparedBatch::new(values(NOW.0, &[value])).unwrap()
}

pub(crate) fn at(timestamp: i64, value: &str) -> PreparedBatch {
    PreparedBatch::new(values(timestamp, &[value])).unwrap()
}

/// A batch of an idempotent producer with `count` records.
pub(crate) fn sequenced(producer: i64, epoch: i16, sequence: i32, count: usize) -> PreparedBatch {
    of_producer(producer, epoch, sequence, count, false)
}

pub(crate) fn transactional(producer: i64, epoch: i16, sequence: i32, count: usize) -> PreparedBatch {
    of_producer(producer, epoch, sequence, count, true)
}

fn of_producer(producer: i64, epoch: i16, sequence: i32, count: usize, transactional: bool) -> PreparedBatch {
    let options = BatchOptions {
        producer_id: ProducerId(producer),
        producer_epoch: ProducerEpoch(epoch),
        base_sequence: Sequence(sequence),
        transactional,
        ..BatchOptions::default()
    };
    let value = format!("p{producer} s{sequence}");
    let record = RecordData { timestamp: NOW, value: Some(value.as_bytes()), ..RecordData::default() };
    PreparedBatch::new(build_batch(&options, &vec![record; count]).unwrap()).unwrap()
}

pub(crate) fn marker(producer: i64, epoch: i16, kind: MarkerKind, coordinator_epoch: i32) -> PreparedBatch {
    let batch = control_batch(ProducerId(producer), ProducerEpoch(epoch), NOW, kind, coordinator_epoch);
    PreparedBatch::new(batch).unwrap()
}

/// Appends all, however many calls it takes.
pub(crate) fn append(log: &mut Log, batches: &[PreparedBatch]) -> Vec<AppendOutcome> {
    let mut outcomes = Vec::new();
    while outcomes.len() < batches.len() {
        outcomes.extend(log.append_as_leader(&batches[outcomes.len()..], EPOCH, NOW).unwrap());
    }
    outcomes
}

pub(crate) fn append_values(log: &mut Log, values: &[&str]) {
    for value in values {
        append(log, &[plain(value)]);
    }
}

pub(crate) fn appended(base: i64, last: i64) -> AppendOutcome {
    AppendOutcome::Appended { base_offset: Offset(base), last_offset: Offset(last), log_append_time: WallTime::NONE }
}

/// All records from `from` on, read as a consumer reads them: offset and value.
pub(crate) fn read_from(view: &LogView<MemoryDisk>, from: i64, max_bytes: u32) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    let (mut next, mut cursor) = (Offset(from), None);
    let below = view.log_end();
    while let Some(mut plan) =
        view.plan_read(ReadRange { from: next, below, max_bytes, at_least_one: true }, cursor).unwrap()
    {
        let mut bytes = vec![0; plan.length as usize];
        assert_eq!(plan.file.read_at(plan.position, &mut bytes).unwrap(), bytes.len());
        plan.verify(&bytes).unwrap();
        for batch in Batches::new(&bytes[..plan.length as usize]) {
            let batch = batch.unwrap();
            batch.check_crc().unwrap();
            let mut scratch = Vec::new();
            for record in batch.records(&mut scratch, 1 << 20).unwrap() {
                let record = record.unwrap();
                if record.offset.0 >= from {
                    let value = String::from_utf8(record.value.unwrap_or_default().to_vec()).unwrap();
                    found.push((record.offset.0, value));
                }
            }
            next = batch.header.next_offset();
        }
        cursor = Some(plan.next);
    }
    found
}

pub(crate) fn read_all(log: &Log) -> Vec<(i64, String)> {
    read_from(log.view(), log.log_start().0, 1 << 20)
}

pub(crate) fn numbered(values: &[&str]) -> Vec<(i64, String)> {
    values.iter().enumerate().map(|(offset, value)| (offset as i64, (*value).to_owned())).collect()
}
