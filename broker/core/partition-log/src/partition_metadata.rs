//! `partition.metadata`: the topic id of a partition's folder, so that a folder of a deleted and re-created topic is not mistaken.

use crate::{Disk, disk::read_whole, names};
use model::TopicId;

const MAX_BYTES: u64 = 4096;

/// The topic id that a partition's folder was made for, as text; `None` where it does not say.
pub fn stored_topic_id(disk: &impl Disk, folder: &str) -> Option<String> {
    let path = format!("{folder}/{}", names::PARTITION_METADATA);
    let text = read_whole(disk, &path, MAX_BYTES).ok()?;
    decode(&text).map(str::to_owned)
}

pub(crate) fn encode(topic_id: TopicId) -> String {
    format!("version: 0\ntopic_id: {topic_id}\n")
}

/// The id as text, Kafka's base64. `None` if the file is not a whole one of version 0.
pub(crate) fn decode(text: &[u8]) -> Option<&str> {
    let mut lines = std::str::from_utf8(text).ok()?.lines();
    (lines.next()?.trim() == "version: 0").then_some(())?;
    let id = lines.next()?.strip_prefix("topic_id:")?.trim();
    // Shorter: torn when the machine went down.
    (id.len() == 22).then_some(id)
}
