//! Any sequence of operations against the simplest model there is: a vector of records.

use super::kit::*;
use crate::{LogConfig, Start, memory_disk::MemoryDisk};
use model::{Offset, WallTime};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    /// Records per batch of one group, and how far time moves (it may go back).
    Append(Vec<usize>, i64),
    Roll,
    /// Per mille of what is there.
    Truncate(u32),
    DeleteRecords(u32),
    RetainAt(i64),
    Close,
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (prop::collection::vec(1usize..5, 1..6), -20i64..50).prop_map(|(counts, time)| Step::Append(counts, time)),
        1 => Just(Step::Roll),
        1 => (500u32..1000).prop_map(Step::Truncate),
        1 => (0u32..400).prop_map(Step::DeleteRecords),
        1 => (0i64..400).prop_map(Step::RetainAt),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
    ]
}

struct Model {
    /// Offset, timestamp, value.
    records: Vec<(i64, i64, String)>,
    /// First offset after each batch.
    boundaries: Vec<i64>,
    start: i64,
    end: i64,
}

impl Model {
    fn part(&self, per_mille: u32) -> i64 {
        self.start + (self.end - self.start) * i64::from(per_mille) / 1000
    }

    fn visible(&self) -> Vec<(i64, String)> {
        let visible = self.records.iter().filter(|(offset, ..)| *offset >= self.start);
        visible.map(|(offset, _, value)| (*offset, value.clone())).collect()
    }

    fn truncate(&mut self, to: i64) {
        self.boundaries.retain(|boundary| *boundary <= to);
        // A batch that holds the offset goes whole.
        self.end = self.boundaries.last().copied().unwrap_or(self.start).max(0);
        let end = self.end;
        self.records.retain(|(offset, ..)| *offset < end);
    }
}

fn config() -> LogConfig {
    LogConfig { segment_bytes: 600, retention_ms: 100, ..LogConfig::default() }
}

fn check(log: &Log, model: &Model, time: i64) {
    assert_eq!((log.log_start().0, log.log_end().0), (model.start, model.end));
    assert_eq!(read_all(log), model.visible());
    let middle = model.part(500);
    let from_middle: Vec<_> = model.visible().into_iter().filter(|(offset, _)| *offset >= middle).collect();
    assert_eq!(read_from(log.view(), middle, 100), from_middle);
    for target in [time - 200, time - 30, time] {
        let expected = model.records.iter().find(|(offset, at, _)| *offset >= model.start && *at >= target);
        let found = log.view().offset_for_timestamp(WallTime(target), log.log_end()).unwrap();
        assert_eq!(
            found.map(|found| (found.offset.0, found.timestamp.0)),
            expected.map(|(offset, at, _)| (*offset, *at))
        );
    }
}

fn run(steps: &[Step]) {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, config());
    let mut model = Model { records: Vec::new(), boundaries: vec![0], start: 0, end: 0 };
    let mut time = NOW.0;
    for step in steps {
        match step {
            Step::Append(counts, later) => {
                time += later;
                let mut group = Vec::new();
                for count in counts {
                    let names: Vec<String> =
                        (0..*count).map(|index| format!("record {}", model.end + index as i64)).collect();
                    let texts: Vec<&str> = names.iter().map(String::as_str).collect();
                    group.push(crate::PreparedBatch::new(values(time, &texts)).unwrap());
                    for name in names {
                        model.records.push((model.end, time, name));
                        model.end += 1;
                    }
                    model.boundaries.push(model.end);
                }
                append(&mut log, &group);
            }
            Step::Roll => log.roll(NOW).unwrap(),
            Step::Truncate(part) => {
                let to = model.part(*part);
                log.truncate_to(Offset(to), NOW).unwrap();
                if to < model.end {
                    if to <= model.start {
                        // Nothing that consumers may see is left; where the log goes on is the log's choice.
                        model.start = model.start.min(log.log_start().0);
                    }
                    model.truncate(to);
                    (model.start, model.end) = (log.log_start().0.min(model.start), model.end.max(log.log_start().0));
                }
            }
            Step::DeleteRecords(part) => {
                let to = model.part(*part);
                log.delete_records(Offset(to)).unwrap();
                model.start = to;
            }
            Step::RetainAt(later) => {
                log.apply_retention(WallTime(time + later), log.log_end()).unwrap();
                let start = log.log_start().0;
                assert!(start >= model.start);
                let gone = model.records.iter().filter(|(offset, ..)| (model.start..start).contains(offset));
                assert!(gone.clone().all(|(_, at, _)| *at < time + later - 100), "only what is old");
                model.start = start;
            }
            Step::Close => {
                let entry = log.close().unwrap();
                let (reopened, report) = reopen(&disk, config(), Start::Clean(&entry));
                assert_eq!(report.scanned_bytes, 0);
                log = reopened;
            }
            Step::Kill => {
                let entry = log.checkpoint();
                let (reopened, report) = reopen(&disk, config(), Start::Clean(&entry));
                assert!(report.corrupt.is_empty());
                log = reopened;
            }
        }
        check(&log, &model, time);
    }
}

#[test]
fn segment_goes_on_with_its_largest_timestamp_after_a_clean_start() {
    // Older records follow in the segment, a newer one opens the next: the first is still found by its time.
    let older_after_close = [
        Step::Append(vec![1, 1, 1, 1, 1, 1], 0),
        Step::Append(vec![1], 0),
        Step::Close,
        Step::Append(vec![1, 1, 1, 1, 1], -9),
        Step::Append(vec![1, 1], 31),
        Step::DeleteRecords(500),
    ];
    run(&older_after_close);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_a_vector_of_records(steps in prop::collection::vec(step(), 1..40)) {
        run(&steps);
    }
}
