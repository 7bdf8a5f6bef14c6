//! What the manifest says beyond the positions of each log: whose log it is. A name alone does not say so, for a topic may
//! be deleted and made anew while the broker is down.
//!
//! ```text
//! │ entries, as [`partition_log::Manifest`] has them │ topic id (16 bytes) × n │ CRC-32C │
//! ```
//!
//! One id for each entry, in their order; zero where it is not known. Programs of before stop reading after the entries and
//! write no ids: those are looked up in the folders then.

use model::TopicId;
use partition_log::{Manifest, ManifestEntry, ManifestError};
use protocol::record_batch::crc32c;
use std::collections::BTreeMap;
use uuid::Uuid;

const CRC_BYTES: usize = 4;

/// By folder.
pub(super) type Entries = BTreeMap<String, Entry>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) log: ManifestEntry,
    /// `None` in a manifest of before.
    pub(super) topic: Option<TopicId>,
}

pub(super) fn encode(entries: Vec<Entry>) -> Vec<u8> {
    let (entries, topics): (Vec<_>, Vec<_>) = entries.into_iter().map(|entry| (entry.log, entry.topic)).unzip();
    let mut bytes = Manifest { entries }.encode();
    bytes.truncate(bytes.len() - CRC_BYTES);
    for topic in topics {
        bytes.extend_from_slice(topic.unwrap_or(TopicId::ZERO).0.as_bytes());
    }
    let crc = crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Result<Entries, ManifestError> {
    let manifest = Manifest::decode(bytes)?;
    let end_of_entries = manifest.encode().len() - CRC_BYTES;
    let ids = bytes.get(end_of_entries..bytes.len() - CRC_BYTES).unwrap_or_default().as_chunks::<16>().0;
    let ids = ids.iter().map(|id| Some(TopicId(Uuid::from_bytes(*id))).filter(|id| !id.is_zero()));
    let entries = manifest.entries.into_iter().zip(ids.chain(std::iter::repeat(None)));
    Ok(entries.map(|(log, topic)| (log.folder.clone(), Entry { log, topic })).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{LeaderEpoch, Offset};

    fn entry(folder: &str, topic: Option<u128>) -> Entry {
        let log = ManifestEntry {
            folder: folder.to_owned(),
            log_start: Offset(1),
            log_end: Offset(9),
            recovery_point: Offset(5),
            high_watermark: Offset(8),
            latest_epoch: LeaderEpoch(3),
            active_base_offset: Offset(4),
            active_size: 1000,
            total_size: 5000,
            cleaned_up_to: Offset(2),
            clean: true,
        };
        Entry { log, topic: topic.map(|id| TopicId(Uuid::from_u128(id))) }
    }

    fn by_folder(entries: &[Entry]) -> Entries {
        entries.iter().map(|entry| (entry.log.folder.clone(), entry.clone())).collect()
    }

    #[test]
    fn topics_read_back() {
        let entries = [entry("a-1", Some(1)), entry("b-0", None), entry("orders-0", Some(2))];
        assert_eq!(decode(&encode(entries.to_vec())), Ok(by_folder(&entries)));
        assert_eq!(decode(&encode(Vec::new())), Ok(Entries::new()));
    }

    #[test]
    fn manifest_of_before_names_no_topic_and_programs_of_before_read_ours() {
        let entries = [entry("a-1", None), entry("orders-0", None)];
        let logs: Vec<_> = entries.iter().map(|entry| entry.log.clone()).collect();
        assert_eq!(decode(&Manifest { entries: logs.clone() }.encode()), Ok(by_folder(&entries)));
        let ours = encode(vec![entry("a-1", Some(1)), entry("orders-0", Some(2))]);
        assert_eq!(Manifest::decode(&ours), Ok(Manifest { entries: logs }));
    }

    #[test]
    fn damage_anywhere_is_seen() {
        let good = encode(vec![entry("a-1", Some(1))]);
        for index in 0..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 0x10;
            assert!(decode(&bad).is_err(), "byte {index}");
            assert!(decode(&good[..index]).is_err());
        }
    }
}
