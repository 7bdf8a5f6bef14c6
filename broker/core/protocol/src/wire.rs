//! A cursor over bytes that came from somewhere else: every read is checked, nothing is allocated.

use thiserror::Error;

/// What a reader can meet in bytes that are not what they claim to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WireError {
    #[error("{needed} bytes needed where {remaining} remain")]
    Truncated { needed: usize, remaining: usize },
    #[error("length {0} is not possible here")]
    Length(i64),
    #[error("variable length number is too long")]
    Varint,
    #[error("null where a value is required")]
    Null,
    #[error("text is not UTF-8")]
    Utf8,
}

/// Reads big-endian numbers and length-prefixed slices, in the plain and the compact ("flexible", KIP-482) forms.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }

    pub fn position(&self) -> usize {
        self.length - self.rest.len()
    }

    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Everything not yet read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(WireError::Truncated { needed: length, remaining: self.rest.len() });
        };
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    pub fn skip(&mut self, length: usize) -> Result<(), WireError> {
        self.take(length).map(|_| ())
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(WireError::Truncated { needed: N, remaining: self.rest.len() });
        };
        self.rest = rest;
        Ok(*taken)
    }

    pub fn u8(&mut self) -> Result<u8, WireError> {
        Ok(self.array::<1>()?[0])
    }

    pub fn i8(&mut self) -> Result<i8, WireError> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    pub fn i16(&mut self) -> Result<i16, WireError> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    pub fn i32(&mut self) -> Result<i32, WireError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub fn i64(&mut self) -> Result<i64, WireError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    pub fn uuid(&mut self) -> Result<[u8; 16], WireError> {
        self.array()
    }

    /// At most 5 bytes; bits beyond the 32nd are refused, as Kafka refuses them.
    #[inline]
    pub fn unsigned_varint(&mut self) -> Result<u32, WireError> {
        // Nearly all are one byte: lengths and deltas of records, counts and tags of messages.
        match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                Ok(u32::from(byte))
            }
            _ => self.long_unsigned_varint(),
        }
    }

    fn long_unsigned_varint(&mut self) -> Result<u32, WireError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(WireError::Varint)
    }

    pub fn varint(&mut self) -> Result<i32, WireError> {
        let zigzag = self.unsigned_varint()?;
        Ok((zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed()))
    }

    #[inline]
    pub fn varlong(&mut self) -> Result<i64, WireError> {
        match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                Ok(i64::from(byte >> 1) ^ -i64::from(byte & 1))
            }
            _ => self.long_varlong(),
        }
    }

    fn long_varlong(&mut self) -> Result<i64, WireError> {
        let mut zigzag = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.u8()?;
            zigzag |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed()));
            }
        }
        Err(WireError::Varint)
    }

    /// A slice behind a zigzag length, as records carry keys, values and headers; -1 is null.
    pub fn varint_bytes(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        match self.varint()? {
            -1 => Ok(None),
            length => self.take(to_length(i64::from(length))?).map(Some),
        }
    }

    /// The bytes of a string or null: 16-bit length, or compact when `flexible`.
    pub fn nullable_text(&mut self, flexible: bool) -> Result<Option<&'a [u8]>, WireError> {
        let length = if flexible { self.compact_length()? } else { plain_length(i64::from(self.i16()?))? };
        length.map(|length| self.take(length)).transpose()
    }

    /// A string or null, checked to be UTF-8.
    pub fn nullable_string(&mut self, flexible: bool) -> Result<Option<&'a str>, WireError> {
        let Some(text) = self.nullable_text(flexible)? else { return Ok(None) };
        std::str::from_utf8(text).map(Some).map_err(|_| WireError::Utf8)
    }

    pub fn string(&mut self, flexible: bool) -> Result<&'a str, WireError> {
        self.nullable_string(flexible)?.ok_or(WireError::Null)
    }

    /// Bytes or null: 32-bit length, or compact when `flexible`.
    pub fn nullable_bytes(&mut self, flexible: bool) -> Result<Option<&'a [u8]>, WireError> {
        let length = if flexible { self.compact_length()? } else { plain_length(i64::from(self.i32()?))? };
        length.map(|length| self.take(length)).transpose()
    }

    /// The count of an array, or null. Not yet compared with the bytes that remain.
    pub fn array_count(&mut self, flexible: bool) -> Result<Option<usize>, WireError> {
        if flexible { self.compact_length() } else { plain_length(i64::from(self.i32()?)) }
    }

    /// The elements of an array, or null. Room is made as they are found, not as the count claims.
    pub fn elements<T>(
        &mut self,
        flexible: bool,
        mut element: impl FnMut(&mut Self) -> Result<T, WireError>,
    ) -> Result<Option<Vec<T>>, WireError> {
        let Some(count) = self.array_count(flexible)? else { return Ok(None) };
        (0..count).map(|_| element(self)).collect::<Result<_, _>>().map(Some)
    }

    /// Skips a section of tagged fields (KIP-482) that the caller has no use for.
    pub fn skip_tags(&mut self, flexible: bool) -> Result<(), WireError> {
        if !flexible {
            return Ok(());
        }
        for _ in 0..self.unsigned_varint()? {
            self.unsigned_varint()?;
            let size = self.unsigned_varint()?;
            self.skip(size as usize)?;
        }
        Ok(())
    }

    fn compact_length(&mut self) -> Result<Option<usize>, WireError> {
        Ok((self.unsigned_varint()? as usize).checked_sub(1))
    }
}

fn plain_length(length: i64) -> Result<Option<usize>, WireError> {
    if length == -1 { Ok(None) } else { to_length(length).map(Some) }
}

fn to_length(length: i64) -> Result<usize, WireError> {
    usize::try_from(length).map_err(|_| WireError::Length(length))
}

/// Bytes that `value` takes as an unsigned varint.
pub const fn unsigned_varint_size(value: u32) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        0x20_0000..=0xfff_ffff => 4,
        _ => 5,
    }
}

pub fn put_unsigned_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn put_varint(out: &mut Vec<u8>, value: i32) {
    put_unsigned_varint(out, ((value << 1) ^ (value >> 31)).cast_unsigned());
}

pub fn put_varlong(out: &mut Vec<u8>, value: i64) {
    let mut zigzag = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while zigzag >= 0x80 {
        out.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_return_what_was_written() {
        for value in [0, 1, -1, 63, 64, -64, -65, 300, i32::MAX, i32::MIN] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(Reader::new(&out).varint(), Ok(value));
        }
        for value in [0, -1, 1 << 40, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            put_varlong(&mut out, value);
            assert_eq!(Reader::new(&out).varlong(), Ok(value));
        }
        for value in [0u32, 127, 128, 1 << 20, u32::MAX] {
            let mut out = Vec::new();
            put_unsigned_varint(&mut out, value);
            assert_eq!(out.len(), unsigned_varint_size(value));
            assert_eq!(Reader::new(&out).unsigned_varint(), Ok(value));
        }
    }

    #[test]
    fn varint_without_end_is_refused() {
        assert_eq!(Reader::new(&[0xff; 12]).unsigned_varint(), Err(WireError::Varint));
        assert_eq!(Reader::new(&[0xff; 12]).varlong(), Err(WireError::Varint));
        assert!(matches!(Reader::new(&[0xff; 3]).varint(), Err(WireError::Truncated { .. })));
    }

    #[test]
    fn lengths_beyond_the_bytes_are_refused_without_reading_on() {
        assert!(Reader::new(&[0x7f, 0xff, b'a']).string(false).is_err());
        assert_eq!(Reader::new(&[0xff, 0xff]).string(false), Err(WireError::Null));
        assert_eq!(Reader::new(&[0xff, 0xfe]).nullable_string(false), Err(WireError::Length(-2)));
        assert_eq!(Reader::new(&[0]).nullable_bytes(true), Ok(None));
        assert_eq!(Reader::new(&[2, 0xff]).string(true), Err(WireError::Utf8));
    }
}
