//! What names a thing.

use serde::{Deserialize, Serialize};
use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};
use uuid::Uuid;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id! {
    /// `node.id` of a broker.
    BrokerId(i32)
}
number_id! {
    PartitionIndex(i32)
}
number_id! {
    /// Names an idempotent or transactional producer; unique over the life of a cluster.
    ProducerId(i64)
}
text_id! {
    /// Shared, cheap to clone. Holding one does not mean that the name is valid or the topic exists.
    TopicName
}
text_id! {
    GroupId
}
text_id! {
    /// Given by the coordinator to each member of a group. Empty in a first JoinGroup.
    MemberId
}
text_id! {
    /// `group.instance.id`: chosen by the user, makes a member static (KIP-345).
    InstanceId
}
text_id! {
    /// Kafka's form: 16 random bytes as 22 characters of URL-safe base64.
    ClusterId
}

impl MemberId {
    /// What a member sends before it has an id.
    pub fn unknown() -> Self {
        Self::from("")
    }

    pub fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }
}

/// Names one life of a topic: a topic deleted and created again has another id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TopicId(pub Uuid);

impl TopicId {
    /// What the wire carries where the id is not known.
    pub const ZERO: Self = Self(Uuid::nil());

    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    pub fn is_zero(self) -> bool {
        self.0.is_nil()
    }
}

/// One run of a broker's process: a fresh random id at every start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Incarnation(pub Uuid);

/// What a broker's logs have kept: as long as it stays the same, nothing that was ever appended is lost. A fresh random one
/// begins with an empty disk, and wherever the machine stopped before everything was flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogLife(pub Uuid);

/// One controller from its take-over to its end; random. Its epoch names it too, unless the store went back: then the one that
/// takes over may have the number of one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReignId(pub Uuid);

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&url_safe_base64(self.0.as_bytes()))
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ClusterId {
    pub fn from_random_bytes(bytes: [u8; 16]) -> Self {
        Self(url_safe_base64(&bytes).into())
    }
}

/// Kafka prints its 16-byte ids as unpadded URL-safe base64 (22 characters).
fn url_safe_base64(bytes: &[u8; 16]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(22);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0u32, |word, (i, byte)| word | u32::from(*byte) << (16 - 8 * i));
        for digit in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(word >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    text
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopicPartition {
    pub topic: TopicName,
    pub partition: PartitionIndex,
}

impl TopicPartition {
    pub fn new(topic: impl Into<TopicName>, partition: i32) -> Self {
        Self { topic: topic.into(), partition: PartitionIndex(partition) }
    }
}

/// `topic-partition`, as Kafka names the folder of a partition.
impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

impl fmt::Debug for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_id_prints_as_kafka_prints_it() {
        // Kafka's own reserved ids: Uuid.ONE_UUID and Uuid.ZERO_UUID.
        assert_eq!(TopicId(Uuid::from_u128(1)).to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(TopicId::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
    }

    #[test]
    fn cluster_id_has_22_characters_of_url_safe_base64() {
        let id = ClusterId::from_random_bytes([0xff; 16]);
        assert_eq!(id.as_str(), "_____________________w");
    }

    #[test]
    fn topic_partition_prints_as_its_folder() {
        assert_eq!(TopicPartition::new("orders", 3).to_string(), "orders-3");
    }
}
