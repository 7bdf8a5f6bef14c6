//! A broker to test against, and ways to run the program under test.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::Duration,
};
use tempfile::TempDir;

pub(crate) const WEIR: &str = env!("CARGO_BIN_EXE_weir");

/// Names brokers that run already.
const BOOTSTRAP_VARIABLE: &str = "WEIR_TEST_BOOTSTRAP";

/// How often a condition is looked at. Each look runs a program, which takes its time.
const LOOKS: u32 = 600;

/// One broker, ended with the test.
pub(crate) struct Broker {
    pub(crate) address: String,
    process: Option<Child>,
    folder: TempDir,
}

impl Broker {
    /// The brokers of the environment, or one of our own.
    pub(crate) fn start() -> Self {
        match std::env::var(BOOTSTRAP_VARIABLE) {
            Ok(address) => Self { address, process: None, folder: tempfile::tempdir().expect("make a folder") },
            Err(_) => Self::start_own(),
        }
    }

    pub(crate) fn start_own() -> Self {
        let folder = tempfile::tempdir().expect("make a folder");
        let (process, address) = spawn(folder.path(), "127.0.0.1:0");
        Self { address, process: Some(process), folder }
    }

    /// Ends it as a crash does, and starts it again on the same data and address.
    pub(crate) fn kill_and_restart(&mut self) {
        self.end();
        let (process, _) = spawn(self.folder.path(), &self.address);
        self.process = Some(process);
    }

    fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("end the broker");
            process.wait().expect("wait for the broker");
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn(folder: &Path, listen: &str) -> (Child, String) {
    let broker = Path::new(WEIR).with_file_name("weir-broker");
    assert!(broker.exists(), "{} is not built; run `cargo build -p broker` first", broker.display());
    let mut process = Command::new(broker)
        .arg("--data-dir")
        .arg(folder.join("data"))
        .args(["--listen", listen, "--admin-listen", "none", "--set", "group.initial.rebalance.delay.ms=0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("start the broker");
    let stdout = process.stdout.take().expect("piped");
    let mut lines = BufReader::new(stdout).lines();
    let address = lines
        .by_ref()
        .map(|line| line.expect("read the broker's output"))
        .find_map(|line| line.trim().strip_prefix("Kafka clients").map(|address| address.trim().to_owned()));
    // Read to the end, so that the broker never finds its output closed.
    std::thread::spawn(move || lines.for_each(drop));
    (process, address.expect("the broker says where it listens"))
}

/// What a program printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Its output, once it is certain that all went well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).expect("one JSON document")
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(WEIR);
    command.args(arguments).env_remove("WEIR_BOOTSTRAP_SERVER");
    command
}

/// Runs `weir` to its end.
pub(crate) fn weir(arguments: &[&str]) -> Ran {
    weir_with(arguments, "")
}

/// Runs `weir` with some standard input.
pub(crate) fn weir_with(arguments: &[&str], input: &str) -> Ran {
    finish(command(arguments), input)
}

pub(crate) fn finish(mut command: Command, input: &str) -> Ran {
    let mut process =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start weir");
    let mut stdin = process.stdin.take().expect("piped");
    let input = input.to_owned();
    // A program that ends early closes its input; that is for the test to judge by what it printed.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let _watchdog = Watchdog::over(process.id());
    let output = process.wait_with_output().expect("wait for weir");
    writer.join().expect("the writer does not panic");
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

/// Ends a program that hangs, so that its test fails instead of hanging too. Rests once it is dropped.
struct Watchdog(#[expect(dead_code, reason = "its end is the message")] mpsc::Sender<()>);

/// Nothing a test runs takes longer.
const LONGEST_RUN: Duration = Duration::from_secs(180);

impl Watchdog {
    fn over(process: u32) -> Self {
        let (watched, end) = mpsc::channel();
        std::thread::spawn(move || {
            if end.recv_timeout(LONGEST_RUN) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-KILL", &process.to_string()]).status();
            }
        });
        Self(watched)
    }
}

/// A `weir` that runs beside the test.
pub(crate) struct Running {
    process: Child,
    watchdog: Watchdog,
    pub(crate) stdout: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut process = command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start weir");
        let stdout = BufReader::new(process.stdout.take().expect("piped"));
        let watchdog = Watchdog::over(process.id());
        Self { process, watchdog, stdout }
    }

    pub(crate) fn type_in(&mut self, text: &str) {
        self.process.stdin.as_mut().expect("piped").write_all(text.as_bytes()).expect("weir reads its input");
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("text");
        line.trim_end_matches('\n').to_owned()
    }

    pub(crate) fn lines(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.line()).collect()
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let status = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().expect("run kill");
        assert!(status.success(), "the program still runs");
    }

    /// Closes its input, takes the rest of its output and waits for its end.
    pub(crate) fn finish(mut self) -> Ran {
        drop(self.process.stdin.take());
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).expect("text");
        self.process.stderr.take().expect("piped").read_to_string(&mut stderr).expect("text");
        Ran { code: self.process.wait().expect("wait for weir").code(), stdout, stderr }
    }

    /// Ends reading its output, as `head` does, and waits for its end.
    pub(crate) fn stop_listening(self) -> Ran {
        let Self { mut process, watchdog: _watchdog, stdout } = self;
        drop(stdout);
        let mut stderr = String::new();
        process.stderr.take().expect("piped").read_to_string(&mut stderr).expect("text");
        Ran { code: process.wait().expect("wait for weir").code(), stdout: String::new(), stderr }
    }
}

/// A name that no other test has used on these brokers.
pub(crate) fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A topic of its own for a test.
pub(crate) fn topic(broker: &Broker, partitions: u32) -> String {
    let name = unique("topic");
    weir(&["topic", "create", &name, "-p", &partitions.to_string(), "-b", &broker.address]).ok();
    name
}

/// Waits for a condition.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    (0..LOOKS).find_map(|_| look()).unwrap_or_else(|| panic!("{what} never came about"))
}

/// A link to the program under another name.
pub(crate) fn linked_as(name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("make a folder");
    let link = folder.path().join(name);
    std::os::unix::fs::symlink(WEIR, &link).expect("make a link");
    (folder, link)
}
