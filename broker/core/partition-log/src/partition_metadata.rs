//! `partition.metadata`: the topic id of a partition's folder, so that a folder of a deleted and re-created topic is not mistaken.

use model::TopicId;

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
