//! Lines of standard input, read by a thread of its own: a terminal cannot be waited for in any other way.

use bytes::Bytes;
use std::io::{self, BufRead, IsTerminal};
use tokio::sync::mpsc;

/// Chunks read and not yet taken. A few, so that the reader and the sender work at the same time.
const WAITING_CHUNKS: usize = 4;

/// Lines come in chunks of about this size where they come fast.
const CHUNK_BYTES: usize = 256 * 1024;

/// A longer line is not a record: no broker takes it.
const MAX_LINE_BYTES: usize = 100 * 1024 * 1024;

/// Lines in order, without their ends.
pub(crate) type Lines = mpsc::Receiver<io::Result<Vec<Bytes>>>;

pub(crate) fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Starts reading. The channel closes at the end of input. `prompt` is printed before each line that has to be waited
/// for.
pub(crate) fn stdin_lines(prompt: Option<&'static str>) -> Lines {
    let (send, lines) = mpsc::channel(WAITING_CHUNKS);
    std::thread::spawn(move || {
        let stdin = io::BufReader::with_capacity(CHUNK_BYTES, io::stdin());
        read_chunks(stdin, prompt, |chunk| send.blocking_send(chunk).is_ok());
    });
    lines
}

fn read_chunks(
    mut input: impl BufRead + Buffered,
    prompt: Option<&'static str>,
    mut hand_on: impl FnMut(io::Result<Vec<Bytes>>) -> bool,
) {
    loop {
        if let Some(prompt) = prompt {
            show_prompt(prompt);
        }
        let chunk = read_chunk(&mut input);
        let over = !matches!(&chunk, Ok(lines) if !lines.is_empty());
        if matches!(&chunk, Ok(lines) if lines.is_empty()) || !hand_on(chunk) || over {
            return;
        }
    }
}

fn show_prompt(prompt: &str) {
    use io::Write;
    let mut terminal = io::stderr();
    // Nobody to tell when the terminal has gone.
    let _ = terminal.write_all(prompt.as_bytes()).and_then(|()| terminal.flush());
}

/// Readers that know whether another whole line is there without waiting.
trait Buffered {
    fn has_line(&self) -> bool;
}

impl<R: io::Read> Buffered for io::BufReader<R> {
    fn has_line(&self) -> bool {
        self.buffer().contains(&b'\n')
    }
}

/// At least one line, and those that need no further waiting. Empty at the end of input.
fn read_chunk(input: &mut (impl BufRead + Buffered)) -> io::Result<Vec<Bytes>> {
    let mut lines = Vec::new();
    let mut size = 0;
    loop {
        let mut line = Vec::new();
        let read = io::Read::take(&mut *input, MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut line)?;
        if read > MAX_LINE_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a line of more than {MAX_LINE_BYTES} bytes"),
            ));
        }
        if read == 0 {
            return Ok(lines);
        }
        size += read;
        strip_end(&mut line);
        lines.push(Bytes::from(line));
        if size >= CHUNK_BYTES || !input.has_line() {
            return Ok(lines);
        }
    }
}

fn strip_end(line: &mut Vec<u8>) {
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(text: &str, buffer: usize) -> Vec<Vec<String>> {
        let mut chunks = Vec::new();
        read_chunks(io::BufReader::with_capacity(buffer, text.as_bytes()), None, |chunk| {
            let lines = chunk.expect("reading from memory");
            chunks.push(lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect());
            true
        });
        chunks
    }

    #[test]
    fn lines_lose_their_ends_and_nothing_else() {
        assert_eq!(chunks("a\r\n\nb \n", 1024), [["a", "", "b "]]);
    }

    #[test]
    fn the_last_line_needs_no_end() {
        assert_eq!(chunks("a\nb", 1024).concat(), ["a", "b"]);
        assert!(chunks("", 1024).is_empty());
    }

    #[test]
    fn lines_that_are_there_come_together() {
        assert_eq!(chunks("aaa\nbbb\nccc\n", 8), [vec!["aaa", "bbb"], vec!["ccc"]]);
    }
}
