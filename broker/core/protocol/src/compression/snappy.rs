//! Snappy as Kafka's clients write it: blocks behind snappy-java's ("xerial") header, or one bare block.
//!
//! ```text
//! 0x82 S N A P P Y 0x00 │ version i32 │ oldest compatible version i32 │ ( block length i32 │ block )*
//! ```

use super::{Compression, CompressionError, corrupt, failed};
use crate::wire::Reader;

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const HEADER_SIZE: usize = MAGIC.len() + 8;
const VERSION: i32 = 1;
/// snappy-java's block size; readers there size their buffers by it.
const BLOCK_SIZE: usize = 32 * 1024;

/// The blocks of `input`, one unpacked at a time.
pub(super) struct Blocks<'a> {
    framing: Framing,
    rest: Reader<'a>,
    limit: usize,
    block: Vec<u8>,
    /// Of `block`, what was not given out yet.
    from: usize,
}

enum Framing {
    Java,
    /// One block to the end of the input.
    Bare,
}

impl<'a> Blocks<'a> {
    /// `limit` is for what a block may claim.
    pub(super) fn new(input: &'a [u8], limit: usize) -> Result<Self, CompressionError> {
        let framing = if input.starts_with(&MAGIC) { Framing::Java } else { Framing::Bare };
        if input.is_empty() {
            return Err(corrupt(Compression::Snappy, "no block"));
        }
        Ok(Self { framing, rest: Reader::new(input), limit, block: Vec::new(), from: 0 })
    }

    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize, CompressionError> {
        while self.from == self.block.len() {
            let Some(block) = self.next_block()? else { return Ok(0) };
            self.unpack(block)?;
        }
        let ready = &self.block[self.from..];
        let length = ready.len().min(out.len());
        out[..length].copy_from_slice(&ready[..length]);
        self.from += length;
        Ok(length)
    }

    fn next_block(&mut self) -> Result<Option<&'a [u8]>, CompressionError> {
        let cut = |e| corrupt(Compression::Snappy, e);
        if let Framing::Bare = self.framing {
            let block = self.rest.take(self.rest.remaining()).map_err(cut)?;
            return Ok((!block.is_empty()).then_some(block));
        }
        // Streams one after the other carry the header again; 0x82534e41 as a length would be negative.
        while self.rest.rest().starts_with(&MAGIC) {
            self.rest.skip(HEADER_SIZE).map_err(cut)?;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let length = self.rest.i32().map_err(cut)?;
        let length = usize::try_from(length).map_err(|_| corrupt(Compression::Snappy, "negative block length"))?;
        self.rest.take(length).map_err(cut).map(Some)
    }

    fn unpack(&mut self, block: &[u8]) -> Result<(), CompressionError> {
        let size = snap::raw::decompress_len(block).map_err(|e| corrupt(Compression::Snappy, e))?;
        // A copy element writes at most 64 bytes for the 2 to 3 it takes: a larger claim is a lie, found before it costs.
        if size > block.len().saturating_mul(64) {
            return Err(corrupt(Compression::Snappy, "claimed length cannot be reached"));
        }
        if size > self.limit {
            return Err(CompressionError::TooLarge { limit: self.limit });
        }
        self.from = 0;
        self.block.resize(size, 0);
        let mut decoder = snap::raw::Decoder::new();
        decoder.decompress(block, &mut self.block).map_err(|e| corrupt(Compression::Snappy, e))?;
        Ok(())
    }
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
