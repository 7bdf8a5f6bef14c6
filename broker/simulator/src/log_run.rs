//! One partition's log under an idempotent producer that retries, while the process (or the machine) dies over and over.
//!
//! What is checked after every death:
//! - the process died: every acknowledged record is there, once, in order, at the offset that was acknowledged;
//! - the machine died: the same for every record that was acknowledged and flushed;
//! - a retry of what was not acknowledged is appended, or is a duplicate with the offset of the first try.

mod producer;

use crate::random::Random;
use model::{LeaderEpoch, Offset, TopicId, WallTime};
use partition_log::{
    AppendOutcome, Crash, Disk as _, DiskFile as _, Log, LogConfig, ManifestEntry, ReadRange, Start, StorageError,
    memory_disk::MemoryDisk,
};
use producer::Producer;
pub(crate) use producer::number_of;
use protocol::record_batch::Batches;

const FOLDER: &str = "simulated-0";
const NOW: WallTime = WallTime(1_700_000_000_000);

/// How a run is made.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    pub seed: u64,
    /// How often something dies.
    pub deaths: u32,
    /// Some of the deaths take the machine with them.
    pub machine_dies: bool,
}

/// What a run did, for the test that runs it twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub acknowledged: usize,
    pub duplicates: usize,
    pub refused_by_full_disk: usize,
    pub truncated_bytes: u64,
    pub compactions: usize,
    pub files: Vec<(String, Vec<u8>)>,
}

struct Run {
    setup: Setup,
    random: Random,
    disk: MemoryDisk,
    log: Log<MemoryDisk>,
    epoch: LeaderEpoch,
    /// What the shell last wrote into its manifest; older than the log, as in life.
    entry: ManifestEntry,
    producer: Producer,
    /// Everything below was flushed, by a flush that returned.
    flushed: Offset,
    outcome: Outcome,
}

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 2000,
        // Every key is written once: compaction must keep every record.
        cleanup_compact: true,
        min_cleanable_dirty_permille: 300,
        retention_ms: -1,
        ..LogConfig::default()
    }
}

/// Runs until the deaths are used up. Panics, with the seed, when a promise is broken.
pub fn run(setup: Setup) -> Outcome {
    let disk = MemoryDisk::new();
    let (log, _) = Log::open(disk.clone(), FOLDER, TopicId::ZERO, config(), Start::New, NOW)
        .expect("an empty disk takes a new log");
    let mut run = Run {
        setup,
        random: Random::new(setup.seed),
        entry: log.checkpoint(),
        disk,
        log,
        epoch: LeaderEpoch(0),
        producer: Producer::default(),
        flushed: Offset::ZERO,
        outcome: Outcome {
            acknowledged: 0,
            duplicates: 0,
            refused_by_full_disk: 0,
            truncated_bytes: 0,
            compactions: 0,
            files: Vec::new(),
        },
    };
    for _ in 0..setup.deaths {
        run.live_until_death();
        run.rise();
    }
    run.finish()
}

impl Run {
    fn live_until_death(&mut self) {
        let deadline = self.disk.changes() + 1 + self.random.below(120);
        self.disk.crash_at(deadline, self.random.draw());
        while !self.disk.is_crashed() {
            // An error is the death, or a full disk, which the step itself has looked at.
            let _ = self.step();
        }
    }

    fn step(&mut self) -> Result<(), StorageError> {
        match self.random.below(20) {
            0 => self.log.roll(NOW),
            1 => {
                self.flush();
                Ok(())
            }
            2 => {
                self.entry = self.log.checkpoint();
                Ok(())
            }
            3 => self.compact(),
            4 => self.fill_disk(),
            _ => self.append(),
        }
    }

    fn append(&mut self) -> Result<(), StorageError> {
        let fresh = self.random.below(4);
        for _ in 0..fresh {
            let records = 1 + self.random.below(4);
            self.producer.make_batch(records);
        }
        let group = self.producer.in_flight();
        if group.is_empty() {
            return Ok(());
        }
        let outcomes = self.log.append_as_leader(&group, self.epoch, NOW)?;
        for outcome in outcomes {
            let offset = match outcome {
                AppendOutcome::Appended { base_offset, .. } => base_offset,
                AppendOutcome::Duplicate { base_offset, .. } => {
                    self.outcome.duplicates += 1;
                    base_offset
                }
                AppendOutcome::Refused(error) => {
                    panic!("seed {}: a batch in order was refused: {error}", self.setup.seed)
                }
            };
            self.producer.acknowledge(offset);
        }
        self.log.high_watermark_advanced(self.log.log_end());
        Ok(())
    }

    fn flush(&mut self) {
        let plan = self.log.flush_plan();
        if plan.run().is_ok() {
            self.log.flushed(&plan);
            self.flushed = plan.up_to;
            self.entry = self.log.checkpoint();
        }
    }

    fn compact(&mut self) -> Result<(), StorageError> {
        let Some(mut job) = self.log.cleaning_job(NOW, self.log.log_end(), 1 << 16) else { return Ok(()) };
        let cleaned = loop {
            if let Some(cleaned) = job.step(1000)? {
                break cleaned;
            }
        };
        for files in self.log.finish_cleaning(cleaned)? {
            // What is not removed now is removed at the next start.
            let _ = files.remove_from(&self.disk);
        }
        self.outcome.compactions += 1;
        Ok(())
    }

    /// A disk without space refuses appends and nothing else; with space again, everything goes on.
    fn fill_disk(&mut self) -> Result<(), StorageError> {
        let used: usize =
            self.disk.paths().iter().filter_map(|path| self.disk.content(path)).map(|file| file.len()).sum();
        self.disk.set_capacity(Some(used as u64 + self.random.below(200)));
        for _ in 0..3 {
            if self.append().is_err() {
                self.outcome.refused_by_full_disk += 1;
            }
        }
        self.disk.set_capacity(None);
        if !self.disk.is_crashed() {
            self.check(Offset(0));
        }
        Ok(())
    }

    /// The next process opens what the last one left.
    fn rise(&mut self) {
        let machine = self.setup.machine_dies && self.random.once_in(2);
        let crash = if machine { Crash::Machine } else { Crash::Process };
        self.disk =
            if machine { self.disk.after_machine_loss(self.random.draw()) } else { self.disk.after_process_death() };
        let start = Start::Unclean { entry: Some(&self.entry), crash };
        let opened = Log::open(self.disk.clone(), FOLDER, TopicId::ZERO, config(), start, NOW);
        let (log, report) = opened.unwrap_or_else(|error| panic!("seed {}: {error:?}", self.setup.seed));
        assert!(report.corrupt.is_empty(), "seed {}: nothing was damaged: {report:?}", self.setup.seed);
        self.outcome.truncated_bytes += report.truncated_bytes;
        self.log = log;
        self.log.high_watermark_advanced(self.log.log_end());
        if machine {
            assert!(self.log.log_end() >= self.flushed, "seed {}: flushed records are gone", self.setup.seed);
            self.producer.forget_from(self.log.log_end());
        }
        self.check(Offset(0));
        self.epoch = self.epoch.next();
        self.log.start_leader_epoch(self.epoch).expect("the new process has a healthy disk");
        if machine {
            // Acknowledged records that were never flushed may be gone, and the producer's sequence with them.
            self.producer.start_over();
        }
    }

    /// Reads everything as a consumer does and compares it with what was acknowledged.
    fn check(&self, from: Offset) {
        let view = self.log.view();
        let (mut next, mut cursor, below) = (from, None, view.log_end());
        let mut found = Vec::new();
        while let Some(mut plan) = view
            .plan_read(ReadRange { from: next, below, max_bytes: 3000, at_least_one: true }, cursor)
            .unwrap_or_else(|error| panic!("seed {}: {error}", self.setup.seed))
        {
            let mut bytes = vec![0; plan.length as usize];
            let read = plan.file.read_at(plan.position, &mut bytes).expect("a healthy disk");
            assert_eq!(read, bytes.len(), "seed {}: short read", self.setup.seed);
            plan.verify(&bytes).unwrap_or_else(|error| panic!("seed {}: {error}", self.setup.seed));
            for batch in Batches::new(&bytes[..plan.length as usize]) {
                let batch = batch.expect("verified just before");
                next = batch.header.next_offset();
                let mut scratch = Vec::new();
                for record in batch.records(&mut scratch, 1 << 20).expect("not compressed") {
                    let record = record.expect("verified just before");
                    found.push((record.offset, producer::number_of(record.key)));
                }
            }
            cursor = Some(plan.next);
        }
        self.producer.check(&found, self.setup.seed);
    }

    fn finish(mut self) -> Outcome {
        // The producer gets its last answers.
        while !self.producer.in_flight().is_empty() {
            self.append().expect("a healthy disk");
        }
        self.check(Offset(0));
        self.outcome.acknowledged = self.producer.acknowledged();
        let paths = self.disk.paths();
        self.outcome.files =
            paths.into_iter().filter_map(|path| self.disk.content(&path).map(|content| (path, content))).collect();
        let listed = self.disk.list(FOLDER).map_or(0, |files| files.len());
        assert_eq!(listed, self.outcome.files.len(), "one folder");
        self.outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acknowledged_is_lost_when_the_process_dies() {
        let mut all = (0, 0, 0, 0, 0);
        for seed in 0..150 {
            let outcome = run(Setup { seed, deaths: 12, machine_dies: false });
            all.0 += outcome.acknowledged;
            all.1 += outcome.duplicates;
            all.2 += outcome.refused_by_full_disk;
            all.3 += outcome.truncated_bytes;
            all.4 += outcome.compactions;
        }
        assert!(
            all.0 > 50_000 && all.1 > 50 && all.2 > 100 && all.3 > 1000 && all.4 > 50,
            "too little happened: {all:?}"
        );
    }

    #[test]
    fn nothing_flushed_is_lost_when_the_machine_dies() {
        for seed in 1000..1150 {
            run(Setup { seed, deaths: 12, machine_dies: true });
        }
    }

    #[test]
    fn the_same_seed_is_the_same_run() {
        for seed in [7, 1001] {
            let setup = Setup { seed, deaths: 10, machine_dies: true };
            assert_eq!(run(setup), run(setup));
        }
    }
}
