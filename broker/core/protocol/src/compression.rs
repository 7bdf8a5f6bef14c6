//! The four codecs of Kafka, every one with a cap on what comes out.

mod snappy;
#[cfg(test)]
mod tests;

use std::io::{Read, Write};
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

/// Appends what `input` unpacks to. Stops with [`CompressionError::TooLarge`] once more than `limit` bytes came out,
/// whatever the input claims: memory is bounded by the limit, not by the sender.
pub fn decompress(codec: Compression, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), CompressionError> {
    match codec {
        Compression::None => copy_capped(codec, input, out, limit),
        // Java's reader takes several members one after the other, so does this one.
        Compression::Gzip => copy_capped(codec, flate2::bufread::MultiGzDecoder::new(input), out, limit),
        Compression::Snappy => snappy::decompress(input, out, limit),
        Compression::Lz4 => copy_capped(codec, lz4_flex::frame::FrameDecoder::new(input), out, limit),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input).map_err(|e| corrupt(codec, e))?;
            // The window is memory too: 128 MiB is what the format's own tools accept without being asked.
            decoder.window_log_max(27).map_err(|e| corrupt(codec, e))?;
            copy_capped(codec, decoder, out, limit)
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

fn copy_capped(codec: Compression, source: impl Read, out: &mut Vec<u8>, limit: usize) -> Result<(), CompressionError> {
    let before = out.len();
    let cap = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    source.take(cap).read_to_end(out).map_err(|e| corrupt(codec, e))?;
    if out.len() - before > limit {
        return Err(CompressionError::TooLarge { limit });
    }
    Ok(())
}

fn corrupt(codec: Compression, error: impl std::fmt::Display) -> CompressionError {
    CompressionError::Corrupt { codec: codec.name(), reason: error.to_string() }
}

fn failed(codec: Compression, error: impl std::fmt::Display) -> CompressionError {
    CompressionError::Compress { codec: codec.name(), reason: error.to_string() }
}
