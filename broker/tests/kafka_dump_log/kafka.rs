//! Apache Kafka's own tools, by the project's script that fetches them.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Once,
    time::{Duration, Instant},
};

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/kafka")
}

/// Fetches Apache Kafka if need be, once for all tests.
pub(crate) fn fetch() {
    static FETCHED: Once = Once::new();
    FETCHED.call_once(|| {
        let output = Command::new(script()).arg("fetch").output().unwrap();
        assert!(output.status.success(), "fetch Apache Kafka: {}", String::from_utf8_lossy(&output.stderr));
    });
}

/// Runs one tool and returns what it printed.
pub(crate) fn run(class: &str, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } =
        Command::new(script()).arg("run").arg(class).args(arguments).output().unwrap();
    let output = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{class} {arguments:?}: {output}\n{}", String::from_utf8_lossy(&stderr));
    output
}

/// One Kafka node; stopped by SIGTERM, or killed if the test fails first.
pub(crate) struct Node {
    process: Child,
    pub(crate) data: PathBuf,
    pub(crate) address: String,
}

impl Node {
    pub(crate) fn start(folder: &Path, port: u16) -> Self {
        let properties = folder.join("extra.properties");
        std::fs::write(&properties, "offsets.topic.num.partitions=1\n").unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let process = Command::new(script())
            .arg("serve")
            .args([folder, Path::new(&port.to_string()), &properties])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let node = Self { process, data: folder.join("data"), address: format!("127.0.0.1:{port}") };
        let began = Instant::now();
        while std::net::TcpStream::connect(&node.address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(90), "Kafka does not open its port, see {folder:?}/log");
            std::thread::sleep(Duration::from_millis(100));
        }
        node
    }

    pub(crate) fn stop(mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        self.process.wait().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // After a stop there is nothing left to kill.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
