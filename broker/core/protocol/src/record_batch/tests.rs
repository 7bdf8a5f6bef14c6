use super::*;
use crate::compression::Compression;
use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, WallTime};

const HEADERS: &[HeaderData<'_>] = &[
    HeaderData { key: b"\xff\xfe", value: Some(b"1") },
    HeaderData { key: b"same", value: None },
    HeaderData { key: b"same", value: Some(b"") },
];

fn three_records() -> [RecordData<'static>; 3] {
    [
        RecordData { timestamp: WallTime(1000), key: Some(b"k"), value: Some(b"v"), headers: HEADERS },
        RecordData { timestamp: WallTime(3000), key: None, value: Some(b"keyless"), headers: &[] },
        RecordData { timestamp: WallTime(2000), key: Some(&[0xff, 0]), value: None, headers: &[] },
    ]
}

fn options() -> BatchOptions {
    BatchOptions {
        base_offset: Offset(100),
        partition_leader_epoch: LeaderEpoch(7),
        producer_id: ProducerId(42),
        producer_epoch: ProducerEpoch(3),
        base_sequence: Sequence(11),
        ..BatchOptions::default()
    }
}

#[test]
fn every_codec_keeps_records_keys_and_duplicate_headers() {
    for compression in Compression::ALL {
        let batch = build_batch(&BatchOptions { compression, ..options() }, &three_records()).unwrap();
        let view = BatchView::read(&batch).unwrap();
        view.check_crc().unwrap();
        assert_eq!(view.header.attributes.compression(), Ok(compression));
        let mut scratch = Vec::new();
        let records: Vec<_> = view.records(&mut scratch, 10_000).unwrap().collect::<Result<_, _>>().unwrap();
        for (record, expected) in records.iter().zip(three_records()) {
            assert_eq!(record.key, expected.key);
            assert_eq!(record.value, expected.value);
            assert_eq!(record.timestamp, expected.timestamp);
            let headers: Vec<_> = record.headers.clone().map(|h| HeaderData { key: h.key, value: h.value }).collect();
            assert_eq!(headers, expected.headers);
        }
        assert_eq!(records.iter().map(|r| r.offset.0).collect::<Vec<_>>(), [100, 101, 102]);
    }
}

#[test]
fn header_says_what_the_options_said() {
    let batch = build_batch(&options(), &three_records()).unwrap();
    let header = BatchHeader::read(&batch).unwrap();
    assert_eq!(header.size_in_bytes(), batch.len());
    assert_eq!((header.last_offset(), header.next_offset()), (Offset(102), Offset(103)));
    assert_eq!((header.base_sequence, header.last_sequence()), (Sequence(11), Sequence(13)));
    assert_eq!((header.base_timestamp, header.max_timestamp), (WallTime(1000), WallTime(3000)));
    assert_eq!(header.encode(), batch[..HEADER_SIZE]);
}

#[test]
fn batch_decodes_with_the_public_codec() {
    // kafka-protocol reads headers with UTF-8 keys only.
    let plain = three_records().map(|record| RecordData { headers: &HEADERS[2..], ..record });
    let batch = build_batch(&options(), &plain).unwrap();
    let set = kafka_protocol::records::RecordBatchDecoder::decode(&mut batch.clone()).unwrap();
    assert_eq!(set.records.len(), 3);
    assert_eq!(set.records[2].timestamp, 2000);
    assert_eq!(set.records[1].offset, 101);
    assert_eq!(set.records[0].producer_id, 42);
}

#[test]
fn offset_and_epoch_are_written_without_touching_the_checksum() {
    let mut batch = build_batch(&options(), &three_records()).unwrap().to_vec();
    set_base_offset(&mut batch, Offset(5000));
    set_partition_leader_epoch(&mut batch, LeaderEpoch(8));
    let view = BatchView::read(&batch).unwrap();
    view.check_crc().unwrap();
    assert_eq!((view.header.base_offset, view.header.partition_leader_epoch), (Offset(5000), LeaderEpoch(8)));
}

#[test]
fn append_time_stamps_every_record_and_keeps_the_batch_good() {
    let batch = build_batch(&options(), &three_records()).unwrap();
    let view = BatchView::read(&batch).unwrap();
    let stamped = with_log_append_time(&view.header, view.body(), WallTime(9999));
    let mut bytes = batch.to_vec();
    bytes[..HEADER_SIZE].copy_from_slice(&stamped.encode());
    let view = BatchView::read(&bytes).unwrap();
    view.check_crc().unwrap();
    assert_eq!(view.header.attributes.timestamp_type(), TimestampType::LogAppendTime);
    for record in view.records(&mut Vec::new(), 0).unwrap() {
        assert_eq!(record.unwrap().timestamp, WallTime(9999));
    }
}

#[test]
fn flipped_bit_is_found() {
    let batch = build_batch(&options(), &three_records()).unwrap();
    for position in CRC_START..batch.len() {
        let mut bad = batch.to_vec();
        bad[position] ^= 0x10;
        assert!(matches!(BatchView::read(&bad).unwrap().check_crc(), Err(BatchError::Crc { .. })), "byte {position}");
    }
}

#[test]
fn cut_tail_is_told_apart_from_bad_bytes() {
    let batch = build_batch(&options(), &three_records()).unwrap();
    for length in 0..batch.len() {
        assert!(matches!(BatchView::read(&batch[..length]), Err(BatchError::Truncated { .. })), "{length} bytes");
    }
    let mut old = batch.to_vec();
    old[16] = 1;
    assert_eq!(BatchView::read(&old).unwrap_err(), BatchError::Magic(1));
    let mut short = batch.to_vec();
    short[8..12].copy_from_slice(&48i32.to_be_bytes());
    assert_eq!(BatchView::read(&short).unwrap_err(), BatchError::Length(48));
}

#[test]
fn batches_of_a_buffer_come_one_by_one_until_the_cut() {
    let one = build_batch(&options(), &three_records()).unwrap();
    let mut buffer = [&one[..], &one[..]].concat();
    buffer.extend_from_slice(&one[..30]);
    let mut batches = Batches::new(&buffer);
    assert_eq!(batches.by_ref().filter_map(Result::ok).count(), 2);
    assert_eq!(batches.position(), 2 * one.len());
    let mut batches = Batches::new(&buffer);
    assert!(matches!(batches.nth(2), Some(Err(BatchError::Truncated { .. }))));
    assert!(batches.next().is_none());
}

#[test]
fn compaction_keeps_offsets_gaps_and_the_range_of_a_batch() {
    let batch = build_batch(&options(), &three_records()).unwrap();
    let view = BatchView::read(&batch).unwrap();
    let horizon = BatchOptions { delete_horizon: Some(WallTime(123)), ..BatchOptions::like(&view.header).unwrap() };
    let mut builder = BatchBuilder::new(horizon);
    let last = view.records(&mut Vec::new(), 0).unwrap().nth(1).unwrap().unwrap().offset;
    for record in view.records(&mut Vec::new(), 0).unwrap().flatten().filter(|record| record.offset == last) {
        builder.retain(&record);
    }
    builder.set_last_offset(view.header.last_offset());
    let kept = builder.build().unwrap();
    let kept = BatchView::read(&kept).unwrap();
    kept.check_crc().unwrap();
    assert_eq!(kept.header.delete_horizon(), Some(WallTime(123)));
    assert_eq!((kept.header.last_offset(), kept.header.last_sequence()), (Offset(102), Sequence(13)));
    let mut scratch = Vec::new();
    let records: Vec<_> = kept.records(&mut scratch, 0).unwrap().map(Result::unwrap).collect();
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].offset, records[0].timestamp), (Offset(101), WallTime(3000)));
}

#[test]
fn empty_batch_keeps_the_state_of_its_producer() {
    let batch = build_batch(&BatchOptions { compression: Compression::Zstd, ..options() }, &three_records()).unwrap();
    let full = BatchHeader::read(&batch).unwrap();
    let bytes = empty_batch(&full);
    let view = BatchView::read(&bytes).unwrap();
    view.check_crc().unwrap();
    assert_eq!(bytes.len(), HEADER_SIZE);
    assert_eq!(view.header.last_offset(), full.last_offset());
    assert_eq!(view.header.last_sequence(), full.last_sequence());
    assert_eq!(view.header.max_timestamp, full.max_timestamp);
    assert_eq!(view.records(&mut Vec::new(), 0).unwrap().count(), 0);
}

#[test]
fn markers_read_back() {
    for kind in [MarkerKind::Abort, MarkerKind::Commit] {
        let batch = control_batch(ProducerId(9), ProducerEpoch(1), WallTime(5), kind, 77);
        let view = BatchView::read(&batch).unwrap();
        assert!(view.header.attributes.is_control() && view.header.attributes.is_transactional());
        let mut scratch = Vec::new();
        let record = view.records(&mut scratch, 0).unwrap().next().unwrap().unwrap();
        let marker = ControlRecord::read(record.key, record.value);
        assert_eq!(marker, Some(ControlRecord::EndTransaction { kind, coordinator_epoch: 77 }));
    }
    assert_eq!(ControlRecord::read(Some(&[0, 0, 0, 2]), None), Some(ControlRecord::Other(2)));
    assert_eq!(ControlRecord::read(Some(&[0]), None), None);
}

#[test]
fn record_counts_and_lengths_that_lie_are_found() {
    let batch = build_batch(&options(), &three_records()).unwrap();
    let view = BatchView::read(&batch).unwrap();
    let count = |record_count| {
        let header = BatchHeader { record_count, ..view.header };
        Records::new(header, view.body()).collect::<Result<Vec<_>, _>>().map(|records| records.len())
    };
    assert_eq!(count(3), Ok(3));
    assert!(matches!(count(2), Err(BatchError::TrailingBytes(_))));
    assert!(matches!(count(4), Err(BatchError::Record { index: 3, .. })));
    assert!(matches!(count(i32::MAX), Err(BatchError::Record { index: 3, .. })));
}
