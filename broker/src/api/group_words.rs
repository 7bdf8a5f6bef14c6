//! Kafka's words for groups and members in the coordinator's types, and back. Texts and bytes are copied: a group lives
//! longer than the frame that named it.

use bytes::Bytes;
use group_coordinator::{InstanceId, MemberId};
use kafka_protocol::{messages::GroupId as WireGroupId, protocol::StrBytes};
use model::GroupId;
use std::{net::IpAddr, sync::Arc};

pub(super) fn group(wire: &WireGroupId) -> GroupId {
    GroupId::from(wire.as_str())
}

pub(super) fn member(wire: &StrBytes) -> MemberId {
    MemberId::from(wire.as_str())
}

pub(super) fn instance(wire: Option<&StrBytes>) -> Option<InstanceId> {
    wire.map(|wire| InstanceId::from(wire.as_str()))
}

pub(super) fn text(wire: &StrBytes) -> Arc<str> {
    Arc::from(wire.as_str())
}

pub(super) fn bytes(wire: &Bytes) -> Bytes {
    Bytes::copy_from_slice(wire)
}

pub(super) fn wire_text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(super) fn wire_group(group: &GroupId) -> WireGroupId {
    WireGroupId(wire_text(group))
}

pub(super) fn wire_instance(instance: Option<&InstanceId>) -> Option<StrBytes> {
    instance.map(|instance| wire_text(instance))
}

/// As Java prints an address: a slash, and IPv6 without shortening.
pub(super) fn client_host(address: IpAddr) -> Arc<str> {
    let text = match address.to_canonical() {
        IpAddr::V4(address) => format!("/{address}"),
        IpAddr::V6(address) => {
            let words = address.segments().map(|word| format!("{word:x}"));
            format!("/{}", words.join(":"))
        }
    };
    Arc::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_host_is_printed_as_java_prints_it() {
        assert_eq!(&*client_host(IpAddr::from([127, 0, 0, 1])), "/127.0.0.1");
        assert_eq!(&*client_host("::1".parse().unwrap()), "/0:0:0:0:0:0:0:1");
        assert_eq!(&*client_host("::ffff:10.0.0.1".parse().unwrap()), "/10.0.0.1");
    }
}
