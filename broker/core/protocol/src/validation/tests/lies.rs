//! Batches whose header, payload and records do not tell the same.

use super::*;
use crate::{
    compression::{CompressionError, compress},
    wire::put_varint,
};

const CODECS: [Compression; 4] = [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

fn packed(codec: Compression, content: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    compress(codec, None, content, &mut payload).unwrap();
    payload
}

/// A batch of `count` records with this payload, checksum right.
fn forged(codec: Compression, count: i32, payload: &[u8]) -> Bytes {
    let header = BatchHeader::read(&batch_of(&records(), codec)).unwrap();
    let length = i32::try_from(HEADER_SIZE - LOG_OVERHEAD + payload.len()).unwrap();
    let header = BatchHeader { length, record_count: count, last_offset_delta: count - 1, ..header };
    Bytes::from([&with_crc(&header, payload).encode()[..], payload].concat())
}

/// Three good records, as they are inside a batch.
fn content() -> Vec<u8> {
    batch_of(&records(), Compression::None)[HEADER_SIZE..].to_vec()
}

fn refusal(batch: &Bytes) -> BatchError {
    match check(batch, &ProduceRules::default()) {
        Err(ProduceError::Malformed(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn record_count_must_be_what_is_inside() {
    for codec in Compression::ALL {
        let payload = packed(codec, &content());
        assert!(check(&forged(codec, 3, &payload), &ProduceRules::default()).is_ok());
        let fewer = refusal(&forged(codec, 2, &payload));
        assert!(matches!(fewer, BatchError::TrailingBytes(_)), "{codec:?}: {fewer}");
        let more = refusal(&forged(codec, 4, &payload));
        assert!(matches!(more, BatchError::Record { index: 3, .. }), "{codec:?}: {more}");
        let absurd = refusal(&forged(codec, i32::MAX, &payload));
        assert!(matches!(absurd, BatchError::Record { index: 3, .. }), "{codec:?}: {absurd}");
    }
}

#[test]
fn bytes_after_the_last_record_are_refused() {
    for codec in Compression::ALL {
        let error = refusal(&forged(codec, 3, &packed(codec, &[&content()[..], &[0]].concat())));
        assert_eq!(error, BatchError::TrailingBytes(1), "{codec:?}");
    }
}

#[test]
fn bytes_after_the_packed_stream_are_refused() {
    for codec in CODECS {
        for junk in [&b"junk"[..], &packed(codec, b"more")] {
            let error = refusal(&forged(codec, 3, &[&packed(codec, &content())[..], junk].concat()));
            assert!(matches!(error, BatchError::Compression(_) | BatchError::TrailingBytes(_)), "{codec:?}: {error}");
        }
    }
}

#[test]
fn payload_cut_anywhere_is_refused() {
    for codec in CODECS {
        let payload = packed(codec, &content());
        for cut in 0..payload.len() {
            let error = refusal(&forged(codec, 3, &payload[..cut]));
            assert!(
                matches!(error, BatchError::Compression(_) | BatchError::Record { .. }),
                "{codec:?} {cut}: {error}"
            );
        }
    }
}

#[test]
fn payload_of_another_codec_is_refused() {
    for codec in CODECS {
        for other in Compression::ALL.into_iter().filter(|other| *other != codec) {
            let error = refusal(&forged(codec, 3, &packed(other, &content())));
            assert!(matches!(error, BatchError::Compression(CompressionError::Corrupt { .. })), "{codec:?}: {error}");
        }
    }
}

#[test]
fn record_must_be_as_long_as_it_says() {
    // A value of 20,000 bytes does not fit into the window in which packed records are read.
    for size in [5, 20_000] {
        let value = vec![b'v'; size];
        let record = RecordData { timestamp: NOW, key: Some(b"k"), value: Some(&value), headers: &[] };
        let good = batch_of(&[record], Compression::None)[HEADER_SIZE..].to_vec();
        let mut whole = crate::wire::Reader::new(&good);
        let length = whole.varint().unwrap();
        for codec in Compression::ALL {
            let with_length = |length, tail: &[u8]| {
                let mut content = Vec::new();
                put_varint(&mut content, length);
                content.extend_from_slice(whole.rest());
                content.extend_from_slice(tail);
                refusal(&forged(codec, 1, &packed(codec, &content)))
            };
            assert_eq!(
                with_length(length + 1, &[0]),
                BatchError::RecordLength { index: 0, length: length + 1, used: length as usize }
            );
            for wrong in [length - 1, length + 1, -1, i32::MAX] {
                let error = with_length(wrong, &[]);
                let malformed = matches!(error, BatchError::Record { .. } | BatchError::RecordLength { .. });
                assert!(malformed, "{codec:?} {wrong}: {error}");
            }
        }
    }
}

#[test]
fn trusted_checksum_covers_every_lie_inside() {
    for codec in CODECS {
        for lie in [forged(codec, 4, &packed(codec, &content())), forged(codec, 3, b"no codec wrote this")] {
            assert!(check(&lie, &ProduceRules::default()).is_err());
            assert!(check(&lie, &trusting()).is_ok());
            let compacted = ProduceRules { compacted: true, ..trusting() };
            assert!(check(&lie, &compacted).is_err(), "where keys are needed nothing is trusted");
        }
    }
}

#[test]
fn what_a_batch_unpacks_to_is_capped() {
    let zeros = vec![0; 1_000_000];
    let record = RecordData { timestamp: NOW, value: Some(&zeros), ..RecordData::default() };
    let size = content_size(&record);
    for codec in CODECS {
        let batch = batch_of(&[record], codec);
        let capped =
            |decompressed_limit| check(&batch, &ProduceRules { decompressed_limit, ..ProduceRules::default() });
        assert_eq!(capped(size).map(|valid| valid.rebuilt), Ok(false), "{codec:?}");
        for limit in [size - 1, 10_000, 0] {
            assert_eq!(capped(limit), Err(ProduceError::UnpacksTooLarge { limit }), "{codec:?}");
        }
    }
}

fn content_size(record: &RecordData<'_>) -> usize {
    batch_of(std::slice::from_ref(record), Compression::None).len() - HEADER_SIZE
}
