//! What happened to a cluster, for people: the difference of what was reported before and what is reported now. A cluster of
//! which there is nothing new to report has no events, and an operator that takes over does not tell anything twice.

use super::{brokers::BrokerPod, roll::Roll, unused_volumes::Claim};
use crate::events::Notice;
use custom_resources::{
    ClusterStatus,
    cluster_status::{BrokerState, BrokerStatus, FailoverStatus, condition, reason},
    request::RequestOutcome,
};
use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::Condition};

/// What a reconciliation did about pods and volumes of brokers. Not part of a status, so not known from a difference.
#[derive(Debug, Clone, Copy, Default)]
pub struct Did<'a> {
    pub namespace: &'a str,
    pub roll: Option<&'a Roll>,
    pub pods: &'a [BrokerPod],
    /// Volumes that went because nobody used them.
    pub deleted: &'a [Claim],
}

pub fn notices(before: Option<&ClusterStatus>, after: &ClusterStatus, did: Did<'_>) -> Vec<Notice> {
    let nothing = ClusterStatus::default();
    let before = before.unwrap_or(&nothing);
    let mut notices = Vec::new();
    notices.extend(of_controller(before, after));
    notices.extend(of_spec(before, after));
    notices.extend(of_roll(before, after));
    if let Some(Roll::Restart { pod, .. }) = did.roll {
        let note = format!("broker {} restarts so that it runs what the spec says", pod.broker);
        notices.push(Notice::normal("BrokerRestarting", note).about(reference(did.namespace, &pod.name)));
    }
    notices.extend(did.deleted.iter().map(|claim| {
        let Claim { broker, name, .. } = claim;
        Notice::normal(
            "VolumeDeleted",
            format!("volume {name}: there is no broker {broker} any more, and whenScaled is Delete"),
        )
    }));
    notices.extend(after.brokers.iter().filter_map(|broker| of_broker(before, broker, did)));
    notices.extend(of_failover(before, after));
    notices.extend(of_replicas(before, after));
    notices.extend(of_disks(before, after));
    notices.extend(of_commits(before, after));
    notices.extend(of_scale_up(before, after));
    notices.extend(of_deletions(before, after));
    notices.extend(of_request(before, after));
    notices
}

/// The condition, where it has another reason than before.
fn turned<'a>(before: &'a ClusterStatus, after: &'a ClusterStatus, type_: &str) -> Option<(&'a str, &'a Condition)> {
    let now = after.condition(type_)?;
    let was = before.condition(type_).map_or("", |condition| condition.reason.as_str());
    (was != now.reason).then_some((was, now))
}

fn of_controller(before: &ClusterStatus, after: &ClusterStatus) -> Vec<Notice> {
    let mut notices = Vec::new();
    if let Some((was, now)) = turned(before, after, condition::READY) {
        if now.reason == reason::RECOVERING {
            notices.push(Notice::warning("MetadataLost", now.message.clone()));
        } else if was == reason::RECOVERING && now.reason != reason::NO_CONTROLLER {
            notices.push(Notice::normal("MetadataRebuilt", "the metadata is what the brokers knew"));
        }
    }
    if let (Some(was), Some(now)) = (&before.controller, &after.controller)
        && was.epoch != now.epoch
    {
        let note = format!("{} decides for the cluster, controller epoch {}", now.holder, now.epoch);
        notices.push(Notice::normal("ControllerChanged", note));
    }
    notices
}

fn of_spec(before: &ClusterStatus, after: &ClusterStatus) -> Option<Notice> {
    let (was, now) = turned(before, after, condition::RECONCILED)?;
    let message = now.message.clone();
    Some(match now.reason.as_str() {
        reason::INVALID_SPEC => Notice::warning("InvalidSpec", message),
        reason::FAILED => Notice::warning("ReconcileFailed", message),
        reason::SCALE_DOWN_HELD => Notice::normal("ScaleDownHeld", message),
        reason::PAUSED => Notice::normal("Paused", message),
        reason::VOLUMES_CANNOT_CHANGE => Notice::warning("VolumesCannotChange", message),
        reason::VOLUMES_GROW => Notice::normal("VolumesGrow", message),
        reason::AS_EXPECTED if was == reason::PAUSED => Notice::normal("Resumed", "objects are kept as the spec says"),
        reason::AS_EXPECTED if was == reason::SCALE_DOWN_HELD => {
            Notice::normal("ScaleDownEnded", format!("{} brokers", after.replicas))
        }
        reason::AS_EXPECTED if was == reason::VOLUMES_GROW => {
            Notice::normal("VolumesExpanded", "every volume is as large as the spec says")
        }
        reason::AS_EXPECTED if !was.is_empty() => Notice::normal("Reconciled", "objects are as the spec says"),
        _ => return None,
    })
}

fn of_roll(before: &ClusterStatus, after: &ClusterStatus) -> Option<Notice> {
    let (was, now) = turned(before, after, condition::UP_TO_DATE)?;
    let message = now.message.clone();
    Some(match now.reason.as_str() {
        reason::ROLL_BLOCKED => Notice::warning("RollBlocked", message),
        reason::ROLLING if was == reason::ROLL_BLOCKED => Notice::normal("RollResumed", message),
        reason::ROLLING => Notice::normal("RollStarted", message),
        reason::PODS_OUTDATED => Notice::normal("PodsOutdated", message),
        reason::AS_EXPECTED if [reason::ROLLING, reason::ROLL_BLOCKED, reason::PODS_OUTDATED].contains(&was) => {
            Notice::normal("RollCompleted", "every broker runs what the spec says")
        }
        _ => return None,
    })
}

fn of_broker(before: &ClusterStatus, now: &BrokerStatus, did: Did<'_>) -> Option<Notice> {
    let was = before.brokers.iter().find(|broker| broker.id == now.id).map(|broker| broker.state);
    if was == Some(now.state) {
        return None;
    }
    let id = now.id;
    let pod = did.pods.iter().find(|pod| pod.broker.0 == id);
    let stopped = || Notice::normal("BrokerStopped", format!("broker {id} has stopped: others lead what it led"));
    let notice = match (was, now.state) {
        (Some(BrokerState::ShuttingDown), BrokerState::Fenced) => stopped(),
        (Some(BrokerState::Ready), BrokerState::Fenced) if pod.is_some_and(|pod| pod.is_going) => stopped(),
        (Some(BrokerState::Ready), BrokerState::Fenced) => {
            Notice::warning("BrokerFenced", format!("broker {id} is not heard: others lead what it led"))
        }
        (_, BrokerState::Unschedulable) => {
            let why = pod.and_then(|pod| pod.unschedulable.as_deref()).unwrap_or_default();
            Notice::warning("BrokerUnschedulable", format!("there is no node for broker {id}: {why}"))
        }
        // A broker that is new is fenced for a moment, too.
        (was, BrokerState::Ready) if was != Some(BrokerState::ShuttingDown) => {
            Notice::normal("BrokerReady", format!("broker {id} serves"))
        }
        _ => return None,
    };
    Some(notice.about(reference(did.namespace, &now.pod_name)))
}

fn of_failover(before: &ClusterStatus, after: &ClusterStatus) -> Option<Notice> {
    let now = after.last_failover.as_ref().filter(|now| before.last_failover.as_ref() != Some(now))?;
    let FailoverStatus { broker, duration_ms, moved, offline, .. } = now;
    let moved =
        format!("broker {broker} was lost: after {duration_ms} ms others led {moved} of the partitions that it led");
    Some(match offline {
        0 => Notice::normal("LeadersMoved", moved),
        _ => Notice::warning(
            "LeaderElectionFailed",
            format!("{moved}, and nobody {offline}: no other replica was in sync"),
        ),
    })
}

fn of_replicas(before: &ClusterStatus, after: &ClusterStatus) -> Option<Notice> {
    let (was, now) = turned(before, after, condition::FULLY_REPLICATED)?;
    match now.reason.as_str() {
        reason::REPLICAS_OUT_OF_SYNC if was == reason::AS_EXPECTED => {
            Some(Notice::normal("ReplicasOutOfSync", now.message.clone()))
        }
        reason::AS_EXPECTED if was == reason::REPLICAS_OUT_OF_SYNC => {
            Some(Notice::normal("ReplicasInSync", "every replica is in sync again"))
        }
        _ => None,
    }
}

fn of_disks(before: &ClusterStatus, after: &ClusterStatus) -> Option<Notice> {
    let mended = Notice::normal("DiskHasRoom", "every broker's volume has room again");
    of_trouble(turned(before, after, condition::STORAGE_HEALTHY)?, reason::DISK_NEARLY_FULL, "DiskNearlyFull", mended)
}

fn of_commits(before: &ClusterStatus, after: &ClusterStatus) -> Option<Notice> {
    let mended = Notice::normal("MetadataCommitted", "what the controller decides is in its objects again");
    of_trouble(
        turned(before, after, condition::METADATA_PERSISTED)?,
        reason::COMMIT_FAILED,
        "MetadataCommitFailed",
        mended,
    )
}

/// Of a condition that turned: that it is False for this reason, or that it was.
fn of_trouble((was, now): (&str, &Condition), reason: &str, event: &'static str, mended: Notice) -> Option<Notice> {
    if now.reason == reason {
        Some(Notice::warning(event, now.message.clone()))
    } else {
        (was == reason && now.reason == reason::AS_EXPECTED).then_some(mended)
    }
}

fn of_scale_up(before: &ClusterStatus, after: &ClusterStatus) -> Option<Notice> {
    let onto = |status: &ClusterStatus| status.scaling.as_ref().map(|scaling| scaling.onto.clone()).unwrap_or_default();
    let (was, now) = (onto(before), onto(after));
    if was.is_empty() && !now.is_empty() {
        Some(Notice::normal("ScaleUpStarted", format!("replicas move onto brokers {now:?}")))
    } else if !was.is_empty() && now.is_empty() {
        Some(Notice::normal("ScaleUpEnded", format!("no more replicas move onto brokers {was:?}")))
    } else {
        None
    }
}

fn of_deletions(before: &ClusterStatus, after: &ClusterStatus) -> Option<Notice> {
    match (before.condition(condition::DELETION_HELD), after.condition(condition::DELETION_HELD)) {
        (None, Some(now)) => Some(Notice::warning("DeletionHeld", now.message.clone())),
        (Some(was), Some(now)) if was.message != now.message => {
            Some(Notice::warning("DeletionHeld", now.message.clone()))
        }
        (Some(_), None) => Some(Notice::normal("DeletionDecided", "no topic waits for a decision any more")),
        _ => None,
    }
}

fn of_request(before: &ClusterStatus, after: &ClusterStatus) -> Option<Notice> {
    let answer = after.request.as_ref().filter(|answer| before.request.as_ref() != Some(answer))?;
    Some(match answer.outcome {
        RequestOutcome::Done => Notice::normal("RequestDone", answer.message.clone()),
        RequestOutcome::Refused => Notice::warning("RequestRefused", answer.message.clone()),
    })
}

fn reference(namespace: &str, pod: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        namespace: Some(namespace.to_owned()),
        name: Some(pod.to_owned()),
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests;
