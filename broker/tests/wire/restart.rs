use crate::harness::TestBroker;
use kafka_protocol::messages::{
    ApiVersionsRequest, CreateTopicsRequest, MetadataRequest, TopicName, create_topics_request::CreatableTopic,
};

#[tokio::test]
async fn a_clean_restart_keeps_the_cluster_and_its_topics() {
    let broker = TestBroker::with(&[("num.partitions", "3")]).await;
    let mut client = broker.client().await;
    let topic = CreatableTopic::default()
        .with_name(TopicName("kept".to_owned().into()))
        .with_num_partitions(-1)
        .with_replication_factor(-1);
    let created =
        client.call(7, &CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000)).await;
    assert_eq!((created.topics[0].error_code, created.topics[0].num_partitions), (0, 3));
    let before = client.call(12, &MetadataRequest::default().with_topics(None)).await;

    let broker = broker.restart().await;
    let after = broker.client().await.call(12, &MetadataRequest::default().with_topics(None)).await;
    assert_eq!(after.cluster_id, before.cluster_id);
    assert_eq!(after.brokers[0].port, i32::from(broker.address().port()), "tells the port it really has");
    assert_eq!(after.topics[0].topic_id, created.topics[0].topic_id);
    assert_eq!(after.topics[0].partitions.len(), 3);
    for (before, after) in before.topics[0].partitions.iter().zip(&after.topics[0].partitions) {
        assert!(after.leader_epoch > before.leader_epoch, "a new leadership has a new epoch");
    }
}

#[tokio::test]
async fn stopping_closes_connections_and_a_crash_does_too() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    assert_eq!(client.call(0, &ApiVersionsRequest::default()).await.error_code, 0);
    let (folder, _) = broker.stop().await;
    assert_eq!(client.receive_frame().await, None);
    drop(folder);

    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    assert_eq!(client.call(0, &ApiVersionsRequest::default()).await.error_code, 0);
    drop(broker);
    assert_eq!(client.receive_frame().await, None);
}
