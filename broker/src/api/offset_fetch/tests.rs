use super::*;
use crate::api::fixture::Fixture;

/// As long as nobody has swept them away.
#[tokio::test]
async fn offsets_of_deleted_topics_are_left_out_where_topics_have_ids() {
    let fixture = Fixture::start().await;
    let id = fixture.topic("orders", 1, &[]).await;
    let image = fixture.broker().metadata.current();
    let offset = FetchedOffset {
        partition: PartitionIndex(0),
        offset: Offset(5),
        leader_epoch: LeaderEpoch::UNKNOWN,
        metadata: "".into(),
        error: None,
    };
    let fetched =
        ["deleted", "orders"].map(|name| FetchedTopic { topic: name.into(), partitions: vec![offset.clone()] });
    let all = AskedGroup { group_id: "g", topics: None };
    let by_id = batched(10, &image, &all, Ok(fetched.to_vec()));
    assert_eq!(by_id.topics.iter().map(|topic| topic.topic_id).collect::<Vec<_>>(), [id.0]);
    let by_name = batched(9, &image, &all, Ok(fetched.to_vec()));
    assert_eq!(by_name.topics.iter().map(|topic| topic.name.as_str()).collect::<Vec<_>>(), ["deleted", "orders"]);
}
