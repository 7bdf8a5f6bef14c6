//! Bytes that Apache Kafka 4.3.0 wrote into its own `__consumer_offsets`, and bytes that nobody should write.

use super::*;
use model::{LeaderEpoch, Offset, TopicId};
use proptest::prelude::*;
use uuid::Uuid;

fn bytes(hex: &str) -> Vec<u8> {
    let hex: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    hex.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn offset_record(group: &str, partition: i32, offset: i64, commit_timestamp: i64) -> Record {
    Record::Offset {
        group: GroupId::from(group),
        topic: TopicName::from("orders"),
        partition: PartitionIndex(partition),
        value: Some(CommittedOffset {
            offset: Offset(offset),
            leader_epoch: LeaderEpoch::UNKNOWN,
            metadata: "".into(),
            commit_timestamp: WallTime(commit_timestamp),
            expire_timestamp: None,
            topic_id: TopicId(Uuid::from_u128(0x0631841e_35cc_4291_91ab_b86fc405a587)),
        }),
    }
}

fn assert_both_ways(record: &Record, key: &str, value: &str) {
    let (key, value) = (bytes(key), bytes(value));
    assert_eq!(decode(Some(&key), Some(&value)), Ok(Decoded::Record(record.clone())));
    assert_eq!(encode(record), Ok((key, Some(value))));
}

#[test]
fn offset_commit_is_written_and_read_as_kafka_does() {
    assert_both_ways(
        &offset_record("golden", 0, 5, 0x0000_01a1_fdc3_9bef),
        "0001 0006676f6c64656e 00066f7264657273 00000000",
        "0004 0000000000000005 ffffffff 01 000001a1fdc39bef 01 00 10 0631841e35cc429191abb86fc405a587",
    );
    assert_both_ways(
        &offset_record("simple-group", 2, 3, 0x0000_01a1_fdc3_9c2c),
        "0001 000c73696d706c652d67726f7570 00066f7264657273 00000002",
        "0004 0000000000000003 ffffffff 01 000001a1fdc39c2c 01 00 10 0631841e35cc429191abb86fc405a587",
    );
}

#[test]
fn empty_group_is_written_and_read_as_kafka_does() {
    let group = GroupMetadata {
        protocol_type: "".into(),
        generation: Generation(0),
        protocol: None,
        leader: None,
        current_state_timestamp: Some(WallTime(0x0000_01a1_fdc3_9b05)),
        members: Vec::new(),
    };
    assert_both_ways(
        &Record::Group { group: GroupId::from("golden"), value: Some(Arc::new(group)) },
        "0002 0006676f6c64656e",
        "0003 0000 00000000 ffff ffff 000001a1fdc39b05 00000000",
    );
}

#[test]
fn stable_group_is_written_and_read_as_kafka_does() {
    let id = "inst-1-91290927-f56a-4a33-abd2-bfb3315fabdf";
    let member = RecordedMember {
        member: MemberId::from(id),
        instance: Some(InstanceId::from("inst-1")),
        client_id: "cid".into(),
        client_host: "/127.0.0.1".into(),
        rebalance_timeout_ms: 300_000,
        session_timeout_ms: 6_000,
        subscription: Bytes::from(bytes("0003 00000001 00066f7264657273 00000000 00000000 ffffffff 0000")),
        assignment: Bytes::from(bytes("0000 00000001 00066f7264657273 00000003 00000000 00000001 00000002 00000000")),
    };
    let group = GroupMetadata {
        protocol_type: "consumer".into(),
        generation: Generation(1),
        protocol: Some("range".into()),
        leader: Some(MemberId::from(id)),
        current_state_timestamp: Some(WallTime(0x0000_01a1_fdc3_9b2d)),
        members: vec![member],
    };
    assert_both_ways(
        &Record::Group { group: GroupId::from("golden"), value: Some(Arc::new(group)) },
        "0002 0006676f6c64656e",
        "0003 0008636f6e73756d6572 00000001 000572616e6765
         002b 696e73742d312d39313239303932372d663536612d346133332d616264322d626662333331356661626466
         000001a1fdc39b2d 00000001
         002b 696e73742d312d39313239303932372d663536612d346133332d616264322d626662333331356661626466
         0006696e73742d31 0003636964 000a2f3132372e302e302e31 000493e0 00001770
         0000001c 0003 00000001 00066f7264657273 00000000 00000000 ffffffff 0000
         00000022 0000 00000001 00066f7264657273 00000003 00000000 00000001 00000002 00000000",
    );
}

#[test]
fn tombstones_are_keys_without_a_value() {
    let record = Record::Group { group: GroupId::from("g"), value: None };
    assert_eq!(encode(&record), Ok((bytes("0002 0001 67"), None)));
    assert_eq!(decode(Some(&bytes("0002 0001 67")), None), Ok(Decoded::Record(record)));
    let (topic, partition) = (TopicName::from("t"), PartitionIndex(7));
    let record = Record::Offset { group: GroupId::from("g"), topic, partition, value: None };
    assert_eq!(encode(&record), Ok((bytes("0001 000167 000174 00000007"), None)));
    assert_eq!(decode(Some(&bytes("0000 000167 000174 00000007")), None), Ok(Decoded::Record(record)));
}

#[test]
fn every_version_of_an_offset_value_is_read() {
    let key = bytes("0001 000167 000174 00000000");
    let cases = [
        ("0000 0000000000000009 00016d 0000000000000064", -1, None),
        ("0001 0000000000000009 00016d 0000000000000064 00000000000000c8", -1, Some(WallTime(200))),
        ("0001 0000000000000009 00016d 0000000000000064 ffffffffffffffff", -1, None),
        ("0002 0000000000000009 00016d 0000000000000064", -1, None),
        ("0003 0000000000000009 00000005 00016d 0000000000000064", 5, None),
        ("0004 0000000000000009 00000005 026d 0000000000000064 00", 5, None),
        ("0004 0000000000000009 00000005 026d 0000000000000064 01 09 02 abcd", 5, None),
    ];
    for (value, leader_epoch, expire_timestamp) in cases {
        let Ok(Decoded::Record(Record::Offset { value: Some(value), .. })) = decode(Some(&key), Some(&bytes(value)))
        else {
            panic!("{value} is read")
        };
        let expected = CommittedOffset {
            offset: Offset(9),
            leader_epoch: LeaderEpoch(leader_epoch),
            metadata: "m".into(),
            commit_timestamp: WallTime(100),
            expire_timestamp,
            topic_id: TopicId::ZERO,
        };
        assert_eq!(value, expected);
    }
}

#[test]
fn every_version_of_a_group_value_is_read() {
    let key = bytes("0002 000167");
    let cases = [
        (
            "0000 000163 00000002 000170 00016c 00000001 00016c 000169 000168 000003e8 00000001aa 00000001bb",
            1_000,
            None,
        ),
        (
            "0001 000163 00000002 000170 00016c 00000001 00016c 000169 000168 000007d0 000003e8 00000001aa 00000001bb",
            2_000,
            None,
        ),
        (
            "0002 000163 00000002 000170 00016c 0000000000000064 00000001 \
             00016c 000169 000168 000007d0 000003e8 00000001aa 00000001bb",
            2_000,
            Some(WallTime(100)),
        ),
        (
            "0003 000163 00000002 000170 00016c 0000000000000064 00000001 \
             00016c ffff 000169 000168 000007d0 000003e8 00000001aa 00000001bb",
            2_000,
            Some(WallTime(100)),
        ),
        (
            "0004 0263 00000002 0270 026c 0000000000000064 02 026c 00 0269 0268 000007d0 000003e8 02aa 02bb 00 00",
            2_000,
            Some(WallTime(100)),
        ),
    ];
    for (value, rebalance_timeout_ms, current_state_timestamp) in cases {
        let Ok(Decoded::Record(Record::Group { value: Some(group), .. })) = decode(Some(&key), Some(&bytes(value)))
        else {
            panic!("{value} is read: {:?}", decode(Some(&key), Some(&bytes(value))))
        };
        let member = RecordedMember {
            member: MemberId::from("l"),
            instance: None,
            client_id: "i".into(),
            client_host: "h".into(),
            rebalance_timeout_ms,
            session_timeout_ms: 1_000,
            subscription: Bytes::from_static(&[0xaa]),
            assignment: Bytes::from_static(&[0xbb]),
        };
        let expected = GroupMetadata {
            protocol_type: "c".into(),
            generation: Generation(2),
            protocol: Some("p".into()),
            leader: Some(MemberId::from("l")),
            current_state_timestamp,
            members: vec![member],
        };
        assert_eq!(*group, expected);
    }
}

#[test]
fn offset_with_an_expiry_of_its_own_is_written_as_version_1() {
    let mut record = offset_record("g", 0, 9, 100);
    if let Record::Offset { value: Some(value), .. } = &mut record {
        value.expire_timestamp = Some(WallTime(200));
    }
    let (_, value) = encode(&record).unwrap();
    assert_eq!(value, Some(bytes("0001 0000000000000009 0000 0000000000000064 00000000000000c8")));
}

#[test]
fn records_of_newer_group_types_are_skipped() {
    for key_version in [3, 4, 8, 15, i16::MAX, -1] {
        let key = [&key_version.to_be_bytes()[..], b"anything"].concat();
        assert_eq!(decode(Some(&key), Some(b"whatever")), Ok(Decoded::Other { key_version }));
    }
}

#[test]
fn broken_records_are_refused_and_reserve_nothing() {
    let cases = [
        (None, None),
        (Some(""), None),
        (Some("0002 0005 67"), None),
        (Some("0002 ffff"), None),
        (Some("0002 000167 00"), None),
        (Some("0001 000167 000174 00000000"), Some("0005")),
        (Some("0001 000167 000174 00000000"), Some("ffff")),
        (Some("0001 000167 000174 00000000"), Some("0003 0000000000000009 00000005 7fff 00")),
        (Some("0001 000167 000174 00000000"), Some("0004 0000000000000009 00000005 01 0000000000000064 ffffffff0f")),
        (Some("0002 000167"), Some("0003 0000 00000000 ffff ffff 0000000000000000 7fffffff")),
        (Some("0002 000167"), Some("0003 0000 00000000 ffff ffff 0000000000000000 ffffffff")),
        (Some("0002 000167"), Some("0003 0000 00000000 ffff ffff 0000000000000000 00000000 00")),
    ];
    for (key, value) in cases {
        let (key, value) = (key.map(bytes), value.map(bytes));
        assert!(decode(key.as_deref(), value.as_deref()).is_err(), "{key:?} {value:?}");
    }
}

#[test]
fn text_that_no_record_can_hold_is_refused_when_written() {
    let record = Record::Group { group: GroupId::from("g".repeat(40_000)), value: None };
    assert_eq!(encode(&record), Err(RecordError::TextTooLong(40_000)));
}

#[test]
fn many_records_are_split_into_batches_and_loaded_back_whole() {
    let records: Vec<Record> = (0..1_000).map(|partition| offset_record("g", partition, 1, 100)).collect();
    let batches = encode_batches(&records, WallTime(100), 4_096).unwrap();
    assert!(batches.len() > 10 && batches.iter().all(|batch| batch.bytes.len() <= 4_096), "{}", batches.len());
    let mut coordinator = crate::GroupCoordinator::new(crate::GroupConfig::default());
    let mut loaded = crate::Loaded::default();
    for batch in &batches {
        coordinator.load(&batch.bytes, &mut loaded).unwrap();
    }
    assert_eq!((loaded.records, loaded.broken), (1_000, 0));
    assert_eq!(coordinator.offset_count(), 1_000);
    assert!(matches!(encode_batches(&records, WallTime(100), 100), Err(RecordError::TooLarge(_))));
}

proptest! {
    #[test]
    fn any_bytes_decode_to_something_or_an_error(
        version in 0i16..4,
        key in proptest::collection::vec(any::<u8>(), 0..64),
        value in proptest::collection::vec(any::<u8>(), 0..256),
        value_version in 0i16..6,
    ) {
        let key = [&version.to_be_bytes()[..], &key].concat();
        let value = [&value_version.to_be_bytes()[..], &value].concat();
        let _ = decode(Some(&key), Some(&value));
    }

    #[test]
    fn flipped_bytes_of_a_group_never_panic(position in 0usize..200, byte in any::<u8>()) {
        let mut value = bytes(
            "0003 0008636f6e73756d6572 00000001 000572616e6765 0001 61 000001a1fdc39b2d 00000001 0001 61 ffff 0003636964
             000a2f3132372e302e302e31 000493e0 00001770 00000002 0003 00000002 0000",
        );
        let position = position % value.len();
        value[position] = byte;
        let _ = decode(Some(&bytes("0002 000167")), Some(&value));
    }
}
