//! A small batch that unpacks to much must not cost what it unpacks to.

use crate::budget::Budget;
use bytes::Bytes;
use model::WallTime;
use protocol::{
    compression::Compression,
    record_batch::{BatchOptions, RecordData, build_batch},
    validation::{Origin, ProduceRules, validate},
};

const UNPACKED: usize = 8 << 20;
const BOUND: usize = 512 << 10;

/// Of one record, and of many.
fn bombs(compression: Compression) -> [Bytes; 2] {
    let zeros = vec![0; UNPACKED];
    let options = BatchOptions { compression, ..BatchOptions::default() };
    let record = |value| RecordData { timestamp: WallTime(1), key: None, value: Some(value), headers: &[] };
    let one = build_batch(&options, &[record(&zeros)]);
    let many = build_batch(&options, &vec![record(&zeros[..1_000]); UNPACKED / 1_000]);
    [one, many].map(|batch| batch.expect("zeros can be packed"))
}

// What zstd allocates is not seen here: its history is bounded by the window of its frame and by the limit.
#[test]
fn batch_is_checked_in_memory_that_does_not_grow_with_what_it_unpacks_to() {
    let budget = Budget::new();
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4] {
        for bomb in bombs(codec) {
            for (decompressed_limit, passes) in [(2 * UNPACKED, true), (UNPACKED / 2, false)] {
                let rules = ProduceRules { decompressed_limit, ..ProduceRules::default() };
                let check = || validate(&bomb, Origin::Client, &rules, WallTime(1));
                let outcome = budget.check(codec.name(), check, |_| BOUND);
                assert_eq!(outcome.is_ok(), passes, "{codec:?}");
            }
        }
    }
}
