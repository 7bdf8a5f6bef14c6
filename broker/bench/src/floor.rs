//! What the machine asks for at least: a server that reads length-prefixed frames, checksums them, appends them to a
//! file and answers, and knows nothing of Kafka. A broker's cost is divided by this one's in the same run.
//!
//! ```text
//! frame    size u32 │ operation i16 │ …            operation 0: append     answer: 50 bytes
//!                                     size u32 │ … operation 1: read       answer: size bytes of the fullest file
//!                                                  operation 2: forget all answer: 50 bytes
//!                                                  operation 3: append and sync, answer: 50 bytes
//! ```
//! The operations have the numbers of Produce and Fetch, so that a Produce frame is an append as it is.

mod connection;
mod file;

use crate::systems::LISTEN_BACKLOG;
use anyhow::{Context, Result};
use file::File;
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::net::{TcpListener, TcpSocket};

pub(crate) const APPEND: i16 = 0;
pub(crate) const READ: i16 = 1;
pub(crate) const FORGET: i16 = 2;
pub(crate) const SYNC: i16 = 3;

/// Bytes of the answer to an append, size included.
pub(crate) const ANSWER_SIZE: usize = 50;

/// Enough that two writers seldom meet, and that a device has something to do side by side.
const FILES: usize = 64;

/// Serves until the process ends.
pub(crate) fn serve(address: SocketAddr, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).context("create the folder")?;
    let files = (0..FILES).map(|n| File::create(&folder.join(n.to_string())).map(Arc::new));
    let files: Arc<[_]> = files.collect::<Result<Vec<_>>>()?.into();
    let workers = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_io().build()?;
    runtime.block_on(async {
        let listener = listen(address).with_context(|| format!("listen on {address}"))?;
        let next = AtomicUsize::new(0);
        loop {
            let (stream, _) = listener.accept().await.context("accept a connection")?;
            stream.set_nodelay(true)?;
            let own = next.fetch_add(1, Ordering::Relaxed) % FILES;
            // A client that hangs up ends its connection and nothing else.
            let files = Arc::clone(&files);
            tokio::spawn(async move { drop(connection::serve(stream, &files, own).await) });
        }
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG)
}

/// Lets the floor at `address` forget what it holds.
pub(crate) fn forget(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(address).context("connect to the floor")?;
    let mut request = [0, 0, 0, 2, 0, 0];
    request[4..].copy_from_slice(&FORGET.to_be_bytes());
    stream.write_all(&request)?;
    stream.read_exact(&mut [0; ANSWER_SIZE]).context("wait for the floor")
}

#[cfg(test)]
mod tests;
