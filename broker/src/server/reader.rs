//! Cuts frames out of the byte stream of one connection.
//!
//! Small frames share a read buffer that exists only while there are bytes to read. A frame above [`LARGEST_SHARED`] is
//! read into a buffer of its own size, so that its records lie in one piece and go to the log without another copy.

use super::memory::{Grant, RequestMemory, Size};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::{
    io,
    pin::pin,
    task::{Context, Poll, ready},
};
use tokio::{io::AsyncReadExt, net::TcpStream};

/// Frames up to this size share the read buffer.
pub(super) const LARGEST_SHARED: usize = 64 << 10;
/// Frames up to this size are copied out, so that the read buffer stays whole and what keeps a piece of the frame
/// (a client id, a member's metadata) does not keep the buffer.
const LARGEST_COPIED: usize = 4 << 10;
/// A connection starts with a read buffer of this size; full reads double it up to [`LARGEST_SHARED`] and its prefix.
const FIRST_BUFFER: usize = 4 << 10;
const PREFIX: usize = 4;
/// A read with less room than this is not worth its system call.
const SMALLEST_READ: usize = 512;
/// API key, version and correlation id: what any request has.
const SHORTEST_FRAME: usize = 8;

/// A request as it came in, without its length prefix.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Bytes,
    /// Held until the request is answered.
    pub(super) grant: Option<Grant>,
}

/// What the reader needs before it can go on.
#[derive(Debug)]
pub(super) enum Next {
    Frame(Frame),
    /// More bytes.
    Bytes,
    /// A grant for a frame of this length; then [`FrameReader::start_large`].
    Grant(usize),
}

/// Why a connection cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("frame of {length} bytes is larger than {limit}")]
    TooLarge { length: i64, limit: usize, prefix: [u8; PREFIX] },
    #[error("frame of {length} bytes is too short for a request header")]
    TooShort { length: i64 },
}

#[derive(Debug)]
pub(super) struct FrameReader {
    max_frame: usize,
    buffer: BytesMut,
    buffer_grant: Option<Grant>,
    /// Whether a frame cut from the buffer shares its memory: then the front of the buffer cannot be used again.
    is_shared: bool,
    next_capacity: usize,
    large: Option<Large>,
}

#[derive(Debug)]
struct Large {
    bytes: BytesMut,
    length: usize,
    grant: Grant,
}

impl FrameReader {
    pub(super) fn new(max_frame: usize) -> Self {
        Self {
            max_frame,
            buffer: BytesMut::new(),
            buffer_grant: None,
            is_shared: false,
            next_capacity: FIRST_BUFFER,
            large: None,
        }
    }

    /// The next complete frame, or what is missing for it.
    pub(super) fn next(&mut self) -> Result<Next, FrameError> {
        if let Some(large) = self.large.take_if(|large| large.bytes.len() == large.length) {
            return Ok(Next::Frame(Frame { bytes: large.bytes.freeze(), grant: Some(large.grant) }));
        }
        if self.large.is_some() || self.buffer.len() < PREFIX {
            return Ok(Next::Bytes);
        }
        let length = self.frame_length()?;
        if self.buffer.len() - PREFIX >= length {
            return Ok(Next::Frame(self.cut(length)));
        }
        Ok(if length > LARGEST_SHARED { Next::Grant(length) } else { Next::Bytes })
    }

    /// Goes on with a frame that [`Next::Grant`] asked a grant for.
    pub(super) fn start_large(&mut self, length: usize, grant: Grant) {
        self.buffer.advance(PREFIX);
        let mut bytes = BytesMut::with_capacity(length);
        bytes.put(&mut self.buffer);
        self.release_buffer();
        self.large = Some(Large { bytes, length, grant });
    }

    /// Reads once; 0 when the client closed its side. Room was made by [`FrameReader::try_make_room`].
    ///
    /// Goes through tokio's own read: after one that did not fill the buffer it knows the socket is empty, which saves
    /// the system call that would say so.
    pub(super) fn poll_read(&mut self, stream: &mut TcpStream, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(large) = &mut self.large else {
            let count = ready!(pin!(stream.read_buf(&mut self.buffer)).poll(context))?;
            if self.buffer.len() == self.buffer.capacity() {
                self.next_capacity = (self.next_capacity * 2).min(LARGEST_SHARED + PREFIX);
            }
            return Poll::Ready(Ok(count));
        };
        let missing = large.length - large.bytes.len();
        pin!(stream.read_buf(&mut (&mut large.bytes).limit(missing))).poll(context)
    }

    /// Makes room for the next read if that needs no budget or the budget has it; else says how much to wait for.
    pub(super) fn try_make_room(&mut self, memory: &RequestMemory) -> Result<(), usize> {
        let room = self.missing().max(SMALLEST_READ);
        let has_room = self.buffer.capacity() - self.buffer.len() >= room;
        if self.large.is_some() || has_room || (!self.is_shared && self.buffer.try_reclaim(room)) {
            return Ok(());
        }
        let capacity = self.capacity_wanted();
        let grant = memory.try_grant(Size::Small, capacity).ok_or(capacity)?;
        self.make_room(grant);
        Ok(())
    }

    /// Replaces the read buffer by one that holds at least the frame in progress.
    pub(super) fn make_room(&mut self, grant: Grant) {
        let mut buffer = BytesMut::with_capacity(self.capacity_wanted());
        buffer.extend_from_slice(&self.buffer);
        self.buffer = buffer;
        self.buffer_grant = Some(grant);
        self.is_shared = false;
    }

    /// Bytes of a frame that is not complete.
    pub(super) fn is_inside_frame(&self) -> bool {
        self.large.is_some() || !self.buffer.is_empty()
    }

    /// The length of the frame that is being read into a buffer of its own.
    pub(super) fn large_length(&self) -> Option<usize> {
        self.large.as_ref().map(|large| large.length)
    }

    pub(super) fn max_frame(&self) -> usize {
        self.max_frame
    }

    /// Forgets what was read and not yet cut.
    pub(super) fn discard(&mut self) {
        self.large = None;
        self.release_buffer();
    }

    pub(super) fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// An idle connection keeps no buffer. Does nothing while bytes wait in it.
    pub(super) fn release_if_empty(&mut self) {
        if self.buffer.is_empty() && self.buffer.capacity() > 0 {
            self.release_buffer();
            self.next_capacity = (self.next_capacity / 2).max(FIRST_BUFFER);
        }
    }

    fn release_buffer(&mut self) {
        self.buffer = BytesMut::new();
        self.buffer_grant = None;
        self.is_shared = false;
    }

    fn frame_length(&self) -> Result<usize, FrameError> {
        let prefix = [self.buffer[0], self.buffer[1], self.buffer[2], self.buffer[3]];
        let length = i32::from_be_bytes(prefix);
        match usize::try_from(length) {
            Ok(length) if length > self.max_frame => {
                Err(FrameError::TooLarge { length: length as i64, limit: self.max_frame, prefix })
            }
            Ok(length) if length >= SHORTEST_FRAME => Ok(length),
            Ok(_) => Err(FrameError::TooShort { length: length.into() }),
            Err(_) => Err(FrameError::TooLarge { length: length.into(), limit: self.max_frame, prefix }),
        }
    }

    fn cut(&mut self, length: usize) -> Frame {
        self.buffer.advance(PREFIX);
        if length <= LARGEST_COPIED {
            let bytes = Bytes::copy_from_slice(&self.buffer[..length]);
            self.buffer.advance(length);
            return Frame { bytes, grant: None };
        }
        let bytes = self.buffer.split_to(length).freeze();
        self.is_shared = true;
        let grant = self.buffer_grant.as_mut().and_then(|grant| grant.split(length));
        Frame { bytes, grant }
    }

    /// What the frame in progress still lacks; 0 while its length is not known.
    fn missing(&self) -> usize {
        match self.buffer.first_chunk::<PREFIX>() {
            Some(prefix) => {
                let length = usize::try_from(i32::from_be_bytes(*prefix)).unwrap_or(0).min(LARGEST_SHARED);
                (length + PREFIX).saturating_sub(self.buffer.len())
            }
            None => 0,
        }
    }

    /// Room for the frame in progress when its length is known, at least for what came in one read last time.
    fn capacity_wanted(&self) -> usize {
        (self.buffer.len() + self.missing().max(SMALLEST_READ)).max(self.next_capacity)
    }
}
