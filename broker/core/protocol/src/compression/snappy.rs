//! Snappy as Kafka's clients write it: blocks behind snappy-java's ("xerial") header, or one bare block.
//!
//! ```text
//! 0x82 S N A P P Y 0x00 │ version i32 │ oldest compatible version i32 │ ( block length i32 │ block )*
//! ```

use super::{Compression, CompressionError, corrupt, failed};
use crate::wire::Reader;

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const VERSION: i32 = 1;
/// snappy-java's block size; readers there size their buffers by it.
const BLOCK_SIZE: usize = 32 * 1024;

pub(super) fn decompress(input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), CompressionError> {
    let mut decoder = snap::raw::Decoder::new();
    let end = out.len().saturating_add(limit);
    let Some(framed) = input.strip_prefix(&MAGIC) else {
        return block(&mut decoder, input, out, end, limit);
    };
    let mut reader = Reader::new(framed);
    let cut = |e| corrupt(Compression::Snappy, e);
    reader.skip(8).map_err(cut)?;
    while !reader.is_empty() {
        // Streams one after the other carry the header again; 0x82534e41 as a length would be negative.
        if reader.rest().starts_with(&MAGIC) {
            reader.skip(16).map_err(cut)?;
            continue;
        }
        let length = reader.i32().map_err(cut)?;
        let length = usize::try_from(length).map_err(|_| corrupt(Compression::Snappy, "negative block length"))?;
        block(&mut decoder, reader.take(length).map_err(cut)?, out, end, limit)?;
    }
    Ok(())
}

fn block(
    decoder: &mut snap::raw::Decoder,
    block: &[u8],
    out: &mut Vec<u8>,
    end: usize,
    limit: usize,
) -> Result<(), CompressionError> {
    let size = snap::raw::decompress_len(block).map_err(|e| corrupt(Compression::Snappy, e))?;
    let start = out.len();
    if size > end - start {
        return Err(CompressionError::TooLarge { limit });
    }
    // A copy element writes at most 64 bytes for the 2 to 3 it takes: a larger claim is a lie, found before it costs.
    if size > block.len().saturating_mul(64) {
        return Err(corrupt(Compression::Snappy, "claimed length cannot be reached"));
    }
    out.resize(start + size, 0);
    decoder.decompress(block, &mut out[start..]).map_err(|e| corrupt(Compression::Snappy, e))?;
    Ok(())
}

pub(super) fn compress(input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&VERSION.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    for chunk in input.chunks(BLOCK_SIZE) {
        let prefix = out.len();
        let start = prefix + 4;
        out.resize(start + snap::raw::max_compress_len(chunk.len()), 0);
        let length = encoder.compress(chunk, &mut out[start..]).map_err(|e| failed(Compression::Snappy, e))?;
        out.truncate(start + length);
        out[prefix..start].copy_from_slice(&(length as u32).to_be_bytes());
    }
    Ok(())
}
