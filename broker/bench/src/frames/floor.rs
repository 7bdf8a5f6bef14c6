//! The floor's two operations as dialogues.

use crate::{
    floor::{READ, SYNC},
    load::{Count, Dialogue},
};
use anyhow::Result;

/// Sends the same frame and counts the answers, whatever they hold.
pub(crate) struct FloorDialogue {
    frame: Vec<u8>,
    per_answer: Count,
}

impl FloorDialogue {
    /// `frame` is a Produce request.
    pub(crate) fn append(frame: Vec<u8>, records: u64, bytes: u64) -> Self {
        Self { frame, per_answer: Count { records, bytes, latency: None } }
    }

    /// The same, and each append is synced before it is answered.
    pub(crate) fn synced(mut self) -> Self {
        self.frame[4..6].copy_from_slice(&SYNC.to_be_bytes());
        self
    }

    /// Reads `size` bytes with a request of `request_size` bytes, size field included.
    pub(crate) fn read(size: u32, request_size: usize, records: u64) -> Self {
        let mut frame = vec![0; request_size.max(10)];
        let length = (frame.len() - 4) as u32;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        frame[4..6].copy_from_slice(&READ.to_be_bytes());
        frame[6..10].copy_from_slice(&size.to_be_bytes());
        Self { frame, per_answer: Count { records, bytes: size.into(), latency: None } }
    }
}

impl Dialogue for FloorDialogue {
    fn request(&mut self, _correlation_id: i32) -> &[u8] {
        &self.frame
    }

    fn answered(&mut self, _correlation_id: i32, _answer: &[u8], _now: u64) -> Result<Count> {
        Ok(self.per_answer)
    }
}
