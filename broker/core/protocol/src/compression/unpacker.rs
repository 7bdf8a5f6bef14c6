//! What packed bytes unpack to, from the front and a piece at a time.

use super::{Compression, CompressionError, corrupt, snappy};
use std::io::Read;

/// Never holds more than the history its codec looks back on. Stops with [`CompressionError::TooLarge`] once more than
/// `limit` bytes came out, whatever the input claims.
pub struct Unpacker<'a> {
    codec: Compression,
    source: Source<'a>,
    limit: usize,
    unpacked: usize,
    ended: bool,
}

enum Source<'a> {
    Plain(&'a [u8]),
    Gzip(Box<flate2::bufread::MultiGzDecoder<&'a [u8]>>),
    Snappy(snappy::Blocks<'a>),
    Lz4(Box<lz4_flex::frame::FrameDecoder<Input<'a>>>),
    Zstd(zstd::stream::read::Decoder<'static, &'a [u8]>),
}

impl<'a> Unpacker<'a> {
    pub fn new(codec: Compression, input: &'a [u8], limit: usize) -> Result<Self, CompressionError> {
        let source = match codec {
            Compression::None => Source::Plain(input),
            // Java's reader takes several members one after the other, so does this one.
            Compression::Gzip => Source::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(input))),
            Compression::Snappy => Source::Snappy(snappy::Blocks::new(input, limit)?),
            Compression::Lz4 => Source::Lz4(Box::new(lz4_flex::frame::FrameDecoder::new(Input::new(input)))),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(input).map_err(|e| corrupt(codec, e))?;
                // The window is memory too: 128 MiB is what the format's own tools accept without being asked. Of that
                // only what really came out is ever touched.
                decoder.window_log_max(27).map_err(|e| corrupt(codec, e))?;
                Source::Zstd(decoder)
            }
        };
        Ok(Self { codec, source, limit, unpacked: 0, ended: false })
    }

    /// Some of what comes next; 0 at the end, which was checked as far as the codec can.
    pub fn read(&mut self, out: &mut [u8]) -> Result<usize, CompressionError> {
        // One byte beyond the limit tells the end from an excess.
        let most = out.len().min((self.limit - self.unpacked).saturating_add(1));
        let out = &mut out[..most];
        if self.ended || out.is_empty() {
            return Ok(0);
        }
        let read = match &mut self.source {
            Source::Plain(input) => input.read(out),
            Source::Gzip(decoder) => decoder.read(out),
            Source::Snappy(blocks) => Ok(blocks.read(out)?),
            Source::Lz4(decoder) => decoder.read(out),
            Source::Zstd(decoder) => decoder.read(out),
        };
        let read = read.map_err(|e| corrupt(self.codec, e))?;
        self.ended = read == 0;
        if let (true, Source::Lz4(decoder)) = (self.ended, &self.source) {
            decoder.get_ref().check_end()?;
        }
        if read > self.limit - self.unpacked {
            return Err(CompressionError::TooLarge { limit: self.limit });
        }
        self.unpacked += read;
        Ok(read)
    }
}

impl std::fmt::Debug for Unpacker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unpacker").field("codec", &self.codec).field("unpacked", &self.unpacked).finish_non_exhaustive()
    }
}

/// The input of the lz4 decoder, which takes an end between two blocks for the end of the frame.
struct Input<'a> {
    rest: &'a [u8],
    /// Bytes were asked for that are not there.
    ran_out: bool,
}

impl<'a> Input<'a> {
    fn new(input: &'a [u8]) -> Self {
        Self { rest: input, ran_out: false }
    }

    /// After the decoder said that nothing more comes.
    fn check_end(&self) -> Result<(), CompressionError> {
        match (self.ran_out, self.rest.len()) {
            (false, 0) => Ok(()),
            (true, _) => Err(corrupt(Compression::Lz4, "frame without an end")),
            (false, left) => Err(corrupt(Compression::Lz4, format!("{left} bytes after the frame"))),
        }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.ran_out |= out.len() > self.rest.len();
        self.rest.read(out)
    }
}
