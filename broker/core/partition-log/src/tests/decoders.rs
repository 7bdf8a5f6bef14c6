//! Bytes from a disk that went wrong: no decoder panics or takes memory for what a damaged count claims.

use super::kit::*;
use crate::{
    Crash, ListedLog, LogConfig, Manifest, Start, epoch_cache::EpochCache, index_file, memory_disk::MemoryDisk,
    partition_metadata, producer_snapshot, transaction_index,
};
use model::Offset;
use proptest::prelude::*;

const LOG: &str = "orders-0/00000000000000000000.log";

/// Noise, and noise inside something good.
fn damaged(good: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let inside = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8).prop_map(move |changes| {
        let mut bytes = good.clone();
        for (index, value) in changes {
            if !bytes.is_empty() {
                let at = index.index(bytes.len());
                bytes[at] = value;
            }
        }
        bytes
    });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..300), inside]
}

fn good_log() -> (MemoryDisk, Log) {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig::default());
    append(&mut log, &[plain("a"), sequenced(1, 0, 0, 3), transactional(2, 0, 0, 2)]);
    append(&mut log, &[marker(2, 0, protocol::record_batch::MarkerKind::Abort, 0), plain("z")]);
    log.close().unwrap();
    (disk, log)
}

fn file(suffix: &str) -> Vec<u8> {
    let (disk, _) = good_log();
    let path = disk.paths().into_iter().find(|path| path.ends_with(suffix)).unwrap();
    disk.content(&path).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn small_files_decode_or_do_not(
        snapshot in damaged(file(".snapshot")),
        epochs in damaged(file("leader-epoch-checkpoint")),
        metadata in damaged(file("partition.metadata")),
        entries in damaged(file(".txnindex")),
        manifest in damaged(Manifest { logs: vec![ListedLog { log: good_log().1.checkpoint(), topic: None }] }.encode()),
    ) {
        let _ = producer_snapshot::decode(&snapshot, Offset(7));
        let _ = EpochCache::decode(&epochs);
        let _ = partition_metadata::decode(&metadata);
        let _ = Manifest::decode(&manifest);
        let disk = MemoryDisk::new();
        disk.put("f/x", entries);
        let _ = transaction_index::read(&disk, "f/x").unwrap();
        disk.put("f/i", snapshot);
        let _ = index_file::read_offsets(&disk, "f/i").unwrap();
        let _ = index_file::read_times(&disk, "f/i").unwrap();
        let _ = index_file::floor(&disk, "f/i", 5).unwrap();
        let _ = index_file::time_floor(&disk, "f/i", 5).unwrap();
    }

    #[test]
    fn any_bytes_in_a_segment_open_or_are_refused(bytes in damaged(file(".log")), machine in any::<bool>()) {
        let (disk, log) = good_log();
        let entry = log.checkpoint();
        disk.put(LOG, bytes);
        let crash = if machine { Crash::Machine } else { Crash::Process };
        let start = Start::Unclean { entry: Some(&entry), crash };
        if let Ok((mut log, _)) = crate::Log::open(disk, FOLDER, TOPIC, LogConfig::default(), start, NOW) {
            append(&mut log, &[plain("next")]);
            let _ = log.view().offset_for_timestamp(NOW, log.log_end());
            let end = log.log_end();
            prop_assert_eq!(read_from(log.view(), end.0 - 1, 1000).len(), 1);
        }
    }
}
