//! A system under measurement as a process.

use super::Program;
use anyhow::{Context, Result, ensure};
use std::{
    fs::{self, File},
    net::SocketAddr,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

const START_LIMIT: Duration = Duration::from_secs(180);
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// The resolution of start-up figures.
const LOOK_AGAIN: Duration = Duration::from_micros(200);

#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// From the start of the process to its first answer.
    pub(crate) start_time: Duration,
}

impl Server {
    /// Starts it on `folder`, which it may find empty or as it left it, and waits for its first answer.
    pub(crate) fn start(program: &Program, address: SocketAddr, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).context("create the data folder")?;
        let log = folder.with_extension("log");
        let output = File::options().create(true).append(true).open(&log).context("create a log file")?;
        let mut command = program.command(address, folder)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let began = Instant::now();
        let child = command.spawn().with_context(|| format!("start {}", program.kind().label()))?;
        let mut server = Self { child, start_time: Duration::ZERO };
        while !program.is_ready(address) {
            let ended = server.child.try_wait()?;
            ensure!(ended.is_none(), "{} ended at its start, see {}", program.kind().label(), log.display());
            ensure!(began.elapsed() < START_LIMIT, "{} does not answer", program.kind().label());
            thread::sleep(LOOK_AGAIN);
        }
        server.start_time = began.elapsed();
        Ok(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it the orderly way.
    pub(crate) fn stop(mut self) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).context("stop a server")?;
        let began = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(began.elapsed() < STOP_LIMIT, "a server does not stop");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait().context("wait for the end of a server")?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone after `stop`; otherwise the measurement failed and nothing of it is kept.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
