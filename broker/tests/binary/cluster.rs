//! Processes of a cluster, each with a role.

use super::process::{Process, command, run, text};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    path::Path,
    time::{Duration, Instant},
};

fn controller(folder: &Path, settings: &[&str]) -> Process {
    let mut command = command(folder);
    command.args(["--roles", "controller", "--data-dir", "controller", "--control-plane-listen", "127.0.0.1:0"]);
    command.args(settings);
    command.args(["--admin-listen", "127.0.0.1:0"]);
    Process::start_command(command)
}

fn broker(folder: &Path, controller: &str, id: &str) -> Process {
    let data = format!("broker-{id}");
    Process::start(folder, &["--roles", "broker", "--node-id", id, "--controller", controller, "--data-dir", &data])
}

#[test]
fn a_controller_and_brokers_start_answer_for_their_health_and_stop() {
    let folder = tempfile::tempdir().expect("make a folder");
    let controller = controller(folder.path(), &[]);
    assert!(controller.greeting.contains("There is no standby"), "{}", controller.greeting);
    assert!(controller.get("/readyz").ends_with("ready\n"));
    let address = controller.control_plane_address().to_string();
    let brokers = ["1", "2"].map(|id| broker(folder.path(), &address, id));
    let metrics = controller.get("/metrics");
    for series in [
        "kafka_controller_kafkacontroller_activecontrollercount 1\n",
        "kafka_controller_kafkacontroller_activebrokercount 2\n",
    ] {
        assert!(metrics.contains(series), "{metrics}");
    }
    let of_broker = brokers[0].get("/metrics");
    assert!(of_broker.contains("kafka_controller_kafkacontroller_activecontrollercount 0\n"), "{of_broker}");
    let admin = controller.admin_address().to_string();
    let listen = ["--control-plane-listen", &address];
    let check = [&["--check", "--roles", "controller", "--admin-listen", &admin], &listen[..]].concat();
    assert_eq!(run(folder.path(), &check).status.code(), Some(0));
    let by_its_port = [&["--check", "--roles", "controller", "--admin-listen", "none"], &listen[..]].concat();
    assert_eq!(run(folder.path(), &by_its_port).status.code(), Some(0));
    for broker in brokers {
        let (code, log) = broker.stop();
        assert_eq!(code, Some(0), "{log}");
        assert!(!log.contains("WARN"), "{log}");
    }
    let (code, log) = controller.stop();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(run(folder.path(), &check).status.code(), Some(1));
}

/// Asks until the answer is as expected; one that never is fails the test.
fn until(process: &Process, path: &str, expected: &str) {
    let began = Instant::now();
    while !process.get(path).contains(expected) {
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain for {expected}");
    }
}

fn until_active(controller: &Process, count: usize) {
    until(controller, "/metrics", &format!("kafka_controller_kafkacontroller_activebrokercount {count}\n"));
}

#[test]
fn a_broker_that_stands_still_is_fenced_and_comes_back_when_it_goes_on() {
    let folder = tempfile::tempdir().expect("make a folder");
    let controller = controller(folder.path(), &["--set", "broker.session.timeout.ms=600"]);
    let address = controller.control_plane_address().to_string();
    let brokers = ["1", "2"].map(|id| broker(folder.path(), &address, id));
    until_active(&controller, 2);
    brokers[1].signal(Signal::STOP);
    until_active(&controller, 1);
    brokers[1].signal(Signal::CONT);
    until_active(&controller, 2);
    until(&brokers[1], "/readyz", "\r\nready\n");
}

#[test]
fn a_broker_that_is_killed_is_missed_long_before_its_session_would_end() {
    let folder = tempfile::tempdir().expect("make a folder");
    let controller = controller(folder.path(), &["--set", "broker.session.timeout.ms=600000"]);
    let address = controller.control_plane_address().to_string();
    let brokers = ["1", "2", "3"].map(|id| broker(folder.path(), &address, id));
    until_active(&controller, 3);
    brokers[1].signal(Signal::KILL);
    until_active(&controller, 2);
    let again = broker(folder.path(), &address, "2");
    until_active(&controller, 3);
    assert!(again.get("/readyz").ends_with("ready\n"));
}

#[test]
fn a_broker_that_waits_for_its_controller_says_so_and_stops_when_told() {
    let folder = tempfile::tempdir().expect("make a folder");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let nobody = free.local_addr().expect("has an address").to_string();
    drop(free);
    let mut command = command(folder.path());
    command.args(["--roles", "broker", "--node-id", "1", "--controller", &nobody]);
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", "none"]);
    let mut child = command.spawn().expect("start weir-broker");
    let mut errors = std::io::BufReader::new(child.stderr.take().expect("is piped"));
    let mut log = String::new();
    while !log.contains("waiting for the controller") {
        assert_ne!(std::io::BufRead::read_line(&mut errors, &mut log).expect("read its log"), 0, "ended: {log}");
    }
    assert!(log.contains(&nobody), "{log}");
    kill_process(Pid::from_child(&child), Signal::TERM).expect("send a signal");
    assert_eq!(child.wait().expect("wait for its end").code(), Some(0));
    assert!(!folder.path().join("data").exists(), "nothing was decided about a folder");
}

#[test]
fn a_cluster_without_what_it_needs_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("make a folder");
    for (arguments, expected) in [
        (&["--roles", "broker"][..], "process.roles=broker (from --roles): a broker alone in its process needs"),
        (&["--roles", "controller"], "add --control-plane-listen HOST:PORT"),
        (&["--controller", "127.0.0.1:9090"], "add --roles broker to use this one"),
        (&["--roles", "broker", "--controller", "127.0.0.1:9090"], "node.id (not set)"),
        (
            &["--roles", "controller", "--control-plane-listen", ":0", "--listen", ":9092"],
            "(from --listen): a controller alone serves no clients",
        ),
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
    }
}
