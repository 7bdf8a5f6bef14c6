//! What happened to a topic, for people: the difference of what was reported before and what is now. That a topic was made, or
//! is as it should be, is no event: a thousand of those would tell nothing.

use super::status::Did;
use crate::events::Notice;
use custom_resources::{
    TopicStatus,
    topic::{condition, reason},
};

/// What a topic of a cluster that is just being made waits for.
const EARLY: [&str; 2] = [reason::CLUSTER_NOT_FOUND, reason::NOT_ENOUGH_BROKERS];

/// `next_id`: what the resource would have called a topic that it made.
pub(super) fn notices(before: Option<&TopicStatus>, after: &TopicStatus, next_id: &str, did: Did) -> Vec<Notice> {
    let ready = |status: &TopicStatus| status.conditions.iter().find(|known| known.type_ == condition::READY).cloned();
    let name = after.topic_name.as_deref().unwrap_or_default();
    let mut notices = Vec::new();
    if did.restored {
        notices.push(Notice::normal("TopicRestored", format!("topic {name} was deleted and is there again")));
    }
    let had = before.and_then(|status| status.topic_id.as_deref());
    if let (None, Some(id)) = (had, after.topic_id.as_deref())
        && id != next_id
    {
        notices.push(Notice::normal("TopicAdopted", format!("topic {name} was there and is this resource's now")));
    }
    let same = before.filter(|before| had.is_some() && before.topic_id == after.topic_id);
    notices.extend(same.into_iter().flat_map(|before| changes(before, after, name)));
    if did.configured {
        notices.push(Notice::normal("ConfigChanged", format!("topic {name} has the configuration of the resource")));
    }
    let was = before.and_then(ready).map(|known| known.reason).unwrap_or_default();
    if let Some(now) = ready(after).filter(|now| now.reason != was) {
        // Resources are often applied together with their cluster: what was never there may only have to wait.
        let is_early = |reason: &str| had.is_none() && EARLY.contains(&reason);
        if is_early(&now.reason) {
            return notices;
        }
        if let Some(reason) = refusal(&now.reason) {
            notices.push(Notice::warning(reason, now.message));
        } else if now.reason == reason::REASSIGNING {
            notices.push(Notice::normal("ReplicasMove", format!("replicas of topic {name} move")));
        } else if now.reason == reason::AS_EXPECTED && refusal(&was).is_some() && !is_early(&was) {
            notices.push(Notice::normal("TopicReady", format!("topic {name} is as the resource says")));
        }
    }
    notices
}

fn changes(before: &TopicStatus, after: &TopicStatus, name: &str) -> Vec<Notice> {
    let mut changes = Vec::new();
    if before.partitions < after.partitions {
        let note = format!("topic {name} has {} partitions, it had {}", after.partitions, before.partitions);
        changes.push(Notice::normal("PartitionsAdded", note));
    }
    if before.replicas != after.replicas {
        let note =
            format!("partitions of topic {name} are to have {} replicas, they had {}", after.replicas, before.replicas);
        changes.push(Notice::normal("ReplicasChanged", note));
    }
    changes
}

/// The reason of a condition, where a person has to do something about it.
fn refusal(of_condition: &str) -> Option<&'static str> {
    let all = [
        reason::CLUSTER_NOT_FOUND,
        reason::NAMESPACE_NOT_ALLOWED,
        reason::TOPIC_EXISTS,
        reason::TOPIC_NAME_CONFLICT,
        reason::INVALID_CONFIG,
        reason::PARTITIONS_SHRINK,
        reason::NOT_ENOUGH_BROKERS,
        reason::REFUSED,
        reason::PARTITIONS_OFFLINE,
    ];
    all.into_iter().find(|reason| *reason == of_condition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use custom_resources::conditions::{Finding, conditions};
    use k8s_openapi::jiff::Timestamp;

    fn status(reason: &'static str, id: Option<&str>) -> TopicStatus {
        let finding = Finding::new(condition::READY, reason == reason::AS_EXPECTED, reason, "why");
        TopicStatus {
            conditions: conditions(&[], vec![finding], None, Timestamp::UNIX_EPOCH),
            topic_id: id.map(str::to_owned),
            ..TopicStatus::default()
        }
    }

    fn told(before: Option<&TopicStatus>, after: &TopicStatus) -> Vec<&'static str> {
        notices(before, after, "own", Did::default()).into_iter().map(|notice| notice.reason).collect()
    }

    #[test]
    fn topic_that_is_made_and_stays_is_no_event() {
        let good = status(reason::AS_EXPECTED, Some("own"));
        assert!(told(None, &good).is_empty() && told(Some(&good), &good).is_empty());
        for waiting in [reason::NO_CONTROLLER, reason::CLUSTER_NOT_FOUND, reason::NOT_ENOUGH_BROKERS] {
            let waiting = status(waiting, None);
            assert!(told(None, &waiting).is_empty() && told(Some(&waiting), &good).is_empty());
        }
        let lost = status(reason::CLUSTER_NOT_FOUND, Some("own"));
        assert_eq!(told(Some(&good), &lost), ["ClusterNotFound"], "it had one");
    }

    #[test]
    fn refusal_and_its_end_are_told_once_each() {
        let good = status(reason::AS_EXPECTED, Some("own"));
        let conflict = status(reason::TOPIC_NAME_CONFLICT, None);
        assert_eq!(told(None, &conflict), ["TopicNameConflict"]);
        assert!(told(Some(&conflict), &conflict).is_empty());
        assert_eq!(told(Some(&conflict), &good), ["TopicReady"]);
        let moving = status(reason::REASSIGNING, Some("own"));
        assert_eq!(told(Some(&good), &moving), ["ReplicasMove"]);
        assert!(told(Some(&moving), &good).is_empty());
    }

    #[test]
    fn topic_that_was_there_is_adopted_and_a_deleted_one_restored() {
        let good = status(reason::AS_EXPECTED, Some("another"));
        assert_eq!(told(Some(&status(reason::TOPIC_EXISTS, None)), &good), ["TopicAdopted", "TopicReady"]);
        assert!(told(Some(&good), &good).is_empty());
        let restored = Did { restored: true, ..Did::default() };
        assert_eq!(notices(Some(&good), &good, "own", restored)[0].reason, "TopicRestored");
    }

    #[test]
    fn what_changes_about_a_topic_is_told_and_what_it_begins_with_is_not() {
        let small = TopicStatus { partitions: 3, replicas: 2, ..status(reason::AS_EXPECTED, Some("own")) };
        assert!(told(None, &small).is_empty());
        assert!(told(Some(&status(reason::NO_CONTROLLER, None)), &small).is_empty());
        let larger = TopicStatus { partitions: 6, replicas: 3, ..small.clone() };
        assert_eq!(told(Some(&small), &larger), ["PartitionsAdded", "ReplicasChanged"]);
        let configured = Did { configured: true, ..Did::default() };
        assert_eq!(notices(Some(&small), &small, "own", configured)[0].reason, "ConfigChanged");
    }
}
