//! The bytes that members of a consumer group exchange through their coordinator: Kafka's "consumer" protocol type.
//!
//! The coordinator passes them on unread, so what is decoded here comes from other programs, in other languages.

use super::{ClientError, Result, wire};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription, consumer_protocol_assignment},
    protocol::Encodable,
};
use model::{TopicName, TopicPartition};
use protocol::guard::{self, GuardError};

pub(crate) const PROTOCOL_TYPE: &str = "consumer";

/// Versions 0 to 3 exist; the later ones only append. Version 1 (owned partitions) is what eager assignors need.
const SUBSCRIPTION_VERSION: i16 = 1;
const ASSIGNMENT_VERSION: i16 = 0;

/// What a member says when it joins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Subscription {
    pub(crate) topics: Vec<TopicName>,
}

/// What the leader of the group hands a member.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Assignment {
    /// Sorted.
    pub(crate) partitions: Vec<TopicPartition>,
}

impl Subscription {
    pub(crate) fn encode(&self) -> Bytes {
        let topics = self.topics.iter().map(|topic| wire::text(topic)).collect();
        encode(&ConsumerProtocolSubscription::default().with_topics(topics), SUBSCRIPTION_VERSION)
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Self> {
        let subscription = guard::decode_subscription(&bytes).map_err(unreadable)?;
        let mut topics: Vec<_> = subscription.topics.iter().map(|topic| TopicName::from(topic.as_str())).collect();
        topics.sort();
        topics.dedup();
        Ok(Self { topics })
    }
}

impl Assignment {
    pub(crate) fn encode(&self) -> Bytes {
        let topics = wire::by_topic(self.partitions.iter().map(|partition| (partition.clone(), ())));
        let topics = topics.into_iter().map(|(topic, partitions)| {
            consumer_protocol_assignment::TopicPartition::default()
                .with_topic(wire::topic(&topic))
                .with_partitions(partitions.into_iter().map(|(index, ())| index).collect())
        });
        let assignment = ConsumerProtocolAssignment::default().with_assigned_partitions(topics.collect());
        encode(&assignment, ASSIGNMENT_VERSION)
    }

    /// No bytes at all is an assignment of nothing: what a member gets whom the leader forgot.
    pub(crate) fn decode(bytes: Bytes) -> Result<Self> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let assignment = guard::decode_assignment(&bytes).map_err(unreadable)?;
        let mut partitions: Vec<_> = assignment
            .assigned_partitions
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|index| TopicPartition::new(topic.topic.as_str(), *index)))
            .collect();
        partitions.sort();
        Ok(Self { partitions })
    }
}

fn encode<M: Encodable>(message: &M, version: i16) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(version);
    message.encode(&mut bytes, version).expect("only fields of this version are set");
    bytes.freeze()
}

fn unreadable(error: GuardError) -> ClientError {
    ClientError::Invalid(format!("the metadata of a group's member cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_has_the_bytes_of_javas() {
        let subscription = Subscription { topics: vec!["a".into(), "bc".into()] };
        let bytes = [&b"\0\x01\0\0\0\x02\0\x01a\0\x02bc"[..], b"\xff\xff\xff\xff", b"\0\0\0\0"].concat();
        assert_eq!(subscription.encode(), bytes);
        assert_eq!(Subscription::decode(bytes.into()).expect("own bytes"), subscription);
    }

    #[test]
    fn an_assignment_comes_back_sorted() {
        let sent = Assignment {
            partitions: vec![TopicPartition::new("b", 0), TopicPartition::new("a", 1), TopicPartition::new("a", 0)],
        };
        let read = Assignment::decode(sent.encode()).expect("own bytes");
        assert_eq!(
            read.partitions,
            [TopicPartition::new("a", 0), TopicPartition::new("a", 1), TopicPartition::new("b", 0)]
        );
        assert_eq!(Assignment::decode(Bytes::new()).expect("nothing assigned"), Assignment::default());
    }

    #[test]
    fn a_subscription_of_a_newer_member_is_read() {
        // Version 3: owned partitions, generation, rack; and a version from the future with more after it.
        let body = b"\0\0\0\x01\0\x01t\xff\xff\xff\xff\0\0\0\0\0\0\0\x07\xff\xffmore";
        for version in [b"\0\x03", b"\0\x09"] {
            let read = Subscription::decode([&version[..], body].concat().into()).expect("known fields");
            assert_eq!(read.topics, ["t".into()]);
        }
    }

    #[test]
    fn foreign_bytes_are_an_error_and_reserve_nothing() {
        for bytes in [
            &b""[..],
            b"\0",
            b"\0\0\x7f\xff\xff\xff",
            b"\0\x01\0\0\0\x01\0\x01t\xff\xff\xff\xff\x7f\xff\xff\xff",
            b"\xff\xff\0\0\0\0",
        ] {
            assert!(Subscription::decode(Bytes::copy_from_slice(bytes)).is_err(), "{bytes:?}");
        }
        assert!(Assignment::decode(Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\x7f\xff\xff\xff")).is_err());
    }
}
