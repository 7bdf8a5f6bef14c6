//! Start, health, stop.

use super::process::{Process, run, text};
use rustix::process::Signal;
use std::{
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

/// A second at most is what people wait; the machine may be busy with other tests and its disk slow. Below what a stop
/// that hangs is given before it is cut.
const SLOWEST_STOP: Duration = Duration::from_secs(5);

#[test]
fn it_prints_the_address_the_folder_and_three_next_commands() {
    let folder = tempfile::tempdir().expect("make a folder");
    let process = Process::start(folder.path(), &[]);
    let data = folder.path().canonicalize().expect("is there").join("data");
    assert!(process.greeting.contains(&format!("Data folder       {}\n", data.display())), "{}", process.greeting);
    let server = format!("--bootstrap-server {}", process.kafka_address());
    assert_eq!(process.greeting.matches(&server).count(), 3, "{}", process.greeting);
    TcpStream::connect(process.kafka_address()).expect("clients can connect");
}

#[test]
fn health_and_metrics_answer_once_it_is_ready() {
    let folder = tempfile::tempdir().expect("make a folder");
    let process = Process::start(folder.path(), &[]);
    assert!(process.get("/readyz").ends_with("\r\n\r\nready\n"));
    assert!(process.get("/livez").ends_with("\r\n\r\nok\n"));
    let metrics = process.get("/metrics");
    for series in
        ["kafka_controller_kafkacontroller_activecontrollercount 1\n", "kafka_server_replicamanager_partitioncount 0\n"]
    {
        assert!(metrics.contains(series), "{metrics}");
    }
    let admin = process.admin_address().to_string();
    assert_eq!(run(folder.path(), &["--check", "--admin-listen", &admin]).status.code(), Some(0));
    drop(process);
    let after = run(folder.path(), &["--check", "--admin-listen", &admin]);
    assert_eq!(after.status.code(), Some(1));
    assert!(text(&after.stderr).contains(&format!("connect to {admin}")));
}

#[test]
fn a_signal_stops_it_soon_and_the_folder_is_free_again() {
    let folder = tempfile::tempdir().expect("make a folder");
    for signal in [Signal::TERM, Signal::INT] {
        let process = Process::start(folder.path(), &[]);
        // A client that is connected and says nothing must not hold it up.
        let _idle = TcpStream::connect(process.kafka_address()).expect("connects");
        let asked = Instant::now();
        process.signal(signal);
        let (code, log) = process.wait();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("stopped"), "{log}");
        assert!(asked.elapsed() < SLOWEST_STOP, "took {:?}", asked.elapsed());
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = tempfile::tempdir().expect("make a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = taken.local_addr().expect("has an address").to_string();
    let kafka = run(folder.path(), &["--listen", &address, "--admin-listen", "none"]);
    assert_eq!(kafka.status.code(), Some(1));
    assert!(text(&kafka.stderr).contains(&address), "{}", text(&kafka.stderr));
    let admin = run(folder.path(), &["--listen", "127.0.0.1:0", "--admin-listen", &address]);
    assert_eq!(admin.status.code(), Some(1));
    assert!(text(&admin.stderr).contains("--admin-listen"), "{}", text(&admin.stderr));
}
