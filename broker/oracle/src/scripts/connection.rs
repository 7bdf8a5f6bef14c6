//! Versions, frames that are refused, the cluster.

use super::text;
use crate::{
    answer::Node,
    session::{CLOSED, Session},
};
use anyhow::Result;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, DescribeClusterRequest};

fn versions_request() -> ApiVersionsRequest {
    ApiVersionsRequest::default().with_client_software_name(text("oracle")).with_client_software_version(text("1.0"))
}

/// Ranges and features by their names: the order is nobody's promise.
fn versions(response: &ApiVersionsResponse) -> Node {
    let mut fields = vec![("error_code".to_owned(), Node::Value(response.error_code.to_string()))];
    for api in &response.api_keys {
        fields
            .push((format!("api {}", api.api_key), Node::Value(format!("{} to {}", api.min_version, api.max_version))));
    }
    for feature in &response.supported_features {
        let range = format!("{} to {}", feature.min_version, feature.max_version);
        fields.push((format!("supported {}", feature.name.as_str()), Node::Value(range)));
    }
    for feature in &response.finalized_features {
        let range = format!("{} to {}", feature.min_version_level, feature.max_version_level);
        fields.push((format!("finalized {}", feature.name.as_str()), Node::Value(range)));
    }
    let knows_features = response.finalized_features_epoch >= 0;
    fields.push(("knows features".into(), Node::Value(knows_features.to_string())));
    Node::Fields(fields)
}

pub(super) fn api_versions(session: &mut Session) -> Result<()> {
    for version in 0..=4 {
        let response = session.call(version, &versions_request())?;
        let answer = response.map_or(Node::Value(CLOSED.into()), |response| versions(&response));
        session.record(&format!("ApiVersions v{version}"), answer);
    }
    let bad_name = ApiVersionsRequest::default()
        .with_client_software_name(text("no spaces"))
        .with_client_software_version(text("1"));
    let response = session.call(3, &bad_name)?;
    let answer = response.map_or(Node::Value(CLOSED.into()), |response| versions(&response));
    session.record("ApiVersions with a bad name", answer);
    // Version 99, answered in the body of version 0.
    session.ask_raw("ApiVersions v99", b"\0\0\0\x12\0\x12\0\x63\0\0\0\x07\0\x06oracle\0\0")
}

pub(super) fn refused_frames(session: &mut Session) -> Result<()> {
    session.ask_raw("unknown key", b"\0\0\0\x10\x03\xe7\0\0\0\0\0\x01\0\x06oracle")?;
    session.ask_raw("Metadata v99", b"\0\0\0\x10\0\x03\0\x63\0\0\0\x01\0\x06oracle")?;
    session.ask_raw("Produce v2", b"\0\0\0\x10\0\0\0\x02\0\0\0\x01\0\x06oracle")?;
    session.ask_raw("negative frame size", b"\xff\xff\xff\xff")?;
    session.ask_raw("frame size above socket.request.max.bytes", b"\x7f\xff\xff\xff")?;
    session.ask_raw("Metadata v1 cut short", b"\0\0\0\x14\0\x03\0\x01\0\0\0\x01\0\x06oracle\0\0\0\x05")?;
    let cut: &[(&str, &[u8])] = &[
        ("empty frame", b"\0\0\0\0"),
        ("three bytes", b"\0\0\0\x03\0\x03\0"),
        ("no client id", b"\0\0\0\x08\0\x03\0\x01\0\0\0\x01"),
        ("client id cut short", b"\0\0\0\x0c\0\x03\0\x01\0\0\0\x01\0\x06or"),
        ("Metadata v1 of two billion topics", b"\0\0\0\x14\0\x03\0\x01\0\0\0\x01\0\x06oracle\x7f\xff\xff\xff"),
        ("Produce v9 cut short", b"\0\0\0\x13\0\0\0\x09\0\0\0\x01\0\x06oracle\0\0\xff"),
        ("Fetch v11 cut short", b"\0\0\0\x14\0\x01\0\x0b\0\0\0\x01\0\x06oracle\xff\xff\xff\xff"),
        ("JoinGroup v5 cut short", b"\0\0\0\x13\0\x0b\0\x05\0\0\0\x01\0\x06oracle\0\x05a"),
        ("ListOffsets v7 without a body", b"\0\0\0\x11\0\x02\0\x07\0\0\0\x01\0\x06oracle\0"),
        ("a null group", b"\0\0\0\x12\0\x0c\0\0\0\0\0\x01\0\x06oracle\xff\xff"),
        ("TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),
    ];
    cut.iter().try_for_each(|(why, frame)| session.ask_raw(why, frame))?;
    session.ask_raw("HTTP", b"GET / HTTP/1.1\r\n\r\n")
}

pub(super) fn cluster(session: &mut Session) -> Result<()> {
    session.ask_all("DescribeCluster", 0..=2, |version| {
        DescribeClusterRequest::default().with_include_cluster_authorized_operations(version == 0).with_endpoint_type(1)
    })
}
