//! Batches whose header is good and whose inside is not.

use super::{RECORDED_AT, batch, make_topic, offsets, produce::producing};
use crate::session::Session;
use anyhow::Result;
use bytes::Bytes;
use model::WallTime;
use protocol::{
    compression::{Compression, compress},
    record_batch::{BatchHeader, BatchOptions, HEADER_SIZE, LOG_OVERHEAD, with_crc},
};

const VALUES: [&str; 3] = ["a", "b", "c"];

/// The three records as they are inside a batch that is not compressed. Each takes [`RECORD_SIZE`] bytes.
fn content() -> Vec<u8> {
    batch(&VALUES, &BatchOptions::default())[HEADER_SIZE..].to_vec()
}

const RECORD_SIZE: usize = 11;
/// Of the offset delta in a record: behind length, attributes and timestamp delta.
const OFFSET_DELTA: usize = 3;

fn packed(codec: Compression, content: &[u8]) -> Result<Vec<u8>> {
    let mut payload = Vec::new();
    compress(codec, None, content, &mut payload)?;
    Ok(payload)
}

/// A batch of `count` records with this payload, checksum right.
fn forged(codec: Compression, count: i32, payload: &[u8]) -> Result<Bytes> {
    let header = BatchHeader::read(&batch(&VALUES, &BatchOptions { compression: codec, ..BatchOptions::default() }))?;
    let length = i32::try_from(HEADER_SIZE - LOG_OVERHEAD + payload.len())?;
    let header = BatchHeader { length, record_count: count, last_offset_delta: count - 1, ..header };
    Ok([&with_crc(&header, payload).encode()[..], payload].concat().into())
}

/// `content` with another byte in one of its records.
fn with_byte(record: usize, at: usize, byte: u8) -> Vec<u8> {
    let mut content = content();
    content[record * RECORD_SIZE + at] = byte;
    content
}

pub(super) fn forged_batches(session: &mut Session) -> Result<()> {
    make_topic(session, "forged", 1, &[])?;
    anyhow::ensure!(content().len() == 3 * RECORD_SIZE, "a record has another size");
    for codec in Compression::ALL {
        let good = packed(codec, &content())?;
        let longer = [&[22][..], &content()[1..RECORD_SIZE], &[0]].concat();
        let cases = [
            ("as it should be", 3, good.clone()),
            ("count above the records", 4, good),
            ("count below the records", 2, packed(codec, &content())?),
            ("a byte after the last record", 3, packed(codec, &[&content()[..], &[0]].concat())?),
            ("last record cut", 3, packed(codec, &content()[..3 * RECORD_SIZE - 1])?),
            ("record longer than its fields", 1, packed(codec, &longer)?),
            ("key longer than its record", 3, packed(codec, &with_byte(1, 4, 80))?),
        ];
        for (why, count, payload) in cases {
            let records = forged(codec, count, &payload)?;
            session.ask(&format!("Produce {codec:?}, {why}"), 9, &producing("forged", 0, -1, Some(records)))?;
        }
        session.ask(&format!("ListOffsets after {codec:?}"), 7, &offsets::listing("forged", 0, -1))?;
    }
    Ok(())
}

/// What Kafka takes or stumbles over. Where it takes a batch, offsets behind it are others than ours.
pub(super) fn forged_lengths(session: &mut Session) -> Result<()> {
    make_topic(session, "forged-lengths", 1, &[])?;
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let good = packed(codec, &content())?;
        let cases = [
            ("record shorter than its fields", packed(codec, &with_byte(0, 0, 18))?),
            ("record with a negative length", packed(codec, &with_byte(1, 0, 1))?),
            ("no packed bytes", b"nothing of the kind".to_vec()),
            ("packed bytes cut", good[..good.len() / 2].to_vec()),
        ];
        for (why, payload) in cases {
            let request = producing("forged-lengths", 0, -1, Some(forged(codec, 3, &payload)?));
            session.ask(&format!("Produce {why}, {codec:?}"), 9, &request)?;
        }
    }
    Ok(())
}

/// Offsets inside that are not 0, 1, 2.
pub(super) fn inner_offsets(session: &mut Session) -> Result<()> {
    for codec in Compression::ALL {
        let topic = format!("inner-offsets-{}", codec.name());
        make_topic(session, &topic, 1, &[])?;
        let records = forged(codec, 3, &packed(codec, &with_byte(1, OFFSET_DELTA, 10))?)?;
        session.ask(&format!("Produce offsets 0, 5, 2, {codec:?}"), 9, &producing(&topic, 0, -1, Some(records)))?;
    }
    Ok(())
}

/// A header that names a later time than its records.
pub(super) fn max_timestamps(session: &mut Session) -> Result<()> {
    make_topic(session, "max-timestamps", 1, &[])?;
    for codec in Compression::ALL {
        let good = batch(&VALUES, &BatchOptions { compression: codec, ..BatchOptions::default() });
        let header = BatchHeader { max_timestamp: WallTime(RECORDED_AT + 9), ..BatchHeader::read(&good)? };
        let header = with_crc(&header, &good[HEADER_SIZE..]);
        let records = [&header.encode()[..], &good[HEADER_SIZE..]].concat().into();
        let request = producing("max-timestamps", 0, -1, Some(records));
        session.ask(&format!("Produce max timestamp of no record, {codec:?}"), 9, &request)?;
        for asked in [-3, RECORDED_AT + 2, RECORDED_AT + 3] {
            let listing = offsets::listing("max-timestamps", 0, asked);
            session.ask(&format!("ListOffsets for {asked}, {codec:?}"), 7, &listing)?;
        }
    }
    Ok(())
}
