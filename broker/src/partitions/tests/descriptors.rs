//! Files that stay open: a bounded number, whatever the number of partitions.

use super::*;
use crate::api::fixture::{fetch_request, values};
use futures_util::future::join_all;
use std::{collections::BTreeSet, fs};

const MOST: usize = 32;
const PARTITIONS: i32 = 200;

/// Files of logs that this process has open.
fn open_files(broker: &Fixture) -> Vec<String> {
    let logs = broker.folder.path().canonicalize().unwrap().join("orders-");
    let descriptors = fs::read_dir("/proc/self/fd").unwrap();
    let open = descriptors
        .filter_map(|descriptor| fs::read_link(descriptor.ok()?.path()).ok()?.into_os_string().into_string().ok());
    open.filter(|path| path.starts_with(logs.to_str().unwrap())).collect()
}

async fn write_to_each(broker: &Fixture, value: &str) {
    join_all((0..PARTITIONS).map(|index| broker.append("orders", index, std::slice::from_ref(&value)))).await;
}

/// Asks for what is missing until nothing is; each request names all of that, as a consumer's would.
async fn read_each(broker: &Fixture, offset: i64) -> Vec<String> {
    let mut missing: BTreeSet<i32> = (0..PARTITIONS).collect();
    let mut read = Vec::new();
    while !missing.is_empty() {
        let asked: Vec<_> = missing.iter().map(|index| (*index, offset)).collect();
        let response = broker.fetch(12, &fetch_request("orders", &asked)).await;
        let before = missing.len();
        for data in &response.responses[0].partitions {
            assert_eq!(data.error_code, 0, "{data:?}");
            let found = values(data);
            if !found.is_empty() {
                missing.remove(&data.partition_index);
                read.extend(found);
            }
        }
        let answered = before - missing.len();
        // What is planned keeps its file open until it is sent: one answer may have a sixteenth of them.
        assert!((1..=MOST / 16).contains(&answered), "{answered} partitions in one answer");
    }
    read
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_partitions_than_files_may_be_open_are_written_and_read() {
    let mut broker = Fixture::start().await;
    broker.broker().partitions.host.disk.set_most_open_files(MOST);
    broker.topic("orders", PARTITIONS, &[]).await;
    for value in ["a", "b"] {
        write_to_each(&broker, value).await;
        assert!(open_files(&broker).len() <= MOST, "{:?}", open_files(&broker));
    }
    assert_eq!(read_each(&broker, 1).await, vec!["b"; PARTITIONS as usize]);
    assert!(open_files(&broker).len() <= MOST);
    broker.restart().await;
    broker.broker().partitions.host.disk.set_most_open_files(MOST);
    assert_eq!(read_each(&broker, 0).await.len(), 2 * PARTITIONS as usize);
    assert!(open_files(&broker).len() <= MOST);
}

#[tokio::test]
async fn idle_partition_has_no_file_open() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    broker.partition("orders", 0).last_use.store(0, Ordering::Relaxed);
    assert_eq!(open_files(&broker).len(), 1);
    broker.broker().partitions.host.apply_retention().await;
    assert_eq!(open_files(&broker), Vec::<String>::new());
    assert_eq!(broker.values("orders", 0).await, ["a"]);
}
