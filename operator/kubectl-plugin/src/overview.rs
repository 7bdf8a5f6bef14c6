//! A cluster on one page, and whether it is well: pure.

#[cfg(test)]
mod tests;
mod text;

use crate::{
    lag::Lags,
    partition_state::{PartitionState, states},
};
use controller::ClusterImage;
use custom_resources::{
    Cluster, ClusterStatus,
    cluster_status::{condition, reason},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Unhealthy partitions that are named; all of them: `kubectl weir partitions --unhealthy`.
const PARTITIONS_NAMED: usize = 20;

/// Reasons of conditions that summarize partitions, as they were when the operator last looked.
const ABOUT_PARTITIONS: [&str; 3] = [reason::PARTITIONS_OFFLINE, reason::BELOW_MIN_ISR, reason::REPLICAS_OUT_OF_SYNC];

/// The operator that wrote the status last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OperatorSeen {
    Ready,
    NotReady,
    Gone,
    /// The status names none.
    NotNamed,
    /// Whoever asks may not look.
    Unknown(String),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overview {
    pub(crate) cluster: String,
    pub(crate) namespace: String,
    pub(crate) healthy: bool,
    /// Why it is not.
    pub(crate) problems: Vec<String>,
    /// Worth knowing, and no problem.
    pub(crate) notes: Vec<String>,
    pub(crate) cluster_id: Option<String>,
    pub(crate) controller: Option<String>,
    pub(crate) controller_epoch: Option<i64>,
    pub(crate) metadata_version: Option<u64>,
    pub(crate) brokers: Vec<BrokerLine>,
    pub(crate) partitions: Option<Counts>,
    pub(crate) unhealthy_partitions: Vec<NamedPartition>,
    pub(crate) rollout: Rollout,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BrokerLine {
    pub(crate) id: i32,
    pub(crate) state: String,
    /// A person fenced it: it stays so.
    pub(crate) fenced_by_hand: bool,
    /// A person drains it: it is to hold no replica.
    pub(crate) drained: bool,
    pub(crate) pod: Option<String>,
    pub(crate) node: Option<String>,
    pub(crate) rack: Option<String>,
    pub(crate) epoch: Option<i64>,
    /// Partitions that it leads.
    pub(crate) leaders: usize,
    /// Partitions that it would lead if all were well.
    pub(crate) preferred: usize,
    pub(crate) replicas: usize,
    pub(crate) out_of_sync: usize,
    /// Records by which the one that is furthest behind is; only where some are out of sync.
    pub(crate) lag: Option<u64>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    pub(crate) topics: usize,
    pub(crate) total: usize,
    pub(crate) offline: usize,
    pub(crate) under_min_isr: usize,
    pub(crate) under_replicated: usize,
    pub(crate) reassigning: usize,
    /// Deleted topics that can be brought back.
    pub(crate) deleted_topics: usize,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NamedPartition {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) states: Vec<PartitionState>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rollout {
    pub(crate) updated: i32,
    pub(crate) of: i32,
    pub(crate) message: String,
}

impl Overview {
    /// `image`: what the controller committed, or why it could not be read.
    pub(crate) fn new(cluster: &Cluster, image: Result<&ClusterImage, &str>, operator: OperatorSeen) -> Self {
        let nothing = ClusterStatus::default();
        let status = cluster.status.as_ref().unwrap_or(&nothing);
        let mut problems = Vec::new();
        let mut notes = Vec::new();
        judge_operator(&operator, status, &mut problems, &mut notes);
        judge_conditions(cluster, status, image.is_ok(), &mut problems, &mut notes);
        let counted = image.ok().map(count);
        match (image, &counted) {
            (Ok(_), Some((counts, _))) => judge_partitions(counts, &mut problems, &mut notes),
            (Err(error), _) => problems.push(format!("the metadata cannot be read: {error}")),
            (Ok(_), None) => {}
        }
        let brokers = brokers(status, image.ok());
        judge_brokers(&brokers, cluster.spec.replicas, &mut problems, &mut notes);
        let (partitions, unhealthy_partitions) = counted.map_or((None, Vec::new()), |(c, named)| (Some(c), named));
        let roll = status.condition(condition::UP_TO_DATE);
        Self {
            cluster: cluster.name_any(),
            namespace: cluster.namespace().unwrap_or_default(),
            healthy: problems.is_empty(),
            problems,
            notes,
            cluster_id: image.ok().map(|image| image.cluster_id.to_string()).or_else(|| status.cluster_id.clone()),
            controller: status.controller.as_ref().map(|controller| controller.holder.clone()),
            controller_epoch: image.ok().map(|image| image.controller_epoch.0),
            metadata_version: image.ok().map(|image| image.metadata_version.0),
            brokers,
            partitions,
            unhealthy_partitions,
            rollout: Rollout {
                updated: status.updated_replicas,
                of: status.replicas,
                message: roll.map(|roll| roll.message.clone()).unwrap_or_default(),
            },
        }
    }
}

impl Overview {
    /// Those with replicas out of sync, and their pods.
    pub(crate) fn behind(&self) -> Vec<(i32, String)> {
        let behind = self.brokers.iter().filter(|broker| broker.out_of_sync > 0);
        behind.filter_map(|broker| Some((broker.id, broker.pod.clone()?))).collect()
    }

    pub(crate) fn with_lags(mut self, mut lags: Lags) -> Self {
        for broker in &mut self.brokers {
            match lags.remove(&broker.id) {
                Some(Ok(lag)) => broker.lag = Some(lag),
                Some(Err(why)) => self.notes.push(format!("the lag of broker {} is not known: {why}", broker.id)),
                None => {}
            }
        }
        self
    }
}

fn judge_operator(
    operator: &OperatorSeen,
    status: &ClusterStatus,
    problems: &mut Vec<String>,
    notes: &mut Vec<String>,
) {
    let holder = status.controller.as_ref().map_or("", |controller| &controller.holder);
    match operator {
        OperatorSeen::Ready => {}
        OperatorSeen::Gone => problems.push(format!(
            "operator {holder}, which decided last, is gone: what is told here may be old, and nothing is elected"
        )),
        OperatorSeen::NotReady => problems.push(format!("operator {holder} is not ready")),
        OperatorSeen::NotNamed => problems.push("no operator has taken over the cluster yet".to_owned()),
        OperatorSeen::Unknown(why) => notes.push(format!("not known whether operator {holder} runs: {why}")),
    }
}

/// What the metadata says of partitions is newer than a condition, and counts where it can be read.
fn judge_conditions(
    cluster: &Cluster,
    status: &ClusterStatus,
    has_metadata: bool,
    problems: &mut Vec<String>,
    notes: &mut Vec<String>,
) {
    if status.observed_generation != cluster.metadata.generation {
        notes.push("the operator has not looked at the newest spec yet".to_owned());
    }
    let is_told_anyway = |known: &Condition| has_metadata && ABOUT_PARTITIONS.contains(&&*known.reason);
    let is_good = |known: &Condition| (known.status == "True") != (known.type_ == condition::DELETION_HELD);
    for known in status.conditions.iter().filter(|known| !is_good(known) && !is_told_anyway(known)) {
        let Condition { type_, reason, message, .. } = known;
        let told = format!("{type_} is {}, {reason}: {message}", known.status);
        let planned = [reason::ROLLING, reason::PODS_OUTDATED, reason::PAUSED, reason::DRAINING];
        let goes_its_way = planned.contains(&&**reason);
        if goes_its_way { notes.push(told) } else { problems.push(told) }
    }
    if !status.conditions.iter().any(|known| known.type_ == condition::READY) {
        problems.push("nothing is reported about the cluster yet".to_owned());
    }
}

fn judge_partitions(counts: &Counts, problems: &mut Vec<String>, notes: &mut Vec<String>) {
    let wrong = [
        (counts.offline, "have no leader"),
        (counts.under_min_isr, "have fewer replicas in sync than acks=all needs"),
        (counts.under_replicated, "have a replica that is not in sync"),
    ];
    problems.extend(wrong.iter().filter(|(some, _)| *some > 0).map(|(some, what)| format!("{some} partitions {what}")));
    if counts.reassigning > 0 {
        notes.push(format!("replicas of {} partitions move", counts.reassigning));
    }
}

fn judge_brokers(brokers: &[BrokerLine], wanted: i32, problems: &mut Vec<String>, notes: &mut Vec<String>) {
    for BrokerLine { id, state, fenced_by_hand, drained, replicas, .. } in brokers {
        if *fenced_by_hand {
            problems.push(format!("broker {id} is {state}, by hand: kubectl weir unfence {id} lets it in again"));
        } else if state != "Ready" {
            problems.push(format!("broker {id} is {state}"));
        }
        if *drained {
            notes.push(format!("broker {id} is drained by hand, {replicas} replicas are left"));
        }
    }
    let there: BTreeSet<_> = brokers.iter().map(|broker| broker.id).collect();
    let missing: Vec<_> = (0..wanted).filter(|id| !there.contains(id)).collect();
    if !missing.is_empty() {
        problems.push(format!("there is nothing of brokers {}", crate::table::ids(&missing)));
    }
}

fn count(image: &ClusterImage) -> (Counts, Vec<NamedPartition>) {
    let mut counts = Counts { topics: image.topics.len(), deleted_topics: image.tombstones.len(), ..Counts::default() };
    let mut named = Vec::new();
    for topic in image.topics.iter() {
        for (index, partition) in topic.indexed_partitions() {
            counts.total += 1;
            let states = states(image, topic, partition);
            counts.offline += usize::from(states.contains(&PartitionState::Offline));
            counts.under_min_isr += usize::from(states.contains(&PartitionState::UnderMinISR));
            counts.under_replicated += usize::from(states.contains(&PartitionState::UnderReplicated));
            counts.reassigning += usize::from(states.contains(&PartitionState::Reassigning));
            if states.iter().any(|state| state.is_problem()) {
                named.push(NamedPartition { topic: topic.name.to_string(), partition: index.0, states });
            }
        }
    }
    // The worst first; of those that are as bad the order stays.
    named.sort_by_key(|partition| partition.states.first().map(|state| *state as u8));
    named.truncate(PARTITIONS_NAMED);
    (counts, named)
}

/// Those that have a pod, and those that registered.
fn brokers(status: &ClusterStatus, image: Option<&ClusterImage>) -> Vec<BrokerLine> {
    let mut lines: BTreeMap<i32, BrokerLine> = BTreeMap::new();
    for broker in &status.brokers {
        let state = serde_json::to_value(broker.state).ok().and_then(|state| Some(state.as_str()?.to_owned()));
        let line = BrokerLine {
            id: broker.id,
            state: state.unwrap_or_default(),
            pod: Some(broker.pod_name.clone()),
            node: broker.node.clone(),
            rack: broker.rack.clone(),
            fenced_by_hand: broker.fenced_by_hand,
            drained: broker.drained,
            ..BrokerLine::default()
        };
        lines.insert(broker.id, line);
    }
    let Some(image) = image else { return lines.into_values().collect() };
    for (id, registered) in &*image.brokers {
        let line = lines.entry(id.0).or_insert_with(|| BrokerLine { id: id.0, ..BrokerLine::default() });
        // Newer than the status.
        line.state = match registered {
            broker if broker.fenced => "Fenced",
            broker if broker.in_controlled_shutdown => "ShuttingDown",
            _ => "Ready",
        }
        .to_owned();
        line.rack.clone_from(&registered.rack);
        line.epoch = Some(registered.epoch.0);
        let hold = image.hold(*id);
        (line.fenced_by_hand, line.drained) = (hold.fenced, hold.drained);
    }
    for partition in image.topics.iter().flat_map(|topic| &topic.partitions) {
        let mut at = |id: &model::BrokerId, change: fn(&mut BrokerLine)| {
            if let Some(line) = lines.get_mut(&id.0) {
                change(line);
            }
        };
        partition.leader.iter().for_each(|id| at(id, |line| line.leaders += 1));
        partition.replicas.first().iter().for_each(|id| at(id, |line| line.preferred += 1));
        partition.replicas.iter().for_each(|id| at(id, |line| line.replicas += 1));
        let out_of_sync = partition.replicas.iter().filter(|id| !partition.isr.contains(id));
        out_of_sync.for_each(|id| at(id, |line| line.out_of_sync += 1));
    }
    lines.into_values().collect()
}
