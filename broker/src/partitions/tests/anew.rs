//! Topics that were deleted for good and made anew, under the same name, while the broker was down.

use super::*;
use std::{
    fs,
    path::{Path, PathBuf},
};

const OF_THE_MANIFEST: [&str; 3] = ["partitions.manifest", "partitions.clean", "partitions.boot"];

fn strays(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_str().unwrap().ends_with("-stray")).collect()
}

/// The file as programs wrote it that put no topics in: the ids stand before the checksum.
fn forget_topics(folder: &Path, entries: usize) {
    let path = folder.join("partitions.manifest");
    let bytes = fs::read(&path).unwrap();
    let mut body = bytes[..bytes.len() - 4 - 16 * entries].to_vec();
    let crc = protocol::record_batch::crc32c(&body);
    body.extend_from_slice(&crc.to_be_bytes());
    fs::write(&path, body).unwrap();
}

/// A stopped broker whose metadata has another `orders` than its folder, which holds three records.
async fn missed(knows_topics: bool) -> Fixture {
    let mut broker = Fixture::start().await;
    let id = broker.topic("orders", 2, &[]).await;
    for value in ["a", "b", "c"] {
        broker.append("orders", 0, &[value]).await;
    }
    broker.stop().await;
    let kept = tempfile::tempdir().unwrap();
    let (folder, log) = (broker.folder.path().to_owned(), "orders-0");
    fs::rename(folder.join(log), kept.path().join(log)).unwrap();
    for file in OF_THE_MANIFEST {
        fs::copy(folder.join(file), kept.path().join(file)).unwrap();
    }
    broker.start_again(&[]).await;
    broker.delete_topic(id).await;
    broker.topic("orders", 2, &[]).await;
    broker.stop().await;
    fs::rename(kept.path().join(log), folder.join(log)).unwrap();
    for file in OF_THE_MANIFEST {
        fs::copy(kept.path().join(file), folder.join(file)).unwrap();
    }
    if !knows_topics {
        forget_topics(&folder, 1);
    }
    broker
}

#[tokio::test]
async fn the_replica_of_the_topic_made_anew_begins_empty() {
    for knows_topics in [true, false] {
        let mut broker = missed(knows_topics).await;
        broker.start_again(&[]).await;
        broker.broker().partitions.recovered().await;
        let offsets = broker.partition("orders", 0).offsets();
        assert_eq!((offsets.log_end.0, offsets.high_watermark.0), (0, 0));
        assert_eq!(broker.append("orders", 0, &["new"]).await, 0);
        let stray = strays(broker.folder.path());
        assert!(stray.len() == 1 && stray[0].join("00000000000000000000.log").exists(), "it is kept");
        broker.restart().await;
        assert_eq!(broker.partition("orders", 0).state(), State::Serving);
        assert_eq!(broker.values("orders", 0).await, ["new"]);
        assert_eq!(strays(broker.folder.path()).len(), 1);
    }
}

/// As a follower it asks for the records of the new topic, from the first one on.
#[tokio::test]
async fn positions_of_the_old_log_are_never_shown() {
    let mut broker = missed(true).await;
    broker.start_again(&[]).await;
    let partition = broker.partition("orders", 0);
    assert_eq!(partition.offsets().log_end.0, 0);
    assert!(partition.ensure_open().await);
    assert_eq!((partition.offsets().log_end.0, partition.state()), (0, State::Serving));
}

/// The manifest of the last checkpoint has the old topic's log, the folder has the new one's.
#[tokio::test]
async fn a_crash_keeps_the_log_of_a_topic_made_anew_since_the_last_checkpoint() {
    let broker = Fixture::start().await;
    let id = broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["old", "older", "oldest"]).await;
    broker.broker().partitions.checkpoint().await.unwrap();
    broker.delete_topic(id).await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["new"]).await;
    let crashed = broker.after_a_crash().await;
    crashed.broker().partitions.recovered().await;
    assert_eq!(crashed.values("orders", 0).await, ["new"]);
    assert!(strays(crashed.folder.path()).is_empty());
}

/// Without a folder there is nothing to put aside, and the entry says nothing.
#[tokio::test]
async fn an_entry_of_the_old_topic_is_not_the_new_ones() {
    let mut broker = missed(true).await;
    fs::remove_dir_all(broker.folder.path().join("orders-0")).unwrap();
    broker.start_again(&[]).await;
    let partition = broker.partition("orders", 0);
    assert_eq!((partition.offsets().log_end.0, partition.state()), (0, State::Serving));
    assert!(partition.view().is_none(), "it is new");
}

#[tokio::test]
async fn topics_are_looked_up_once_in_folders_of_a_manifest_of_before() {
    let mut broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    broker.stop().await;
    let manifest = broker.folder.path().join("partitions.manifest");
    let ours = fs::read(&manifest).unwrap();
    forget_topics(broker.folder.path(), 1);
    assert_ne!(fs::read(&manifest).unwrap(), ours);
    broker.start_again(&[]).await;
    let partition = broker.partition("orders", 0);
    assert_eq!((partition.offsets().log_end.0, partition.state()), (1, State::Serving));
    assert!(partition.view().is_none(), "nothing is recovered");
    broker.stop().await;
    assert_eq!(fs::read(&manifest).unwrap(), ours);
}
