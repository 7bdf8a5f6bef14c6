//! What a leader has to know of the records it takes, without keeping what it passed over.
//!
//! A compressed batch is seen through a window that moves over what comes out of the codec, so that its memory does not
//! depend on what it unpacks to. A record larger than the window is skipped through it, key and value unseen.

#[cfg(test)]
mod tests;

use super::{
    BatchError, BatchHeader, Records,
    record::{read_record, timestamp},
};
use crate::{
    compression::{CompressionError, Unpacker},
    wire::{Reader, WireError},
};
use model::WallTime;

/// A record without its key, value and headers; they were checked to be whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordOutline {
    pub offset_delta: i32,
    pub timestamp: WallTime,
    pub has_key: bool,
}

/// The outlines of a batch, with the promises of [`Records`].
#[derive(Debug)]
pub struct Outlines<'a>(Content<'a>);

#[derive(Debug)]
enum Content<'a> {
    Plain(Records<'a>),
    Packed(Box<Packed<'a>>),
}

#[derive(Debug)]
struct Packed<'a> {
    window: Window<'a>,
    header: BatchHeader,
    next_index: i32,
    ended: bool,
}

impl<'a> Outlines<'a> {
    pub(super) fn plain(records: Records<'a>) -> Self {
        Self(Content::Plain(records))
    }

    pub(super) fn packed(header: BatchHeader, unpacker: Unpacker<'a>) -> Self {
        let window = Window::over(unpacker);
        Self(Content::Packed(Box::new(Packed { window, header, next_index: 0, ended: false })))
    }
}

impl Iterator for Outlines<'_> {
    type Item = Result<RecordOutline, BatchError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Content::Plain(records) => {
                let record = match records.next()? {
                    Ok(record) => record,
                    Err(error) => return Some(Err(error)),
                };
                let (offset_delta, timestamp, has_key) = (record.offset_delta, record.timestamp, record.key.is_some());
                Some(Ok(RecordOutline { offset_delta, timestamp, has_key }))
            }
            Content::Packed(packed) => packed.next(),
        }
    }
}

impl Packed<'_> {
    fn next(&mut self) -> Option<Result<RecordOutline, BatchError>> {
        if self.ended {
            return None;
        }
        if self.next_index >= self.header.record_count {
            self.ended = true;
            return match self.window.ahead(1) {
                Ok([]) => None,
                Ok(left) => Some(Err(BatchError::TrailingBytes(left.len()))),
                Err(error) => Some(Err(error.into())),
            };
        }
        let outline = self.read();
        self.ended = outline.is_err();
        self.next_index += 1;
        Some(outline)
    }

    fn read(&mut self) -> Result<RecordOutline, BatchError> {
        let index = self.next_index;
        let malformed = |source| BatchError::Record { index, source };
        let mut prefix = Reader::new(self.window.ahead(LONGEST_VARINT)?);
        let length = prefix.varint().map_err(malformed)?;
        let prefix = prefix.position();
        let size = usize::try_from(length).map_err(|_| malformed(WireError::Length(i64::from(length))))?;
        if prefix + size > WINDOW {
            self.window.pass(prefix)?;
            return self.read_through(size, length);
        }
        let mut reader = Reader::new(self.window.ahead(prefix + size)?);
        let record = read_record(&mut reader, &self.header, index)?;
        let (offset_delta, timestamp, has_key) = (record.offset_delta, record.timestamp, record.key.is_some());
        self.window.pass(prefix + size)?;
        Ok(RecordOutline { offset_delta, timestamp, has_key })
    }

    /// A record that does not fit into the window.
    fn read_through(&mut self, size: usize, length: i32) -> Result<RecordOutline, BatchError> {
        let index = self.next_index;
        let mut fields = Fields { window: &mut self.window, index, left: size };
        fields.number(|reader| reader.i8())?; // attributes of a record: none is defined
        let timestamp = timestamp(&self.header, fields.number(|reader| reader.varlong())?);
        let offset_delta = fields.number(|reader| reader.varint())?;
        let has_key = fields.pass_bytes()?;
        fields.pass_bytes()?;
        let headers = fields.number(|reader| reader.varint())?;
        let headers = u32::try_from(headers).map_err(|_| fields.malformed(WireError::Length(i64::from(headers))))?;
        for _ in 0..headers {
            if !fields.pass_bytes()? {
                return Err(fields.malformed(WireError::Null));
            }
            fields.pass_bytes()?;
        }
        match fields.left {
            0 => Ok(RecordOutline { offset_delta, timestamp, has_key }),
            left => Err(BatchError::RecordLength { index, length, used: size - left }),
        }
    }
}

/// The fields of one record, read through the window.
struct Fields<'w, 'a> {
    window: &'w mut Window<'a>,
    index: i32,
    left: usize,
}

impl Fields<'_, '_> {
    fn malformed(&self, source: WireError) -> BatchError {
        BatchError::Record { index: self.index, source }
    }

    fn number<T>(&mut self, read: impl FnOnce(&mut Reader<'_>) -> Result<T, WireError>) -> Result<T, BatchError> {
        let ahead = self.window.ahead(LONGEST_VARLONG)?;
        let mut reader = Reader::new(&ahead[..ahead.len().min(self.left)]);
        let value = read(&mut reader).map_err(|source| BatchError::Record { index: self.index, source })?;
        let used = reader.position();
        self.pass(used)?;
        Ok(value)
    }

    /// Bytes behind their length; `false` for null.
    fn pass_bytes(&mut self) -> Result<bool, BatchError> {
        let length = self.number(|reader| reader.varint())?;
        if length == -1 {
            return Ok(false);
        }
        let size = usize::try_from(length).map_err(|_| self.malformed(WireError::Length(i64::from(length))))?;
        self.pass(size)?;
        Ok(true)
    }

    fn pass(&mut self, count: usize) -> Result<(), BatchError> {
        let remaining = self.left;
        let truncated = |remaining| WireError::Truncated { needed: count, remaining };
        self.left = remaining.checked_sub(count).ok_or_else(|| self.malformed(truncated(remaining)))?;
        match self.window.pass(count)? {
            0 => Ok(()),
            missing => Err(self.malformed(truncated(count - missing))),
        }
    }
}

/// Large enough that nearly all records are read in place, small enough to stay in a core's nearest cache.
const WINDOW: usize = 16 << 10;
const LONGEST_VARINT: usize = 5;
const LONGEST_VARLONG: usize = 10;

/// The part of an unpacked batch that is in memory.
#[derive(Debug)]
struct Window<'a> {
    unpacker: Unpacker<'a>,
    buffer: Vec<u8>,
    from: usize,
    to: usize,
}

impl<'a> Window<'a> {
    fn over(unpacker: Unpacker<'a>) -> Self {
        Self { unpacker, buffer: vec![0; WINDOW], from: 0, to: 0 }
    }

    /// What comes next: at least `wanted` bytes, unless there is no more.
    #[inline]
    fn ahead(&mut self, wanted: usize) -> Result<&[u8], CompressionError> {
        if self.to - self.from < wanted {
            self.fill(wanted)?;
        }
        Ok(&self.buffer[self.from..self.to])
    }

    fn fill(&mut self, wanted: usize) -> Result<(), CompressionError> {
        self.buffer.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        while self.to < wanted {
            match self.unpacker.read(&mut self.buffer[self.to..])? {
                0 => break,
                read => self.to += read,
            }
        }
        Ok(())
    }

    /// Goes on by `count` bytes; returns how many of them are not there.
    #[inline]
    fn pass(&mut self, mut count: usize) -> Result<usize, CompressionError> {
        while count > self.to - self.from {
            count -= self.to - self.from;
            (self.from, self.to) = (0, 0);
            if self.ahead(1)?.is_empty() {
                return Ok(count);
            }
        }
        self.from += count;
        Ok(0)
    }
}
