use super::*;
use kafka_protocol::messages::{
    alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic},
    create_partitions_request::CreatePartitionsTopic,
    create_topics_request::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig},
    create_topics_response::CreatableTopicResult,
    delete_topics_request::DeleteTopicState,
    elect_leaders_request::TopicPartitions,
};
use std::collections::BTreeSet;
use uuid::Uuid;

fn topic(name: &str, partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic::default()
        .with_name(wire_name(name))
        .with_num_partitions(partitions)
        .with_replication_factor(replication_factor)
}

fn config(name: &str, value: Option<&str>) -> CreatableTopicConfig {
    CreatableTopicConfig::default().with_name(text(name)).with_value(value.map(text))
}

async fn create(fixture: &Fixture, version: i16, topics: Vec<CreatableTopic>) -> Vec<CreatableTopicResult> {
    create_topics(fixture, version, CreateTopicsRequest::default().with_topics(topics)).await.topics
}

#[tokio::test]
async fn every_version_creates_with_default_counts_and_tells_what_it_can() {
    let fixture = Fixture::start_with(&[("num.partitions", "2")]).await;
    for version in 2..=7 {
        let wanted = topic(&format!("t{version}"), -1, -1).with_configs(vec![config("retention.ms", Some("5000"))]);
        let result = create(&fixture, version, vec![wanted]).await.remove(0);
        assert_eq!((result.error_code, result.error_message), (0, None), "kafkajs sends -1 at version 3");
        let image = fixture.broker().metadata.current();
        let made = image.topic(&format!("t{version}")).unwrap();
        assert_eq!(made.partitions.len(), 2);
        if version >= 5 {
            assert_eq!((result.num_partitions, result.replication_factor), (2, 1));
            let configs = result.configs.unwrap();
            let of = |name: &str| configs.iter().find(|config| config.name.as_str() == name).unwrap();
            let set = of("retention.ms");
            assert_eq!((set.value.as_deref(), set.config_source, set.read_only), (Some("5000"), 1, false));
            assert_eq!((of("segment.ms").value.as_deref(), of("segment.ms").config_source), (Some("604800000"), 5));
        }
        assert_eq!(result.topic_id, if version >= 7 { made.id.0 } else { Uuid::nil() });
    }
}

#[tokio::test]
async fn refusals_carry_kafkas_codes_at_every_version() {
    let fixture = Fixture::start().await;
    fixture.topic("there", 1, &[]).await;
    fixture.topic("with.dot", 1, &[]).await;
    let assigned = |brokers: &[i32]| {
        let brokers = brokers.iter().copied().map(BrokerId).collect();
        vec![CreatableReplicaAssignment::default().with_partition_index(0).with_broker_ids(brokers)]
    };
    let me = fixture.broker().config.node_id.0;
    let cases = [
        (topic("there", 1, 1), 36),
        (topic("", 1, 1), 17),
        (topic("a b", 1, 1), 17),
        (topic("with_dot", 1, 1), 17),
        (topic("x", 0, 1), 37),
        (topic("x", 1, 0), 38),
        (topic("x", 1, 2), 38),
        (topic("x", -1, -1).with_assignments(assigned(&[me, me])), 39),
        (topic("x", -1, -1).with_assignments(assigned(&[99])), 39),
        (topic("x", 1, -1).with_assignments(assigned(&[me])), 42),
        (topic("x", 1, 1).with_configs(vec![config("no.such.key", Some("1"))]), 40),
        (topic("x", 1, 1).with_configs(vec![config("retention.ms", None)]), 40),
        (topic("x", 1, 1).with_configs(vec![config("remote.storage.enable", Some("true"))]), 40),
    ];
    for version in 2..=7 {
        for (wanted, code) in &cases {
            let result = create(&fixture, version, vec![wanted.clone()]).await.remove(0);
            assert_eq!(result.error_code, *code, "{wanted:?}");
            assert!(!result.error_message.unwrap().is_empty());
        }
        let twice = create(&fixture, version, vec![topic("x", 1, 1), topic("x", 1, 1)]).await;
        assert_eq!(twice.iter().map(|result| result.error_code).collect::<Vec<_>>(), [42]);
    }
    assert_eq!(fixture.broker().metadata.current().topics.len(), 2);
}

#[tokio::test]
async fn validate_only_answers_as_if_and_creates_nothing() {
    let fixture = Fixture::start().await;
    for version in 2..=7 {
        let request = CreateTopicsRequest::default().with_topics(vec![topic("a", 3, 1)]).with_validate_only(true);
        let result = create_topics(&fixture, version, request).await.topics.remove(0);
        assert_eq!(result.error_code, 0);
    }
    assert!(fixture.broker().metadata.current().topics.is_empty());
}

#[tokio::test]
async fn topics_are_deleted_at_every_version_and_stay_deleted() {
    let mut fixture = Fixture::start().await;
    for version in 1..=5 {
        fixture.topic("a", 1, &[]).await;
        let request = DeleteTopicsRequest::default().with_topic_names(vec![wire_name("a"), wire_name("missing")]);
        let responses = delete_topics(&fixture, version, request).await.responses;
        let codes: Vec<_> = responses.iter().map(|r| (r.name.as_ref().unwrap().to_string(), r.error_code)).collect();
        assert_eq!(codes, [("a".to_owned(), 0), ("missing".to_owned(), 3)]);
        assert_eq!(responses[1].error_message.is_some(), version >= 5);
    }
    let id = fixture.topic("a", 1, &[]).await.0;
    let state =
        |name: Option<&str>, id: Uuid| DeleteTopicState::default().with_name(name.map(wire_name)).with_topic_id(id);
    let nil = Uuid::nil();
    for (states, code) in [
        (vec![state(Some("a"), id)], 42),
        (vec![state(None, nil)], 42),
        (vec![state(Some("a"), nil), state(None, id)], 42),
        (vec![state(None, Uuid::from_u128(7))], 100),
        (vec![state(None, id)], 0),
    ] {
        let responses = delete_topics(&fixture, 6, DeleteTopicsRequest::default().with_topics(states)).await.responses;
        assert_eq!(responses.iter().map(|r| r.error_code).collect::<Vec<_>>(), [code]);
    }
    fixture.restart().await;
    assert!(fixture.broker().metadata.current().topics.is_empty());
}

#[tokio::test]
async fn deletion_that_is_switched_off_says_so_in_words_the_client_knows() {
    let fixture = Fixture::start_with(&[("delete.topic.enable", "false")]).await;
    fixture.topic("a", 1, &[]).await;
    for version in 1..=6 {
        let request = match version {
            6 => DeleteTopicsRequest::default()
                .with_topics(vec![DeleteTopicState::default().with_name(Some(wire_name("a")))]),
            _ => DeleteTopicsRequest::default().with_topic_names(vec![wire_name("a")]),
        };
        let code = delete_topics(&fixture, version, request).await.responses[0].error_code;
        assert_eq!(code, if version < 3 { 42 } else { 73 });
    }
}

#[tokio::test]
async fn partitions_are_added_at_every_version() {
    let fixture = Fixture::start().await;
    fixture.topic("a", 1, &[]).await;
    let more = |name: &str, count| {
        CreatePartitionsTopic::default().with_name(wire_name(name)).with_count(count).with_assignments(None)
    };
    for version in 0..=3 {
        let count = i32::from(version) + 2;
        let request = CreatePartitionsRequest::default().with_topics(vec![more("a", count), more("missing", 2)]);
        let results = create_partitions(&fixture, version, request.clone()).await.results;
        assert_eq!(results.iter().map(|r| r.error_code).collect::<Vec<_>>(), [0, 3]);
        assert_eq!(results[0].error_message, None);
        assert_eq!(create_partitions(&fixture, version, request).await.results[0].error_code, 37);
        assert_eq!(fixture.append("a", count - 1, &["served"]).await, 0);
    }
}

#[tokio::test]
async fn a_single_broker_leads_what_it_should_and_says_so() {
    let fixture = Fixture::start().await;
    fixture.topic("a", 2, &[]).await;
    let ask = |election_type| {
        let named = TopicPartitions::default().with_topic(wire_name("a")).with_partitions(vec![0, 7]);
        ElectLeadersRequest::default().with_election_type(election_type).with_topic_partitions(Some(vec![named]))
    };
    for version in 0..=2 {
        for election_type in if version >= 1 { vec![0, 1] } else { vec![0] } {
            let response = elect_leaders(&fixture, version, ask(election_type)).await;
            let results = &response.replica_election_results[0].partition_result;
            assert_eq!(results.iter().map(|r| (r.partition_id, r.error_code)).collect::<Vec<_>>(), [(0, 84), (7, 3)]);
        }
        let all = elect_leaders(&fixture, version, ElectLeadersRequest::default().with_topic_partitions(None)).await;
        assert!(all.replica_election_results[0].partition_result.is_empty());
    }
    let odd = elect_leaders(&fixture, 2, ask(9)).await;
    assert_eq!((odd.error_code, odd.replica_election_results[0].partition_result[1].error_code), (42, 42));
}

#[tokio::test]
async fn a_single_broker_has_nowhere_to_move_replicas() {
    let fixture = Fixture::start().await;
    fixture.topic("a", 1, &[]).await;
    let me = fixture.broker().config.node_id.0;
    for version in 0..=1 {
        for (replicas, code) in [(Some(vec![me]), 0), (None, 85), (Some(vec![99]), 39), (Some(vec![]), 39)] {
            let partition = ReassignablePartition::default()
                .with_partition_index(0)
                .with_replicas(replicas.map(|ids: Vec<i32>| ids.into_iter().map(BrokerId).collect()));
            let topic = ReassignableTopic::default().with_name(wire_name("a")).with_partitions(vec![partition]);
            let request = AlterPartitionReassignmentsRequest::default().with_topics(vec![topic]);
            let response = alter_reassignments(&fixture, version, request).await;
            assert_eq!((response.error_code, response.responses[0].partitions[0].error_code), (0, code));
        }
    }
    let request = ListPartitionReassignmentsRequest::default().with_topics(None);
    let listed = list_reassignments(&fixture, 0, request).await;
    assert_eq!((listed.error_code, listed.error_message, listed.topics.len()), (0, None, 0));
}

#[tokio::test]
async fn producer_ids_are_never_given_out_twice() {
    let mut fixture = Fixture::start().await;
    let mut seen = BTreeSet::new();
    for round in 0..3 {
        for version in 0..=5 {
            let request =
                InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(1000);
            let response = init_producer_id(&fixture, version, request).await;
            assert_eq!((response.error_code, response.producer_epoch), (0, 0));
            assert!(seen.insert(response.producer_id.0), "{} twice", response.producer_id.0);
        }
        match round {
            0 => fixture.restart().await,
            _ => fixture = fixture.after_a_crash().await,
        }
    }
}

#[tokio::test]
async fn transactions_are_refused_with_a_code_that_ends_the_client() {
    let fixture = Fixture::start().await;
    let id = |id: &str| Some(TransactionalId(text(id)));
    for version in 0..=5 {
        for (transactional_id, code) in [(id("payments"), 53), (id(""), 42)] {
            let request = InitProducerIdRequest::default().with_transactional_id(transactional_id);
            let response = init_producer_id(&fixture, version, request).await;
            assert_eq!((response.error_code, response.producer_id.0, response.producer_epoch), (code, -1, -1));
        }
        if version >= 3 {
            let half = InitProducerIdRequest::default().with_transactional_id(None).with_producer_id(ProducerId(5));
            assert_eq!(init_producer_id(&fixture, version, half).await.error_code, 42);
        }
    }
}
