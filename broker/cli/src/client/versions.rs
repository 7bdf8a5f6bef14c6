//! Which versions of each API this client speaks, and the choice of one.
//!
//! The lowest version of a row is the first that carries what our code relies on; every broker since Kafka 4.0 has it.
//! The highest is where a newer version would ask more of us than it gives (topic ids instead of names in Produce 13
//! and Fetch 13, for example).

use super::{
    address::Address,
    error::{ClientError, Result},
};
use kafka_protocol::messages::ApiKey;
use std::collections::BTreeMap;

/// API key → lowest and highest version a broker offers.
pub(crate) type Offered = BTreeMap<i16, (i16, i16)>;

struct Spoken {
    api: ApiKey,
    name: &'static str,
    min: i16,
    max: i16,
}

const fn spoken(api: ApiKey, name: &'static str, min: i16, max: i16) -> Spoken {
    Spoken { api, name, min, max }
}

const SPOKEN: &[Spoken] = &[
    spoken(ApiKey::Produce, "Produce", 9, 12),
    spoken(ApiKey::Fetch, "Fetch", 12, 12),
    spoken(ApiKey::ListOffsets, "ListOffsets", 7, 9),
    spoken(ApiKey::Metadata, "Metadata", 10, 12),
    spoken(ApiKey::OffsetCommit, "OffsetCommit", 8, 9),
    spoken(ApiKey::OffsetFetch, "OffsetFetch", 8, 9),
    spoken(ApiKey::FindCoordinator, "FindCoordinator", 4, 5),
    spoken(ApiKey::JoinGroup, "JoinGroup", 7, 9),
    spoken(ApiKey::Heartbeat, "Heartbeat", 4, 4),
    spoken(ApiKey::LeaveGroup, "LeaveGroup", 4, 5),
    spoken(ApiKey::SyncGroup, "SyncGroup", 5, 5),
    spoken(ApiKey::DescribeGroups, "DescribeGroups", 5, 6),
    spoken(ApiKey::ListGroups, "ListGroups", 4, 5),
    spoken(ApiKey::ApiVersions, "ApiVersions", 3, 3),
    spoken(ApiKey::CreateTopics, "CreateTopics", 7, 7),
    spoken(ApiKey::DeleteTopics, "DeleteTopics", 6, 6),
    spoken(ApiKey::InitProducerId, "InitProducerId", 4, 4),
    spoken(ApiKey::CreatePartitions, "CreatePartitions", 2, 3),
    spoken(ApiKey::DescribeConfigs, "DescribeConfigs", 4, 4),
    spoken(ApiKey::IncrementalAlterConfigs, "IncrementalAlterConfigs", 1, 1),
    spoken(ApiKey::DeleteGroups, "DeleteGroups", 2, 2),
    spoken(ApiKey::ListPartitionReassignments, "ListPartitionReassignments", 0, 0),
    spoken(ApiKey::OffsetDelete, "OffsetDelete", 0, 0),
    spoken(ApiKey::DescribeCluster, "DescribeCluster", 0, 1),
    spoken(ApiKey::DescribeTopicPartitions, "DescribeTopicPartitions", 0, 0),
];

pub(super) fn name(api: ApiKey) -> &'static str {
    SPOKEN.iter().find(|row| row.api == api).map_or("an API this program does not use", |row| row.name)
}

/// The highest version that both sides have.
pub(super) fn negotiate(address: &Address, key: i16, offered: &Offered) -> Result<i16> {
    let row = SPOKEN.iter().find(|row| row.api as i16 == key);
    let theirs = offered.get(&key);
    if let (Some(row), Some((min, max))) = (row, theirs) {
        let version = row.max.min(*max);
        if version >= row.min.max(*min) {
            return Ok(version);
        }
    }
    Err(ClientError::Unsupported {
        address: address.clone(),
        api: row.map_or("an API this program does not use", |row| row.name),
        ours: row.map_or_else(|| "none".to_owned(), |row| format!("{}-{}", row.min, row.max)),
        theirs: theirs.map_or_else(|| "none".to_owned(), |(min, max)| format!("{min}-{max}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::protocol::VersionRange;

    fn at(min: i16, max: i16) -> Offered {
        Offered::from([(ApiKey::Metadata as i16, (min, max))])
    }

    fn negotiate_metadata(offered: &Offered) -> Result<i16> {
        negotiate(&Address::new("b", 1), ApiKey::Metadata as i16, offered)
    }

    #[test]
    fn the_highest_common_version_is_taken() {
        assert_eq!(negotiate_metadata(&at(0, 13)).expect("overlap"), 12);
        assert_eq!(negotiate_metadata(&at(0, 10)).expect("overlap"), 10);
    }

    #[test]
    fn a_broker_without_common_version_is_named_with_both_ranges() {
        let error = negotiate_metadata(&at(0, 9)).expect_err("too old").to_string();
        assert!(error.contains("Metadata") && error.contains("0-9") && error.contains("10-12"), "{error}");
        assert!(negotiate_metadata(&Offered::new()).is_err());
    }

    #[test]
    fn every_row_lies_within_what_the_wire_format_crate_knows() {
        for row in SPOKEN {
            let VersionRange { min, max } = row.api.valid_versions();
            assert!(row.min <= row.max && row.min >= min && row.max <= max, "{}", row.name);
        }
    }
}
