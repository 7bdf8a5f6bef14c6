//! The four codecs of Kafka, every one with a cap on what comes out.

mod snappy;
#[cfg(test)]
mod tests;
mod unpacker;

pub use unpacker::Unpacker;

use std::io::Write;
use thiserror::Error;

/// How the records of a batch are packed; the number is the attribute bits 0–2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Compression {
    #[default]
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CompressionError {
    #[error("more than {limit} bytes come out")]
    TooLarge { limit: usize },
    #[error("{codec} data is corrupt: {reason}")]
    Corrupt { codec: &'static str, reason: String },
    #[error("{codec} failed to compress: {reason}")]
    Compress { codec: &'static str, reason: String },
}

impl Compression {
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    pub fn from_id(id: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| compression.id() == id)
    }

    pub fn id(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// As `compression.type` of topics and producers says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Also takes `uncompressed`, the topic's word for `none`.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "uncompressed" {
            return Some(Self::None);
        }
        Self::ALL.into_iter().find(|compression| compression.name() == name)
    }
}

/// Appends what `input` unpacks to, at most `limit` bytes: memory is bounded by the limit, not by the sender.
pub fn decompress(codec: Compression, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), CompressionError> {
    const STEP: usize = 32 << 10;
    let mut unpacker = Unpacker::new(codec, input, limit)?;
    loop {
        let start = out.len();
        out.resize(start + STEP, 0);
        let read = unpacker.read(&mut out[start..]);
        out.truncate(start + read.as_ref().map_or(0, |read| *read));
        if read? == 0 {
            return Ok(());
        }
    }
}

/// Appends `input` packed. `level` is the codec's own scale; where a codec has none it is without effect (lz4 here
/// always packs at its fast level).
pub fn compress(
    codec: Compression,
    level: Option<i32>,
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    match codec {
        Compression::None => out.extend_from_slice(input),
        Compression::Gzip => {
            let level = level
                .and_then(|level| u32::try_from(level).ok())
                .map_or(flate2::Compression::default(), |l| flate2::Compression::new(l.min(9)));
            let mut encoder = flate2::write::GzEncoder::new(&mut *out, level);
            encoder.write_all(input).and_then(|()| encoder.try_finish()).map_err(|e| failed(codec, e))?;
        }
        Compression::Snappy => snappy::compress(input, out)?,
        Compression::Lz4 => {
            // What Kafka's own writer uses: independent blocks of 64 KiB without checksums.
            let info = lz4_flex::frame::FrameInfo::new()
                .block_size(lz4_flex::frame::BlockSize::Max64KB)
                .block_mode(lz4_flex::frame::BlockMode::Independent);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, &mut *out);
            encoder.write_all(input).map_err(|e| failed(codec, e))?;
            encoder.finish().map_err(|e| failed(codec, e))?;
        }
        Compression::Zstd => {
            let level = level.unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL);
            zstd::stream::copy_encode(input, out, level).map_err(|e| failed(codec, e))?;
        }
    }
    Ok(())
}

fn corrupt(codec: Compression, error: impl std::fmt::Display) -> CompressionError {
    CompressionError::Corrupt { codec: codec.name(), reason: error.to_string() }
}

fn failed(codec: Compression, error: impl std::fmt::Display) -> CompressionError {
    CompressionError::Compress { codec: codec.name(), reason: error.to_string() }
}
