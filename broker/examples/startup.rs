//! How long from starting `weir-broker` on an empty folder until it answers its first Metadata request, and how much
//! memory it holds idle. `make startup` runs it; it fails where the project's limits do not hold.
//!
//! `startup [RUNS]`, beside the `weir-broker` of the same build.

use anyhow::{Context, ensure};
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// From the start of the process to the last byte of the answer.
const START_LIMIT: Duration = Duration::from_millis(50);
const IDLE_LIMIT_KIB: u64 = 30 << 10;
const DEFAULT_RUNS: usize = 20;
/// Memory of the start has gone back to the system by then.
const SETTLE: Duration = Duration::from_secs(3);
/// Between two tries to connect; the resolution of the figure.
const RETRY: Duration = Duration::from_micros(200);
const GIVE_UP: Duration = Duration::from_secs(10);

/// Metadata version 1 for no topic, correlation id 7, without client id.
const METADATA_REQUEST: [u8; 18] = [0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0, 0, 0, 0];

struct Broker(Child);

impl Drop for Broker {
    fn drop(&mut self) {
        // It is only measured; there is nothing to keep.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> anyhow::Result<()> {
    let runs =
        std::env::args().nth(1).map_or(Ok(DEFAULT_RUNS), |text| text.parse()).context("read the number of runs")?;
    let binary =
        std::env::current_exe()?.parent().and_then(Path::parent).context("find the build")?.join("weir-broker");
    ensure!(binary.exists(), "{} is not built", binary.display());
    let folder = std::env::temp_dir().join(format!("weir-startup-{}", std::process::id()));
    let measured = (0..runs).map(|run| start(&binary, &folder.join(run.to_string()))).collect::<Result<Vec<_>, _>>();
    let idle = measured.and_then(|times| Ok((times, idle_memory(&binary, &folder.join("idle"))?)));
    fs::remove_dir_all(&folder).context("remove the folder")?;
    let (mut times, idle) = idle?;
    times.sort_unstable();
    ensure!(!times.is_empty(), "at least one run is needed");
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    let mut out = std::io::stdout();
    writeln!(out, "start to first Metadata answer, empty folder, {runs} runs")?;
    writeln!(
        out,
        "  median {:.1} ms, best {:.1} ms, worst {:.1} ms (limit {} ms)",
        ms(median),
        ms(times[0]),
        ms(worst),
        ms(START_LIMIT)
    )?;
    writeln!(out, "resident memory idle\n  {:.1} MiB (limit {} MiB)", idle as f64 / 1024.0, IDLE_LIMIT_KIB >> 10)?;
    ensure!(median <= START_LIMIT, "the start takes too long");
    ensure!(idle <= IDLE_LIMIT_KIB, "it holds too much memory");
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn spawn(binary: &Path, folder: &Path, address: SocketAddr) -> anyhow::Result<Broker> {
    let mut command = Command::new(binary);
    command
        .env_clear()
        .args(["--listen", &address.to_string(), "--admin-listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Broker(command.spawn().context("start weir-broker")?))
}

/// A port nobody uses; it is free again when this returns.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn start(binary: &Path, folder: &Path) -> anyhow::Result<Duration> {
    let address = free_address()?;
    let started = Instant::now();
    let _broker = spawn(binary, folder, address)?;
    ask_metadata(address, started)?;
    Ok(started.elapsed())
}

fn ask_metadata(address: SocketAddr, started: Instant) -> anyhow::Result<()> {
    let mut stream = loop {
        match TcpStream::connect(address) {
            Ok(stream) => break stream,
            Err(error) => ensure!(started.elapsed() < GIVE_UP, "cannot connect to {address}: {error}"),
        }
        thread::sleep(RETRY);
    };
    stream.set_read_timeout(Some(GIVE_UP))?;
    stream.write_all(&METADATA_REQUEST)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).context("read the answer")?;
    let mut answer = vec![0; u32::from_be_bytes(length).min(1 << 20) as usize];
    stream.read_exact(&mut answer).context("read the answer")?;
    ensure!(answer.get(..4) == Some(&[0, 0, 0, 7]), "not an answer to the request: {answer:?}");
    Ok(())
}

/// KiB resident, after the broker answered once and was then left alone.
fn idle_memory(binary: &Path, folder: &Path) -> anyhow::Result<u64> {
    let address = free_address()?;
    let broker = spawn(binary, folder, address)?;
    ask_metadata(address, Instant::now())?;
    thread::sleep(SETTLE);
    let status = fs::read_to_string(format!("/proc/{}/status", broker.0.id())).context("read its memory")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("find its memory")?;
    line.split_whitespace().nth(1).context("find its memory")?.parse().context("read its memory")
}
