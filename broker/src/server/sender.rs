//! Writes responses to the socket: many small ones in one call, large file extents by the kernel from the page cache.

use super::UNDER_WAY;
use crate::api::{Piece, Response};
use bytes::Buf;
use rustix::{
    fs::sendfile,
    net::{SendAncillaryBuffer, SendFlags, send, sendmsg},
};
use std::{collections::VecDeque, fs::File, io};
use tokio::{io::Interest, net::TcpStream};

/// Pieces of one vectored write; the kernel takes 1024, more than 64 gains nothing.
const MAX_VECTORS: usize = 64;
/// One call sends at most this much of a file, and one turn of the connection this many calls: others run between.
const SENDFILE_STEP: usize = 1 << 20;
const CALLS_PER_TURN: usize = 8;

/// Bytes and file extents in the order they leave.
pub(super) struct Outbox {
    parts: VecDeque<Piece>,
    unsent: usize,
    /// Bytes handed to the socket since the connection began.
    sent: u64,
}

/// How far a turn of writing came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Everything,
    /// The socket takes no more now.
    Blocked,
    /// There is more to send and the socket takes it, but others should have a turn.
    Yield,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self { parts: VecDeque::with_capacity(UNDER_WAY), unsent: 0, sent: 0 }
    }

    /// Adds a response. One without bytes adds nothing.
    pub(super) fn push(&mut self, response: Response) {
        match response {
            Response::Bytes(frame) => self.push_piece(Piece::Bytes(frame)),
            Response::Pieces(pieces) => pieces.into_iter().for_each(|piece| self.push_piece(piece)),
            Response::None | Response::Close => {}
        }
    }

    /// Bytes not yet handed to the socket.
    pub(super) fn unsent(&self) -> usize {
        self.unsent
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Where the last response ends, counted from the first byte that the connection sent.
    pub(super) fn end(&self) -> u64 {
        self.sent + self.unsent as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Sends until everything is gone, the socket takes no more, or the turn is over.
    pub(super) fn send(&mut self, stream: &TcpStream) -> io::Result<Sent> {
        for _ in 0..CALLS_PER_TURN {
            let Some(first) = self.parts.front_mut() else { return Ok(Sent::Everything) };
            let sent = match first {
                Piece::FileExtent { file, position, length } => send_extent(stream, file, position, length),
                Piece::Bytes(_) => self.send_bytes(stream),
            };
            match sent {
                Ok(count) => self.advance(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Sent::Blocked),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(if self.parts.is_empty() { Sent::Everything } else { Sent::Yield })
    }

    fn push_piece(&mut self, piece: Piece) {
        if piece.len() > 0 {
            self.unsent += piece.len();
            self.parts.push_back(piece);
        }
    }

    /// One write of the parts in memory at the front. The kernel holds an incomplete segment back when a file extent
    /// follows, so that header and records travel together.
    fn send_bytes(&self, stream: &TcpStream) -> io::Result<usize> {
        if let (1, Some(Piece::Bytes(only))) = (self.parts.len(), self.parts.front()) {
            return stream.try_io(Interest::WRITABLE, || Ok(send(stream, only, SendFlags::NOSIGNAL)?));
        }
        let mut vectors = [io::IoSlice::new(&[]); MAX_VECTORS];
        let mut count = 0;
        let mut flags = SendFlags::NOSIGNAL;
        for part in &self.parts {
            let bytes: &[u8] = match part {
                Piece::Bytes(bytes) => bytes,
                Piece::FileExtent { .. } => {
                    flags |= SendFlags::MORE;
                    break;
                }
            };
            if count == MAX_VECTORS {
                break;
            }
            vectors[count] = io::IoSlice::new(bytes);
            count += 1;
        }
        stream.try_io(Interest::WRITABLE, || {
            Ok(sendmsg(stream, &vectors[..count], &mut SendAncillaryBuffer::default(), flags)?)
        })
    }

    fn advance(&mut self, mut count: usize) {
        self.unsent -= count;
        self.sent += count as u64;
        while let Some(part) = self.parts.front_mut() {
            let taken = count.min(part.len());
            part.advance(taken);
            count -= taken;
            if part.len() > 0 {
                return;
            }
            self.parts.pop_front();
        }
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("parts", &self.parts.len()).field("unsent", &self.unsent).finish()
    }
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::FileExtent { length, .. } => *length,
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Bytes(bytes) => bytes.advance(count),
            Self::FileExtent { position, length, .. } => {
                *position += count as u64;
                *length -= count;
            }
        }
    }
}

/// A file that ends early breaks a promise already made: the length is on the wire, so the connection has to close.
fn send_extent(stream: &TcpStream, file: &File, position: &u64, length: &usize) -> io::Result<usize> {
    let mut offset = *position;
    let step = (*length).min(SENDFILE_STEP);
    match stream.try_io(Interest::WRITABLE, || Ok(sendfile(stream, file, Some(&mut offset), step)?))? {
        0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "file is shorter than the promised extent")),
        sent => Ok(sent),
    }
}
