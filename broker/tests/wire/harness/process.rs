//! A broker as a process of its own: to be measured, or killed.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// Killed when dropped.
pub struct BrokerProcess {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl BrokerProcess {
    /// Starts `weir-broker` on a free port with these further arguments, and waits until it is ready.
    pub fn start(arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_weir-broker"))
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "none", "--data-dir"])
            .arg(folder.path())
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines.find_map(|line| Some(line.unwrap().split_once("Kafka clients")?.1.trim().to_owned()));
        let address = told.expect("the broker tells its address").parse().unwrap();
        Self { child, address, _folder: folder }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resident memory.
    pub fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for BrokerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
