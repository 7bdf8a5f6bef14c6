//! What the host adds to the core: the topic, the log, the timers, the restarts.

use super::*;
use controller::{requests::DeleteTopics, topic_name::GROUP_OFFSETS};
use kafka_protocol::messages::{DescribeGroupsRequest, FindCoordinatorRequest, HeartbeatRequest, ListGroupsRequest};

#[tokio::test]
async fn nothing_is_created_before_a_group_is_looked_for() {
    let fixture = Fixture::start().await;
    assert_eq!(call(&fixture, 4, &ListGroupsRequest::default()).await.error_code, 0);
    assert_eq!(join(&fixture, 5, "g").await.error_code, 16, "not coordinator");
    assert!(fixture.broker().metadata.current().topic(GROUP_OFFSETS).is_none());
    let found = call(&fixture, 3, &FindCoordinatorRequest::default().with_key(text("g"))).await;
    assert_eq!(found.error_code, 0);
    let image = fixture.broker().metadata.current();
    let topic = image.topic(GROUP_OFFSETS).expect("created");
    assert_eq!((topic.partitions.len(), topic.replication_factor()), (50, 1));
    assert_eq!(topic.configs.get("cleanup.policy").map(String::as_str), Some("compact"));
}

#[tokio::test]
async fn many_first_questions_make_one_topic() {
    let fixture = Fixture::start().await;
    let questions = (0..20).map(|n| {
        let request = FindCoordinatorRequest::default().with_key(text(&format!("g{n}")));
        let fixture = &fixture;
        async move { call(fixture, 3, &request).await.error_code }
    });
    let codes = futures_util::future::join_all(questions).await;
    assert!(codes.iter().all(|code| *code == 0), "{codes:?}");
}

#[tokio::test]
async fn committed_offsets_and_members_survive_a_restart() {
    let mut fixture = started().await;
    let joined = join(&fixture, 5, "g").await;
    call(&fixture, 3, &sync_request("g", &joined, 3)).await;
    let answered = call(&fixture, 7, &commit_request("g", &joined.member_id, 1, 42)).await;
    assert_eq!(answered.topics[0].partitions[0].error_code, 0);
    call(&fixture, 7, &commit_request("simple", "", -1, 7)).await;

    fixture.restart().await;
    find_coordinator(&fixture, "g").await;
    assert_eq!((committed(&fixture, "g").await, committed(&fixture, "simple").await), (42, 7));
    let beat = HeartbeatRequest::default().with_group_id(group("g")).with_generation_id(1);
    let beat = beat.with_member_id(joined.member_id.clone());
    assert_eq!(call(&fixture, 3, &beat).await.error_code, 0, "the member goes on as though nothing happened");
    let again = call(&fixture, 3, &sync_request("g", &joined, 3)).await;
    assert_eq!(&again.assignment[..], b"all of it");
}

#[tokio::test]
async fn committed_offsets_survive_a_crash() {
    let fixture = started().await;
    let groups: Vec<_> = (0..40).map(|n| format!("g{n}")).collect();
    for name in &groups {
        let answered = call(&fixture, 7, &commit_request(name, "", -1, 42)).await;
        assert_eq!(answered.topics[0].partitions[0].error_code, 0);
    }
    let crashed = fixture.after_a_crash().await;
    for name in &groups {
        let answer = async || fetched(&call(&crashed, 7, &fetch_request(name, 7)).await, 7);
        until(async || answer().await.0 != 14).await;
        assert_eq!(answer().await, (0, 42, "note".to_owned()), "{name}");
    }
}

#[tokio::test]
async fn silent_member_is_removed_by_the_clock() {
    let keys = [("group.initial.rebalance.delay.ms", "0"), ("group.min.session.timeout.ms", "1")];
    let fixture = Fixture::start_with(&keys).await;
    find_coordinator(&fixture, "g").await;
    let mut request = join_request("g", "");
    request.session_timeout_ms = 200;
    // A version without the handshake of ids: the member is in the group with its only sign of life.
    let joined = call(&fixture, 3, &request).await;
    assert_eq!(joined.error_code, 0);
    let describe = DescribeGroupsRequest::default().with_groups(vec![group("g")]);
    until(async || call(&fixture, 0, &describe).await.groups[0].group_state.as_str() == "Empty").await;
}

#[tokio::test]
async fn deleted_topic_takes_its_offsets_along() {
    let fixture = started().await;
    call(&fixture, 7, &commit_request("g", "", -1, 5)).await;
    assert_eq!(committed(&fixture, "g").await, 5);
    let topics = vec![controller::requests::TopicReference::Name("orders".into())];
    let deleted = fixture.broker().controller.delete_topics(DeleteTopics { topics }).await.unwrap();
    assert_eq!(deleted[0].result, Ok(()));
    until(async || committed(&fixture, "g").await == -1).await;
}

#[tokio::test]
async fn parked_members_are_answered_when_the_broker_stops() {
    let fixture = Fixture::start_with(&[("group.initial.rebalance.delay.ms", "60000")]).await;
    find_coordinator(&fixture, "g").await;
    let id = call(&fixture, 5, &join_request("g", "")).await.member_id;
    let rejoin = join_request("g", &id);
    let parked = call(&fixture, 5, &rejoin);
    let groups = fixture.broker().groups.clone();
    let stop = async {
        let describe = DescribeGroupsRequest::default().with_groups(vec![group("g")]);
        until(async || call(&fixture, 0, &describe).await.groups[0].group_state.as_str() == "PreparingRebalance").await;
        groups.stop().await;
    };
    let (answered, ()) = tokio::join!(parked, stop);
    assert_eq!(answered.error_code, 16, "not coordinator: the client looks for it again");
}

#[tokio::test]
async fn commit_that_no_batch_can_hold_is_refused_and_changes_nothing() {
    let keys = [("offset.metadata.max.bytes", "3000000")];
    let fixture = Fixture::start_with(&keys).await;
    fixture.topic("orders", 1, &[]).await;
    find_coordinator(&fixture, "g").await;
    let mut request = commit_request("g", "", -1, 5);
    request.topics[0].partitions[0].committed_metadata = Some(text(&"m".repeat(40_000)));
    let answered = call(&fixture, 9, &request).await;
    assert_eq!(answered.topics[0].partitions[0].error_code, 28);
    let describe = DescribeGroupsRequest::default().with_groups(vec![group("g")]);
    assert_eq!(call(&fixture, 0, &describe).await.groups[0].group_state.as_str(), "Dead");
}

#[tokio::test]
async fn thousand_groups_commit_and_are_counted() {
    let fixture = started().await;
    for n in 0..1_000 {
        let answered = call(&fixture, 7, &commit_request(&format!("g{n}"), "", -1, n)).await;
        assert_eq!(answered.topics[0].partitions[0].error_code, 0);
    }
    assert_eq!(committed(&fixture, "g999").await, 999);
    assert_eq!(call(&fixture, 4, &ListGroupsRequest::default()).await.groups.len(), 1_000);
    let metrics = async || {
        let text = fixture.broker().metrics.render();
        text.contains("kafka_coordinator_group_groupmetadatamanager_numgroupsempty 1000")
            && text.contains("kafka_coordinator_group_groupmetadatamanager_numoffsets 1000")
            && text.contains("kafka_server_group_coordinator_metrics_offset_commit_total 1000")
    };
    until(metrics).await;
}

#[tokio::test]
async fn lag_of_a_group_of_any_name_is_shown_on_a_valid_page() {
    let fixture = Fixture::start_with(&[("weir.metrics.partitions", "true")]).await;
    fixture.topic("orders", 1, &[]).await;
    let name = "a \"quoted\" \\ name\nof two lines {x=\"1\"} 1";
    find_coordinator(&fixture, name).await;
    let answered = call(&fixture, 7, &commit_request(name, "", -1, 5)).await;
    assert_eq!(answered.topics[0].partitions[0].error_code, 0);
    let series = crate::metrics::tests::page::read(&fixture.broker().metrics.page().await);
    let escaped = "a \\\"quoted\\\" \\\\ name\\nof two lines {x=\\\"1\\\"} 1";
    let expected =
        format!("kafka_consumergroup_current_offset{{consumergroup=\"{escaped}\",topic=\"orders\",partition=\"0\"}}");
    assert_eq!(series.get(&expected), Some(&5.0), "{series:?}");
}
