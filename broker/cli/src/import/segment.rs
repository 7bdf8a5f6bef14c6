//! The batches of a partition, one segment after the other.

use super::files;
use anyhow::{Context, bail, ensure};
use model::{LeaderEpoch, Offset, ProducerId};
use protocol::record_batch::{
    BatchError, BatchHeader, BatchView, HEADER_SIZE, LOG_OVERHEAD, set_partition_leader_epoch,
};
use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufReader, BufWriter, Read, Write},
    path::Path,
};

/// `max.message.bytes` cannot be larger.
const LARGEST_BATCH: usize = i32::MAX as usize;
/// An offset above this leaves no room for what is appended after it.
const HIGHEST_OFFSET: i64 = i64::MAX - (1 << 32);
const FIRST_EPOCH: LeaderEpoch = LeaderEpoch(0);

/// What was seen so far.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) next_offset: Offset,
    pub(super) records: u64,
    /// Above every producer id that was met.
    pub(super) next_producer_id: ProducerId,
    open: BTreeSet<ProducerId>,
    batch: Vec<u8>,
}

impl Walk {
    pub(super) fn new(log_start: Offset) -> Self {
        Self {
            next_offset: log_start,
            records: 0,
            next_producer_id: ProducerId(0),
            open: BTreeSet::new(),
            batch: Vec::new(),
        }
    }

    /// Producers whose transactions have not ended.
    pub(super) fn open_transactions(&self) -> impl Iterator<Item = ProducerId> + '_ {
        self.open.iter().copied()
    }

    pub(super) fn copy(&mut self, base: Offset, from: &Path, to: &Path) -> anyhow::Result<()> {
        let reading = || format!("read {}", from.display());
        let writing = || format!("write {}", to.display());
        ensure!(
            base >= self.next_offset,
            "{}: begins before the segment in front of it ends, at {}",
            from.display(),
            self.next_offset
        );
        ensure_room_above(base).with_context(reading)?;
        let (file, size) = files::open(from)?;
        let mut left = usize::try_from(size).with_context(reading)?;
        let (mut input, mut position) = (BufReader::with_capacity(1 << 20, file), 0usize);
        let mut output = BufWriter::with_capacity(1 << 20, File::create(to).with_context(writing)?);
        self.next_offset = base;
        while left > 0 {
            let at = || format!("{}, byte {position}", from.display());
            let size = self.read_batch(&mut input, left).with_context(at)?;
            self.look_at_batch().with_context(at)?;
            set_partition_leader_epoch(&mut self.batch, FIRST_EPOCH);
            output.write_all(&self.batch).with_context(writing)?;
            (left, position) = (left - size, position + size);
        }
        let output = output.into_inner().map_err(|error| error.into_error()).with_context(writing)?;
        output.sync_all().with_context(writing)
    }

    /// The next batch, whole.
    fn read_batch(&mut self, input: &mut impl Read, left: usize) -> anyhow::Result<usize> {
        self.batch.resize(HEADER_SIZE.min(left), 0);
        input.read_exact(&mut self.batch)?;
        let header = BatchHeader::read(&self.batch).map_err(explained)?;
        let size = header.size_in_bytes();
        ensure!(
            size <= left && size <= LARGEST_BATCH + LOG_OVERHEAD,
            "the file ends inside a batch; start Kafka, which mends it, and stop it in order"
        );
        self.batch.resize(size, 0);
        input.read_exact(&mut self.batch[HEADER_SIZE..])?;
        Ok(size)
    }

    fn look_at_batch(&mut self) -> anyhow::Result<()> {
        let batch = BatchView::read(&self.batch)?;
        batch.check_crc()?;
        let header = batch.header;
        if header.base_offset < self.next_offset || header.last_offset_delta < 0 {
            bail!("a batch at offset {} where {} comes next", header.base_offset, self.next_offset);
        }
        ensure_room_above(header.base_offset)?;
        ensure_room_above(header.last_offset())?;
        let (records, offsets) = (i64::from(header.record_count), i64::from(header.last_offset_delta) + 1);
        ensure!((0..=offsets).contains(&records), "a batch of {records} records at {offsets} offsets");
        header.attributes.compression()?;
        if header.attributes.is_control() {
            self.open.remove(&header.producer_id);
        } else if header.attributes.is_transactional() {
            self.open.insert(header.producer_id);
        }
        self.next_offset = header.next_offset();
        self.next_producer_id = self.next_producer_id.max(ProducerId(header.producer_id.0.saturating_add(1)));
        self.records += u64::try_from(header.record_count).unwrap_or(0);
        Ok(())
    }
}

fn ensure_room_above(offset: Offset) -> anyhow::Result<()> {
    ensure!(offset.0 < HIGHEST_OFFSET, "offset {offset} leaves no room to append");
    Ok(())
}

fn explained(error: BatchError) -> anyhow::Error {
    match error {
        BatchError::Magic(magic @ 0..=1) => anyhow::anyhow!(
            "message format {magic}, from before Kafka 0.11; produce these records anew, with kafka-mirror-maker for one"
        ),
        other => other.into(),
    }
}
