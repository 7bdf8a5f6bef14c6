//! S1: from the start of the process to the first answer, on an empty folder and with many partitions, after a clean
//! stop and after a crash; then what it holds and burns when nobody asks anything.

use super::{ALL, BROKERS, Case, Need, Subject};
use crate::{
    admin::Admin,
    figures::{CPU_SHARE, Figures, RESIDENT, START, START_CPU},
    frames::{BatchShape, produce_to_all},
    machine::Work,
    process::{CpuTime, resident_kib},
    systems::{Kind, Server},
};
use anyhow::{Context, Result};
use std::{
    fs,
    net::TcpStream,
    path::Path,
    thread,
    time::{Duration, Instant},
};

const PARTITIONS: i32 = 5_000;
const CONNECTIONS: usize = 10_000;
/// Memory of the start has gone back to the system by then, and threads that finish their work have ended.
const SETTLE: Duration = Duration::from_secs(3);
const IDLE_WINDOW: Duration = Duration::from_secs(5);

pub(super) fn cases() -> Vec<Case> {
    let with = |what| format!("start with {PARTITIONS} partitions of one batch each, {what}");
    let mut cases = vec![
        Case::new("S1/empty", "start on an empty folder", ALL, empty),
        Case::new("S1/clean", with("after a clean stop"), BROKERS, after_clean_stop),
        Case::new("S1/killed", with("after kill -9"), BROKERS, after_kill),
        Case::new("S1/idle", "an empty broker that nobody asks anything", ALL, idle),
        Case::new("S1/connections", format!("{CONNECTIONS} idle connections"), ALL, connections),
    ];
    cases = cases.into_iter().map(|case| case.needing(Need::OwnServer)).collect();
    cases.push(Case::new("S1/after", "what is held after the rows before", ALL, after));
    cases
}

fn after(subject: &Subject) -> Result<Figures> {
    let mut figures = Figures::default();
    figures.add(RESIDENT, subject.pid.map(resident_kib).transpose()?.map(|kib| kib as f64 / 1024.0));
    Ok(figures)
}

fn start(subject: &Subject, folder: &Path) -> Result<Server> {
    Server::start(subject.program()?, subject.spare_address, folder)
}

fn measured_start(subject: &Subject, folder: &Path) -> Result<(Server, Figures)> {
    let (began, work) = (Instant::now(), Work::now(&subject.pids)?);
    let server = start(subject, folder)?;
    let cpu = CpuTime::of(server.pid())?.total();
    let busy = Work::now(&subject.pids)?.of_others_since(&work);
    let mut figures = Figures { others: busy - cpu.div_duration_f64(began.elapsed()), ..Figures::default() };
    figures.add(START, server.start_time.as_secs_f64() * 1e3);
    figures.add(START_CPU, cpu.as_secs_f64() * 1e3);
    Ok((server, figures))
}

fn empty(subject: &Subject) -> Result<Figures> {
    let folder = subject.spare_folder.join("empty");
    let (server, figures) = measured_start(subject, &folder)?;
    server.kill()?;
    fs::remove_dir_all(&folder)?;
    Ok(figures)
}

fn after_clean_stop(subject: &Subject) -> Result<Figures> {
    let folder = subject.spare_folder.join("partitions");
    fill(subject, &folder)?;
    let (server, figures) = measured_start(subject, &folder)?;
    server.stop()?;
    Ok(figures)
}

fn after_kill(subject: &Subject) -> Result<Figures> {
    let folder = subject.spare_folder.join("partitions");
    fill(subject, &folder)?;
    start(subject, &folder)?.kill()?;
    let (server, figures) = measured_start(subject, &folder)?;
    server.stop()?;
    Ok(figures)
}

/// Leaves a folder with the partitions of a broker that stopped, once for all passes.
fn fill(subject: &Subject, folder: &Path) -> Result<()> {
    if folder.exists() {
        return Ok(());
    }
    let server = start(subject, folder)?;
    let mut admin = Admin::connect(subject.spare_address)?;
    admin.create_topic("partitions", PARTITIONS, &[])?;
    produce_to_all(&mut admin, "partitions", PARTITIONS, &BatchShape::single(100).batch(0)?)?;
    server.stop()
}

fn idle(subject: &Subject) -> Result<Figures> {
    let folder = subject.spare_folder.join("idle");
    let server = start(subject, &folder)?;
    thread::sleep(SETTLE);
    let pids: Vec<_> = subject.pids.iter().copied().chain([server.pid()]).collect();
    let (began, work, cpu) = (Instant::now(), Work::now(&pids)?, CpuTime::of(server.pid())?);
    thread::sleep(IDLE_WINDOW);
    let used = CpuTime::of(server.pid())?.since(&cpu).div_duration_f64(began.elapsed());
    let mut figures = Figures { others: Work::now(&pids)?.of_others_since(&work), ..Figures::default() };
    figures.add(RESIDENT, resident_kib(server.pid())? as f64 / 1024.0);
    figures.add(CPU_SHARE, used * 100.0);
    server.kill()?;
    fs::remove_dir_all(&folder)?;
    Ok(figures)
}

fn connections(subject: &Subject) -> Result<Figures> {
    let folder = subject.spare_folder.join("connections");
    let server = start(subject, &folder)?;
    thread::sleep(SETTLE);
    let before = resident_kib(server.pid())?;
    let open = (0..CONNECTIONS).map(|_| connect(subject)).collect::<Result<Vec<_>>>()?;
    thread::sleep(SETTLE);
    let held = resident_kib(server.pid())?.saturating_sub(before);
    drop(open);
    let mut figures = Figures::default();
    figures.add(RESIDENT, held as f64 / 1024.0);
    server.kill()?;
    fs::remove_dir_all(&folder)?;
    Ok(figures)
}

/// A connection that was used once, as a client's is.
fn connect(subject: &Subject) -> Result<TcpStream> {
    if subject.kind == Kind::Floor {
        return TcpStream::connect(subject.spare_address).context("connect to the floor");
    }
    let mut admin = Admin::connect(subject.spare_address)?;
    admin.metadata(Some(Vec::new()))?;
    Ok(admin.into_stream())
}
