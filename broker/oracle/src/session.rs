//! One connection to a broker and what it answered.

use crate::answer::Node;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use kafka_protocol::protocol::{Decodable, Request};
use protocol::frame::{FramePrefix, encode_request, response_header_version};
use std::{
    fmt::Debug,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// A response larger than this is not an answer to any script.
const LARGEST_RESPONSE: usize = 16 << 20;

/// How a connection that the broker ended is recorded.
pub(crate) const CLOSED: &str = "connection closed";

const PATIENCE: Duration = Duration::from_secs(20);

/// What a broker answered to one request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) label: String,
    pub(crate) content: Node,
}

#[derive(Debug)]
pub(crate) struct Session {
    address: String,
    stream: TcpStream,
    correlation_id: i32,
    answers: Vec<Answer>,
}

impl Session {
    pub(crate) fn connect(address: &str) -> Result<Self> {
        let stream = open(address)?;
        Ok(Self { address: address.into(), stream, correlation_id: 0, answers: Vec::new() })
    }

    pub(crate) fn into_answers(self) -> Vec<Answer> {
        self.answers
    }

    /// Sends `request` and records the answer under `label`.
    pub(crate) fn ask<Q: Request>(&mut self, label: &str, version: i16, request: &Q) -> Result<Option<Q::Response>>
    where
        Q::Response: Debug,
    {
        let response = self.call(version, request)?;
        self.note(label, version, response.as_ref());
        Ok(response)
    }

    /// Records an answer that was waited for.
    pub(crate) fn note<A: Debug>(&mut self, label: &str, version: i16, response: Option<&A>) {
        let text = response.map_or(CLOSED.into(), |response| format!("{response:#?}"));
        self.record(&format!("{label} v{version}"), Node::read(&text));
    }

    /// Sends `request` at every version of `versions`; where an answer of one version means nothing to the next.
    pub(crate) fn ask_all<Q: Request>(
        &mut self,
        label: &str,
        versions: std::ops::RangeInclusive<i16>,
        request: impl Fn(i16) -> Q,
    ) -> Result<()>
    where
        Q::Response: Debug,
    {
        versions.into_iter().try_for_each(|version| self.ask(label, version, &request(version)).map(drop))
    }

    /// A second connection to the same broker.
    pub(crate) fn another(&self) -> Result<Self> {
        Self::connect(&self.address)
    }

    /// Sends `request` and leaves its answer for [`Self::finish`]: there is none yet, or there will be none.
    pub(crate) fn start<Q: Request>(&mut self, version: i16, request: &Q) -> Result<()> {
        let frame = self.frame(version, request)?;
        self.stream.write_all(&frame).context("send a request")
    }

    /// The answer to the request that was started.
    pub(crate) fn finish<Q: Request>(&mut self, version: i16) -> Result<Option<Q::Response>> {
        let body = read_frame(&mut self.stream);
        let body = self.answered(body, &[])?;
        body.map(|body| decode::<Q>(body, version)).transpose()
    }

    /// Sends `request` without recording the answer: it prepares what is asked later.
    pub(crate) fn call<Q: Request>(&mut self, version: i16, request: &Q) -> Result<Option<Q::Response>> {
        let frame = self.frame(version, request)?;
        let body = self.exchange(&frame)?;
        body.map(|body| decode::<Q>(body, version)).transpose()
    }

    fn frame<Q: Request>(&mut self, version: i16, request: &Q) -> Result<Bytes> {
        self.correlation_id += 1;
        let prefix = FramePrefix { api_key: Q::KEY, api_version: version, correlation_id: self.correlation_id };
        Ok(encode_request(prefix, Some("oracle"), request)?)
    }

    /// Asks in a version that the message library lacks, with the bytes of one it has; the answer is recorded as bytes.
    pub(crate) fn ask_as<Q: Request>(&mut self, label: &str, version: i16, bytes_of: i16, request: &Q) -> Result<()> {
        let mut frame = self.frame(bytes_of, request)?.to_vec();
        frame[6..8].copy_from_slice(&version.to_be_bytes());
        self.ask_raw(&format!("{label} v{version}"), &frame)
    }

    /// Sends a body that the message library does not write, and records the answer, which it reads.
    pub(crate) fn ask_with_body<Q: Request>(&mut self, label: &str, version: i16, body: &[u8]) -> Result<()>
    where
        Q::Response: Debug,
    {
        let body = self.call_with_body(Q::KEY, version, body)?;
        let response = body.map(|body| decode_body::<Q>(body, version)).transpose()?;
        self.note(label, version, response.as_ref());
        Ok(())
    }

    /// The body of the response to a body, both as bytes.
    pub(crate) fn call_with_body(&mut self, api_key: i16, version: i16, body: &[u8]) -> Result<Option<Bytes>> {
        self.correlation_id += 1;
        let size = i32::try_from(11 + body.len()).context("frame a request")?;
        let mut frame = size.to_be_bytes().to_vec();
        frame.extend(api_key.to_be_bytes());
        frame.extend(version.to_be_bytes());
        frame.extend(self.correlation_id.to_be_bytes());
        let (no_client_id, no_tags) = ([0xff, 0xff], [0]);
        frame.extend(no_client_id);
        frame.extend(no_tags);
        frame.extend(body);
        let answer = self.exchange(&frame)?;
        answer.map(|answer| body_of(api_key, version, answer)).transpose()
    }

    /// Sends the bytes of a frame as they are and records the bytes of the answer, after the correlation id.
    pub(crate) fn ask_raw(&mut self, label: &str, frame: &[u8]) -> Result<()> {
        let text = match self.exchange(frame)? {
            Some(body) => body.iter().map(|byte| format!("{byte:02x}")).collect(),
            None => CLOSED.into(),
        };
        self.record(label, Node::Value(text));
        Ok(())
    }

    pub(crate) fn record(&mut self, label: &str, content: Node) {
        self.answers.push(Answer { label: label.into(), content });
    }

    /// The response after its correlation id, or none where the broker closed; then the next request finds a new
    /// connection.
    fn exchange(&mut self, frame: &[u8]) -> Result<Option<Bytes>> {
        let answer = self.stream.write_all(frame).and_then(|()| read_frame(&mut self.stream));
        self.answered(answer, frame)
    }

    fn answered(&mut self, answer: std::io::Result<Bytes>, asked: &[u8]) -> Result<Option<Bytes>> {
        match answer {
            Ok(mut frame) if frame.len() >= 4 => {
                let _correlation_id = frame.split_to(4);
                Ok(Some(frame))
            }
            Ok(frame) => bail!("a response of {} bytes", frame.len()),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
                ) =>
            {
                self.stream = open(&self.address)?;
                Ok(None)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.stream = open(&self.address)?;
                bail!("no answer within {} s to {:02x?}", PATIENCE.as_secs(), &asked[..asked.len().min(64)])
            }
            Err(error) => Err(error).context("wait for a response"),
        }
    }
}

fn decode<Q: Request>(frame: Bytes, version: i16) -> Result<Q::Response> {
    decode_body::<Q>(body_of(Q::KEY, version, frame)?, version)
}

fn body_of(api_key: i16, version: i16, mut frame: Bytes) -> Result<Bytes> {
    if response_header_version(api_key, version)? >= 1 {
        let _no_tags = frame.split_to(1);
    }
    Ok(frame)
}

pub(crate) fn decode_body<Q: Request>(mut body: Bytes, version: i16) -> Result<Q::Response> {
    let response =
        Q::Response::decode(&mut body, version).with_context(|| format!("decode key {} v{version}", Q::KEY))?;
    if !body.is_empty() {
        bail!("{} bytes follow the response to key {} v{version}", body.len(), Q::KEY);
    }
    Ok(response)
}

fn open(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn read_frame(stream: &mut TcpStream) -> std::io::Result<Bytes> {
    let mut size = [0; 4];
    stream.read_exact(&mut size)?;
    let size = usize::try_from(i32::from_be_bytes(size)).unwrap_or(usize::MAX);
    if size > LARGEST_RESPONSE {
        return Err(std::io::Error::other(format!("a response of {size} bytes")));
    }
    let mut frame = vec![0; size];
    stream.read_exact(&mut frame)?;
    Ok(frame.into())
}
