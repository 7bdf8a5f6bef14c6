use super::*;
use crate::api::{
    Handler, RequestContext, Response,
    fixture::{
        decode, encode,
        second_broker::{ME, OTHER},
        until,
    },
};
use kafka_protocol::messages::{
    ApiKey, FindCoordinatorRequest,
    describe_topic_partitions_request::{Cursor, TopicRequest},
    metadata_request::MetadataRequestTopic,
};
use model::{LeaderEpoch, PartitionIndex};
use std::sync::atomic::Ordering;
use uuid::Uuid;

fn named(names: &[&str]) -> MetadataRequest {
    let topics = names.iter().map(|name| MetadataRequestTopic::default().with_name(Some(wire_name(name))));
    MetadataRequest::default().with_topics(Some(topics.collect())).with_allow_auto_topic_creation(true)
}

fn without_creation(request: MetadataRequest) -> MetadataRequest {
    request.with_allow_auto_topic_creation(false)
}

/// (error code, name, number of partitions) of each topic.
fn topics(response: &MetadataResponse) -> Vec<(i16, String, usize)> {
    let name = |topic: &metadata_response::MetadataResponseTopic| {
        topic.name.as_ref().map(|name| name.to_string()).unwrap_or_default()
    };
    response.topics.iter().map(|topic| (topic.error_code, name(topic), topic.partitions.len())).collect()
}

#[tokio::test]
async fn every_version_shows_the_brokers_and_the_partitions() {
    let fixture = Fixture::start().await;
    let id = fixture.topic("a", 3, &[]).await;
    let me = fixture.broker().config.node_id.0;
    let port = i32::from(fixture.broker().config.network.advertised[0].port);
    for version in 0..=13 {
        let response = ask_metadata(&fixture, version, named(&["a"])).await;
        assert_eq!(topics(&response), [(0, "a".to_owned(), 3)]);
        let broker = &response.brokers[0];
        assert_eq!((broker.node_id.0, broker.host.as_str(), broker.port), (me, "127.0.0.1", port));
        let controller = if version >= 1 { me } else { -1 };
        assert_eq!(response.controller_id.0, controller, "kafkajs looks the controller up among the brokers");
        let topic = &response.topics[0];
        assert_eq!(topic.topic_id, if version >= 10 { id.0 } else { Uuid::nil() });
        let partition = &topic.partitions[2];
        assert_eq!((partition.partition_index, partition.leader_id.0, partition.error_code), (2, me, 0));
        assert_eq!(partition.leader_epoch, if version >= 7 { 0 } else { -1 });
        assert_eq!(
            (&partition.replica_nodes[..], &partition.isr_nodes[..]),
            (&[BrokerId(me)][..], &[BrokerId(me)][..])
        );
        assert!(partition.offline_replicas.is_empty());
        assert_eq!(topic.topic_authorized_operations, i32::MIN, "nobody asked");
    }
}

#[tokio::test]
async fn null_means_all_topics_and_empty_means_none_but_in_version_0() {
    let fixture = Fixture::start().await;
    fixture.topic("b", 1, &[]).await;
    fixture.topic("a", 1, &[]).await;
    for version in 0..=13 {
        let empty = ask_metadata(&fixture, version, MetadataRequest::default().with_topics(Some(Vec::new()))).await;
        assert_eq!(empty.topics.len(), if version == 0 { 2 } else { 0 });
        if version > 0 {
            let all = ask_metadata(&fixture, version, MetadataRequest::default().with_topics(None)).await;
            assert_eq!(topics(&all), [(0, "a".to_owned(), 1), (0, "b".to_owned(), 1)]);
        }
    }
}

#[tokio::test]
async fn unknown_topics_are_created_on_demand_and_found_when_asked_again() {
    for version in 0..=13 {
        let fixture = Fixture::start().await;
        let first = ask_metadata(&fixture, version, named(&["new", "bad name"])).await;
        assert_eq!(topics(&first), [(3, "new".to_owned(), 0), (17, "bad name".to_owned(), 0)]);
        let again = ask_metadata(&fixture, version, named(&["new"])).await;
        assert_eq!(topics(&again), [(0, "new".to_owned(), 1)]);
        assert_eq!(fixture.append("new", 0, &["served at once"]).await, 0);
    }
}

#[tokio::test]
async fn nothing_is_created_where_the_client_or_the_broker_says_no() {
    let fixture = Fixture::start().await;
    for version in 4..=13 {
        for _ in 0..2 {
            let response = ask_metadata(&fixture, version, without_creation(named(&["new"]))).await;
            assert_eq!(topics(&response), [(3, "new".to_owned(), 0)]);
        }
    }
    let fixture = Fixture::start_with(&[("auto.create.topics.enable", "false")]).await;
    for version in 0..=13 {
        let response = ask_metadata(&fixture, version, named(&["new"])).await;
        assert_eq!(topics(&response), [(3, "new".to_owned(), 0)]);
    }
    assert!(fixture.broker().metadata.current().topics.is_empty());
}

#[tokio::test]
async fn concurrent_demand_makes_one_topic() {
    let fixture = Fixture::start_with(&[("num.partitions", "4")]).await;
    let asks = (0..20).map(|_| ask_metadata(&fixture, 12, named(&["new"])));
    futures_util::future::join_all(asks).await;
    let image = fixture.broker().metadata.current();
    assert_eq!((image.topics.len(), image.topics.partition_count()), (1, 4));
}

#[tokio::test]
async fn the_offsets_topic_is_made_as_it_must_be() {
    let fixture = Fixture::start_with(&[("offsets.topic.num.partitions", "7")]).await;
    let request = named(&["__consumer_offsets"]);
    assert!(ask_metadata(&fixture, 12, request.clone()).await.topics[0].is_internal);
    let topic = ask_metadata(&fixture, 12, request).await.topics.remove(0);
    assert_eq!((topic.error_code, topic.is_internal, topic.partitions.len()), (0, true, 7));
    let image = fixture.broker().metadata.current();
    let configs = &image.topic("__consumer_offsets").unwrap().configs;
    assert_eq!((configs["cleanup.policy"].as_str(), configs["compression.type"].as_str()), ("compact", "producer"));
    assert_eq!(configs["segment.bytes"], "104857600");
}

#[tokio::test]
async fn topics_are_found_by_id_from_version_12() {
    let fixture = Fixture::start().await;
    let id = fixture.topic("a", 1, &[]).await.0;
    let by_id = |id: Uuid, name: Option<&str>| {
        let topic = MetadataRequestTopic::default().with_topic_id(id).with_name(name.map(wire_name));
        without_creation(MetadataRequest::default().with_topics(Some(vec![topic])))
    };
    for version in 12..=13 {
        assert_eq!(topics(&ask_metadata(&fixture, version, by_id(id, None)).await), [(0, "a".to_owned(), 1)]);
        let unknown = ask_metadata(&fixture, version, by_id(Uuid::from_u128(9), None)).await;
        assert_eq!((unknown.topics[0].error_code, &unknown.topics[0].name), (100, &None));
        let neither = ask_metadata(&fixture, version, by_id(Uuid::nil(), None)).await;
        assert_eq!(neither.topics[0].error_code, 42);
    }
    for version in 10..=11 {
        let early = ask_metadata(&fixture, version, by_id(id, Some(""))).await;
        assert_eq!((early.topics[0].error_code, early.topics[0].topic_id), (42, id));
    }
}

#[tokio::test]
async fn a_topic_named_twice_is_shown_once() {
    let fixture = Fixture::start().await;
    fixture.topic("a", 1, &[]).await;
    let response = ask_metadata(&fixture, 12, without_creation(named(&["a", "b", "a", "b"]))).await;
    assert_eq!(topics(&response), [(0, "a".to_owned(), 1), (3, "b".to_owned(), 0)]);
}

#[tokio::test]
async fn operations_are_told_to_those_who_ask() {
    let fixture = Fixture::start().await;
    fixture.topic("a", 1, &[]).await;
    for version in 8..=13 {
        let mut request = named(&["a"]).with_include_topic_authorized_operations(true);
        request.include_cluster_authorized_operations = version <= 10;
        let response = ask_metadata(&fixture, version, request).await;
        assert_eq!(response.topics[0].topic_authorized_operations, 3576);
        assert_eq!(response.cluster_authorized_operations, if version <= 10 { 8096 } else { i32::MIN });
    }
}

#[tokio::test]
async fn the_cluster_is_described_at_every_version() {
    let fixture = Fixture::start_with(&[("broker.rack", "r1")]).await;
    for version in 0..=2 {
        let request = DescribeClusterRequest::default().with_include_cluster_authorized_operations(true);
        let response = describe_cluster(&fixture, version, request).await;
        assert_eq!((response.error_code, response.cluster_authorized_operations), (0, 8096));
        assert_eq!(response.controller_id, response.brokers[0].broker_id);
        assert_eq!(response.brokers[0].rack.as_deref(), Some("r1"));
        assert_eq!(response.cluster_id.as_str(), &*fixture.broker().metadata.current().cluster_id);
    }
    for (endpoint_type, code) in [(2, 114), (9, 115)] {
        let request = DescribeClusterRequest::default().with_endpoint_type(endpoint_type);
        assert_eq!(describe_cluster(&fixture, 2, request).await.error_code, code);
    }
}

fn pages(names: &[&str], limit: i32, cursor: Option<Cursor>) -> DescribeTopicPartitionsRequest {
    let topics = names.iter().map(|name| TopicRequest::default().with_name(wire_name(name)));
    DescribeTopicPartitionsRequest::default()
        .with_topics(topics.collect())
        .with_response_partition_limit(limit)
        .with_cursor(cursor)
}

#[tokio::test]
async fn pages_of_partitions_add_up_to_all_of_them() {
    let fixture = Fixture::start().await;
    for (name, partitions) in [("a", 5), ("b", 1), ("c", 4)] {
        fixture.topic(name, partitions, &[]).await;
    }
    for names in [&[][..], &["c", "a", "b"], &["a", "b", "c", "c"]] {
        for limit in [-1, 0, 1, 2, 3, 5, 6, 10, 2000] {
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let response = describe_topic_partitions(&fixture, 0, pages(names, limit, cursor)).await;
                let mut on_page = 0;
                for topic in &response.topics {
                    assert_eq!(topic.error_code, 0);
                    for partition in &topic.partitions {
                        seen.push((topic.name.as_ref().unwrap().to_string(), partition.partition_index));
                        on_page += 1;
                    }
                }
                assert!(on_page <= limit.max(1), "{on_page} partitions on a page of {limit}");
                let Some(next) = response.next_cursor else { break };
                cursor =
                    Some(Cursor::default().with_topic_name(next.topic_name).with_partition_index(next.partition_index));
            }
            let all = [("a", 5), ("b", 1), ("c", 4)];
            let expected: Vec<_> =
                all.iter().flat_map(|(name, count)| (0..*count).map(|i| (name.to_string(), i))).collect();
            assert_eq!(seen, expected, "limit {limit}");
        }
    }
}

#[tokio::test]
async fn odd_questions_about_topic_partitions() {
    let fixture = Fixture::start().await;
    fixture.topic("a", 2, &[]).await;
    let cursor =
        |name: &str, index| Some(Cursor::default().with_topic_name(wire_name(name)).with_partition_index(index));
    let codes = |response: DescribeTopicPartitionsResponse| -> Vec<i16> {
        response.topics.iter().map(|topic| topic.error_code).collect()
    };
    for (request, expected) in [
        (pages(&["a", "missing", "a b"], 9, None), vec![0, 17, 3]),
        (pages(&["a"], 9, cursor("a", -1)), vec![42]),
        (pages(&["a"], 9, cursor("elsewhere", 0)), vec![42]),
        (pages(&["a"], 9, cursor("a", 7)), vec![0]),
    ] {
        assert_eq!(codes(describe_topic_partitions(&fixture, 0, request).await), expected);
    }
}

/// `None`: the connection closes instead.
async fn served(context: RequestContext, api: ApiKey, request: &impl Encodable) -> Option<Response> {
    let Handler::Ordinary(handle) = crate::api::find(crate::api::TABLE, api as i16)?.handler else { return None };
    let body = encode(request, context.version);
    Some(handle(context, body).await).filter(|response| !matches!(response, Response::Close))
}

#[tokio::test]
async fn broker_that_stepped_aside_names_others_and_sends_clients_there() {
    let fixture = Fixture::start().await;
    let id = fixture.topic("a", 2, &[]).await;
    let led = |index| fixture.led_by(ME, LeaderEpoch(1), "a", PartitionIndex(index));
    fixture.learn(vec![fixture.other_comes(None), led(0)]).await;
    let metadata = &fixture.broker().metadata;
    let left = |indexes: &[i32]| indexes.iter().map(|index| (id, PartitionIndex(*index))).collect();
    // Brokers, leaders and errors of the partitions, and whether the client is sent away.
    let shown = async || {
        let (context, version) = (fixture.context(12), 12);
        let request = without_creation(named(&["a"]));
        let coordinator = FindCoordinatorRequest::default().with_coordinator_keys(vec![text("g")]);
        let found = served(fixture.context(4), ApiKey::FindCoordinator, &coordinator).await;
        let answer = served(context.clone(), ApiKey::Metadata, &request).await;
        assert_eq!(found.is_some(), answer.is_some());
        let response: MetadataResponse = decode(answer?, version);
        let brokers: Vec<_> = response.brokers.iter().map(|broker| broker.node_id.0).collect();
        let leaders = response.topics[0].partitions.iter().map(|one| (one.leader_id.0, one.error_code));
        Some((brokers, leaders.collect::<Vec<_>>(), context.is_sent_away.load(Ordering::Relaxed)))
    };
    let (me, other) = (ME.0, OTHER.0);
    let (none, not_available) = (-1, 5);
    let by_itself = Some((vec![me, other], vec![(me, 0), (me, 0)], false));
    assert_eq!(shown().await, by_itself);

    let partitions = &fixture.broker().partitions;
    assert_eq!(partitions.step_aside().await, 1, "nobody else has a replica of the other one");
    assert_eq!(partitions.left(), [(id, PartitionIndex(0))]);
    metadata.step_aside(ME, partitions.left());
    assert_eq!(shown().await, Some((vec![me, other], vec![(none, not_available), (me, 0)], true)));
    metadata.step_aside(ME, left(&[0, 1]));
    assert_eq!(shown().await, None, "kafkajs would ask nobody else");
    assert!(metadata.current().brokers[&ME].fenced);
    let committed = metadata.committed();
    assert_eq!(committed.topic_by_id(id).unwrap().partitions[0].leader, Some(ME), "it was not decided");
    assert_eq!(metadata.current().metadata_version, committed.metadata_version);

    metadata.step_aside(ME, Vec::new());
    assert_eq!(shown().await, by_itself);
    metadata.step_aside(ME, left(&[0, 1]));
    fixture.learn(Vec::new()).await;
    assert_eq!(shown().await, None, "whatever is committed, it leads none of them");
    fixture.learn(vec![fixture.led_by(ME, LeaderEpoch(2), "a", PartitionIndex(0))]).await;
    until("the partition leads again", || partitions.left().is_empty()).await;
    metadata.step_aside(ME, partitions.left());
    assert_eq!(shown().await, by_itself);
    assert_eq!(partitions.step_aside().await, 1);
    partitions.resume(&metadata.committed()).await;
    assert!(partitions.left().is_empty());
}
