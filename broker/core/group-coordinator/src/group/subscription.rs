//! The one look a coordinator takes into a member's metadata: which topics a consumer subscribes to.

use super::ClassicGroup;
use bytes::{Buf, Bytes};
use model::TopicName;
use std::{collections::BTreeSet, sync::Arc};

impl ClassicGroup {
    /// `None` where the members are not consumers, or where one of them sent something that does not parse.
    pub(crate) fn compute_subscribed_topics(&self) -> Option<Arc<BTreeSet<TopicName>>> {
        if !self.uses_consumer_protocol() {
            return None;
        }
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let metadata = member.metadata(self.protocol.as_deref()?)?;
            topics.extend(parse_topics(metadata)?);
        }
        Some(Arc::new(topics))
    }
}

/// Reads what every version of ConsumerProtocolSubscription begins with: version, then an array of topic names.
pub(crate) fn parse_topics(metadata: &Bytes) -> Option<Vec<TopicName>> {
    let mut bytes = &metadata[..];
    let _version = bytes.try_get_i16().ok()?;
    let count = usize::try_from(bytes.try_get_i32().ok()?).ok()?;
    // Each name takes at least its length field, so a count beyond that is a lie; nothing is reserved for it.
    if count > bytes.remaining() / 2 {
        return None;
    }
    let mut topics = Vec::with_capacity(count);
    for _ in 0..count {
        let length = usize::try_from(bytes.try_get_i16().ok()?).ok()?;
        let (name, rest) = bytes.split_at_checked(length)?;
        topics.push(TopicName::from(std::str::from_utf8(name).ok()?));
        bytes = rest;
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_of_any_version_are_read() {
        let metadata = Bytes::from_static(b"\0\x03\0\0\0\x02\0\x01a\0\x02bcwhatever follows");
        assert_eq!(parse_topics(&metadata), Some(vec![TopicName::from("a"), TopicName::from("bc")]));
    }

    #[test]
    fn broken_subscription_is_not_known_and_reserves_nothing() {
        assert_eq!(parse_topics(&Bytes::new()), None);
        assert_eq!(parse_topics(&Bytes::from_static(b"\0\0\x7f\xff\xff\xff")), None);
        assert_eq!(parse_topics(&Bytes::from_static(b"\0\0\0\0\0\x01\x7f\xffa")), None);
        assert_eq!(parse_topics(&Bytes::from_static(b"\0\0\0\0\0\x01\0\x02\xff\xfe")), None);
    }
}
