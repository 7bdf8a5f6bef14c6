//! One `weir-broker` process per test, in a folder of its own, on ports that the system picks.

use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir-broker"));
    command.current_dir(folder).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to its end, for starts that are refused and questions that are answered.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder).args(arguments).output().expect("run weir-broker")
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("is text")
}

/// A process that said it is ready. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What it printed until then.
    pub(crate) greeting: String,
}

impl Process {
    /// Any ports, data in `data` below the folder.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = command(folder);
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]).args(arguments);
        Self::start_command(command)
    }

    pub(crate) fn start_command(mut command: Command) -> Self {
        let mut child = command.spawn().expect("start weir-broker");
        let mut stdout = BufReader::new(child.stdout.take().expect("is piped"));
        let mut greeting = String::new();
        // The greeting ends with the third of its next commands; a controller's with how to start a broker.
        while !greeting.contains("weir consume") && !greeting.contains("127.0.0.1:9645") {
            if stdout.read_line(&mut greeting).expect("read its output") == 0 {
                let mut errors = String::new();
                child.stderr.take().expect("is piped").read_to_string(&mut errors).expect("read its errors");
                panic!("weir-broker ended: {errors}");
            }
        }
        Self { child, stdout, greeting }
    }

    fn after(&self, label: &str) -> &str {
        let line = self.greeting.lines().find(|line| line.contains(label)).expect("is in the greeting");
        line.split(label).nth(1).expect("has a value").trim()
    }

    pub(crate) fn kafka_address(&self) -> SocketAddr {
        self.after("Kafka clients").parse().expect("is one address")
    }

    /// Where brokers come to a controller.
    pub(crate) fn control_plane_address(&self) -> SocketAddr {
        self.after("Brokers").parse().expect("is one address")
    }

    pub(crate) fn admin_address(&self) -> SocketAddr {
        let url = self.after("Metrics, health").split('/').nth(2).expect("is a URL");
        url.parse().expect("is an address")
    }

    /// The body of an answer of the admin port.
    pub(crate) fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.admin_address()).expect("connect to the admin port");
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").expect("ask");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read the answer");
        answer
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("send a signal");
    }

    /// Sends SIGTERM and waits; the exit code and what it logged.
    pub(crate) fn stop(self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        self.wait()
    }

    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("read its output");
        let mut errors = String::new();
        self.child.stderr.take().expect("is piped").read_to_string(&mut errors).expect("read its errors");
        let status = self.child.wait().expect("wait for its end");
        (status.code(), errors)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
