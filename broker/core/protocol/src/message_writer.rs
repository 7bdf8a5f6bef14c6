//! Writes the messages that the codec does not write for us, in the plain and the flexible form (KIP-482).

use crate::wire::put_unsigned_varint;
use model::{BrokerId, LeaderEpoch};

/// The leader a client should turn to (KIP-951).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaderHint {
    pub leader_id: BrokerId,
    pub leader_epoch: LeaderEpoch,
}

/// Where a leader named by a [`LeaderHint`] is reached (KIP-951).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEndpoint {
    pub node_id: BrokerId,
    pub host: String,
    pub port: i32,
    pub rack: Option<String>,
}

pub(crate) struct MessageWriter {
    pub(crate) out: Vec<u8>,
    flexible: bool,
}

impl MessageWriter {
    /// A body without a frame around it.
    pub(crate) fn body(flexible: bool) -> Self {
        Self { out: Vec::new(), flexible }
    }

    /// Starts the frame of a response: four bytes for its size, correlation id, header tags.
    pub(crate) fn response(correlation_id: i32, flexible: bool, capacity: usize) -> Self {
        let mut writer = Self { out: Vec::with_capacity(capacity), flexible };
        writer.i32(0);
        writer.i32(correlation_id);
        writer.no_tags();
        writer
    }

    /// Fills in the size: what was written and `elsewhere` bytes that the caller sends between.
    pub(crate) fn finish(mut self, elsewhere: usize) -> Vec<u8> {
        let size = i32::try_from(self.out.len() - 4 + elsewhere).expect("responses are limited far below 2 GiB");
        self.out[..4].copy_from_slice(&size.to_be_bytes());
        self.out
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.out.push(u8::from(value));
    }

    pub(crate) fn i16(&mut self, value: i16) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn uuid(&mut self, value: &[u8; 16]) {
        self.out.extend_from_slice(value);
    }

    /// Length of an array, or null.
    pub(crate) fn count(&mut self, count: Option<usize>) {
        self.length(count, |out, length| out.extend_from_slice(&length.to_be_bytes()));
    }

    /// Length of records that follow, here or elsewhere.
    pub(crate) fn records_length(&mut self, length: usize) {
        self.count(Some(length));
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.nullable_string(Some(text));
    }

    /// Text is cut at what a plain string can hold (32 KiB): only error messages come near.
    pub(crate) fn nullable_string(&mut self, text: Option<&str>) {
        let text = text.map(|text| &text[..text.floor_char_boundary(i16::MAX as usize)]);
        self.length(text.map(str::len), |out, length| out.extend_from_slice(&(length as i16).to_be_bytes()));
        self.out.extend_from_slice(text.unwrap_or_default().as_bytes());
    }

    pub(crate) fn no_tags(&mut self) {
        self.tag_count(0);
    }

    pub(crate) fn tag_count(&mut self, count: usize) {
        if self.flexible {
            put_unsigned_varint(&mut self.out, count as u32);
        }
    }

    /// One tagged field; `content` is written behind its size.
    pub(crate) fn tag(&mut self, tag: u32, content: impl FnOnce(&mut Self)) {
        let mut inner = Self::body(true);
        content(&mut inner);
        put_unsigned_varint(&mut self.out, tag);
        put_unsigned_varint(&mut self.out, inner.out.len() as u32);
        self.out.extend_from_slice(&inner.out);
    }

    pub(crate) fn leader_hint(&mut self, tag: u32, hint: &LeaderHint) {
        self.tag(tag, |content| {
            content.i32(hint.leader_id.0);
            content.i32(hint.leader_epoch.0);
            content.no_tags();
        });
    }

    /// The tagged list of endpoints that both responses end with, or no tags where there is none or the version
    /// (`allowed`) lacks it.
    pub(crate) fn endpoints(&mut self, endpoints: &[NodeEndpoint], allowed: bool) {
        if endpoints.is_empty() || !allowed {
            return self.no_tags();
        }
        self.tag_count(1);
        self.tag(0, |content| {
            content.count(Some(endpoints.len()));
            for endpoint in endpoints {
                content.i32(endpoint.node_id.0);
                content.string(&endpoint.host);
                content.i32(endpoint.port);
                content.nullable_string(endpoint.rack.as_deref());
                content.no_tags();
            }
        });
    }

    fn length(&mut self, length: Option<usize>, plain: impl FnOnce(&mut Vec<u8>, i32)) {
        let length = length.map(|length| i32::try_from(length).expect("lengths stay far below 2 GiB"));
        if self.flexible {
            put_unsigned_varint(&mut self.out, length.map_or(0, |length| length as u32 + 1));
        } else {
            plain(&mut self.out, length.unwrap_or(-1));
        }
    }
}
