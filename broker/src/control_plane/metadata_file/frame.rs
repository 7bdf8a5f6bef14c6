//! The bytes of the metadata files.
//!
//! ```text
//! file    = preamble frame*              (all numbers big-endian)
//!
//! preamble (20 bytes)
//! 0        8          12      16         20
//! +--------+----------+-------+----------+
//! |WEIRMETA| format=1 | kind  | CRC-32C  |   kind 1: snapshot (one frame: the image)
//! +--------+----------+-------+----------+   kind 2: journal (each frame: the changes of one commit)
//!
//! frame (20 bytes and the payload)
//! 0         4                 12           16          20
//! +---------+-----------------+------------+-----------+---------+
//! | length  | version         | CRC-32C of | CRC-32C   | payload |
//! | of pay- | after applying  | the        | of bytes  | (JSON)  |
//! | load    | the payload     | payload    | 0 to 16   |         |
//! +---------+-----------------+------------+-----------+---------+
//! ```
//!
//! One commit is one frame, so only the last frame of a journal can be one that nobody was told about.

use crc_fast::CrcAlgorithm::Crc32Iscsi;
use model::MetadataVersion;
use thiserror::Error;

/// The format this program writes, and the newest it reads.
pub(super) const FORMAT: u32 = 1;
pub(super) const PREAMBLE: usize = 20;
pub(super) const HEADER: usize = 20;
const MAGIC: &[u8; 8] = b"WEIRMETA";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    Snapshot = 1,
    Journal = 2,
}

#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum PreambleError {
    #[error("it is not a metadata file of Weir, or its first bytes are damaged")]
    Foreign,
    #[error(
        "it has format {0}, this program reads formats up to {FORMAT}: a newer Weir wrote it. Start that version again, \
         or use another data folder"
    )]
    Newer(u32),
}

/// What stands at one place of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    Frame {
        version: MetadataVersion,
        payload: &'a [u8],
        /// The position after the frame.
        end: usize,
    },
    /// Exactly the end of the file.
    End,
    /// Not a whole frame. `damaged`: something valid follows, so this one was complete once.
    Broken { damaged: bool },
}

fn checksum(bytes: &[u8]) -> u32 {
    u32::try_from(crc_fast::checksum(Crc32Iscsi, bytes)).expect("a CRC-32 has 32 bits")
}

pub(super) fn preamble(kind: FileKind) -> [u8; PREAMBLE] {
    let mut bytes = [0; PREAMBLE];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT.to_be_bytes());
    bytes[12..16].copy_from_slice(&(kind as u32).to_be_bytes());
    let checksum = checksum(&bytes[..16]);
    bytes[16..].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

pub(super) fn check_preamble(file: &[u8], kind: FileKind) -> Result<(), PreambleError> {
    let head = file.get(..PREAMBLE).ok_or(PreambleError::Foreign)?;
    if &head[..8] != MAGIC || u32_at(head, 16) != Some(checksum(&head[..16])) {
        return Err(PreambleError::Foreign);
    }
    match u32_at(head, 8) {
        Some(format) if format > FORMAT => Err(PreambleError::Newer(format)),
        _ if u32_at(head, 12) != Some(kind as u32) => Err(PreambleError::Foreign),
        _ => Ok(()),
    }
}

pub(super) fn encode(version: MetadataVersion, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("requests are bounded far below 4 GiB");
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&version.0.to_be_bytes());
    bytes.extend_from_slice(&checksum(payload).to_be_bytes());
    bytes.extend_from_slice(&checksum(&bytes).to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

pub(super) fn read(file: &[u8], position: usize) -> Found<'_> {
    if position == file.len() {
        return Found::End;
    }
    if let Some(frame) = valid_frame(file, position) {
        return frame;
    }
    // A write that a crash cut short is the last thing in the file. Anything valid behind it was written later, after
    // this frame had been forced to disk and answered.
    let damaged = (position + 1..file.len()).any(|later| valid_frame(file, later).is_some());
    Found::Broken { damaged }
}

/// What the header of a frame says, whatever its payload is.
pub(super) fn version_at(file: &[u8], position: usize) -> Option<MetadataVersion> {
    let header = file.get(position..position.checked_add(HEADER)?)?;
    let version = u64::from_be_bytes(header[4..12].try_into().ok()?);
    (u32_at(header, 16)? == checksum(&header[..16])).then_some(MetadataVersion(version))
}

fn valid_frame(file: &[u8], position: usize) -> Option<Found<'_>> {
    let header = file.get(position..position.checked_add(HEADER)?)?;
    if u32_at(header, 16)? != checksum(&header[..16]) {
        return None;
    }
    let start = position + HEADER;
    let end = start.checked_add(usize::try_from(u32_at(header, 0)?).ok()?)?;
    let payload = file.get(start..end)?;
    if u32_at(header, 12)? != checksum(payload) {
        return None;
    }
    let version = MetadataVersion(u64::from_be_bytes(header[4..12].try_into().ok()?));
    Some(Found::Frame { version, payload, end })
}

fn u32_at(bytes: &[u8], position: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(position..position + 4)?.try_into().ok()?))
}
