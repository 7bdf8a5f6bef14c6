//! One connection of a load: requests out, answers in, in order.

use super::{Count, Dialogue};
use anyhow::{Context, Result, bail};
use mio::net::TcpStream;
use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
};

const READ_SIZE: usize = 16 << 10;
/// Requests below it are gathered into one write; larger ones go out from where they are.
const GATHER_BELOW: usize = 16 << 10;
const LARGEST_ANSWER: usize = 256 << 20;

pub(super) struct Connection {
    pub(super) stream: TcpStream,
    dialogue: Box<dyn Dialogue>,
    depth: usize,
    correlation_id: i32,
    /// When the requests under way were due, oldest first.
    under_way: VecDeque<u64>,
    /// When those were due that found no room.
    pub(super) waiting: VecDeque<u64>,
    gathered: Vec<u8>,
    gathered_sent: usize,
    /// Bytes of the current large request that are sent; its bytes are the dialogue's.
    large_sent: Option<(i32, usize)>,
    inbox: Vec<u8>,
    filled: usize,
}

/// An answer: what it brought and when its request was due.
pub(super) struct Answered {
    pub(super) count: Count,
    pub(super) due: u64,
}

impl Connection {
    pub(super) fn open(address: SocketAddr, dialogue: Box<dyn Dialogue>, depth: usize) -> Result<Self> {
        let stream = std::net::TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            dialogue,
            depth,
            correlation_id: 0,
            under_way: VecDeque::with_capacity(depth),
            waiting: VecDeque::new(),
            gathered: Vec::new(),
            gathered_sent: 0,
            large_sent: None,
            inbox: vec![0; READ_SIZE],
            filled: 0,
        })
    }

    /// Requests that may leave now.
    pub(super) fn room(&self) -> usize {
        self.depth - self.under_way.len()
    }

    /// Sends what waits, as far as depth and socket allow.
    pub(super) fn send(&mut self) -> Result<()> {
        loop {
            if !self.flush()? {
                return Ok(());
            }
            while self.room() > 0 && self.large_sent.is_none() {
                let Some(due) = self.waiting.pop_front() else { break };
                self.under_way.push_back(due);
                let id = self.correlation_id;
                self.correlation_id = id.wrapping_add(1);
                let request = self.dialogue.request(id);
                if request.len() < GATHER_BELOW {
                    self.gathered.extend_from_slice(request);
                } else {
                    self.large_sent = Some((id, 0));
                }
            }
            if self.gathered.is_empty() && self.large_sent.is_none() {
                return Ok(());
            }
        }
    }

    /// Whether everything begun is sent.
    fn flush(&mut self) -> Result<bool> {
        while self.gathered_sent < self.gathered.len() {
            match write(&mut self.stream, &self.gathered[self.gathered_sent..])? {
                Some(sent) => self.gathered_sent += sent,
                None => return Ok(false),
            }
        }
        self.gathered.clear();
        self.gathered_sent = 0;
        while let Some((id, sent)) = self.large_sent {
            let request = self.dialogue.request(id);
            if sent == request.len() {
                self.large_sent = None;
                break;
            }
            match write(&mut self.stream, &request[sent..])? {
                Some(more) => self.large_sent = Some((id, sent + more)),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Reads until the socket is empty.
    pub(super) fn receive(&mut self, clock: impl Fn() -> u64, mut each: impl FnMut(Answered, u64)) -> Result<()> {
        loop {
            let room = self.inbox.len() - self.filled;
            let read = match self.stream.read(&mut self.inbox[self.filled..]) {
                Ok(0) => bail!("the broker closed the connection"),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("read an answer"),
            };
            self.filled += read;
            self.take_answers(clock(), &mut each)?;
            // Less than there was room for: the socket is empty, and the next byte is an event.
            if read < room {
                return Ok(());
            }
        }
    }

    fn take_answers(&mut self, now: u64, each: &mut impl FnMut(Answered, u64)) -> Result<()> {
        let mut position = 0;
        let mut wanted = READ_SIZE;
        while let Some(size) = self.inbox[..self.filled].get(position..position + 4) {
            let size = u32::from_be_bytes([size[0], size[1], size[2], size[3]]) as usize;
            if size > LARGEST_ANSWER {
                bail!("an answer of {size} bytes");
            }
            let Some(answer) = self.inbox[..self.filled].get(position + 4..position + 4 + size) else {
                wanted = wanted.max(4 + size);
                break;
            };
            let due = self.under_way.pop_front().context("an answer to no request")?;
            let id = self.correlation_id.wrapping_sub(self.under_way.len() as i32 + 1);
            let count = self.dialogue.answered(id, answer, now)?;
            each(Answered { count, due }, now);
            position += 4 + size;
        }
        self.inbox.copy_within(position..self.filled, 0);
        self.filled -= position;
        if self.inbox.len() < wanted {
            self.inbox.resize(wanted, 0);
        }
        Ok(())
    }
}

fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<Option<usize>> {
    match stream.write(bytes) {
        Ok(sent) => Ok(Some(sent)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Some(0)),
        Err(error) => Err(error).context("send a request"),
    }
}
