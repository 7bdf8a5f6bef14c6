//! What is reported of a cluster: a summary of what its controller committed and of what its pods are.

use super::{
    broker_status::{broker_status, failover_status, versions},
    brokers::BrokerPod,
    health,
    listener_status::listeners,
    offline::offline_on,
    plan::Plan,
    roll::Roll,
    volumes,
};
use crate::{control_plane::View, resources::pod_selector, valid_cluster::ValidCluster};
use controller::{ClusterImage, requests::DescribedBroker};
use custom_resources::{
    ClusterStatus,
    cluster_status::{ControllerStatus, HeldDeletions, PartitionCounts, condition, reason},
    conditions::{Finding, Truth, conditions},
    request::REQUEST_ANNOTATION,
};
use k8s_openapi::jiff::Timestamp;

#[derive(Debug)]
pub struct Report<'a> {
    pub cluster: &'a ValidCluster,
    pub plan: &'a Plan,
    pub view: &'a View,
    /// As the controller hears them, if it decides.
    pub brokers: Option<&'a [DescribedBroker]>,
    /// Of this operator.
    pub holder: &'a str,
    /// Why something that was planned could not be done.
    pub failure: Option<&'a str>,
    /// Why the spec cannot be; something else is in its place.
    pub invalid: Option<&'a str>,
    /// Topics that wait for a person.
    pub held: Option<HeldDeletions>,
}

impl Report<'_> {
    /// With times of transition as in `before`, so that nothing new gives the same status.
    pub fn status(&self, before: Option<&ClusterStatus>, now: Timestamp) -> ClusterStatus {
        let Self { cluster, plan, view, .. } = self;
        let image = view.image.as_deref();
        let counts = image.map(count);
        let known = before.map(|status| &status.conditions[..]).unwrap_or_default();
        let pods = i32::try_from(plan.pods.len()).unwrap_or(i32::MAX);
        let outdated = match &plan.roll {
            Roll::Done => 0,
            Roll::NotKnown => plan.pods.len(),
            Roll::LeftToOthers { outdated } | Roll::Restart { outdated, .. } | Roll::Waiting { outdated, .. } => {
                *outdated
            }
        };
        let brokers: Vec<_> = plan.pods.iter().map(|pod| broker_status(pod, view, before)).collect();
        ClusterStatus {
            observed_generation: cluster.generation,
            conditions: conditions(known, self.findings(counts, before), cluster.generation, now),
            // It stays when the metadata is lost: by it the brokers are known again.
            cluster_id: image
                .map(|image| image.cluster_id.to_string())
                .or_else(|| before.and_then(|status| status.cluster_id.clone())),
            version: versions(&brokers),
            replicas: pods,
            ready_replicas: i32::try_from(self.serving()).unwrap_or(i32::MAX),
            updated_replicas: pods - i32::try_from(outdated).unwrap_or(0),
            selector: Some(selector(&cluster.key.name)),
            controller: image
                .map(|image| ControllerStatus { holder: self.holder.to_owned(), epoch: image.controller_epoch.0 }),
            partitions: counts,
            last_failover: view.failover.as_ref().map(failover_status).or_else(|| before?.last_failover.clone()),
            brokers,
            request: before.and_then(|status| status.request.clone()),
            scaling: plan.scale.progress.clone(),
            held_deletions: self.held.clone(),
            listeners: listeners(cluster, &plan.node_ports, image),
        }
    }

    /// Brokers whose pod is ready and whom the controller hears: a silent node's pods count as ready for 40 s.
    fn serving(&self) -> usize {
        let is_heard = |pod: &BrokerPod| {
            let broker = self.view.image.as_ref().and_then(|image| image.brokers.get(&pod.broker));
            broker.is_some_and(|broker| !broker.fenced)
        };
        self.plan.pods.iter().filter(|pod| pod.is_ready && is_heard(pod)).count()
    }

    fn findings(&self, counts: Option<PartitionCounts>, before: Option<&ClusterStatus>) -> Vec<Finding> {
        let mut findings = vec![
            self.ready(counts),
            about_partitions(condition::AVAILABLE, reason::BELOW_MIN_ISR, counts, |counts| {
                (counts.under_min_isr, "below their minimum of in-sync replicas")
            }),
            about_partitions(condition::FULLY_REPLICATED, reason::REPLICAS_OUT_OF_SYNC, counts, |counts| {
                (counts.under_replicated, "with a replica that is not in sync")
            }),
            self.up_to_date(),
            self.reconciled(),
            health::listeners_ready(self.cluster, &self.plan.node_ports),
            health::storage_healthy(&self.plan.volumes.state, self.brokers, before),
            health::metadata_persisted(self.view.handle.is_some(), self.view.commit_failure.as_deref()),
        ];
        findings.extend(self.held.as_ref().map(deletion_held));
        findings
    }

    fn ready(&self, counts: Option<PartitionCounts>) -> Finding {
        let no = |reason, message: String| Finding::new(condition::READY, false, reason, message);
        if self.view.handle.is_none() {
            let problem = self.view.problem.as_deref().unwrap_or("the controller of the cluster is starting");
            let reason = if self.view.is_recovering { reason::RECOVERING } else { reason::NO_CONTROLLER };
            return no(reason, problem.to_owned());
        }
        let ready = self.serving();
        let offline = counts.map_or(0, |counts| counts.offline);
        if offline > 0 {
            let names =
                self.view.image.as_deref().and_then(|image| offline_on(image, |_| true)).map(|(_, names)| names);
            let message = format!("{offline} partitions without a leader: {}", names.unwrap_or_default());
            return no(reason::PARTITIONS_OFFLINE, message);
        }
        if ready == 0 {
            return no(reason::WAITING_FOR_BROKERS, "no broker serves".to_owned());
        }
        let wanted = self.cluster.spec.replicas;
        if usize::try_from(wanted).is_ok_and(|wanted| ready < wanted) {
            return no(reason::WAITING_FOR_BROKERS, format!("{ready} of {wanted} brokers serve"));
        }
        Finding::new(condition::READY, true, reason::AS_EXPECTED, format!("{ready} brokers serve"))
    }

    fn up_to_date(&self) -> Finding {
        let no = |reason, message: String| Finding::new(condition::UP_TO_DATE, false, reason, message);
        match &self.plan.roll {
            Roll::Done => Finding::new(condition::UP_TO_DATE, true, reason::AS_EXPECTED, ""),
            Roll::NotKnown => {
                let message = "Kubernetes has yet to look at what is wanted of the brokers' pods";
                Finding::new(condition::UP_TO_DATE, Truth::Unknown, reason::UNKNOWN, message)
            }
            Roll::LeftToOthers { outdated } => {
                no(reason::PODS_OUTDATED, format!("{outdated} brokers to restart: delete their pods one at a time"))
            }
            Roll::Restart { pod, outdated } => {
                no(reason::ROLLING, format!("{outdated} brokers to restart; restarting broker {}", pod.broker))
            }
            Roll::Waiting { outdated, reason: why, is_blocked } => {
                let reason = if *is_blocked { reason::ROLL_BLOCKED } else { reason::ROLLING };
                no(reason, format!("{outdated} brokers to restart; waiting for {why}"))
            }
        }
    }

    fn reconciled(&self) -> Finding {
        let no = |reason, message: &str| Finding::new(condition::RECONCILED, false, reason, message);
        if let Some(invalid) = self.invalid {
            return no(reason::INVALID_SPEC, invalid);
        }
        if let Some(failure) = self.failure {
            return no(reason::FAILED, failure);
        }
        if self.cluster.spec.paused {
            return no(reason::PAUSED, "spec.paused: objects are left as they are");
        }
        match (&self.plan.scale.held, &self.plan.volumes.state) {
            (_, volumes::State::Refused(why)) => no(reason::VOLUMES_CANNOT_CHANGE, why),
            (Some(held), _) => no(reason::SCALE_DOWN_HELD, held),
            (None, volumes::State::Growing(which)) => no(reason::VOLUMES_GROW, which),
            (None, volumes::State::Good) => match &self.plan.drain.held {
                Some(held) => no(reason::DRAINING, held),
                None => Finding::new(condition::RECONCILED, true, reason::AS_EXPECTED, ""),
            },
        }
    }
}

fn deletion_held(held: &HeldDeletions) -> Finding {
    let message = format!(
        "{} topics stay though their resources were deleted: {}. Say in annotation {REQUEST_ANNOTATION} whether they are to go",
        held.topics, held.reason
    );
    Finding::new(condition::DELETION_HELD, true, reason::NOT_CONFIRMED, message)
}

fn about_partitions(
    type_: &'static str,
    reason: &'static str,
    counts: Option<PartitionCounts>,
    what: fn(PartitionCounts) -> (u32, &'static str),
) -> Finding {
    match counts.map(what) {
        None => Finding::new(type_, Truth::Unknown, reason::UNKNOWN, "the controller has committed nothing yet"),
        Some((0, _)) => Finding::new(type_, true, reason::AS_EXPECTED, ""),
        Some((some, words)) => Finding::new(type_, false, reason, format!("{some} partitions {words}")),
    }
}

fn count(image: &ClusterImage) -> PartitionCounts {
    let mut counts = PartitionCounts { topics: clamp(image.topics.len()), ..PartitionCounts::default() };
    for topic in image.topics.iter() {
        for partition in &topic.partitions {
            counts.total += 1;
            counts.offline += u32::from(partition.leader.is_none());
            counts.under_min_isr += u32::from(image.is_under_min_isr(topic, partition));
            counts.under_replicated += u32::from(partition.isr.len() < partition.replicas.len());
        }
    }
    counts
}

fn clamp(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn selector(name: &str) -> String {
    let pairs: Vec<_> = pod_selector(name).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(",")
}

/// Of a cluster that cannot be: what was known stays, but that it is ready.
pub fn invalid(
    before: Option<&ClusterStatus>,
    generation: Option<i64>,
    message: &str,
    now: Timestamp,
) -> ClusterStatus {
    let mut status = before.cloned().unwrap_or_default();
    let finding = Finding::new(condition::RECONCILED, false, reason::INVALID_SPEC, message);
    let nobody = Finding::new(condition::READY, false, reason::NO_CONTROLLER, message);
    let told = conditions(&status.conditions, vec![finding, nobody], generation, now);
    status.conditions.retain(|known| told.iter().all(|finding| finding.type_ != known.type_));
    status.conditions.extend(told);
    status.observed_generation = generation;
    status
}

#[cfg(test)]
mod tests {
    use super::{super::testing::image, *};

    #[test]
    fn partitions_are_counted_by_what_clients_feel() {
        let image =
            image(3, &[2], &[&[(&[0, 1, 2], &[0, 1, 2]), (&[0, 1, 2], &[0, 2]), (&[2], &[2]), (&[0, 1], &[0, 1])]]);
        let counts = count(&image);
        let alone = count(&self::image(3, &[], &[&[(&[2], &[2])]]));
        assert_eq!(alone.under_min_isr, 0, "of one replica nobody asks for two");
        assert_eq!((counts.topics, counts.total, counts.offline), (1, 4, 1));
        assert_eq!((counts.under_min_isr, counts.under_replicated), (2, 1));
    }
}
