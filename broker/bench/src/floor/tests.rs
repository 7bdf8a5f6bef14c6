use super::*;
use std::{io::ErrorKind, net::TcpListener as StdListener};

struct Floor {
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Floor {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let path = folder.path().to_owned();
        std::thread::spawn(move || serve(address, &path));
        Self { address, folder }
    }

    fn connect(&self) -> TcpStream {
        loop {
            match TcpStream::connect(self.address) {
                Ok(stream) => return stream,
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
            }
        }
    }

    /// What the first connection appended.
    fn file(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("0")).unwrap()
    }
}

fn frame(operation: i16, content: &[u8]) -> Vec<u8> {
    let mut frame = (content.len() as u32 + 2).to_be_bytes().to_vec();
    frame.extend(operation.to_be_bytes());
    frame.extend_from_slice(content);
    frame
}

fn answer(stream: &mut TcpStream) -> Vec<u8> {
    let mut size = [0; 4];
    stream.read_exact(&mut size).unwrap();
    let mut content = vec![0; u32::from_be_bytes(size) as usize];
    stream.read_exact(&mut content).unwrap();
    content
}

#[test]
fn appends_frames_in_order_and_answers_each_with_its_checksum() {
    let floor = Floor::start();
    let mut stream = floor.connect();
    let frames: Vec<_> = (0..40).map(|n| frame(APPEND, &vec![n; 50 + usize::from(n) * 9_000])).collect();
    let all = frames.concat();
    let sending = all.clone();
    let mut sender = stream.try_clone().unwrap();
    std::thread::spawn(move || sender.write_all(&sending).unwrap());
    for frame in &frames {
        let answer = answer(&mut stream);
        assert_eq!(answer.len() + 4, ANSWER_SIZE);
        assert_eq!(answer[..4], protocol::record_batch::crc32c(frame).to_be_bytes());
    }
    assert_eq!(floor.file(), all);
}

#[test]
fn reads_what_was_appended_small_and_large() {
    let floor = Floor::start();
    // Appends of this connection do not go to the first file.
    let _first = floor.connect();
    let mut stream = floor.connect();
    let content: Vec<u8> = (0..1_000_000_u32).map(|n| (n / 7) as u8).collect();
    let appended = frame(APPEND, &content);
    stream.write_all(&appended).unwrap();
    answer(&mut stream);
    for size in [1_000_u32, 600_000, 300_000] {
        stream.write_all(&frame(READ, &size.to_be_bytes())).unwrap();
    }
    assert_eq!(answer(&mut stream), appended[..1_000]);
    assert_eq!(answer(&mut stream), appended[1_000..601_000]);
    assert_eq!(answer(&mut stream), appended[601_000..901_000]);
    // There are less than these left: it goes on from the start.
    stream.write_all(&frame(READ, &200_000_u32.to_be_bytes())).unwrap();
    assert_eq!(answer(&mut stream), appended[..200_000]);
}

#[test]
fn syncs_what_it_appends_when_asked_to() {
    let floor = Floor::start();
    let mut stream = floor.connect();
    let frames = [frame(APPEND, &[1; 100]), frame(SYNC, &[2; 50])].concat();
    stream.write_all(&frames).unwrap();
    answer(&mut stream);
    answer(&mut stream);
    assert_eq!(floor.file(), frames);
}

#[test]
fn forgets_everything_when_told() {
    let floor = Floor::start();
    let mut stream = floor.connect();
    stream.write_all(&frame(APPEND, &[1; 100])).unwrap();
    answer(&mut stream);
    forget(floor.address).unwrap();
    assert!(floor.file().is_empty());
}

#[test]
fn a_frame_that_makes_no_sense_ends_its_connection_only() {
    let floor = Floor::start();
    let mut bad = floor.connect();
    bad.write_all(&[0xff; 8]).unwrap();
    let mut rest = Vec::new();
    // It may be closed or reset; nothing comes back either way.
    let _ = bad.read_to_end(&mut rest);
    assert!(rest.is_empty());
    let mut good = floor.connect();
    good.write_all(&frame(APPEND, &[1; 10])).unwrap();
    answer(&mut good);
}
