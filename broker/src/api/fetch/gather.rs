//! From planned extents to what the connection sends.
//!
//! Extents below [`SEND_FROM_FILE`] are copied into one buffer with the headers around them and leave with one call;
//! from there up the kernel sends them from the page cache, which costs it less than copying them twice.

use super::evaluate::Read;
use super::memory::{Held, ResponseMemory};
use crate::{api::Piece, file_disk::FileDisk, partitions::DiskPool};
use bytes::Bytes;
use partition_log::{CorruptBatch, DiskFile, ReadPlan};
use protocol::fetch_response::{FetchPiece, RecordsLength};
use std::io;

/// Measured: below this a copy is cheaper than a `sendfile` of its own.
const SEND_FROM_FILE: usize = 256 << 10;

/// Bytes after an extent of old data that the device is asked for already.
const READ_AHEAD: u64 = 8 << 20;

/// Records on their way out.
#[derive(Debug)]
pub(super) enum Records {
    None,
    /// Read already, because they had to be checked.
    Read(Bytes),
    Planned(ReadPlan<FileDisk>),
}

impl RecordsLength for Records {
    fn length(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Read(bytes) => bytes.len(),
            Self::Planned(plan) => plan.length as usize,
        }
    }
}

/// Why a partition's records cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error(transparent)]
    Corrupt(#[from] CorruptBatch),
    #[error("read batches")]
    Io(#[from] io::Error),
}

/// The records of a read, checked against their checksums if this process has neither written nor checked them yet.
pub(super) async fn checked(read: &mut Read, pool: &DiskPool) -> Result<Records, Unreadable> {
    let Some(mut plan) = read.plan.take() else { return Ok(Records::None) };
    if !plan.needs_verification()
        || plan.is_trusted_while_cached() && plan.file.seems_cached(plan.position, plan.length as usize)
    {
        return Ok(Records::Planned(plan));
    }
    let verified = pool.run(move || {
        read_ahead(&plan);
        let mut bytes = read_whole(&plan)?;
        plan.verify(&bytes)?;
        // Only the good batches before a damaged one are left in the plan.
        bytes.truncate(plan.length as usize);
        // A large extent was read for its check only: holding megabytes for a slow consumer is the page cache's work.
        Ok(if bytes.len() < SEND_FROM_FILE { Records::Read(bytes.into()) } else { Records::Planned(plan) })
    });
    verified.await.unwrap_or_else(|| Err(ending().into()))
}

/// The pieces of a response in the order they leave. Without memory for copies every extent is sent from its file.
pub(super) async fn pieces(
    parts: Vec<FetchPiece<Records>>,
    pool: &DiskPool,
    memory: &ResponseMemory,
) -> io::Result<Vec<Piece>> {
    let mut send_from_file = SEND_FROM_FILE;
    let mut grant = memory.try_grant(parts.iter().map(|part| copied_length(part, send_from_file)).sum());
    if grant.is_none() {
        send_from_file = 0;
    }
    let mut pieces = Vec::new();
    let mut run = Vec::with_capacity(parts.iter().map(|part| copied_length(part, send_from_file)).sum());
    for part in parts {
        match part {
            FetchPiece::Bytes(bytes) => run.extend_from_slice(&bytes),
            FetchPiece::Records(Records::None) => {}
            FetchPiece::Records(Records::Read(bytes)) => run.extend_from_slice(&bytes),
            FetchPiece::Records(Records::Planned(plan)) if (plan.length as usize) < send_from_file => {
                append_extent(&mut run, plan, pool).await?;
            }
            FetchPiece::Records(Records::Planned(plan)) => {
                pieces.push(Piece::Bytes(Held::bytes(std::mem::take(&mut run), grant.as_mut())));
                let (file, length) = (plan.file.shared(), plan.length as usize);
                pieces.push(Piece::FileExtent { file, position: plan.position, length });
            }
        }
    }
    if !run.is_empty() {
        pieces.push(Piece::Bytes(Held::bytes(run, grant.as_mut())));
    }
    Ok(pieces)
}

fn copied_length(part: &FetchPiece<Records>, send_from_file: usize) -> usize {
    match part {
        FetchPiece::Bytes(bytes) => bytes.len(),
        FetchPiece::Records(Records::Planned(plan)) if (plan.length as usize) >= send_from_file => 0,
        FetchPiece::Records(records) => records.length(),
    }
}

/// Straight from the page cache, or from the disk pool if it is not there.
async fn append_extent(run: &mut Vec<u8>, plan: ReadPlan<FileDisk>, pool: &DiskPool) -> io::Result<()> {
    let start = run.len();
    run.resize(start + plan.length as usize, 0);
    if plan.file.read_cached(plan.position, &mut run[start..])? {
        return Ok(());
    }
    let bytes = pool.run(move || read_whole(&plan)).await.unwrap_or_else(|| Err(ending()))?;
    run[start..].copy_from_slice(&bytes);
    Ok(())
}

/// Old data is read in order: the device works on the next extents while this one is checked and sent.
fn read_ahead(plan: &ReadPlan<FileDisk>) {
    let end = plan.position + u64::from(plan.length);
    // Who read the extent before asked for all but the last of it.
    let asked = if plan.file.seems_cached(end, 1) { READ_AHEAD.saturating_sub(plan.length.into()) } else { 0 };
    plan.file.will_read(end + asked, READ_AHEAD - asked);
}

fn read_whole(plan: &ReadPlan<FileDisk>) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; plan.length as usize];
    let read = plan.file.read_at(plan.position, &mut bytes)?;
    if read < bytes.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

fn ending() -> io::Error {
    io::Error::other("the disk threads have ended")
}
