//! One pass over the records of a batch: are they whole, and what do they say.

use super::{ProduceError, ProduceRules, RecordIssue, RecordProblem};
use crate::record_batch::{BatchError, BatchView, RecordOutline, TimestampType};
use model::WallTime;

/// Bad records named in one answer. Seven bytes make a record, so an unpacked batch may hold millions of them; no
/// client shows more than a few.
const MOST_ISSUES: usize = 10_000;

/// What a walk that refused nothing found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Walk {
    pub(super) max_timestamp: WallTime,
    /// Of the first record with it.
    pub(super) max_timestamp_delta: i32,
    /// Offset deltas are 0, 1, 2, …; always so in a compressed batch that is not refused.
    pub(super) offsets_in_order: bool,
}

impl Walk {
    pub(super) fn over(batch: &BatchView<'_>, rules: &ProduceRules, now: WallTime) -> Result<Self, ProduceError> {
        let mut walk = Self { max_timestamp: WallTime::NONE, max_timestamp_delta: 0, offsets_in_order: true };
        let compressed = batch.header.attributes.is_compressed();
        let mut issues = Vec::new();
        let records = batch.outlines(rules.decompressed_limit).map_err(ProduceError::inside)?;
        for (index, record) in (0..).zip(records) {
            let record = record.map_err(ProduceError::inside)?;
            if record.offset_delta != index {
                // Not put right: a few kilobytes that unpack to millions of records would be packed again, by whoever asks.
                if compressed {
                    let delta = record.offset_delta;
                    return Err(ProduceError::Malformed(BatchError::OffsetDelta { index, delta }));
                }
                walk.offsets_in_order = false;
            }
            if record.timestamp > walk.max_timestamp {
                (walk.max_timestamp, walk.max_timestamp_delta) = (record.timestamp, index);
            }
            if issues.len() < MOST_ISSUES {
                issues.extend(problem(&record, batch, rules, now).map(|problem| RecordIssue { index, problem }));
            }
        }
        if issues.is_empty() { Ok(walk) } else { Err(ProduceError::Records(issues)) }
    }
}

fn problem(
    record: &RecordOutline,
    batch: &BatchView<'_>,
    rules: &ProduceRules,
    now: WallTime,
) -> Option<RecordProblem> {
    if rules.compacted && !record.has_key {
        return Some(RecordProblem::MissingKey);
    }
    if batch.header.attributes.timestamp_type() == TimestampType::LogAppendTime {
        return Some(RecordProblem::LogAppendTime);
    }
    if rules.timestamp_type == TimestampType::LogAppendTime || record.timestamp == WallTime::NONE {
        return None;
    }
    let (earliest, latest) = (now.minus_ms(rules.timestamp_before_max_ms), now.plus_ms(rules.timestamp_after_max_ms));
    let timestamp = record.timestamp;
    (timestamp < earliest || timestamp > latest).then_some(RecordProblem::Timestamp { timestamp, earliest, latest })
}
