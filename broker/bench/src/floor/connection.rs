//! One connection of the floor.

use super::{ANSWER_SIZE, APPEND, FORGET, READ, SYNC, file::File};
use crc_fast::{CrcAlgorithm, checksum};
use rustix::fs::sendfile;
use std::{io, os::unix::fs::FileExt, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::TcpStream,
};

const READ_SIZE: usize = 64 << 10;
/// Below it reading and sending is cheaper than sending from the page cache.
const SENDFILE_FROM: u64 = 256 << 10;
const LARGEST_FRAME: usize = 64 << 20;

pub(super) async fn serve(mut stream: TcpStream, files: &[Arc<File>], own: usize) -> io::Result<()> {
    let mut inbox = vec![0; READ_SIZE];
    let (mut filled, mut answers) = (0, Vec::new());
    loop {
        let read = stream.read(&mut inbox[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let mut position = 0;
        while let Some(frame) = frame(&inbox[position..filled])? {
            position += frame.len();
            operate(&mut stream, files, own, frame, &mut answers).await?;
        }
        stream.write_all(&answers).await?;
        answers.clear();
        inbox.copy_within(position..filled, 0);
        filled -= position;
        make_room(&mut inbox, filled);
    }
}

async fn operate(
    stream: &mut TcpStream,
    files: &[Arc<File>],
    own: usize,
    frame: &[u8],
    answers: &mut Vec<u8>,
) -> io::Result<()> {
    match i16::from_be_bytes([frame[4], frame[5]]) {
        APPEND => {
            let sum = checksum(CrcAlgorithm::Crc32Iscsi, frame) as u32;
            files[own].append(frame)?;
            answer(answers, sum);
        }
        SYNC => {
            files[own].append(frame)?;
            let file = Arc::clone(&files[own]);
            // Where a sync is awaited a thread waits, and not a worker.
            tokio::task::spawn_blocking(move || file.file.sync_data()).await.map_err(io::Error::other)??;
            answer(answers, 0);
        }
        READ => {
            let size = frame.get(6..10).map(|size| u32::from_be_bytes([size[0], size[1], size[2], size[3]]));
            let size = size.ok_or_else(|| invalid("a read without its size"))?;
            answers.extend(size.to_be_bytes());
            let fullest = files.iter().max_by_key(|file| file.written());
            send(stream, fullest.ok_or_else(|| invalid("no file"))?, size.into(), answers).await?;
        }
        FORGET => {
            files.iter().try_for_each(|file| file.forget())?;
            answer(answers, 0);
        }
        _ => return Err(invalid("an operation that is not known")),
    }
    Ok(())
}

/// Sends `answers` and then `size` bytes of the file, or leaves these behind in `answers`.
async fn send(stream: &mut TcpStream, file: &File, size: u64, answers: &mut Vec<u8>) -> io::Result<()> {
    let position = file.extent(size).ok_or_else(|| invalid("more is read than was written"))?;
    if size < SENDFILE_FROM {
        let start = answers.len();
        answers.resize(start + size as usize, 0);
        return file.file.read_exact_at(&mut answers[start..], position);
    }
    stream.write_all(answers).await?;
    answers.clear();
    let (mut offset, end) = (position, position + size);
    while offset < end {
        stream.writable().await?;
        let left = (end - offset) as usize;
        let sent = stream.try_io(Interest::WRITABLE, || Ok(sendfile(&*stream, &file.file, Some(&mut offset), left)?));
        match sent {
            Ok(0) => return Err(invalid("the file is shorter than what was written")),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The frame that `bytes` begins with, size included, once it is whole.
fn frame(bytes: &[u8]) -> io::Result<Option<&[u8]>> {
    let Some(length) = length(bytes) else { return Ok(None) };
    if !(6..=LARGEST_FRAME).contains(&length) {
        return Err(invalid("a frame of an odd size"));
    }
    Ok(bytes.get(..length))
}

fn length(bytes: &[u8]) -> Option<usize> {
    let size = bytes.get(..4)?;
    Some(4 + u32::from_be_bytes([size[0], size[1], size[2], size[3]]) as usize)
}

/// Room for the rest of the frame that is under way, at least one read.
fn make_room(inbox: &mut Vec<u8>, filled: usize) {
    let wanted = length(&inbox[..filled]).unwrap_or(0).clamp(READ_SIZE, LARGEST_FRAME);
    if inbox.len() < wanted || filled == inbox.len() {
        inbox.resize(wanted.max(filled + READ_SIZE), 0);
    }
}

fn answer(answers: &mut Vec<u8>, content: u32) {
    let start = answers.len();
    answers.extend((ANSWER_SIZE as u32 - 4).to_be_bytes());
    answers.extend(content.to_be_bytes());
    answers.resize(start + ANSWER_SIZE, 0);
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
