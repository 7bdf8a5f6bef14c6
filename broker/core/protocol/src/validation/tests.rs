use super::*;

mod lies;

use crate::record_batch::{Attributes, BatchOptions, RecordData, build_batch};
use model::{ProducerEpoch, ProducerId, Sequence};

const NOW: WallTime = WallTime(1_000_000_000);

fn records() -> [RecordData<'static>; 3] {
    let record = |timestamp, value| RecordData {
        timestamp: WallTime(timestamp),
        key: Some(b"k"),
        value: Some(value),
        headers: &[],
    };
    [record(NOW.0 - 50, b"one"), record(NOW.0 - 10, b"two"), record(NOW.0 - 30, b"three")]
}

fn batch_of(records: &[RecordData<'_>], compression: Compression) -> Bytes {
    let options = BatchOptions {
        compression,
        producer_id: ProducerId(7),
        producer_epoch: ProducerEpoch(1),
        base_sequence: Sequence(5),
        ..BatchOptions::default()
    };
    build_batch(&options, records).unwrap()
}

/// The batch with another header, checksum put right.
fn with_header(batch: &Bytes, change: impl FnOnce(&mut BatchHeader)) -> Bytes {
    let mut header = BatchHeader::read(batch).unwrap();
    change(&mut header);
    let header = with_crc(&header, &batch[HEADER_SIZE..]);
    Bytes::from([&header.encode()[..], &batch[HEADER_SIZE..]].concat())
}

fn check(batch: &Bytes, rules: &ProduceRules) -> Result<ValidBatch, ProduceError> {
    validate(batch, Origin::Client, rules, NOW)
}

fn trusting() -> ProduceRules {
    ProduceRules { trust_checksum: true, ..ProduceRules::default() }
}

fn written(valid: &ValidBatch) -> Vec<u8> {
    [&valid.header.encode()[..], &valid.body()].concat()
}

#[test]
fn good_batch_passes_without_a_copy() {
    for compression in Compression::ALL {
        let batch = batch_of(&records(), compression);
        let valid = check(&batch, &ProduceRules::default()).unwrap();
        assert_eq!(valid.bytes.as_ptr(), batch.as_ptr());
        assert_eq!(written(&valid), batch);
        assert_eq!(valid.header.max_timestamp, WallTime(NOW.0 - 10));
        assert_eq!(valid.max_timestamp_delta, Some(1));
        let trusted = check(&batch, &trusting()).unwrap();
        assert_eq!(trusted.max_timestamp_delta, (compression == Compression::None).then_some(1));
    }
}

#[test]
fn exactly_one_batch_is_accepted() {
    let batch = batch_of(&records(), Compression::None);
    let rules = ProduceRules::default();
    let two = Bytes::from([&batch[..], &batch[..]].concat());
    assert_eq!(check(&two, &rules), Err(ProduceError::SeveralBatches));
    assert_eq!(check(&Bytes::new(), &rules), Err(ProduceError::NoBatch));
    for cut in 1..batch.len() {
        assert_eq!(check(&batch.slice(..cut), &rules), Err(ProduceError::NoBatch), "{cut} bytes");
    }
    let torn = Bytes::from([&batch[..], &batch[..40]].concat());
    assert_eq!(written(&check(&torn, &rules).unwrap()), batch);
}

#[test]
fn bytes_that_are_no_batch_are_corrupt() {
    let batch = batch_of(&records(), Compression::None);
    let rules = ProduceRules::default();
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = batch.to_vec();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        check(&Bytes::from(bad), &rules).unwrap_err()
    };
    assert!(matches!(with(17, &[1, 2, 3, 4]), ProduceError::Corrupt(BatchError::Crc { .. })));
    assert!(matches!(with(70, &[0xff]), ProduceError::Corrupt(BatchError::Crc { .. })));
    assert_eq!(with(8, &13i32.to_be_bytes()), ProduceError::Corrupt(BatchError::Length(13)));
    assert!(matches!(with(8, &20i32.to_be_bytes()), ProduceError::Corrupt(_)));
    assert_eq!(with(16, &[3]), ProduceError::Corrupt(BatchError::Magic(3)));
    assert_eq!(with(16, &[1]), ProduceError::OldMagic(1));
}

#[test]
fn header_must_be_what_a_client_may_send() {
    let batch = batch_of(&records(), Compression::None);
    let refused = |change: fn(&mut BatchHeader)| check(&with_header(&batch, change), &ProduceRules::default());
    assert_eq!(refused(|h| h.base_offset = Offset(4)), Err(ProduceError::BaseOffset(Offset(4))));
    assert_eq!(refused(|h| h.base_sequence = Sequence(-1)), Err(ProduceError::Sequence(Sequence(-1))));
    assert_eq!(refused(|h| h.attributes = h.attributes.with_control(true)), Err(ProduceError::Control));
    assert_eq!(refused(|h| h.attributes = h.attributes.with_delete_horizon(true)), Err(ProduceError::DeleteHorizon));
    for change in
        [(|h| h.record_count = 0) as fn(&mut BatchHeader), |h| h.record_count = 4, |h| h.last_offset_delta = -1]
    {
        assert!(matches!(refused(change), Err(ProduceError::Malformed(BatchError::Count { .. }))));
    }
    let unknown = refused(|h| h.attributes = Attributes(5));
    assert_eq!(unknown, Err(ProduceError::Malformed(BatchError::UnknownCompression(5))));
}

#[test]
fn client_may_not_stamp_its_own_batch() {
    let stamps = ProduceRules { timestamp_type: TimestampType::LogAppendTime, ..ProduceRules::default() };
    for compression in Compression::ALL {
        let batch = with_header(&batch_of(&records(), compression), |header| {
            header.attributes = header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
        });
        for rules in [ProduceRules::default(), stamps] {
            let error = check(&batch, &rules).unwrap_err();
            assert!(error.is_about_time(), "{error}");
            assert_eq!(error.record_issues().iter().map(|issue| issue.index).collect::<Vec<_>>(), [0, 1, 2]);
        }
    }
}

#[test]
fn compacted_topic_names_every_record_without_key() {
    let rules = ProduceRules { compacted: true, ..ProduceRules::default() };
    let mut keyless = records();
    keyless[0].key = None;
    keyless[2].key = None;
    for compression in Compression::ALL {
        let error = check(&batch_of(&keyless, compression), &rules).unwrap_err();
        let indexes: Vec<_> = error.record_issues().iter().map(|issue| (issue.index, issue.problem)).collect();
        assert_eq!(indexes, [(0, RecordProblem::MissingKey), (2, RecordProblem::MissingKey)]);
        assert!(!error.is_about_time());
        assert!(check(&batch_of(&records(), compression), &rules).is_ok());
    }
}

#[test]
fn list_of_bad_records_is_bounded() {
    let rules = ProduceRules { compacted: true, ..ProduceRules::default() };
    let keyless = vec![RecordData { timestamp: NOW, ..RecordData::default() }; 30_000];
    let error = check(&batch_of(&keyless, Compression::Zstd), &rules).unwrap_err();
    assert_eq!(error.record_issues().len(), 10_000);
}

#[test]
fn timestamps_outside_the_limits_are_refused_with_their_index() {
    for compression in Compression::ALL {
        let mut late = records();
        late[2].timestamp = WallTime(NOW.0 + 3_600_001);
        let error = check(&batch_of(&late, compression), &ProduceRules::default()).unwrap_err();
        assert!(error.is_about_time());
        assert_eq!(error.record_issues().iter().map(|issue| issue.index).collect::<Vec<_>>(), [2]);

        let rules = ProduceRules { timestamp_before_max_ms: 49, ..ProduceRules::default() };
        let error = check(&batch_of(&records(), compression), &rules).unwrap_err();
        assert_eq!(error.record_issues().iter().map(|issue| issue.index).collect::<Vec<_>>(), [0]);

        let mut none = records();
        none.iter_mut().for_each(|record| record.timestamp = WallTime::NONE);
        assert!(check(&batch_of(&none, compression), &rules).is_ok(), "no timestamp is no wrong timestamp");
    }
}

#[test]
fn append_time_topics_stamp_the_batch_and_ignore_the_producers_clock() {
    let rules = ProduceRules { timestamp_type: TimestampType::LogAppendTime, ..ProduceRules::default() };
    let mut late = records();
    late[0].timestamp = WallTime(i64::MAX);
    for compression in Compression::ALL {
        let valid = check(&batch_of(&late, compression), &rules).unwrap();
        assert_eq!((valid.log_append_time, valid.header.max_timestamp), (Some(NOW), NOW));
        let bytes = written(&valid);
        let view = BatchView::read(&bytes).unwrap();
        view.check_crc().unwrap();
        let mut scratch = Vec::new();
        assert!(view.records(&mut scratch, 10_000).unwrap().all(|record| record.unwrap().timestamp == NOW));
    }
}

#[test]
fn wrong_max_timestamp_is_put_right() {
    let batch = with_header(&batch_of(&records(), Compression::None), |header| header.max_timestamp = WallTime(1));
    let valid = check(&batch, &ProduceRules::default()).unwrap();
    assert_eq!(valid.header.max_timestamp, WallTime(NOW.0 - 10));
    BatchView::read(&written(&valid)).unwrap().check_crc().unwrap();
}

#[test]
fn another_codec_on_the_topic_repacks_and_keeps_the_producer() {
    for source in Compression::ALL {
        for target in Compression::ALL {
            let fixed = TopicCompression::Fixed { codec: target, level: None };
            let rules = ProduceRules { compression: fixed, ..ProduceRules::default() };
            let batch = batch_of(&records(), source);
            let valid = check(&batch, &rules).unwrap();
            assert_eq!(valid.rebuilt, source != target);
            assert_eq!(valid.header.attributes.compression(), Ok(target));
            assert_eq!((valid.header.producer_id, valid.header.base_sequence), (ProducerId(7), Sequence(5)));
            let bytes = written(&valid);
            let view = BatchView::read(&bytes).unwrap();
            view.check_crc().unwrap();
            let mut scratch = Vec::new();
            let values: Vec<_> =
                view.records(&mut scratch, 10_000).unwrap().map(|record| record.unwrap().value.unwrap()).collect();
            assert_eq!(values, [&b"one"[..], b"two", b"three"]);
        }
    }
}

#[test]
fn size_limit_holds_before_and_after_repacking() {
    let batch = batch_of(&records(), Compression::None);
    let rules = ProduceRules { max_message_bytes: batch.len() - 1, ..ProduceRules::default() };
    assert!(matches!(check(&batch, &rules), Err(ProduceError::TooLarge { .. })));
    let zeros = [0; 10_000];
    let record = RecordData { timestamp: NOW, value: Some(&zeros), ..RecordData::default() };
    let packed = batch_of(&[record], Compression::Zstd);
    let compression = TopicCompression::Fixed { codec: Compression::None, level: None };
    let rules = ProduceRules { compression, max_message_bytes: 5_000, ..ProduceRules::default() };
    assert!(packed.len() < 5_000);
    assert!(matches!(check(&packed, &rules), Err(ProduceError::TooLarge { .. })));
}

fn with_every_third_offset(compression: Compression) -> Bytes {
    let options = BatchOptions { compression, ..BatchOptions::default() };
    let source = build_batch(&BatchOptions { base_offset: Offset(0), ..options }, &records()).unwrap();
    let view = BatchView::read(&source).unwrap();
    let mut scratch = Vec::new();
    let mut builder = crate::record_batch::BatchBuilder::new(options);
    for mut record in view.records(&mut scratch, 10_000).unwrap().map(Result::unwrap) {
        record.offset = Offset(record.offset.0 * 3);
        builder.retain(&record);
    }
    builder.set_last_offset(Offset(2));
    builder.build().unwrap()
}

#[test]
fn wrong_offsets_of_uncompressed_records_are_written_anew() {
    let valid = check(&with_every_third_offset(Compression::None), &ProduceRules::default()).unwrap();
    assert!(valid.rebuilt);
    let bytes = written(&valid);
    let (view, mut scratch) = (BatchView::read(&bytes).unwrap(), Vec::new());
    let offsets: Vec<_> = view.records(&mut scratch, 10_000).unwrap().map(|record| record.unwrap().offset.0).collect();
    assert_eq!(offsets, [0, 1, 2]);
}

#[test]
fn wrong_offsets_inside_a_compressed_batch_are_refused() {
    for codec in Compression::ALL.into_iter().filter(|codec| *codec != Compression::None) {
        let refused = check(&with_every_third_offset(codec), &ProduceRules::default());
        let wrong = BatchError::OffsetDelta { index: 1, delta: 3 };
        assert_eq!(refused, Err(ProduceError::Malformed(wrong)), "{codec:?}");
    }
}

#[test]
fn batch_that_is_packed_anew_may_unpack_to_less() {
    let zeros = vec![0; 100_000];
    let record = RecordData { timestamp: NOW, value: Some(&zeros), ..RecordData::default() };
    let packed = batch_of(&[record], Compression::Gzip);
    let limits = ProduceRules { recompressed_limit: 50_000, ..ProduceRules::default() };
    assert!(check(&packed, &limits).is_ok(), "it stays as it is");
    let compression = TopicCompression::Fixed { codec: Compression::Zstd, level: None };
    let refused = check(&packed, &ProduceRules { compression, ..limits });
    assert_eq!(refused, Err(ProduceError::UnpacksTooLarge { limit: 50_000 }));
}

#[test]
fn coordinators_may_write_markers() {
    use crate::record_batch::{MarkerKind, control_batch};
    let marker = control_batch(ProducerId(1), ProducerEpoch(0), NOW, MarkerKind::Commit, 3);
    let rules = ProduceRules { compacted: true, ..ProduceRules::default() };
    assert!(validate(&marker, Origin::Coordinator, &rules, NOW).is_ok());
    assert_eq!(check(&marker, &rules), Err(ProduceError::Control));
}
