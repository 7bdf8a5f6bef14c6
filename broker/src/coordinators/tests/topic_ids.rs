//! Offsets of topics named by id (KIP-848).

use super::*;

/// A topic of an answer: id, name, and per partition its index, offset and error.
type Answered<'a> = (TopicId, &'a str, Vec<(i32, i64, i16)>);

fn answers(response: &OffsetFetchResponse) -> Vec<Answered<'_>> {
    let topics = response.groups[0].topics.iter();
    let answer = topics.map(|topic| {
        let partitions = topic.partitions.iter().map(|one| (one.partition_index, one.committed_offset, one.error_code));
        (TopicId(topic.topic_id), topic.name.as_str(), partitions.collect())
    });
    answer.collect()
}

fn two_topics(name: &str) -> OffsetFetchRequest {
    let mut request = fetch_request(name, FIRST_BY_ID);
    let topics = request.groups[0].topics.as_mut().expect("some are asked for");
    topics.push(topics[0].clone().with_name(topic("nowhere")).with_partition_indexes(vec![4]));
    topics[0].partition_indexes = vec![0, 1];
    request
}

#[tokio::test]
async fn answers_to_ids_carry_ids_and_no_names() {
    let fixture = started().await;
    let id = topic_id(&fixture, "orders");
    let answered = commit(&fixture, FIRST_BY_ID, &commit_request("g", "", -1, 42)).await;
    assert_eq!((TopicId(answered.topics[0].topic_id), answered.topics[0].name.as_str()), (id, ""));
    let response = fetch_offsets(&fixture, FIRST_BY_ID, &two_topics("g")).await;
    let expected = [(id, "", vec![(0, 42, 0), (1, -1, 0)]), (NOBODYS_ID, "", vec![(4, -1, 100)])];
    assert_eq!(answers(&response), expected);
    let unknown = &response.groups[0].topics[1].partitions[0];
    assert_eq!((unknown.metadata.as_deref(), unknown.committed_leader_epoch), (Some(""), -1));
}

#[tokio::test]
async fn offsets_committed_by_id_are_read_by_name_and_the_reverse() {
    let fixture = started().await;
    commit(&fixture, FIRST_BY_ID, &commit_request("by-id", "", -1, 42)).await;
    commit(&fixture, 9, &commit_request("by-name", "", -1, 43)).await;
    assert_eq!(fetched(&fetch_offsets(&fixture, 9, &fetch_request("by-id", 9)).await, 9).1, 42);
    let by_id = fetch_offsets(&fixture, FIRST_BY_ID, &fetch_request("by-name", FIRST_BY_ID)).await;
    assert_eq!(fetched(&by_id, FIRST_BY_ID).1, 43);
}

#[tokio::test]
async fn refused_group_is_answered_without_topics() {
    let fixture = started().await;
    let response = fetch_offsets(&fixture, FIRST_BY_ID, &two_topics("")).await;
    let by_name = fetch_offsets(&fixture, 9, &fetch_request("", 9)).await;
    assert_eq!(response.groups[0].error_code, by_name.groups[0].error_code);
    assert_eq!(response.groups[0].topics.is_empty(), by_name.groups[0].topics.is_empty());
}

#[tokio::test]
async fn topic_made_again_has_no_offsets() {
    let fixture = started().await;
    commit(&fixture, FIRST_BY_ID, &commit_request("g", "", -1, 42)).await;
    let former = topic_id(&fixture, "orders");
    fixture.delete_topic(former).await;
    fixture.topic("orders", 2, &[]).await;
    let next = topic_id(&fixture, "orders");
    assert_ne!(former, next);
    let response = fetch_offsets(&fixture, FIRST_BY_ID, &fetch_request("g", FIRST_BY_ID)).await;
    assert_eq!(answers(&response), [(next, "", vec![(0, -1, 0)])]);
    let mut request = commit_request("g", "", -1, 43);
    request.topics[0].name = topic("former");
    let body = requests_by_topic_id::offset_commit(&request, |_| former);
    let answered = send::<OffsetCommitRequest>(&fixture, FIRST_BY_ID, body).await;
    assert_eq!(answered.topics[0].partitions[0].error_code, 100);
}
