use super::*;
use kafka_protocol::{
    messages,
    protocol::{Decodable, HeaderVersion},
};
use model::{BrokerId, LeaderEpoch};

fn response() -> ProduceResponse {
    let good = PartitionResult {
        index: 4,
        error_code: 0,
        base_offset: Offset(77),
        log_append_time: WallTime(1234),
        log_start_offset: Offset(3),
        record_errors: vec![],
        error_message: None,
        current_leader: None,
    };
    let bad = PartitionResult {
        record_errors: vec![
            RecordError { batch_index: 2, message: Some("no key".into()) },
            RecordError { batch_index: 3, message: None },
        ],
        current_leader: Some(LeaderHint { leader_id: BrokerId(9), leader_epoch: LeaderEpoch(12) }),
        ..PartitionResult::failed(5, 87, Some("bad records".into()))
    };
    let topic = TopicResult {
        topic: "orders".into(),
        topic_id: TopicId(uuid::Uuid::from_u128(99)),
        partitions: vec![good, bad],
    };
    let endpoint = NodeEndpoint { node_id: BrokerId(9), host: "h".into(), port: 9092, rack: None };
    ProduceResponse { topics: vec![topic], throttle_time_ms: 17, node_endpoints: vec![endpoint] }
}

#[test]
fn clients_read_back_every_version() {
    for version in 3..=13 {
        let mut bytes = response().encode(version, 41);
        assert_eq!(i32::from_be_bytes(bytes.split_to(4)[..].try_into().unwrap()) as usize, bytes.len());
        let header_version = messages::ProduceResponse::header_version(version);
        let header = messages::ResponseHeader::decode(&mut bytes, header_version).unwrap();
        let read = messages::ProduceResponse::decode(&mut bytes, version).unwrap();
        assert!(bytes.is_empty(), "v{version} leaves {} bytes", bytes.len());
        assert_eq!((header.correlation_id, read.throttle_time_ms), (41, 17));
        let topic = &read.responses[0];
        if version >= 13 {
            assert_eq!(topic.topic_id.as_u128(), 99);
        } else {
            assert_eq!(topic.name.0.as_str(), "orders");
        }
        let (good, bad) = (&topic.partition_responses[0], &topic.partition_responses[1]);
        assert_eq!((good.index, good.base_offset, good.log_append_time_ms), (4, 77, 1234));
        assert_eq!(good.log_start_offset, if version >= 5 { 3 } else { -1 });
        assert_eq!((bad.error_code, bad.base_offset, bad.log_append_time_ms), (87, -1, -1));
        assert_eq!(bad.record_errors.len(), if version >= 8 { 2 } else { 0 });
        assert_eq!(bad.error_message.as_deref(), (version >= 8).then_some("bad records"));
        assert_eq!(bad.current_leader.leader_epoch, if version >= 10 { 12 } else { -1 });
        assert_eq!(read.node_endpoints.len(), usize::from(version >= 10));
    }
}
