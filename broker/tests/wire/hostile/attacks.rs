//! What hostile or broken clients do.

use crate::every_api::samples::frames;
use futures_util::{FutureExt, future::BoxFuture};
use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A generator of its own, so that a seed means the same on every run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1))
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

pub type Attack = for<'a> fn(SocketAddr, &'a mut Random) -> BoxFuture<'a, io::Result<()>>;

pub const ATTACKS: [Attack; 9] = [
    |address, random| random_bytes(address, random).boxed(),
    |address, random| framed_noise(address, random).boxed(),
    |address, random| mutated_requests(address, random).boxed(),
    |address, random| cut_off_frame(address, random).boxed(),
    |address, random| huge_frame(address, random).boxed(),
    |address, random| one_byte_at_a_time(address, random).boxed(),
    |address, random| never_reads(address, random).boxed(),
    |address, random| claims_many_elements(address, random).boxed(),
    |address, random| opens_and_leaves(address, random).boxed(),
];

async fn random_bytes(address: SocketAddr, random: &mut Random) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let count = random.below(100_000);
    stream.write_all(&random.bytes(count)).await?;
    read_until_closed(&mut stream).await
}

/// A sound length, key and version, then noise.
async fn framed_noise(address: SocketAddr, random: &mut Random) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let frames = frames();
    let head = &frames[random.below(frames.len())][4..12];
    let count = random.below(5000);
    let body = [head, b"\xff\xff", &random.bytes(count)].concat();
    send_frame(&mut stream, &body).await?;
    read_until_closed(&mut stream).await
}

/// Requests that are right but for a few bytes, many in a row.
async fn mutated_requests(address: SocketAddr, random: &mut Random) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let frames = frames();
    for _ in 0..20 {
        let mut frame = frames[random.below(frames.len())].to_vec();
        for _ in 0..=random.below(4) {
            let index = 12 + random.below(frame.len() - 12);
            frame[index] = match random.below(4) {
                0 => 0xff,
                1 => 0x7f,
                2 => 0,
                _ => random.next() as u8,
            };
        }
        stream.write_all(&frame).await?;
        let length = stream.read_i32().await?;
        tokio::io::copy(&mut (&mut stream).take(length as u64), &mut tokio::io::sink()).await?;
    }
    Ok(())
}

/// Begins a frame and holds on.
async fn cut_off_frame(address: SocketAddr, random: &mut Random) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let frames = frames();
    let frame = &frames[random.below(frames.len())];
    stream.write_all(&frame[..random.below(frame.len())]).await?;
    read_until_closed(&mut stream).await
}

/// Claims up to the largest frame and more, sends some of it.
async fn huge_frame(address: SocketAddr, random: &mut Random) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let length = 100_000 + random.below(30_000_000);
    stream.write_all(&(length as i32).to_be_bytes()).await?;
    stream.write_all(b"\0\0\0\x09\0\0\0\x01\xff\xff").await?;
    let sent = random.below(3_000_000);
    stream.write_all(&random.bytes(sent)).await?;
    read_until_closed(&mut stream).await
}

async fn one_byte_at_a_time(address: SocketAddr, random: &mut Random) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let frames = frames();
    for byte in frames[random.below(frames.len())].iter() {
        stream.write_u8(*byte).await?;
        tokio::task::yield_now().await;
    }
    read_until_closed(&mut stream).await
}

/// Asks and asks and takes no answer.
async fn never_reads(address: SocketAddr, random: &mut Random) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let frames = frames();
    let frame = &frames[random.below(frames.len())];
    loop {
        stream.write_all(frame).await?;
    }
}

/// An array that says it has more elements than bytes follow, at every place a count may stand.
async fn claims_many_elements(address: SocketAddr, random: &mut Random) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let frames = frames();
    let mut frame = frames[random.below(frames.len())].to_vec();
    let index = 12 + random.below(frame.len() - 12);
    let count: &[u8] = [&b"\x7f\xff\xff\xff"[..], b"\xff\xff\xff\xff\x07", b"\x02\xff\xff\xff"][random.below(3)];
    for (to, from) in frame[index..].iter_mut().zip(count) {
        *to = *from;
    }
    // With elements that are there, too: a million empty strings.
    let padding = if random.below(4) == 0 { 1_000_000 } else { 0 };
    frame.extend(std::iter::repeat_n(0, padding));
    send_frame(&mut stream, &frame[4..]).await?;
    read_until_closed(&mut stream).await
}

async fn opens_and_leaves(address: SocketAddr, random: &mut Random) -> io::Result<()> {
    for _ in 0..random.below(50) {
        let mut stream = TcpStream::connect(address).await?;
        let frames = frames();
        stream.write_all(&frames[random.below(frames.len())]).await?;
    }
    Ok(())
}

async fn send_frame(stream: &mut TcpStream, body: &[u8]) -> io::Result<()> {
    stream.write_all(&(body.len() as i32).to_be_bytes()).await?;
    stream.write_all(body).await
}

async fn read_until_closed(stream: &mut TcpStream) -> io::Result<()> {
    tokio::io::copy(stream, &mut tokio::io::sink()).await.map(drop)
}
