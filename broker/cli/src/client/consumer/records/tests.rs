use super::*;
use model::ProducerEpoch;
use protocol::{
    compression::Compression,
    record_batch::{BatchOptions, RecordData, build_batch, control_batch, set_base_offset},
};

fn batch(base: i64, values: &[&str], options: BatchOptions) -> Vec<u8> {
    let records: Vec<_> =
        values.iter().map(|value| RecordData { value: Some(value.as_bytes()), ..RecordData::default() }).collect();
    let mut bytes = build_batch(&options, &records).expect("small records").to_vec();
    set_base_offset(&mut bytes, Offset(base));
    bytes
}

fn transactional(producer: i64) -> BatchOptions {
    BatchOptions { producer_id: ProducerId(producer), transactional: true, ..BatchOptions::default() }
}

fn marker(base: i64, producer: i64, kind: MarkerKind) -> Vec<u8> {
    let mut bytes = control_batch(ProducerId(producer), ProducerEpoch(0), WallTime(0), kind, 0).to_vec();
    set_base_offset(&mut bytes, Offset(base));
    bytes
}

fn fetched(bytes: Vec<u8>, from: i64, aborted: Option<Vec<(Offset, ProducerId)>>) -> Result<FetchedPartition> {
    FetchedPartition::new(TopicPartition::new("t", 0), bytes.into(), Offset(from), aborted, true)
}

fn values(mut fetched: FetchedPartition) -> Result<Vec<String>> {
    let mut values = Vec::new();
    while let Some(records) = fetched.next_batch()? {
        values.extend(records.iter().map(|record| {
            format!("{}={}", record.offset, String::from_utf8_lossy(record.value.as_deref().unwrap_or(b"")))
        }));
    }
    Ok(values)
}

#[test]
fn an_answer_that_starts_before_the_offset_asked_for_shows_only_what_follows_it() {
    let fetched = fetched(batch(10, &["a", "b", "c"], BatchOptions::default()), 11, None).expect("good batch");
    assert_eq!(fetched.next, Offset(13));
    assert_eq!(values(fetched).expect("good records"), ["11=b", "12=c"]);
}

#[test]
fn all_codecs_are_unpacked() {
    for compression in Compression::ALL {
        let options = BatchOptions { compression, ..BatchOptions::default() };
        let fetched = fetched(batch(0, &["one", "two"], options), 0, None).expect("good batch");
        assert_eq!(values(fetched).expect("good records"), ["0=one", "1=two"], "{compression:?}");
    }
}

#[test]
fn a_batch_cut_at_the_end_is_left_for_the_next_answer() {
    let mut bytes = batch(0, &["a"], BatchOptions::default());
    let more = batch(1, &["b"], BatchOptions::default());
    bytes.extend_from_slice(&more[..more.len() - 1]);
    let fetched = fetched(bytes, 0, None).expect("one whole batch");
    assert_eq!(fetched.next, Offset(1));
    assert_eq!(values(fetched).expect("good records"), ["0=a"]);
}

#[test]
fn a_flipped_bit_is_an_error_and_never_a_record() {
    let mut bytes = batch(0, &["value"], BatchOptions::default());
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    assert!(values(fetched(bytes, 0, None).expect("headers are fine")).is_err());
}

#[test]
fn aborted_records_are_hidden_from_read_committed_and_markers_from_all() {
    let bytes = [
        batch(0, &["committed"], transactional(1)),
        batch(1, &["aborted"], transactional(2)),
        marker(2, 1, MarkerKind::Commit),
        batch(3, &["also aborted"], transactional(2)),
        marker(4, 2, MarkerKind::Abort),
        batch(5, &["next transaction"], transactional(2)),
        batch(6, &["plain"], BatchOptions::default()),
    ]
    .concat();
    let aborted = vec![(Offset(1), ProducerId(2))];
    let committed = fetched(bytes.clone(), 0, Some(aborted)).expect("good batches");
    assert_eq!(values(committed).expect("good records"), ["0=committed", "5=next transaction", "6=plain"]);
    let all = values(fetched(bytes, 0, None).expect("good batches")).expect("good records");
    assert_eq!(all, ["0=committed", "1=aborted", "3=also aborted", "5=next transaction", "6=plain"]);
}
