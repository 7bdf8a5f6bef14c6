//! What checking a produced batch costs: every record of it, and header with checksum alone.
//!
//! `cargo run --release -p protocol --example validation_cost`

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program that measures"
)]

use bytes::Bytes;
use model::WallTime;
use protocol::{
    compression::Compression,
    record_batch::{BatchError, BatchOptions, RecordData, build_batch},
    validation::{Origin, ProduceRules, validate},
};
use std::time::Instant;

const VALUE_BYTES: usize = 100;
const BATCHES: u32 = 10;
const RUNS: u32 = 1_000;

fn main() -> Result<(), BatchError> {
    println!(
        "{:>10} {:>7} {:>9} {:>9} {:>12} {:>12} {:>6}",
        "unpacked", "codec", "packed", "records", "checksum µs", "records µs", "ratio"
    );
    for unpacked in [16 << 10, 256 << 10] {
        for compression in Compression::ALL {
            let batch = batch(compression, unpacked)?;
            let checksum = cost(&batch, true);
            let records = cost(&batch, false);
            println!(
                "{unpacked:>10} {:>7} {:>9} {:>9} {checksum:>12.2} {records:>12.2} {:>6.1}",
                compression.name(),
                batch.len(),
                unpacked / VALUE_BYTES,
                records / checksum
            );
        }
    }
    Ok(())
}

/// Values as services log them: words and numbers that repeat in part.
fn batch(compression: Compression, unpacked: usize) -> Result<Bytes, BatchError> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let values: Vec<String> = (0..unpacked / VALUE_BYTES)
        .map(|at| {
            let value = format!(
                r#"{{"id":{at},"user":"u{}","amount":{},"state":"accepted","trace":"{:016x}""#,
                next() % 5_000,
                next() % 10_000,
                next()
            );
            format!("{value:VALUE_BYTES$}")
        })
        .collect();
    let records: Vec<_> = values
        .iter()
        .map(|value| RecordData {
            timestamp: WallTime(1),
            key: Some(b"key"),
            value: Some(value.as_bytes()),
            headers: &[],
        })
        .collect();
    build_batch(&BatchOptions { compression, ..BatchOptions::default() }, &records)
}

/// Microseconds a batch, in the best of many short runs: what else the machine does is in the longer ones.
fn cost(batch: &Bytes, trust_checksum: bool) -> f64 {
    let rules = ProduceRules { trust_checksum, ..ProduceRules::default() };
    let run = |_| {
        let began = Instant::now();
        for _ in 0..BATCHES {
            let valid = validate(batch, Origin::Client, &rules, WallTime(1));
            assert!(std::hint::black_box(valid).is_ok());
        }
        began.elapsed().as_secs_f64() * 1e6 / f64::from(BATCHES)
    };
    (0..RUNS).map(run).fold(f64::INFINITY, f64::min)
}
