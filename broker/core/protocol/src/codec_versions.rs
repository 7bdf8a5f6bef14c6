//! Which version of the codec reads and writes a version of the wire: itself, where the codec knows it, or the one
//! before with the same bytes. `None` where a message of that version is read or written by hand.

use kafka_protocol::messages::ApiKey;

const LIST_OFFSETS: i16 = ApiKey::ListOffsets as i16;
const OFFSET_COMMIT: i16 = ApiKey::OffsetCommit as i16;
const OFFSET_FETCH: i16 = ApiKey::OffsetFetch as i16;
const DESCRIBE_LOG_DIRS: i16 = ApiKey::DescribeLogDirs as i16;

pub fn of_request(api_key: i16, version: i16) -> Option<i16> {
    match (api_key, version) {
        (LIST_OFFSETS, 11) => Some(10),
        (DESCRIBE_LOG_DIRS, 5) => Some(4),
        (OFFSET_COMMIT | OFFSET_FETCH, 10) => None,
        _ => Some(version),
    }
}

pub fn of_response(api_key: i16, version: i16) -> Option<i16> {
    match (api_key, version) {
        (LIST_OFFSETS, 11) => Some(10),
        (DESCRIBE_LOG_DIRS, 5) => None,
        _ => Some(version),
    }
}
