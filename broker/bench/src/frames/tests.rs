use super::*;
use crate::load::Count;
use kafka_protocol::{
    messages::{
        FetchRequest, FetchResponse, ProduceRequest, ProduceResponse, TopicName,
        fetch_response::{FetchableTopicResponse, PartitionData},
        produce_response::{PartitionProduceResponse, TopicProduceResponse},
    },
    protocol::{Decodable, StrBytes},
};
use protocol::{
    frame::{encode_response, read_request_header},
    record_batch::{BatchView, Batches, set_base_offset},
};

fn name(text: &'static str) -> TopicName {
    TopicName(StrBytes::from_static_str(text))
}

fn produce_answer(id: i32, error: i16) -> Bytes {
    let partition = PartitionProduceResponse::default().with_index(3).with_error_code(error).with_base_offset(77);
    let topic = TopicProduceResponse::default().with_name(name("t")).with_partition_responses(vec![partition]);
    let response = ProduceResponse::default().with_responses(vec![topic]);
    encode_response(0, 12, id, &response).unwrap().slice(4..)
}

fn fetch_answer(id: i32, high_watermark: i64, records: Bytes) -> Bytes {
    let partition = PartitionData::default()
        .with_partition_index(0)
        .with_high_watermark(high_watermark)
        .with_aborted_transactions(None)
        .with_records(Some(records));
    let topic = FetchableTopicResponse::default().with_topic(name("t")).with_partitions(vec![partition]);
    encode_response(1, 12, id, &FetchResponse::default().with_responses(vec![topic])).unwrap().slice(4..)
}

fn three_records_at(offset: i64) -> Bytes {
    let mut batch =
        BatchShape { value_size: 10, records: 3, compression: Compression::None }.batch(1).unwrap().to_vec();
    set_base_offset(&mut batch, model::Offset(offset));
    batch.into()
}

fn fetch_offset(dialogue: &mut Fetching, id: i32) -> i64 {
    let frame = Bytes::copy_from_slice(&dialogue.request(id)[4..]);
    let (header, mut body) = read_request_header(&frame).unwrap();
    assert_eq!(header.prefix.correlation_id, id);
    FetchRequest::decode(&mut body, 12).unwrap().topics[0].partitions[0].fetch_offset
}

#[test]
fn a_batch_holds_the_records_that_fill_it_and_compresses_to_about_half() {
    let shape = BatchShape::filling(16 << 10, 100, Compression::None);
    let plain = shape.batch(7).unwrap();
    let view = BatchView::read(&plain).unwrap();
    assert_eq!((view.header.record_count, view.check_crc()), (163, Ok(())));
    let packed = BatchShape { compression: Compression::Zstd, ..shape }.batch(7).unwrap();
    let ratio = packed.len() as f64 / plain.len() as f64;
    assert!((0.4..0.75).contains(&ratio), "{ratio}");
}

#[test]
fn a_produce_request_carries_its_batch_and_the_given_id() {
    let batch = BatchShape::single(100).batch(1).unwrap();
    let mut dialogue = Producing::new(produce_frame("t", 3, -1, &batch).unwrap(), 1, 100);
    let frame = Bytes::copy_from_slice(&dialogue.request(41)[4..]);
    let (header, mut body) = read_request_header(&frame).unwrap();
    assert_eq!((header.prefix.api_key, header.prefix.correlation_id), (0, 41));
    let request = ProduceRequest::decode(&mut body, 12).unwrap();
    assert_eq!((request.acks, request.topic_data[0].name.as_str()), (-1, "t"));
    assert_eq!(request.topic_data[0].partition_data[0].records.as_ref(), Some(&batch));
}

#[test]
fn refused_and_swapped_produce_answers_end_the_load() {
    let mut dialogue = Producing::new(vec![0; 20], 5, 500);
    let count = dialogue.answered(9, &produce_answer(9, 0), 0).unwrap();
    assert_eq!(count, Count { records: 5, bytes: 500, latency: None });
    assert!(dialogue.answered(9, &produce_answer(9, 6), 0).is_err());
    assert!(dialogue.answered(9, &produce_answer(8, 0), 0).is_err());
    assert!(dialogue.answered(9, &produce_answer(9, 0)[..9], 0).is_err());
}

#[test]
fn a_fetch_goes_on_behind_the_last_whole_batch() {
    let mut dialogue = Fetching::new("t", 0, 5, AtEnd::Wait, None).unwrap();
    assert_eq!(fetch_offset(&mut dialogue, 1), 5);
    let mut records = three_records_at(5).to_vec();
    records.extend_from_slice(&three_records_at(8));
    records.extend_from_slice(&three_records_at(11)[..70]);
    let count = dialogue.answered(1, &fetch_answer(1, 14, records.clone().into()), 0).unwrap();
    assert_eq!((count.records, count.bytes), (6, records.len() as u64));
    assert_eq!(fetch_offset(&mut dialogue, 2), 11);
    assert_eq!(Batches::new(&records).count(), 3);
}

#[test]
fn a_reader_of_a_finished_log_starts_again_at_its_end() {
    let mut dialogue = Fetching::new("t", 0, 5, AtEnd::StartAgain, None).unwrap();
    dialogue.answered(0, &fetch_answer(0, 11, three_records_at(5)), 0).unwrap();
    assert_eq!(fetch_offset(&mut dialogue, 1), 8);
    dialogue.answered(1, &fetch_answer(1, 11, three_records_at(8)), 0).unwrap();
    assert_eq!(fetch_offset(&mut dialogue, 2), 5);
}

#[test]
fn latency_of_a_fetch_counts_from_when_its_last_record_was_due() {
    let due = Box::new(|offset: i64| offset as u64 * 1000);
    let mut dialogue = Fetching::new("t", 0, 0, AtEnd::Wait, Some(due)).unwrap();
    let count = dialogue.answered(0, &fetch_answer(0, 3, three_records_at(0)), 2_700).unwrap();
    assert_eq!(count.latency, Some(700));
    let nothing = dialogue.answered(1, &fetch_answer(1, 3, Bytes::new()), 9_000).unwrap();
    assert_eq!(nothing, Count::default());
}

#[test]
fn a_request_in_turn_names_the_partition_of_its_number() {
    let batch = BatchShape::single(100).batch(1).unwrap();
    let mut dialogue = Producing::in_turn("t", 7, -1, &batch, 100).unwrap();
    for (id, partition) in [(0, 0), (6, 6), (7, 0), (15, 1)] {
        let frame = Bytes::copy_from_slice(&dialogue.request(id)[4..]);
        let (_, mut body) = read_request_header(&frame).unwrap();
        let request = ProduceRequest::decode(&mut body, 12).unwrap();
        assert_eq!(request.topic_data[0].partition_data[0].index, partition);
    }
}

fn session_request(session: &mut FetchSession, id: i32) -> FetchRequest {
    let frame = Bytes::copy_from_slice(&session.request(id)[4..]);
    let (_, mut body) = read_request_header(&frame).unwrap();
    FetchRequest::decode(&mut body, 12).unwrap()
}

#[test]
fn a_session_names_all_partitions_once_and_then_those_that_moved() {
    let due = Box::new(|(partition, offset): (usize, i64)| partition as u64 * 100 + offset as u64);
    let mut session = FetchSession::new("t", vec![5, 6, 7], due).unwrap();
    let first = session_request(&mut session, 0);
    assert_eq!((first.session_id, first.session_epoch, first.topics[0].partitions.len()), (0, 0, 3));
    assert_eq!(session_request(&mut session, 0), first, "the same id asks for the same request");

    let partition = |index, records| PartitionData::default().with_partition_index(index).with_records(Some(records));
    let moved = vec![partition(1, three_records_at(6)), partition(2, Bytes::new())];
    let topic = FetchableTopicResponse::default().with_topic(name("t")).with_partitions(moved);
    let answer = FetchResponse::default().with_session_id(9).with_responses(vec![topic]);
    let answer = encode_response(1, 12, 0, &answer).unwrap();
    let count = session.answered(0, &answer[4..], 1_000).unwrap();
    assert_eq!((count.records, count.latency), (3, Some(1_000 - 108)));

    let second = session_request(&mut session, 1);
    assert_eq!((second.session_id, second.session_epoch), (9, 1));
    let asked: Vec<_> = second.topics[0].partitions.iter().map(|p| (p.partition, p.fetch_offset)).collect();
    assert_eq!(asked, [(1, 9)]);

    let nothing = encode_response(1, 12, 1, &FetchResponse::default().with_session_id(9)).unwrap();
    assert_eq!(session.answered(1, &nothing[4..], 2_000).unwrap().latency, None);
    let third = session_request(&mut session, 2);
    assert_eq!((third.session_epoch, third.topics.len()), (2, 0));
}
