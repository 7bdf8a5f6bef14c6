//! Frames: the first bytes of a request read by hand, and whole request and response frames written.
//!
//! ```text
//! request   size i32 │ api key i16 │ api version i16 │ correlation id i32 │ client id │ tags (header v2) │ body
//! response  size i32 │ correlation id i32 │ tags (header v1) │ body
//! ```
//! "Frame" below means what follows the size.

#[cfg(test)]
mod tests;

use crate::wire::{Reader, WireError};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::ApiKey,
    protocol::{Encodable, StrBytes},
};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum FrameError {
    #[error("frame is malformed: {0}")]
    Wire(#[from] WireError),
    #[error("api key {0} is not known")]
    UnknownApi(i16),
    /// A field is set that the version lacks, or something is longer than the format can say: a mistake of ours.
    #[error("message does not fit version {version} of api key {api_key}: {reason}")]
    Encode { api_key: i16, version: i16, reason: String },
}

/// The 8 bytes every request starts with, whatever its header version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramePrefix {
    pub api_key: i16,
    pub api_version: i16,
    pub correlation_id: i32,
}

impl FramePrefix {
    pub fn read(frame: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(frame);
        Ok(Self { api_key: reader.i16()?, api_version: reader.i16()?, correlation_id: reader.i32()? })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    pub prefix: FramePrefix,
    pub client_id: Option<StrBytes>,
}

/// Splits a frame of a known API into header and body; the body is a slice of the frame.
///
/// The client id is a plain string in both header versions; only tags make version 2 another format (KIP-482).
pub fn read_request_header(frame: &Bytes) -> Result<(RequestHeader, Bytes), FrameError> {
    let mut reader = Reader::new(frame);
    let prefix = FramePrefix { api_key: reader.i16()?, api_version: reader.i16()?, correlation_id: reader.i32()? };
    let version = request_header_version(prefix.api_key, prefix.api_version)?;
    let client_id = reader.nullable_string(false)?.map(|id| {
        let bytes = frame.slice_ref(id.as_bytes());
        StrBytes::from_utf8(bytes).expect("the reader checked that it is UTF-8")
    });
    reader.skip_tags(version >= 2)?;
    Ok((RequestHeader { prefix, client_id }, frame.slice(reader.position()..)))
}

pub fn request_header_version(api_key: i16, api_version: i16) -> Result<i16, FrameError> {
    let api = ApiKey::try_from(api_key).map_err(|()| FrameError::UnknownApi(api_key))?;
    Ok(api.request_header_version(api_version))
}

/// Always 0 for ApiVersions, so that a client can read the answer to a version nobody knows (KIP-511).
pub fn response_header_version(api_key: i16, api_version: i16) -> Result<i16, FrameError> {
    let api = ApiKey::try_from(api_key).map_err(|()| FrameError::UnknownApi(api_key))?;
    Ok(api.response_header_version(api_version))
}

/// A whole response, size first.
pub fn encode_response<R: Encodable>(
    api_key: i16,
    api_version: i16,
    correlation_id: i32,
    response: &R,
) -> Result<Bytes, FrameError> {
    let flexible = response_header_version(api_key, api_version)? >= 1;
    let header_size = 4 + usize::from(flexible);
    encode(api_key, api_version, header_size, response, |out| {
        out.put_i32(correlation_id);
        if flexible {
            out.put_u8(0);
        }
    })
}

/// A whole request, size first.
pub fn encode_request<R: Encodable>(
    prefix: FramePrefix,
    client_id: Option<&str>,
    request: &R,
) -> Result<Bytes, FrameError> {
    let FramePrefix { api_key, api_version, correlation_id } = prefix;
    let flexible = request_header_version(api_key, api_version)? >= 2;
    let id_length = client_id.map_or(Ok(-1), |id| i16::try_from(id.len()));
    let id_length = id_length.map_err(|_| cannot_encode(api_key, api_version, "client id is too long"))?;
    let header_size = 10 + client_id.map_or(0, str::len) + usize::from(flexible);
    encode(api_key, api_version, header_size, request, |out| {
        out.put_i16(api_key);
        out.put_i16(api_version);
        out.put_i32(correlation_id);
        out.put_i16(id_length);
        out.put_slice(client_id.unwrap_or_default().as_bytes());
        if flexible {
            out.put_u8(0);
        }
    })
}

fn encode<M: Encodable>(
    api_key: i16,
    api_version: i16,
    header_size: usize,
    message: &M,
    header: impl FnOnce(&mut BytesMut),
) -> Result<Bytes, FrameError> {
    let failed = |error: &dyn std::fmt::Display| cannot_encode(api_key, api_version, error);
    let body_size = message.compute_size(api_version).map_err(|e| failed(&e))?;
    let size = header_size + body_size;
    let size_field = i32::try_from(size).map_err(|e| failed(&e))?;
    let mut out = BytesMut::with_capacity(4 + size);
    out.put_i32(size_field);
    header(&mut out);
    message.encode(&mut out, api_version).map_err(|e| failed(&e))?;
    debug_assert_eq!(out.len(), 4 + size, "computed and written size differ");
    Ok(out.freeze())
}

fn cannot_encode(api_key: i16, version: i16, reason: impl std::fmt::Display) -> FrameError {
    FrameError::Encode { api_key, version, reason: reason.to_string() }
}
