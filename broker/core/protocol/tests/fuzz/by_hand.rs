//! The readers beside the codec: what they cost, and that they read the same as it does.

use crate::budget::Budget;
use kafka_protocol::messages::{ApiKey, OffsetCommitRequest, OffsetFetchRequest, RequestKind};
use protocol::{offset_commit_request, offset_fetch_request, topic_reference::TopicReference};

const OFFSET_COMMIT: i16 = ApiKey::OffsetCommit as i16;
const OFFSET_FETCH: i16 = ApiKey::OffsetFetch as i16;

/// What a message says, as text that both readers come to.
type Digest = Vec<String>;

/// `None` for an API that has no reader of its own, `Some(None)` for a body that it refuses.
pub(crate) fn read(budget: &Budget, api_key: i16, version: i16, body: &[u8], cost: usize) -> Option<Option<Digest>> {
    match api_key {
        OFFSET_COMMIT => {
            let read = || offset_commit_request::OffsetCommitRequest::read(body, version);
            Some(budget.check("the reader", read, |_| cost).ok().map(|request| commit_by_hand(&request)))
        }
        OFFSET_FETCH => {
            let read = || offset_fetch_request::OffsetFetchRequest::read(body, version);
            Some(budget.check("the reader", read, |_| cost).ok().map(|request| fetch_by_hand(&request)))
        }
        _ => None,
    }
}

pub(crate) fn digest(request: &RequestKind, version: i16) -> Digest {
    match request {
        RequestKind::OffsetCommit(request) => commit(request),
        RequestKind::OffsetFetch(request) => fetch(request, version),
        other => panic!("{other:?} has no reader of its own"),
    }
}

fn name<'a>(topic: &TopicReference<'a>) -> &'a str {
    match topic {
        TopicReference::Name(name) => name,
        TopicReference::Id(_) => "",
    }
}

fn commit_by_hand(request: &offset_commit_request::OffsetCommitRequest<'_>) -> Digest {
    let mut digest = vec![format!(
        "{} {} {} {:?} {}",
        request.group_id,
        request.generation_id,
        request.member_id,
        request.group_instance_id,
        request.retention_time_ms.unwrap_or(-1)
    )];
    for topic in &request.topics {
        digest.push(name(&topic.topic).to_owned());
        digest.extend(
            topic
                .partitions
                .iter()
                .map(|one| format!("{} {} {} {:?}", one.index, one.offset, one.leader_epoch, one.metadata)),
        );
    }
    digest
}

fn commit(request: &OffsetCommitRequest) -> Digest {
    let mut digest = vec![format!(
        "{} {} {} {:?} {}",
        request.group_id.as_str(),
        request.generation_id_or_member_epoch,
        request.member_id,
        request.group_instance_id.as_deref(),
        request.retention_time_ms
    )];
    for topic in &request.topics {
        digest.push(topic.name.to_string());
        digest.extend(topic.partitions.iter().map(|one| {
            let metadata = one.committed_metadata.as_deref();
            format!("{} {} {} {metadata:?}", one.partition_index, one.committed_offset, one.committed_leader_epoch)
        }));
    }
    digest
}

fn fetch_by_hand(request: &offset_fetch_request::OffsetFetchRequest<'_>) -> Digest {
    let mut digest = vec![request.require_stable.to_string()];
    for group in &request.groups {
        digest.push(format!("{} {}", group.group_id, group.topics.is_none()));
        for topic in group.topics.iter().flatten() {
            let partitions: Vec<i32> = topic.partitions.iter().map(|partition| partition.0).collect();
            digest.push(format!("{} {partitions:?}", name(&topic.topic)));
        }
    }
    digest
}

/// Up to version 7 the one group stands outside of the list of groups.
fn fetch(request: &OffsetFetchRequest, version: i16) -> Digest {
    let mut digest = vec![request.require_stable.to_string()];
    let mut group = |id: &str, topics: Option<Vec<String>>| {
        digest.push(format!("{id} {}", topics.is_none()));
        digest.extend(topics.into_iter().flatten());
    };
    if version <= 7 {
        let topics = request.topics.as_ref().map(|topics| {
            topics.iter().map(|topic| format!("{} {:?}", topic.name.as_str(), topic.partition_indexes)).collect()
        });
        group(&request.group_id, topics);
    }
    for one in &request.groups {
        let topics = one.topics.as_ref().map(|topics| {
            topics.iter().map(|topic| format!("{} {:?}", topic.name.as_str(), topic.partition_indexes)).collect()
        });
        group(&one.group_id, topics);
    }
    digest
}
