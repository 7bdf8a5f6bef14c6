use super::{connection::Connection, *};
use anyhow::ensure;
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

/// Sends frames of one size and wants back what it sent.
struct Echo {
    frame: Vec<u8>,
}

impl Echo {
    fn new(size: usize) -> Self {
        let mut frame = vec![7; size];
        frame[..4].copy_from_slice(&(size as u32 - 4).to_be_bytes());
        Self { frame }
    }
}

impl Dialogue for Echo {
    fn request(&mut self, correlation_id: i32) -> &[u8] {
        self.frame[8..12].copy_from_slice(&correlation_id.to_be_bytes());
        &self.frame
    }

    fn answered(&mut self, correlation_id: i32, answer: &[u8], _now: u64) -> Result<Count> {
        ensure!(answer[4..8] == correlation_id.to_be_bytes(), "answers are out of order");
        ensure!(answer.len() == self.frame.len() - 4, "the answer is cut");
        Ok(Count { records: 2, bytes: answer.len() as u64, latency: None })
    }
}

fn echo(mut stream: TcpStream) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(read @ 1..) = stream.read(&mut bytes) {
        if stream.write_all(&bytes[..read]).is_err() {
            return;
        }
    }
}

fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || echo(stream));
        }
    });
    address
}

fn plan(size: usize, connections: usize, depth: usize, pace: Pace) -> Plan {
    let dialogues = (0..connections).map(|_| Box::new(Echo::new(size)) as Box<dyn Dialogue>).collect();
    Plan { address: echo_server(), dialogues, depth, pace, epoch: Instant::now(), latency: true }
}

/// Or until it is clear that they do not come.
fn until_answers(load: &Load, answers: u64) {
    let began = Instant::now();
    while load.progress().answers < answers && load.runs() && began.elapsed() < Duration::from_secs(60) {
        std::thread::yield_now();
    }
}

#[test]
fn a_closed_loop_keeps_small_requests_in_order_on_every_connection() {
    let load = Load::start(plan(120, 3, 5, Pace::Closed)).unwrap();
    load.record(true);
    until_answers(&load, 2_000);
    let progress = load.progress();
    assert!(!load.stop().unwrap().is_empty());
    assert!(progress.answers >= 2_000, "{progress:?}");
    assert_eq!((progress.records, progress.bytes), (progress.answers * 2, progress.answers * 116));
}

#[test]
fn requests_larger_than_the_socket_takes_at_once_leave_whole() {
    let load = Load::start(plan(3 << 20, 1, 2, Pace::Closed)).unwrap();
    until_answers(&load, 10);
    assert!(load.progress().answers >= 10);
    assert_eq!(load.stop().unwrap().len(), 0, "nothing was to be recorded");
}

#[test]
fn an_open_loop_sends_what_is_due_and_no_more() {
    let began = std::time::Instant::now();
    let load = Load::start(plan(100, 2, 64, Pace::Open { per_second: 5_000.0, first_ns: 0 })).unwrap();
    until_answers(&load, 200);
    let (answers, seconds) = (load.progress().answers, began.elapsed().as_secs_f64());
    load.stop().unwrap();
    assert!(answers >= 200);
    assert!((answers as f64) <= seconds * 5_000.0 + 1.0, "{answers} answers in {seconds} s");
}

#[test]
fn requests_are_due_at_even_times_however_late_they_are_asked_for() {
    let mut schedule = Schedule::new(2_000.0, 300);
    assert_eq!([schedule.due(299), schedule.due(300), schedule.due(300)], [None, Some(300), None]);
    let late: Vec<_> = std::iter::from_fn(|| schedule.due(1_700_000)).collect();
    assert_eq!(late, [500_300, 1_000_300, 1_500_300]);
    assert_eq!(schedule.next(), 2_000_300);
}

#[test]
fn a_request_that_found_no_room_counts_from_when_it_was_due() {
    let mut connection = Connection::open(echo_server(), Box::new(Echo::new(100)), 1).unwrap();
    connection.waiting.extend([1_000, 2_000, 3_000]);
    let mut dues = Vec::new();
    while dues.len() < 3 {
        connection.send().unwrap();
        assert_eq!(connection.room(), 0);
        connection.receive(|| 9_000, |answer, now| dues.push((answer.due, now))).unwrap();
    }
    assert_eq!(dues, [(1_000, 9_000), (2_000, 9_000), (3_000, 9_000)]);
}

#[test]
fn a_broker_that_hangs_up_ends_the_load_with_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut plan = plan(100, 1, 1, Pace::Closed);
    plan.address = listener.local_addr().unwrap();
    let load = Load::start(plan).unwrap();
    drop(listener.accept().unwrap());
    while load.runs() {
        std::thread::yield_now();
    }
    assert!(load.stop().is_err());
}
