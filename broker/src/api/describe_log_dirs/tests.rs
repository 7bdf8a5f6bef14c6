use super::*;
use crate::api::fixture::{Fixture, wire_name};
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;

#[tokio::test]
async fn every_partition_is_listed_with_its_size() {
    let broker = Fixture::start().await;
    broker.topic("orders", 2, &[]).await;
    broker.append("orders", 1, &["a"]).await;
    let response = answer(&broker.context(4), DescribeLogDirsRequest::default().with_topics(None)).await;
    let dir = &response.results[0];
    assert_eq!(dir.path, broker.broker().config.data_dir.display().to_string());
    assert!(dir.total_bytes > dir.usable_bytes && dir.usable_bytes > 0);
    let sizes: Vec<i64> = dir.topics[0].partitions.iter().map(|partition| partition.size).collect();
    assert_eq!(sizes[0], 0);
    assert_eq!(sizes[1], i64::try_from(crate::api::fixture::batch(&["a"]).len()).unwrap());
}

#[tokio::test]
async fn only_what_is_asked_and_there_is_listed() {
    let broker = Fixture::start().await;
    broker.topic("orders", 2, &[]).await;
    let asked = ["orders", "nowhere"]
        .map(|name| DescribableLogDirTopic::default().with_topic(wire_name(name)).with_partitions(vec![1, 9]));
    let request = DescribeLogDirsRequest::default().with_topics(Some(asked.to_vec()));
    let response = answer(&broker.context(1), request).await;
    let topics = &response.results[0].topics;
    assert_eq!((topics.len(), topics[0].partitions.len()), (1, 1));
    assert_eq!(topics[0].partitions[0].index, PartitionIndex(1));
}

#[tokio::test]
async fn no_folder_is_cordoned() {
    let broker = Fixture::start().await;
    let everything_as_null = Bytes::from_static(&[0, 0]);
    let Response::Bytes(frame) = handle(broker.context(5), everything_as_null).await else { panic!("answered") };
    // Behind the flag are the tags of the folder and of the whole.
    assert!(frame.ends_with(&[0, 0, 0]));
    assert!(!answer(&broker.context(5), DescribeLogDirsRequest::default()).await.results[0].is_cordoned);
}
