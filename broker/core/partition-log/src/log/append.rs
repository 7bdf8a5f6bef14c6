//! Appends: decide, assign offsets, ONE write, then the state.

use super::Log;
use crate::{
    AppendError, AppendOutcome, Disk, PreparedBatch, StorageError,
    producer_entry::Marker,
    producer_state::{Staged, Verdict, marker_of},
};
use bytes::Bytes;
use model::{
    LeaderEpoch, Offset, WallTime,
    mistakes::{Mistake, is_made},
};
use protocol::record_batch::{BatchHeader, BatchView, Batches, HEADER_SIZE, TimestampType};
use smallvec::SmallVec;

/// A batch with its offsets, ready to be written.
pub(super) struct Placed<'a> {
    pub(super) header: BatchHeader,
    pub(super) body: &'a [u8],
}

/// Batches that go into one write, and the producer state they leave.
struct Group<'a> {
    placed: SmallVec<[Placed<'a>; 1]>,
    staged: Staged,
    next_offset: Offset,
}

impl Group<'_> {
    fn starting_at(next_offset: Offset) -> Self {
        Self { placed: SmallVec::new(), staged: Staged::default(), next_offset }
    }
}

impl<D: Disk> Log<D> {
    /// Appends a group of batches with ONE write and returns what became of the first of them: all, unless the group does
    /// not fit into one segment; hand in the rest again. Each batch is checked against the producer state as the batches
    /// before it in the group left it. On error nothing at all was appended.
    pub fn append_as_leader<'a>(
        &mut self,
        batches: impl IntoIterator<Item = &'a PreparedBatch>,
        epoch: LeaderEpoch,
        now: WallTime,
    ) -> Result<Vec<AppendOutcome>, StorageError> {
        self.remove_remains()?;
        let batches = batches.into_iter();
        let mut outcomes = Vec::with_capacity(batches.size_hint().0);
        let mut room = self.room()?;
        let mut group = Group::starting_at(room.next_offset);
        for batch in batches {
            let marker = batch.header.attributes.is_control().then(|| BatchView::read(&batch.bytes).ok()).flatten();
            let marker = marker.as_ref().and_then(marker_of);
            match self.verdict(&group, batch, marker, now) {
                Verdict::Refused(error) => outcomes.push(AppendOutcome::Refused(error)),
                Verdict::Duplicate(earlier) => outcomes.push(AppendOutcome::Duplicate {
                    base_offset: earlier.first_offset(),
                    last_offset: earlier.last_offset,
                    timestamp: earlier.timestamp,
                }),
                Verdict::Append => {
                    let header =
                        BatchHeader { base_offset: group.next_offset, partition_leader_epoch: epoch, ..batch.header };
                    if !room.take(&header) {
                        if !group.placed.is_empty() {
                            break;
                        }
                        self.roll(now)?;
                        room = self.room()?;
                        room.take(&header);
                    }
                    self.producers.stage(
                        &mut group.staged,
                        &header,
                        marker,
                        now,
                        self.config.producer_id_expiration_ms,
                    );
                    group.next_offset = header.next_offset();
                    outcomes.push(AppendOutcome::Appended {
                        base_offset: header.base_offset,
                        last_offset: header.last_offset(),
                        log_append_time: log_append_time(&header),
                    });
                    group.placed.push(Placed { header, body: &batch.bytes[HEADER_SIZE..] });
                }
            }
        }
        if let Some(first) = group.placed.first() {
            self.assign_epoch(epoch, first.header.base_offset)?;
            self.write_group(group)?;
        }
        Ok(outcomes)
    }

    /// Appends batches fetched from the leader as they are; their checksums were checked. The first offset must be at or
    /// after the log end, unless the log is empty and begins within the batch. One write, unless a segment fills up or a
    /// leader epoch begins; on error what was written before it stays.
    pub fn append_as_follower(&mut self, batches: &[Bytes], now: WallTime) -> Result<(), StorageError> {
        self.remove_remains()?;
        let log_start = self.log_start();
        if let Some(base) = self.begins_within(batches) {
            self.truncate_fully_and_start_at(base)?;
        }
        self.append_fetched(batches, now)?;
        if self.log_start() < log_start {
            self.high_watermark_advanced(log_start);
            self.delete_records(log_start)?;
        }
        Ok(())
    }

    /// Where the batch begins that an empty log begins within: the leader's records were deleted up to the middle of it, and it
    /// has to send whole batches. (Kafka's follower begins anew with such a batch, and keeps its log start, too.)
    fn begins_within(&self, batches: &[Bytes]) -> Option<Offset> {
        let log_end = self.log_end();
        let header = Batches::new(batches.first()?).next()?.ok()?.header;
        let is_within = header.base_offset.0 >= 0 && header.base_offset < log_end && header.last_offset() >= log_end;
        (self.log_start() == log_end && is_within).then_some(header.base_offset)
    }

    fn append_fetched(&mut self, batches: &[Bytes], now: WallTime) -> Result<(), StorageError> {
        let mut group = Group::starting_at(self.log_end());
        let mut room = self.room()?;
        for bytes in batches {
            for batch in Batches::new(bytes) {
                let batch = batch.map_err(|error| StorageError::Malformed { reason: error.to_string() })?;
                let header = batch.header;
                let expected = group.next_offset;
                if header.base_offset < expected || header.last_offset_delta < 0 {
                    return Err(StorageError::UnexpectedOffset { expected, found: header.base_offset });
                }
                let newer_epoch = self.begins_epoch(header.partition_leader_epoch, header.base_offset);
                let fits = room.take(&header);
                if !fits || newer_epoch {
                    self.write_group(std::mem::replace(&mut group, Group::starting_at(expected)))?;
                }
                if !fits {
                    // Only a gap of more than 2^31 offsets does not fit into an empty segment; the next one begins after it.
                    let is_empty = self.active().extent().size == 0;
                    self.roll_at(if is_empty { header.base_offset } else { expected }, now)?;
                    room = self.room()?;
                    room.take(&header);
                }
                if newer_epoch {
                    self.assign_epoch(header.partition_leader_epoch, header.base_offset)?;
                }
                let marker = header.attributes.is_control().then(|| marker_of(&batch)).flatten();
                if !is_made(Mistake::ForgetProducers) {
                    self.producers.stage(
                        &mut group.staged,
                        &header,
                        marker,
                        now,
                        self.config.producer_id_expiration_ms,
                    );
                }
                group.next_offset = header.next_offset();
                group.placed.push(Placed { header, body: batch.body() });
            }
        }
        self.write_group(group)
    }

    /// A newer epoch, or one in whose place this log has a leadership that appended nothing.
    fn begins_epoch(&self, epoch: LeaderEpoch, start: Offset) -> bool {
        let latest = self.view.epochs.entries().last();
        latest.is_none_or(|latest| latest.epoch < epoch || latest.epoch != epoch && latest.start >= start)
    }

    fn write_group(&mut self, group: Group<'_>) -> Result<(), StorageError> {
        if group.placed.is_empty() { Ok(()) } else { self.write(&group.placed, group.staged) }
    }

    fn verdict(&self, group: &Group<'_>, batch: &PreparedBatch, marker: Option<Marker>, now: WallTime) -> Verdict {
        match self.check_size(batch) {
            Err(refusal) => Verdict::Refused(refusal),
            Ok(()) => {
                let expiration_ms = self.config.producer_id_expiration_ms;
                self.producers.check(&group.staged, &batch.header, marker, now, expiration_ms)
            }
        }
    }

    fn check_size(&self, batch: &PreparedBatch) -> Result<(), AppendError> {
        if batch.header.attributes.is_control() {
            return Ok(());
        }
        if batch.size() > self.config.max_message_bytes as usize {
            return Err(AppendError::MessageTooLarge);
        }
        if batch.size() > self.config.segment_bytes as usize {
            return Err(AppendError::RecordListTooLarge);
        }
        Ok(())
    }
}

fn log_append_time(header: &BatchHeader) -> WallTime {
    match header.attributes.timestamp_type() {
        TimestampType::LogAppendTime => header.max_timestamp,
        TimestampType::CreateTime => WallTime::NONE,
    }
}

/// What the active segment can still take.
pub(super) struct Room {
    pub(super) base_offset: Offset,
    /// Where the segment goes on.
    pub(super) next_offset: Offset,
    pub(super) size: u64,
    pub(super) first_timestamp: Option<WallTime>,
    pub(super) segment_bytes: u64,
    pub(super) segment_ms: i64,
    pub(super) index_full: bool,
}

impl Room {
    /// True if the batch goes into this segment; it is then counted. An empty segment takes any batch but one whose
    /// offsets do not fit, so rolling ends.
    pub(super) fn take(&mut self, header: &BatchHeader) -> bool {
        let size = header.size_in_bytes() as u64;
        if self.size > 0 {
            let age = match self.first_timestamp {
                // Kafka compares record times with record times; without any, nothing ages.
                Some(first) if first.0 >= 0 && header.max_timestamp.0 >= 0 => header.max_timestamp.0 - first.0,
                _ => 0,
            };
            if self.size + size > self.segment_bytes || age > self.segment_ms || self.index_full {
                return false;
            }
        }
        if header.last_offset().0.saturating_sub(self.base_offset.0) > i64::from(i32::MAX) {
            return false;
        }
        self.size += size;
        self.first_timestamp = self.first_timestamp.or(Some(header.max_timestamp));
        true
    }
}
