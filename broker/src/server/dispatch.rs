//! From a frame to a request that may start: header, API, version, guard.

use super::{memory::Grant, reader::Frame};
use crate::{
    api::{self, Api, Response, api_versions},
    metrics::Counted,
};
use bytes::Bytes;
use kafka_protocol::{messages::ApiKey, protocol::StrBytes};
use protocol::{
    frame::{FrameError, FramePrefix, read_request_header},
    guard::{GuardError, walk_request},
    wire::WireError,
};
use tokio::time::Instant;

/// Decoding that allocates at most this needs no grant: the next request of the connection waits for it anyway.
const FREE_DECODING_COST: usize = 64 << 10;

/// A request that passed the guard.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) api: &'static Api,
    pub(super) version: i16,
    pub(super) correlation_id: i32,
    pub(super) client_id: Option<StrBytes>,
    /// The body's frame, and the memory it occupies.
    pub(super) body: Frame,
    /// What decoding may allocate besides, where that is worth a grant; the connection gets it before the start.
    pub(super) decoding_cost: usize,
    pub(super) decoding_grant: Option<Grant>,
    /// Set once the request could not start at once.
    pub(super) queued: Option<Queued>,
}

/// That a request was read and waits for those before it, or for memory.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) since: Instant,
    pub(super) _counted: Counted,
}

/// What a frame asks for.
#[derive(Debug)]
pub(super) enum Parsed {
    Request(Request),
    /// ApiVersions in a version this broker does not know: the one request that is answered all the same.
    UnknownApiVersionsVersion(Response),
}

/// Why a frame ends its connection. Kafka closes without a response, too.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("frame is malformed: {0}")]
    Prefix(#[from] WireError),
    #[error("unknown API key {0}")]
    UnknownApi(i16),
    #[error("{api:?} version {version} is not served")]
    UnsupportedVersion { api: ApiKey, version: i16 },
    #[error("malformed request header: {0}")]
    Header(#[from] FrameError),
    #[error("malformed {api:?} request: {error}")]
    Body { api: ApiKey, error: GuardError },
}

pub(super) fn parse(table: &'static [Api], frame: Frame) -> Result<Parsed, Refused> {
    let prefix = FramePrefix::read(&frame.bytes)?;
    let api = api::find(table, prefix.api_key).ok_or(Refused::UnknownApi(prefix.api_key))?;
    let version = prefix.api_version;
    let is_served = (api.served.0..=api.served.1).contains(&version);
    if !is_served && api.key != ApiKey::ApiVersions {
        return Err(Refused::UnsupportedVersion { api: api.key, version });
    }
    let (header, body) = read_request_header(&frame.bytes)?;
    if !is_served {
        return Ok(Parsed::UnknownApiVersionsVersion(api_versions::unsupported_version(prefix.correlation_id)));
    }
    let walked = walk_request(prefix.api_key, version, &body);
    let cost = walked.map_err(|error| Refused::Body { api: api.key, error })?.decoding_cost();
    Ok(Parsed::Request(Request {
        api,
        version,
        correlation_id: prefix.correlation_id,
        client_id: header.client_id,
        body: Frame { bytes: body, grant: frame.grant },
        decoding_cost: if cost > FREE_DECODING_COST { cost } else { 0 },
        decoding_grant: None,
        queued: None,
    }))
}

/// The protocol that somebody who connected to the wrong port most likely speaks, from the first four bytes.
pub(super) fn foreign_protocol(prefix: [u8; 4]) -> Option<&'static str> {
    const HTTP: [&[u8; 4]; 8] = [b"GET ", b"POST", b"PUT ", b"HEAD", b"DELE", b"OPTI", b"CONN", b"PRI "];
    match prefix {
        // A TLS record that holds a handshake, of any version.
        [0x16, 0x03, ..] => Some("TLS"),
        _ if HTTP.contains(&&prefix) => Some("HTTP"),
        _ => None,
    }
}

impl Request {
    pub(super) fn length(&self) -> usize {
        self.body.bytes.len()
    }
}

impl Frame {
    /// The bytes, and what has to be held until they are not needed.
    pub(super) fn into_parts(self) -> (Bytes, Option<Grant>) {
        (self.bytes, self.grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_and_http_are_recognised_by_their_first_bytes() {
        assert_eq!(foreign_protocol([0x16, 0x03, 0x01, 0x02]), Some("TLS"));
        assert_eq!(foreign_protocol(*b"GET "), Some("HTTP"));
        assert_eq!(foreign_protocol([0, 0, 0, 40]), None);
    }
}
