//! The thread that writes log lines.

use anyhow::Context;
use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};
use tracing_subscriber::fmt::MakeWriter;

/// At about 200 bytes a line, at most a megabyte waits.
const QUEUED_LINES: usize = 4096;

/// Hands each line to the thread, or counts it as lost when the queue is full.
#[derive(Debug, Clone)]
pub struct LogWriter {
    lines: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

/// Dropping it waits until all lines so far are written.
#[derive(Debug)]
pub struct LogWriterGuard {
    lines: SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    End,
}

impl LogWriter {
    pub fn start(target: impl Write + Send + 'static) -> anyhow::Result<(Self, LogWriterGuard)> {
        let (lines, queue) = sync_channel(QUEUED_LINES);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = lost.clone();
        let thread = thread::Builder::new().name("log".to_owned()).spawn(move || write_all(&queue, target, &counter));
        let thread = Some(thread.context("start the log thread")?);
        Ok((Self { lines: lines.clone(), lost }, LogWriterGuard { lines, thread }))
    }
}

fn write_all(queue: &Receiver<Message>, mut target: impl Write, lost: &AtomicU64) {
    while let Ok(Message::Line(line)) = queue.recv() {
        // Nobody is left to be told when this fails.
        let _ = target.write_all(&line);
        let missing = lost.swap(0, Relaxed);
        if missing > 0 {
            let _ = writeln!(target, "{{\"level\":\"WARN\",\"message\":\"log lines lost\",\"lines\":{missing}}}");
        }
    }
    let _ = target.flush();
}

impl Drop for LogWriterGuard {
    fn drop(&mut self) {
        if self.lines.send(Message::End).is_ok()
            && let Some(thread) = self.thread.take()
        {
            // A panic of the thread has been reported by then.
            let _ = thread.join();
        }
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = &'a LogWriter;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &LogWriter {
    /// `tracing` gives a whole line at a time.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(Message::Line(line.to_owned())) {
            self.lost.fetch_add(1, Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::{Condvar, Mutex};

    /// Takes nothing until it is opened.
    #[derive(Clone, Default)]
    struct Gate {
        state: Arc<Mutex<GateState>>,
        opened: Arc<Condvar>,
    }

    #[derive(Default)]
    struct GateState {
        is_open: bool,
        written: Vec<u8>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut state = self.state.lock();
            self.opened.wait_while(&mut state, |state| !state.is_open);
            state.written.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_does_not_read_costs_lines_and_no_time() {
        let gate = Gate::default();
        let (writer, guard) = LogWriter::start(gate.clone()).expect("starts");
        for _ in 0..QUEUED_LINES + 100 {
            (&writer).write_all(b"line\n").expect("never fails");
        }
        let lost = writer.lost.load(Relaxed);
        assert!((98..=100).contains(&lost), "{lost} lines lost");
        gate.state.lock().is_open = true;
        gate.opened.notify_all();
        drop(guard);
        let written = String::from_utf8(gate.state.lock().written.clone()).expect("is text");
        assert_eq!(written.lines().filter(|line| *line == "line").count() as u64, QUEUED_LINES as u64 + 100 - lost);
        assert!(written.contains("\"message\":\"log lines lost\""), "the loss is told");
    }
}
