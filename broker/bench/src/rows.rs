//! What `make bench` runs: rows of one or more cases. A row is chosen by its id, a case by its whole name.

mod backfill;
mod consume;
mod controller;
mod failover;
mod java;
mod librdkafka;
mod partitions;
mod produce;
mod replication;
mod start;

pub(crate) use librdkafka::tool as librdkafka_tool;

use crate::{
    admin::Admin,
    figures::Figures,
    measure::Window,
    systems::{Cluster, Kind, Program, Server},
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    cell::{Cell, RefCell},
    fs,
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

/// One thing that is measured.
pub(crate) struct Case {
    /// `ROW/what`.
    pub(crate) name: String,
    /// For the reader of the table.
    pub(crate) about: String,
    /// Which systems can do it.
    pub(crate) on: &'static [Kind],
    pub(crate) needs: Option<Need>,
    pub(crate) run: Measurement,
}

type Measurement = Box<dyn Fn(&Subject) -> Result<Figures>>;

/// What a case cannot do without, and not every run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// It starts the system anew or looks into its folder, which only works for what this run started.
    OwnServer,
    /// The load tool of librdkafka, see [`librdkafka_tool`].
    Librdkafka,
    /// The load tools among Kafka's jars.
    KafkaJars,
}

impl Case {
    pub(crate) fn new(
        name: impl Into<String>,
        about: impl Into<String>,
        on: &'static [Kind],
        run: impl Fn(&Subject) -> Result<Figures> + 'static,
    ) -> Self {
        Self { name: name.into(), about: about.into(), on, needs: None, run: Box::new(run) }
    }

    fn needing(mut self, need: Need) -> Self {
        self.needs = Some(need);
        self
    }
}

/// A system as a case sees it.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    /// Of its process, if it runs on this machine.
    pub(crate) pid: Option<u32>,
    /// All processes of this run.
    pub(crate) pids: Vec<u32>,
    /// How to start another of it; none where somebody else runs it.
    pub(crate) program: Option<Program>,
    /// Where its data is, if this run started it.
    pub(crate) folder: Option<PathBuf>,
    /// For what a case starts itself.
    pub(crate) spare_address: SocketAddr,
    pub(crate) spare_folder: PathBuf,
    pub(crate) window: Window,
    /// It is in the pass that does not count.
    pub(crate) first: Cell<bool>,
    pub(crate) topics_made: Cell<u32>,
    /// Of the case that runs, for all of its passes.
    pub(crate) kept: RefCell<Option<Kept>>,
}

/// What one case has for itself: on a server of all it would weigh on the others.
#[derive(Debug)]
pub(crate) enum Kept {
    Server { case: String, server: Server },
    Cluster(Cluster),
}

/// Above the ports of all single brokers.
const CLUSTER_PORTS: u16 = 300;

/// A Java machine compiles what it runs often; until then it is several times slower.
const WARM_JVM: Duration = Duration::from_secs(8);

impl Subject {
    fn window(&self) -> Window {
        let warm = if self.warms_up() { WARM_JVM } else { self.window.warm };
        Window { warm, ..self.window }
    }

    fn warms_up(&self) -> bool {
        self.first.get() && self.kind == Kind::Kafka
    }

    /// For a pass that ends by itself, however long that takes: where a Java machine has to warm up it is done again.
    fn until_warm(&self, pass: impl Fn(&Self) -> Result<Figures>) -> Result<Figures> {
        let began = Instant::now();
        loop {
            let figures = pass(self)?;
            if !self.warms_up() || began.elapsed() >= WARM_JVM {
                return Ok(figures);
            }
        }
    }

    /// No other topic of this system has it.
    fn next_topic(&self) -> u32 {
        self.topics_made.update(|made| made + 1);
        self.topics_made.get()
    }

    /// The pid of the server that `case` has for itself; the first pass starts it and lets `prepare` fill it.
    fn kept(&self, case: &str, prepare: impl FnOnce(&mut Admin) -> Result<()>) -> Result<u32> {
        let mut kept = self.kept.borrow_mut();
        if let Some(Kept::Server { case: of, server }) = kept.as_ref()
            && of == case
        {
            return Ok(server.pid());
        }
        // The port must be free before the next one takes it.
        *kept = None;
        let program = self.program()?;
        let folder = self.spare_folder.join(case.replace('/', "-"));
        let server = Server::start(program, self.spare_address, &folder)?;
        prepare(&mut Admin::connect(self.spare_address)?)?;
        let pid = server.pid();
        *kept = Some(Kept::Server { case: case.to_owned(), server });
        Ok(pid)
    }

    /// Three brokers that the case has for itself through all of its passes.
    fn with_cluster<T>(&self, work: impl FnOnce(&mut Cluster) -> Result<T>) -> Result<T> {
        let mut kept = self.kept.borrow_mut();
        if !matches!(*kept, Some(Kept::Cluster(_))) {
            *kept = None;
            *kept = Some(Kept::Cluster(self.new_cluster()?));
        }
        let Some(Kept::Cluster(cluster)) = kept.as_mut() else { bail!("the cluster is gone") };
        work(cluster)
    }

    /// Three brokers on fresh folders.
    fn new_cluster(&self) -> Result<Cluster> {
        let folder = self.spare_folder.join("cluster");
        if folder.exists() {
            fs::remove_dir_all(&folder).context("remove the data of the cluster before")?;
        }
        let base = SocketAddr::new(self.spare_address.ip(), self.spare_address.port() + CLUSTER_PORTS);
        Cluster::start(self.program()?, base, &folder)
    }

    fn program(&self) -> Result<&Program> {
        self.program.as_ref().context("a broker that somebody else runs cannot be started")
    }
}

const ALL: &[Kind] = &Kind::ALL;
const BROKERS: &[Kind] = &[Kind::Ours, Kind::Kafka];

/// Every case, in the order in which they run.
pub(crate) fn cases() -> Vec<Case> {
    [
        produce::cases(),
        consume::cases(),
        backfill::cases(),
        librdkafka::cases(),
        java::cases(),
        partitions::cases(),
        start::cases(),
        replication::cases(),
        failover::cases(),
        controller::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Those of `cases` that `chosen` names by row or by whole name; all where it is empty.
pub(crate) fn choose(cases: Vec<Case>, chosen: &[String]) -> Result<Vec<Case>> {
    let row = |case: &Case| case.name.split('/').next().map(str::to_owned);
    for name in chosen {
        let known = cases.iter().any(|case| case.name == *name || row(case).as_ref() == Some(name));
        ensure!(known, "no row is called {name}; `bench rows` lists them");
    }
    let wanted = |case: &Case| {
        chosen.is_empty() || chosen.contains(&case.name) || row(case).is_some_and(|row| chosen.contains(&row))
    };
    Ok(cases.into_iter().filter(wanted).collect())
}

/// Takes the cases with that need out of `cases` and returns their names.
pub(crate) fn leave_out(cases: &mut Vec<Case>, need: Need) -> Vec<String> {
    cases.extract_if(.., |case| case.needs == Some(need)).map(|case| case.name).collect()
}

/// A topic for one pass; gone after it.
pub(crate) struct Topic<'a> {
    pub(crate) name: String,
    subject: &'a Subject,
}

impl<'a> Topic<'a> {
    /// On the floor, where there are no topics, everything is forgotten instead.
    pub(crate) fn create(subject: &'a Subject, partitions: i32, configs: &[(&str, &str)]) -> Result<Self> {
        let name = format!("bench-{}-{}", std::process::id(), subject.next_topic());
        if subject.kind == Kind::Floor {
            crate::floor::forget(subject.address)?;
        } else {
            Admin::connect(subject.address)?.create_topic(&name, partitions, configs)?;
        }
        Ok(Self { name, subject })
    }

    pub(crate) fn delete(self) -> Result<()> {
        if self.subject.kind == Kind::Floor {
            return crate::floor::forget(self.subject.address);
        }
        Admin::connect(self.subject.address)?.delete_topic(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(chosen: &[&str]) -> Result<Vec<String>> {
        let chosen: Vec<_> = chosen.iter().map(|name| (*name).to_owned()).collect();
        Ok(choose(cases(), &chosen)?.into_iter().map(|case| case.name).collect())
    }

    #[test]
    fn a_row_chooses_all_of_its_cases_and_a_name_one() {
        assert_eq!(names(&[]).unwrap().len(), cases().len());
        let row = names(&["P5"]).unwrap();
        assert!(row.len() > 1 && row.iter().all(|name| name.starts_with("P5/")));
        assert_eq!(names(&["P5/16"]).unwrap(), ["P5/16"]);
        assert!(names(&["P5", "P99"]).is_err());
    }

    #[test]
    fn what_lacks_its_need_is_left_out_by_name() {
        let mut cases = choose(cases(), &["C2", "L2", "J2"].map(str::to_owned)).unwrap();
        assert_eq!(leave_out(&mut cases, Need::Librdkafka), ["L2/100", "L2/1k"]);
        assert_eq!(leave_out(&mut cases, Need::KafkaJars), ["J2/100", "J2/1k"]);
        assert_eq!(leave_out(&mut cases, Need::OwnServer), ["C2/beside"]);
        assert_eq!(cases.into_iter().map(|case| case.name).collect::<Vec<_>>(), ["C2/alone"]);
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = cases().into_iter().map(|case| case.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
