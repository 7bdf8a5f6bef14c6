use super::*;
use crate::client::producer::batch::ProducerIdentity;
use bytes::Bytes;
use model::{ProducerEpoch, ProducerId, Sequence};
use protocol::{compression::Compression, record_batch::BatchView};

fn batch(records: usize) -> Batch {
    let mut batch = Batch::new(Instant::now());
    for number in 0..records {
        batch.push(NewRecord { value: Some(Bytes::from(format!("value {number}"))), ..NewRecord::default() });
    }
    batch
}

fn refused(code: ResponseError) -> SentPartition {
    Err(ClientError::Refused { code, message: None, subject: String::new() })
}

#[test]
fn an_error_that_may_pass_is_tried_again_until_the_time_is_up() {
    let answer = refused(ResponseError::NotLeaderOrFollower);
    assert_eq!(judge(&answer, &batch(1), false), Verdict::Again);
    assert_eq!(judge(&answer, &batch(1), true), Verdict::GiveUp);
}

#[test]
fn a_batch_the_broker_has_already_counts_as_delivered() {
    let verdict = judge(&refused(ResponseError::DuplicateSequenceNumber), &batch(1), false);
    assert_eq!(verdict, Verdict::Delivered(Delivered { base_offset: None }));
}

#[test]
fn a_batch_too_large_is_cut_in_two_and_a_record_too_large_is_given_up() {
    let answer = refused(ResponseError::MessageTooLarge);
    assert_eq!(judge(&answer, &batch(2), false), Verdict::Split);
    assert_eq!(judge(&answer, &batch(1), false), Verdict::GiveUp);
}

#[test]
fn final_errors_are_given_up_at_once() {
    for code in [ResponseError::InvalidRecord, ResponseError::CorruptMessage, ResponseError::TopicAuthorizationFailed] {
        assert_eq!(judge(&refused(code), &batch(1), false), Verdict::GiveUp, "{code}");
    }
}

#[test]
fn halves_keep_all_records_in_order() {
    let whole = batch(5);
    let (records, size) = (whole.records.clone(), whole.size);
    let (earlier, later) = whole.split();
    assert_eq!([earlier.records.clone(), later.records.clone()].concat(), records);
    assert_eq!(earlier.size + later.size, size);
}

#[test]
fn a_repeated_batch_has_the_same_bytes() {
    let identity = ProducerIdentity { id: ProducerId(7), epoch: ProducerEpoch(1) };
    let mut batch = batch(3);
    let first = batch.encode(Compression::Gzip, Some((identity, Sequence(40)))).expect("small batch");
    // Whatever the producer would number now: the broker must recognize what it may already have.
    let again = batch.encode(Compression::Gzip, Some((identity, Sequence(99)))).expect("small batch");
    assert_eq!(first, again);
    let header = BatchView::read(&first).expect("a batch").header;
    assert_eq!((header.producer_id, header.base_sequence, header.record_count), (identity.id, Sequence(40), 3));
}
