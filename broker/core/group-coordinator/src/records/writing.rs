//! Puts Kafka's primitive types behind each other.

use super::RecordError;
use protocol::wire::put_unsigned_varint;

pub(super) fn put_i16(out: &mut Vec<u8>, value: i16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn put_i32(out: &mut Vec<u8>, value: i32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn put_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn put_string(out: &mut Vec<u8>, text: &str) -> Result<(), RecordError> {
    let length = i16::try_from(text.len()).map_err(|_| RecordError::TextTooLong(text.len()))?;
    put_i16(out, length);
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

pub(super) fn put_nullable_string(out: &mut Vec<u8>, text: Option<&str>) -> Result<(), RecordError> {
    match text {
        Some(text) => put_string(out, text),
        None => {
            put_i16(out, -1);
            Ok(())
        }
    }
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), RecordError> {
    put_count(out, bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}

pub(super) fn put_count(out: &mut Vec<u8>, count: usize) -> Result<(), RecordError> {
    put_i32(out, i32::try_from(count).map_err(|_| RecordError::TooLarge(count))?);
    Ok(())
}

/// KIP-482: one more than the length, as a varint.
pub(super) fn put_compact_string(out: &mut Vec<u8>, text: &str) -> Result<(), RecordError> {
    if text.len() > i16::MAX as usize {
        return Err(RecordError::TextTooLong(text.len()));
    }
    put_unsigned_varint(out, text.len() as u32 + 1);
    out.extend_from_slice(text.as_bytes());
    Ok(())
}
