use super::*;
use model::LeaderEpoch;
use std::{
    fs::{self, OpenOptions},
    io::Write,
};

#[tokio::test]
async fn clean_start_opens_no_log() {
    let mut broker = Fixture::start().await;
    broker.topic("orders", 2, &[]).await;
    broker.append("orders", 0, &["a", "b"]).await;
    broker.restart().await;
    let partition = broker.partition("orders", 0);
    assert!(partition.view().is_none());
    assert_eq!(partition.state(), State::Serving);
    assert_eq!(partition.offsets().high_watermark, model::Offset(2));
    assert!(partition.size() > 0);
    assert_eq!(broker.values("orders", 0).await, ["a", "b"]);
}

#[tokio::test]
async fn killed_broker_keeps_what_it_acknowledged() {
    let broker = Fixture::start().await;
    broker.topic("orders", 2, &[]).await;
    broker.append("orders", 0, &["a", "b"]).await;
    broker.append("orders", 1, &["c"]).await;
    let crashed = broker.after_a_crash().await;
    crashed.broker().partitions.recovered().await;
    assert_eq!(crashed.values("orders", 0).await, ["a", "b"]);
    assert_eq!(crashed.values("orders", 1).await, ["c"]);
    assert_eq!(crashed.append("orders", 0, &["d"]).await, 2);
}

#[tokio::test]
async fn whoever_sees_a_recovered_partition_served_sees_its_records() {
    const PARTITIONS: i32 = 200;
    let broker = Fixture::start().await;
    broker.topic("orders", PARTITIONS, &[]).await;
    for index in 0..PARTITIONS {
        broker.append("orders", index, &["a"]).await;
    }
    let crashed = broker.after_a_crash().await;
    // The threads of the disk pool recover meanwhile; this one looks as often as it can.
    let mut waiting: Vec<_> = (0..PARTITIONS).map(|index| crashed.partition("orders", index)).collect();
    while !waiting.is_empty() {
        waiting.retain(|partition| {
            if partition.check(LeaderEpoch::UNKNOWN).is_err() {
                return true;
            }
            let offsets = partition.offsets();
            assert_eq!((offsets.high_watermark.0, offsets.log_end.0), (1, 1), "{}", partition.id());
            false
        });
    }
}

#[tokio::test]
async fn torn_tail_is_cut_to_the_last_whole_batch() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    let mut left = broker.left_behind().await;
    let mut log = OpenOptions::new().append(true).open(left.first_segment("orders", 0)).unwrap();
    log.write_all(&batch(&["torn"])[..40]).unwrap();
    left.start_again(&[]).await;
    left.broker().partitions.recovered().await;
    assert_eq!(left.values("orders", 0).await, ["a"]);
    assert_eq!(left.append("orders", 0, &["b"]).await, 1);
}

#[tokio::test]
async fn only_partitions_in_doubt_are_recovered() {
    let mut broker = Fixture::start().await;
    broker.topic("orders", 2, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    broker.append("orders", 1, &["b"]).await;
    broker.restart().await;
    broker.append("orders", 1, &["c"]).await;
    let crashed = broker.after_a_crash().await;
    assert_eq!(crashed.partition("orders", 0).state(), State::Serving);
    assert!(crashed.partition("orders", 0).view().is_none(), "nothing happened to it since the clean stop");
    crashed.broker().partitions.recovered().await;
    assert_eq!(crashed.values("orders", 1).await, ["b", "c"]);
    assert_eq!(crashed.values("orders", 0).await, ["a"]);
}

#[tokio::test]
async fn crash_after_a_checkpoint_loses_nothing() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    broker.broker().partitions.checkpoint().await.unwrap();
    broker.append("orders", 0, &["b"]).await;
    let crashed = broker.after_a_crash().await;
    crashed.broker().partitions.recovered().await;
    assert_eq!(crashed.values("orders", 0).await, ["a", "b"]);
}

#[tokio::test]
async fn damaged_batch_is_never_served() {
    let mut broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["good"]).await;
    broker.append("orders", 0, &["flipped"]).await;
    broker.append("orders", 0, &["after"]).await;
    let path = broker.first_segment("orders", 0);
    broker.stop().await;
    let mut bytes = fs::read(&path).unwrap();
    let position = bytes.windows(7).position(|window| window == b"flipped").unwrap();
    bytes[position] ^= 1;
    fs::write(&path, bytes).unwrap();
    broker.start_again(&[]).await;
    assert_eq!(broker.values("orders", 0).await, ["good"]);
    let damaged = broker.fetch_one("orders", 0, 1).await;
    assert_eq!(damaged.error_code, Code::CorruptMessage.code());
    assert!(damaged.records.unwrap_or_default().is_empty());
}

#[tokio::test]
async fn folder_whose_deletion_was_interrupted_goes_at_the_next_start() {
    let mut broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.stop().await;
    let doomed = broker.folder.path().join("gone-0.0123456789abcdef-delete");
    fs::create_dir(&doomed).unwrap();
    broker.start_again(&[]).await;
    broker.broker().partitions.disk_pool().run(|| ()).await;
    while doomed.exists() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn folder_of_another_topic_is_moved_aside() {
    let mut broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    broker.stop().await;
    copy_folder(&broker, "orders-0", "other-0");
    broker.start_again(&[]).await;
    broker.topic("other", 1, &[]).await;
    assert_eq!(broker.append("other", 0, &["mine"]).await, 0);
    assert_eq!(broker.values("other", 0).await, ["mine"]);
    assert_eq!(strays(&broker), 1);
}

/// Metadata that lost what was decided last may lack partitions that were added, and acknowledged records with them.
#[tokio::test]
async fn folder_of_a_partition_that_its_topic_does_not_have_is_kept() {
    let mut broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    broker.stop().await;
    copy_folder(&broker, "orders-0", "orders-1");
    broker.start_again(&[]).await;
    broker.broker().partitions.disk_pool().run(|| ()).await;
    assert_eq!(strays(&broker), 1);
    assert_eq!(broker.values("orders", 0).await, ["a"]);
}

fn copy_folder(broker: &Fixture, from: &str, to: &str) {
    let (from, to) = (broker.folder.path().join(from), broker.folder.path().join(to));
    fs::create_dir(&to).unwrap();
    for file in fs::read_dir(&from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

fn strays(broker: &Fixture) -> usize {
    let entries = fs::read_dir(broker.folder.path()).unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with("-stray")).count()
}

/// A volume that comes back to a machine which is still in the boot of its last stay: what was written elsewhere meanwhile may
/// be lost, although the boot is the same.
#[tokio::test]
async fn what_another_boot_knew_is_forgotten_before_anything_is_written() {
    let broker = Fixture::start().await;
    let left = broker.left_behind().await;
    let boot = left.folder.path().join("partitions.boot");
    let disk = FileDisk::new(left.folder.path());
    assert!(Known::read(&disk).unwrap().is_whole());
    assert!(boot.exists(), "it is this boot");
    fs::write(&boot, "another boot").unwrap();
    assert!(!Known::read(&disk).unwrap().is_whole());
    assert!(!boot.exists());
}
