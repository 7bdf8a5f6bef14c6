use super::*;
use kafka_protocol::{
    messages,
    protocol::{Decodable, HeaderVersion},
};

fn response(is_cordoned: bool) -> DescribeLogDirsResponse {
    let partition = LogDirPartition { index: PartitionIndex(4), size: 1 << 33, offset_lag: 6, is_future: true };
    let topic = LogDirTopic { name: "orders".into(), partitions: vec![partition] };
    let folder = |path: &str, topics| LogDir {
        error_code: 56,
        path: path.into(),
        topics,
        total_bytes: 9_000,
        usable_bytes: 5_000,
        is_cordoned,
    };
    DescribeLogDirsResponse { error_code: 31, results: vec![folder("/one", vec![topic]), folder("/two", vec![])] }
}

#[test]
fn clients_read_back_every_version_of_the_codec() {
    for version in 1..=4 {
        let mut bytes = response(true).encode(version, 41);
        assert_eq!(i32::from_be_bytes(bytes.split_to(4)[..].try_into().unwrap()) as usize, bytes.len());
        let header_version = messages::DescribeLogDirsResponse::header_version(version);
        let header = messages::ResponseHeader::decode(&mut bytes, header_version).unwrap();
        let read = messages::DescribeLogDirsResponse::decode(&mut bytes, version).unwrap();
        assert!(bytes.is_empty(), "v{version} leaves {} bytes", bytes.len());
        assert_eq!((header.correlation_id, read.throttle_time_ms), (41, 0));
        assert_eq!(read.error_code, if version >= 3 { 31 } else { 0 });
        let (one, two) = (&read.results[0], &read.results[1]);
        assert_eq!((one.error_code, one.log_dir.as_str(), two.log_dir.as_str()), (56, "/one", "/two"));
        assert_eq!(one.topics[0].name.as_str(), "orders");
        let partition = &one.topics[0].partitions[0];
        assert_eq!((partition.partition_index, partition.partition_size), (4, 1 << 33));
        assert_eq!((partition.offset_lag, partition.is_future_key), (6, true));
        let room = if version >= 4 { (9_000, 5_000) } else { (-1, -1) };
        assert_eq!((one.total_bytes, one.usable_bytes), room);
    }
}

/// KIP-1066 puts one byte behind the sizes of each folder.
#[test]
fn version_five_says_of_each_folder_whether_it_is_cordoned() {
    let behind_sizes = |bytes: &[u8]| {
        let sizes = [9_000i64.to_be_bytes(), 5_000i64.to_be_bytes()].concat();
        let found = bytes.windows(sizes.len()).enumerate().filter(|(_, window)| *window == sizes);
        found.map(|(start, _)| start + sizes.len()).collect::<Vec<_>>()
    };
    for is_cordoned in [false, true] {
        let (before, after) = (response(is_cordoned).encode(4, 41), response(is_cordoned).encode(5, 41));
        let mut without = after.to_vec();
        let flags = behind_sizes(&after);
        assert_eq!(flags.len(), 2);
        for flag in flags.into_iter().rev() {
            assert_eq!(without.remove(flag), u8::from(is_cordoned));
        }
        assert_eq!(without[4..], before[4..]);
        assert_eq!(after[..4], (before.len() as u32 - 4 + 2).to_be_bytes());
    }
}
