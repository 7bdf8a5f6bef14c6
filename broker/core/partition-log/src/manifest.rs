//! What the shell keeps per data folder so that a clean start opens one file.
//!
//! ```text
//! ┌──────────┬────────────┬──────────┬ × n ───────────────────────────────────────────────────┬──────────┐
//! │ "WEIRLOG"│ format u32 │ number n │ folder (u16 length, UTF-8), log start i64, log end i64,│ CRC-32C  │
//! │ 0x00     │ = 1        │ u32      │ recovery point i64, high watermark i64, latest epoch   │ of all   │
//! │          │            │          │ i32, active base i64, active size u64, total size u64, │ before it│
//! │          │            │          │ cleaned up to i64, flags u8 (bit 0: clean)             │          │
//! └──────────┴────────────┴──────────┴────────────────────────────────────────────────────────┴──────────┘
//! ```
//! Between the last entry and the checksum stands whose log each is, for a name alone does not say so: a topic id (16 bytes) × n, in
//! the order of the entries, zero where it is not known. Programs of before write none, and stop reading after the entries.
//!
//! Big-endian. Replaced as a whole (temporary name, sync, rename).

use model::{LeaderEpoch, Offset, TopicId};
use protocol::record_batch::crc32c;

const TAG: [u8; 8] = *b"WEIRLOG\0";
const FORMAT: u32 = 1;

/// How the previous process ended. Decides what an invalid batch before valid ones can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The machine has been up since the last append (same boot id): every completed write is there, only the tail may be torn.
    Process,
    /// The machine went down: what was never flushed may be missing anywhere above the recovery point.
    Machine,
    /// Nothing crashed: a sync failed. As after [`Crash::Machine`], and what can be read above the recovery point may be in the page
    /// cache only, which takes it for written: Linux marks a page clean whose write failed, and the next sync leaves it out.
    FailedSync,
}

impl Crash {
    pub(crate) fn loses_unflushed(self) -> bool {
        match self {
            Self::Process => false,
            Self::Machine | Self::FailedSync => true,
        }
    }
}

/// One partition in the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestEntry {
    /// The partition's folder.
    pub folder: String,
    pub log_start: Offset,
    pub log_end: Offset,
    /// Everything below is durable.
    pub recovery_point: Offset,
    pub high_watermark: Offset,
    /// The newest epoch that began here, -1 for none.
    pub latest_epoch: LeaderEpoch,
    pub active_base_offset: Offset,
    pub active_size: u64,
    /// All segments together, for an answer about sizes without opening the log.
    pub total_size: u64,
    /// Compaction has covered the log up to here.
    pub cleaned_up_to: Offset,
    /// Written by a clean stop, and nothing happened since.
    pub clean: bool,
}

/// A log, and the topic that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedLog {
    pub log: ManifestEntry,
    /// `None` in a manifest of before.
    pub topic: Option<TopicId>,
}

/// All partitions of a data folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    pub logs: Vec<ListedLog>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("the manifest is cut or its checksum is wrong")]
    Damaged,
    #[error("manifest format {0} is newer than this program")]
    NewerFormat(u32),
}

impl Manifest {
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(32 + self.logs.len() * 144);
        bytes.extend_from_slice(&TAG);
        bytes.extend_from_slice(&FORMAT.to_be_bytes());
        bytes.extend_from_slice(&u32::try_from(self.logs.len()).unwrap_or(u32::MAX).to_be_bytes());
        for one in &self.logs {
            one.log.put(&mut bytes);
        }
        for one in &self.logs {
            bytes.extend_from_slice(one.topic.unwrap_or(TopicId::ZERO).0.as_bytes());
        }
        let crc = crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, ManifestError> {
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or(ManifestError::Damaged)?;
        let rest = body.strip_prefix(&TAG).ok_or(ManifestError::Damaged)?;
        let mut fields = Fields(rest);
        let format = fields.u32().ok_or(ManifestError::Damaged)?;
        if format > FORMAT {
            return Err(ManifestError::NewerFormat(format));
        }
        if crc32c(body) != u32::from_be_bytes(*crc) {
            return Err(ManifestError::Damaged);
        }
        let count = fields.u32().ok_or(ManifestError::Damaged)?;
        // An entry takes more than 64 bytes: a count beyond that is not believed.
        let mut logs = Vec::with_capacity((count as usize).min(fields.0.len() / 64));
        for _ in 0..count {
            let log = ManifestEntry::take(&mut fields).ok_or(ManifestError::Damaged)?;
            logs.push(ListedLog { log, topic: None });
        }
        for one in &mut logs {
            one.topic = fields.take().map(TopicId::from_bytes).filter(|id| !id.is_zero());
        }
        Ok(Self { logs })
    }
}

impl ManifestEntry {
    fn put(&self, bytes: &mut Vec<u8>) {
        let folder = self.folder.as_bytes();
        // A topic name has at most 249 characters.
        bytes.extend_from_slice(&u16::try_from(folder.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend_from_slice(folder);
        for offset in [self.log_start, self.log_end, self.recovery_point, self.high_watermark] {
            bytes.extend_from_slice(&offset.0.to_be_bytes());
        }
        bytes.extend_from_slice(&self.latest_epoch.0.to_be_bytes());
        bytes.extend_from_slice(&self.active_base_offset.0.to_be_bytes());
        bytes.extend_from_slice(&self.active_size.to_be_bytes());
        bytes.extend_from_slice(&self.total_size.to_be_bytes());
        bytes.extend_from_slice(&self.cleaned_up_to.0.to_be_bytes());
        bytes.push(u8::from(self.clean));
    }

    fn take(fields: &mut Fields<'_>) -> Option<Self> {
        let length = usize::from(u16::from_be_bytes(fields.take()?));
        let (folder, rest) = fields.0.split_at_checked(length)?;
        fields.0 = rest;
        Some(Self {
            folder: String::from_utf8(folder.to_vec()).ok()?,
            log_start: fields.offset()?,
            log_end: fields.offset()?,
            recovery_point: fields.offset()?,
            high_watermark: fields.offset()?,
            latest_epoch: LeaderEpoch(i32::from_be_bytes(fields.take()?)),
            active_base_offset: fields.offset()?,
            active_size: u64::from_be_bytes(fields.take()?),
            total_size: u64::from_be_bytes(fields.take()?),
            cleaned_up_to: fields.offset()?,
            clean: fields.take::<1>()?[0] & 1 != 0,
        })
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn offset(&mut self) -> Option<Offset> {
        self.take().map(|bytes| Offset(i64::from_be_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let listed = |folder: &str, clean, topic| ListedLog { log: entry(folder, clean), topic };
        let topic = Some(TopicId::from_bytes([7; 16]));
        Manifest { logs: vec![listed("orders-0", true, topic), listed("a-1", false, None)] }
    }

    fn entry(folder: &str, clean: bool) -> ManifestEntry {
        ManifestEntry {
            folder: folder.into(),
            log_start: Offset(1),
            log_end: Offset(9),
            recovery_point: Offset(5),
            high_watermark: Offset(8),
            latest_epoch: LeaderEpoch(3),
            active_base_offset: Offset(4),
            active_size: 1000,
            total_size: 5000,
            cleaned_up_to: Offset(2),
            clean,
        }
    }

    #[test]
    fn manifest_reads_back() {
        assert_eq!(Manifest::decode(&manifest().encode()), Ok(manifest()));
        assert_eq!(Manifest::decode(&Manifest::default().encode()), Ok(Manifest::default()));
    }

    #[test]
    fn manifest_of_before_names_no_topics() {
        let ours = manifest().encode();
        let mut before = ours[..ours.len() - 4 - 2 * 16].to_vec();
        before.extend_from_slice(&crc32c(&before).to_be_bytes());
        let nameless = manifest().logs.into_iter().map(|one| ListedLog { topic: None, ..one });
        assert_eq!(Manifest::decode(&before), Ok(Manifest { logs: nameless.collect() }));
    }

    #[test]
    fn damage_anywhere_is_seen() {
        let good = manifest().encode();
        for cut in 0..good.len() {
            assert!(Manifest::decode(&good[..cut]).is_err());
        }
        for index in 0..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 0x10;
            assert!(Manifest::decode(&bad).is_err(), "byte {index}");
        }
    }

    #[test]
    fn newer_format_is_named() {
        let mut bytes = manifest().encode();
        bytes[11] = 2;
        assert_eq!(Manifest::decode(&bytes), Err(ManifestError::NewerFormat(2)));
    }
}
