use super::*;
use model::{LeaderEpoch, ProducerEpoch, ProducerId, Sequence, WallTime};
use protocol::record_batch::{
    BatchHeader, BatchOptions, Batches, HEADER_SIZE, MarkerKind, RecordData, build_batch, control_batch,
    set_base_offset, with_crc,
};
use std::{
    fs::{self, File},
    os::unix::net::UnixListener,
};
use tempfile::TempDir;

/// A data folder of ours, and one of Kafka's with the partition `orders-0` in two segments.
struct Folders {
    ours: TempDir,
    kafka: TempDir,
}

impl Folders {
    fn new() -> Self {
        let folders = Self { ours: TempDir::new().unwrap(), kafka: TempDir::new().unwrap() };
        fs::write(folders.ours.path().join("weir.json"), "{}").unwrap();
        fs::write(folders.kafka.path().join("meta.properties"), "version=1").unwrap();
        fs::write(folders.kafka.path().join(".kafka_cleanshutdown"), "").unwrap();
        fs::create_dir(folders.orders()).unwrap();
        folders.put("00000000000000000005.log", &[batch(5, 3), batch(8, 2)].concat());
        folders.put("00000000000000000010.log", &batch(10, 1));
        folders.put("00000000000000000010.index", b"of the other broker");
        folders.put("00000000000000000010.snapshot", b"producers");
        folders.put("00000000000000000099.snapshot", b"of nothing that is there");
        folders.put("partition.metadata", b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA\n");
        folders
    }

    fn orders(&self) -> PathBuf {
        self.kafka.path().join("orders-0")
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.orders().join(name), bytes).unwrap();
    }

    fn import(&self) -> anyhow::Result<Imported> {
        import(&self.orders(), &DataFolder::lock(self.ours.path())?)
    }

    /// The reason, and nothing was left behind that a broker would take.
    fn refusal(&self) -> String {
        let error = format!("{:#}", self.import().unwrap_err());
        assert_eq!(names(self.ours.path()), [".lock", "weir.json"], "{error}");
        error
    }
}

fn batch(base: i64, records: usize) -> Vec<u8> {
    with_options(base, records, BatchOptions::default())
}

fn with_options(base: i64, records: usize, options: BatchOptions) -> Vec<u8> {
    let record = RecordData { timestamp: WallTime(base), key: None, value: Some(b"value"), headers: &[] };
    let options =
        BatchOptions { base_offset: Offset(base), partition_leader_epoch: LeaderEpoch(40 + base as i32), ..options };
    build_batch(&options, &vec![record; records]).unwrap().to_vec()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn records_keep_offsets_and_leave_the_epochs_of_their_cluster_behind() {
    let folders = Folders::new();
    let imported = folders.import().unwrap();
    assert_eq!((imported.topic.as_str(), imported.partition), ("orders", PartitionIndex(0)));
    assert_eq!((imported.log_start, imported.log_end, imported.records), (Offset(5), Offset(11), 6));
    let partition = folders.ours.path().join("orders-0");
    assert_eq!(
        names(&partition),
        [
            "00000000000000000005.log",
            "00000000000000000010.log",
            "00000000000000000010.snapshot",
            "leader-epoch-checkpoint"
        ]
    );
    assert_eq!(fs::read_to_string(partition.join("leader-epoch-checkpoint")).unwrap(), "0\n1\n0 5\n");
    let bytes = fs::read(partition.join("00000000000000000005.log")).unwrap();
    let batches: Vec<_> = Batches::new(&bytes).map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(|batch| batch.header.base_offset.0).collect::<Vec<_>>(), [5, 8]);
    for batch in batches {
        batch.check_crc().unwrap();
        assert_eq!(batch.header.partition_leader_epoch, LeaderEpoch(0));
    }
    assert_eq!(names(folders.ours.path()), [".lock", "imported.json", "orders-0", "weir.json"]);
}

#[test]
fn producer_ids_of_every_import_are_reserved() {
    let folders = Folders::new();
    let reserved = || fs::read_to_string(folders.ours.path().join("imported.json")).unwrap();
    for (name, producer, expected) in [("orders-0", 4_999, 5_000), ("late-0", 7, 5_000), ("later-0", 9_000, 9_001)] {
        let folder = folders.kafka.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        let producer = BatchOptions {
            producer_id: ProducerId(producer),
            producer_epoch: ProducerEpoch(0),
            base_sequence: Sequence(0),
            ..BatchOptions::default()
        };
        fs::write(folder.join("00000000000000000010.log"), with_options(10, 1, producer)).unwrap();
        import(&folder, &DataFolder::lock(folders.ours.path()).unwrap()).unwrap();
        assert_eq!(reserved(), format!(r#"{{"next_producer_id":{expected}}}"#));
    }
}

#[test]
fn what_was_left_of_an_import_is_replaced() {
    let folders = Folders::new();
    let left = folders.ours.path().join(".import-orders-0");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("00000000000000000000.log"), "half").unwrap();
    folders.import().unwrap();
    assert!(!folders.ours.path().join("orders-0/00000000000000000000.log").exists());
}

#[test]
fn folder_in_use_is_refused() {
    let folders = Folders::new();
    let broker = DataFolder::lock(folders.ours.path()).unwrap();
    assert!(folders.refusal().contains("stop its weir-broker first"));
    drop(broker);
    fs::remove_file(folders.kafka.path().join(".kafka_cleanshutdown")).unwrap();
    assert!(folders.refusal().contains("Kafka is running on"));
    // A copy that was taken out of Kafka's folder stands for itself.
    fs::remove_file(folders.kafka.path().join("meta.properties")).unwrap();
    folders.import().unwrap();
}

#[test]
fn partition_that_is_there_is_left_as_it_is() {
    let folders = Folders::new();
    fs::create_dir(folders.ours.path().join("orders-0")).unwrap();
    let error = format!("{:#}", folders.import().unwrap_err());
    assert!(error.contains("is there already"), "{error}");
    assert!(names(&folders.ours.path().join("orders-0")).is_empty());
}

#[test]
fn folders_that_are_no_partition_of_a_client_are_refused() {
    let folders = Folders::new();
    let target = DataFolder::lock(folders.ours.path()).unwrap();
    for (name, reason) in [
        ("orders", "not the folder of a partition"),
        ("orders-x", "not the folder of a partition"),
        ("-1", "not the folder of a partition"),
        ("orders-01", "not the folder of a partition"),
        ("orders-+1", "not the folder of a partition"),
        ("orders-2147483648", "not the folder of a partition"),
        (".-0", "not the folder of a partition"),
        ("..-0", "not the folder of a partition"),
        ("two words-0", "not the folder of a partition"),
        (&format!("{}-0", "x".repeat(250)), "not the folder of a partition"),
        ("__consumer_offsets-3", "cannot be imported"),
        ("empty-0", "no segment"),
    ] {
        let folder = folders.kafka.path().join(name);
        fs::create_dir(&folder).unwrap();
        let error = format!("{:#}", import(&folder, &target).unwrap_err());
        assert!(error.contains(reason), "{name}: {error}");
    }
    let no_data_folder = DataFolder::lock(folders.kafka.path()).unwrap_err().to_string();
    assert!(no_data_folder.contains("is no data folder of weir-broker"), "{no_data_folder}");
}

#[test]
fn damage_is_refused_and_named() {
    let good = batch(10, 1);
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut old = good.clone();
    old[16] = 1;
    let mut backwards = good.clone();
    set_base_offset(&mut backwards, Offset(3));
    for (bytes, reason) in [
        (&flipped[..], "checksum"),
        (&old, "message format 1"),
        (&good[..good.len() - 1], "ends inside a batch"),
        (&good[..30], "bytes needed"),
        (&backwards, "where 10 comes next"),
    ] {
        let folders = Folders::new();
        folders.put("00000000000000000010.log", bytes);
        let error = folders.refusal();
        assert!(error.contains(reason) && error.contains("00000000000000000010.log, byte 0"), "{error}");
    }
    let folders = Folders::new();
    folders.put("00000000000000000007.log", &good);
    assert!(folders.refusal().contains("begins before the segment in front of it ends"));
    let folders = Folders::new();
    folders.put("00000000000000000005.log.cleaned", b"");
    assert!(folders.refusal().contains("did not finish a compaction"));
}

#[test]
fn transaction_without_an_end_is_refused() {
    let producer = BatchOptions {
        producer_id: ProducerId(7),
        producer_epoch: ProducerEpoch(0),
        base_sequence: Sequence(0),
        transactional: true,
        ..BatchOptions::default()
    };
    let folders = Folders::new();
    let open = with_options(10, 2, producer);
    folders.put("00000000000000000010.log", &open);
    assert!(folders.refusal().contains("transactions of the producers 7 are open"));
    let mut end = control_batch(ProducerId(7), ProducerEpoch(0), WallTime(1), MarkerKind::Commit, 0).to_vec();
    set_base_offset(&mut end, Offset(12));
    folders.put("00000000000000000010.log", &[open, end].concat());
    assert_eq!(folders.import().unwrap().log_end, Offset(13));
}

/// A good checksum over what cannot be right.
fn with_header(batch: &[u8], change: impl FnOnce(&mut BatchHeader)) -> Vec<u8> {
    let mut header = BatchHeader::read(batch).unwrap();
    change(&mut header);
    let body = &batch[HEADER_SIZE..];
    [&with_crc(&header, body).encode()[..], body].concat()
}

#[test]
fn batches_with_a_good_checksum_that_contradict_themselves_are_refused() {
    let good = batch(10, 2);
    for (bytes, reason) in [
        (with_header(&good, |header| header.record_count = 3), "3 records at 2 offsets"),
        (with_header(&good, |header| header.record_count = -1), "-1 records at 2 offsets"),
        (with_header(&good, |header| header.attributes.0 |= 5), "compression"),
        (with_header(&good, |header| header.base_offset = Offset(i64::MAX)), "leaves no room to append"),
        (
            with_header(&good, |header| header.base_offset = Offset(i64::MAX - (1 << 32) - 1)),
            "offset 9223372032559808511 leaves no room to append",
        ),
    ] {
        let folders = Folders::new();
        folders.put("00000000000000000010.log", &bytes);
        let error = folders.refusal();
        assert!(error.contains(reason) && error.contains("00000000000000000010.log, byte 0"), "{error}");
    }
    let folders = Folders::new();
    folders.put("09223372036854775807.log", b"");
    assert!(folders.refusal().contains("leaves no room to append"));
    let folders = Folders::new();
    folders.put("00000000000000000010.log", &with_header(&good, |header| header.record_count = 0));
    assert_eq!(folders.import().unwrap().log_end, Offset(12), "compaction leaves such a batch");
}

#[test]
fn files_that_are_not_named_by_an_offset_as_kafka_does_are_refused() {
    for name in ["-5.log", "+0.log", "11.log", "x.log", "99999999999999999999.log", "+0.snapshot", "5.snapshot"] {
        let folders = Folders::new();
        folders.put(name, &batch(11, 1));
        let error = folders.refusal();
        assert!(error.contains(name) && error.contains("20 digits"), "{error}");
    }
}

#[test]
fn what_is_no_regular_file_is_refused_unopened() {
    for name in ["00000000000000000011.log", "00000000000000000010.txnindex", "00000000000000000005.snapshot"] {
        let folders = Folders::new();
        let _socket = UnixListener::bind(folders.orders().join(name)).unwrap();
        let error = folders.refusal();
        assert!(error.contains(name) && error.contains("not a regular file"), "{error}");
    }
}

#[test]
fn indexes_of_aborted_transactions_are_copied_and_giant_snapshots_refused() {
    let folders = Folders::new();
    folders.put("00000000000000000010.txnindex", b"aborted");
    let snapshot = File::create(folders.orders().join("00000000000000000005.snapshot")).unwrap();
    snapshot.set_len((64 << 20) + 1).unwrap();
    assert!(folders.refusal().contains("67108865 bytes"));
    snapshot.set_len(64 << 20).unwrap();
    folders.import().unwrap();
    let copied = folders.ours.path().join("orders-0/00000000000000000010.txnindex");
    assert_eq!(fs::read(copied).unwrap(), b"aborted");
}

#[test]
fn partition_of_another_weir_broker_is_refused() {
    let folders = Folders::new();
    fs::write(folders.kafka.path().join("weir.json"), "{}").unwrap();
    assert!(folders.refusal().contains("copy the whole of it while it is stopped"));
}
