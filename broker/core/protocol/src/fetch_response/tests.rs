use super::*;
use bytes::BytesMut;
use kafka_protocol::{
    messages,
    protocol::{Decodable, HeaderVersion},
};

/// Stands for a range of a file: only its length is known here.
#[derive(Debug, Clone, PartialEq)]
struct FileRange(usize);

impl RecordsLength for FileRange {
    fn length(&self) -> usize {
        self.0
    }
}

fn partition<R>(index: i32, records: R) -> FetchPartitionResult<R> {
    FetchPartitionResult {
        index,
        error_code: 0,
        high_watermark: Offset(50),
        last_stable_offset: Offset(40),
        log_start_offset: Offset(2),
        diverging_epoch: None,
        current_leader: None,
        aborted_transactions: None,
        preferred_read_replica: None,
        records,
    }
}

fn response<R>(records: [R; 3]) -> FetchResponse<R> {
    let [a, b, c] = records;
    let full = FetchPartitionResult {
        error_code: 74,
        diverging_epoch: Some(EpochEndOffset { epoch: LeaderEpoch(6), end_offset: Offset(33) }),
        current_leader: Some(LeaderHint { leader_id: BrokerId(2), leader_epoch: LeaderEpoch(8) }),
        aborted_transactions: Some(vec![AbortedTransaction { producer_id: ProducerId(5), first_offset: Offset(7) }]),
        preferred_read_replica: Some(BrokerId(3)),
        ..partition(1, b)
    };
    let topic = |name: &str, partitions| FetchTopicResult {
        topic: name.into(),
        topic_id: TopicId(uuid::Uuid::from_u128(1)),
        partitions,
    };
    FetchResponse {
        throttle_time_ms: 9,
        error_code: 0,
        session_id: 1001,
        topics: vec![topic("a", vec![partition(0, a), full]), topic("b", vec![partition(2, c)])],
        node_endpoints: vec![NodeEndpoint { node_id: BrokerId(2), host: "n".into(), port: 1, rack: Some("r".into()) }],
    }
}

fn joined(pieces: Vec<FetchPiece<Bytes>>) -> Bytes {
    let mut out = BytesMut::new();
    for piece in pieces {
        match piece {
            FetchPiece::Bytes(bytes) | FetchPiece::Records(bytes) => out.extend_from_slice(&bytes),
        }
    }
    out.freeze()
}

#[test]
fn clients_read_back_every_version() {
    for version in 4..=18 {
        let records = ["first", "", "third"].map(|text| Bytes::from_static(text.as_bytes()));
        let mut bytes = joined(response(records).into_pieces(version, 77));
        assert_eq!(i32::from_be_bytes(bytes.split_to(4)[..].try_into().unwrap()) as usize, bytes.len());
        let header_version = messages::FetchResponse::header_version(version);
        let header = messages::ResponseHeader::decode(&mut bytes, header_version).unwrap();
        let read = messages::FetchResponse::decode(&mut bytes, version).unwrap();
        assert!(bytes.is_empty(), "v{version} leaves {} bytes", bytes.len());
        assert_eq!((header.correlation_id, read.throttle_time_ms), (77, 9));
        assert_eq!(read.session_id, if version >= 7 { 1001 } else { 0 });
        assert_eq!(read.responses.len(), 2);
        if version < 13 {
            assert_eq!(read.responses[1].topic.0.as_str(), "b");
        }
        let (plain, full) = (&read.responses[0].partitions[0], &read.responses[0].partitions[1]);
        assert_eq!(plain.records.as_deref(), Some(&b"first"[..]));
        assert_eq!(plain.aborted_transactions, None);
        assert_eq!((plain.high_watermark, plain.last_stable_offset), (50, 40));
        assert_eq!(full.aborted_transactions.as_ref().unwrap()[0].first_offset, 7);
        assert_eq!(full.preferred_read_replica.0, if version >= 11 { 3 } else { -1 });
        assert_eq!(full.diverging_epoch.end_offset, if version >= 12 { 33 } else { -1 });
        assert_eq!(full.current_leader.leader_epoch, if version >= 12 { 8 } else { -1 });
        assert_eq!(full.records.as_deref(), Some(&b""[..]));
        assert_eq!(read.node_endpoints.len(), usize::from(version >= 16));
    }
}

#[test]
fn followers_read_what_leaders_write_and_nothing_less() {
    let records = ["first", "", "third"].map(|text| Bytes::from_static(text.as_bytes()));
    let frame = joined(response(records).into_pieces(FOLLOWER_VERSION, 77)).slice(4..);
    let (correlation_id, read) = FetchResponse::read(&frame).unwrap();
    assert_eq!((correlation_id, read.error_code, read.session_id), (77, 0, 1001));
    let (plain, full) = (&read.topics[0].partitions[0], &read.topics[0].partitions[1]);
    assert_eq!(
        (&plain.records[..], plain.high_watermark, plain.log_start_offset),
        (&b"first"[..], Offset(50), Offset(2))
    );
    assert_eq!(full.diverging_epoch, Some(EpochEndOffset { epoch: LeaderEpoch(6), end_offset: Offset(33) }));
    assert_eq!((full.error_code, full.records.len()), (74, 0));
    assert_eq!(&read.topics[1].partitions[0].records[..], b"third");
    for length in 0..frame.len() {
        assert!(FetchResponse::read(&frame.slice(..length)).is_err(), "cut to {length} bytes");
    }
}

#[test]
fn frame_size_counts_file_ranges_that_are_sent_later() {
    let pieces = response([FileRange(1 << 20), FileRange(0), FileRange(300_000)]).into_pieces(12, 1);
    let ranges: Vec<_> = pieces.iter().filter(|piece| matches!(piece, FetchPiece::Records(_))).collect();
    assert_eq!(ranges, [&FetchPiece::Records(FileRange(1 << 20)), &FetchPiece::Records(FileRange(300_000))]);
    let FetchPiece::Bytes(first) = &pieces[0] else { panic!("starts with the header") };
    let size = i32::from_be_bytes(first[..4].try_into().unwrap()) as usize;
    let sent: usize = pieces
        .iter()
        .map(|piece| match piece {
            FetchPiece::Bytes(bytes) => bytes.len(),
            FetchPiece::Records(range) => range.0,
        })
        .sum();
    assert_eq!(size, sent - 4);
}

#[test]
fn empty_partitions_make_one_piece() {
    let pieces = response([Bytes::new(), Bytes::new(), Bytes::new()]).into_pieces(17, 1);
    assert_eq!(pieces.len(), 1);
}
