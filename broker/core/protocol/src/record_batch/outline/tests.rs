use super::*;
use crate::{
    compression::Compression,
    record_batch::{BatchOptions, BatchView, HeaderData, RecordData, build_batch},
};

/// Values around the size of the window, so that records end before, at and behind its edge.
fn sizes() -> Vec<usize> {
    let edge = |size: usize| (size - 40)..(size + 5);
    let mut sizes: Vec<usize> = edge(WINDOW).chain(edge(2 * WINDOW)).collect();
    sizes.extend([0, 1, 100, 8_000, 9_000, 200_000, 3, 70_000, 1]);
    sizes
}

#[test]
fn outlines_tell_the_same_as_the_records() {
    let bytes: Vec<u8> = (0..200_000u32).map(|at| at.wrapping_mul(at) as u8).collect();
    let records: Vec<_> = sizes()
        .into_iter()
        .enumerate()
        .flat_map(|(at, size)| {
            let (key, value) = (Some(&bytes[..size / 3]), Some(&bytes[..size - size / 3]));
            let timestamp = WallTime(at as i64 * 70_000);
            [
                RecordData { timestamp, key, value, headers: &[] },
                RecordData { timestamp, key: None, value: Some(&bytes[..size]), headers: &[] },
                RecordData { timestamp, key: Some(b"k"), value: None, headers: &[] },
            ]
        })
        .collect();
    for compression in Compression::ALL {
        let batch = build_batch(&BatchOptions { compression, ..BatchOptions::default() }, &records).unwrap();
        let view = BatchView::read(&batch).unwrap();
        let mut scratch = Vec::new();
        let told: Vec<_> = view
            .records(&mut scratch, 1 << 30)
            .unwrap()
            .map(Result::unwrap)
            .map(|r| RecordOutline { offset_delta: r.offset_delta, timestamp: r.timestamp, has_key: r.key.is_some() })
            .collect();
        let outlines: Vec<_> = view.outlines(1 << 30).unwrap().map(Result::unwrap).collect();
        assert_eq!(outlines.len(), records.len());
        assert_eq!(outlines, told, "{compression:?}");
    }
}

#[test]
fn headers_longer_than_the_window_are_passed_over() {
    let long = vec![b'h'; 3 * WINDOW];
    let headers: Vec<_> = [&long[..], b"", b"key"]
        .into_iter()
        .flat_map(|key| [HeaderData { key, value: Some(&long) }, HeaderData { key, value: None }])
        .collect();
    let record = RecordData { timestamp: WallTime(5), key: None, value: None, headers: &headers };
    for compression in Compression::ALL {
        let options = BatchOptions { compression, ..BatchOptions::default() };
        let batch = build_batch(&options, &[record, record]).unwrap();
        let view = BatchView::read(&batch).unwrap();
        let outlines: Vec<_> = view.outlines(1 << 30).unwrap().map(Result::unwrap).collect();
        let outline = |offset_delta| RecordOutline { offset_delta, timestamp: WallTime(5), has_key: false };
        assert_eq!(outlines, [outline(0), outline(1)]);
    }
}
