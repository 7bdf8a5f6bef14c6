//! What leaders propose about their in-sync replicas, on its way to the controller: everything of one moment in one
//! request, one request at a time.

use super::ReplicationSetup;
use crate::partitions::{Decided, Partition, assignment};
use controller::{
    ClusterImage, ControllerError,
    errors::{AfterIsrError, IsrError},
    requests::{AlterPartitions, IsrProposal},
};
use model::{BrokerEpoch, BrokerId};
use replication::{Proposal, ProposalRefused};
use std::{sync::Arc, time::Duration};

/// After the controller could not be asked.
const RETRY: Duration = Duration::from_millis(100);
/// After the controller could not store it. It decides nothing of its own for half a second then; a broker that came back sooner
/// each time would keep it from that for as long as, say, its disk is full.
const RETRY_STORE: Duration = Duration::from_secs(1);

pub(super) async fn run(setup: ReplicationSetup) {
    loop {
        let proposals = setup.partitions.proposals().await;
        if let Some(pause) = propose(&setup, proposals).await {
            tokio::time::sleep(pause).await;
        }
    }
}

/// How long to wait if something is left undecided.
async fn propose(setup: &ReplicationSetup, proposals: Vec<(Arc<Partition>, Proposal)>) -> Option<Duration> {
    let me = setup.config.node_id;
    let before = setup.metadata.committed();
    let request = AlterPartitions {
        broker: me,
        broker_epoch: own_epoch(&before, me),
        proposals: proposals.iter().map(|(partition, proposal)| message(partition, proposal)).collect(),
    };
    let answer = setup.controller.alter_partitions(request).await;
    let results = match answer {
        Ok(Ok(results)) if results.len() == proposals.len() => results,
        Ok(Err(IsrError::StaleBrokerEpoch)) | Ok(_) | Err(_) => {
            let is_not_stored = matches!(answer, Err(ControllerError::StoreFailed(_)));
            for (partition, proposal) in proposals {
                partition.proposal_decided(state(&proposal), Decided::Lost);
            }
            return Some(if is_not_stored { RETRY_STORE } else { RETRY });
        }
    };
    let mut all_decided = true;
    for ((partition, proposal), (_, result)) in proposals.iter().zip(results) {
        let decided = match result {
            Ok(image) => Decided::Accepted(assignment(&image, &partition.settings())),
            Err(error) => refusal(error).map_or(Decided::Lost, Decided::Refused),
        };
        all_decided &= !matches!(decided, Decided::Lost);
        log(setup, partition, proposal, &decided, &before);
        partition.proposal_decided(state(proposal), decided);
    }
    (!all_decided).then_some(RETRY)
}

fn own_epoch(image: &ClusterImage, me: BrokerId) -> BrokerEpoch {
    image.brokers.get(&me).map_or(BrokerEpoch(-1), |broker| broker.epoch)
}

fn state(proposal: &Proposal) -> (model::LeaderEpoch, model::PartitionEpoch) {
    (proposal.leader_epoch, proposal.partition_epoch)
}

fn message(partition: &Partition, proposal: &Proposal) -> IsrProposal {
    IsrProposal {
        topic_id: partition.topic().id(),
        partition: partition.id().partition,
        leader_epoch: proposal.leader_epoch,
        partition_epoch: proposal.partition_epoch,
        isr: proposal.in_sync.clone(),
        recovered: proposal.recovered,
        min_in_sync: Some(proposal.min_in_sync),
    }
}

/// `None`: the same proposal again.
fn refusal(error: IsrError) -> Option<ProposalRefused> {
    match error.after() {
        AfterIsrError::NotNow => Some(ProposalRefused::NotNow),
        AfterIsrError::AwaitMetadata => Some(ProposalRefused::Outdated),
        AfterIsrError::Repeat => None,
    }
}

fn log(setup: &ReplicationSetup, partition: &Partition, proposal: &Proposal, decided: &Decided, before: &ClusterImage) {
    let (topic, index) = (&partition.id().topic, partition.id().partition);
    let asked: Vec<i32> = proposal.in_sync.iter().map(|(id, _)| id.0).collect();
    let metrics = setup.metrics.replication();
    match decided {
        Decided::Accepted(assignment) => {
            let isr: Vec<i32> = assignment.in_sync.iter().map(|id| id.0).collect();
            let members_before = before.partition(partition.id()).map_or(0, |before| before.isr.len());
            match isr.len().cmp(&members_before) {
                std::cmp::Ordering::Less => metrics.isr_shrinks.add(1),
                std::cmp::Ordering::Equal => {}
                std::cmp::Ordering::Greater => metrics.isr_expands.add(1),
            }
            tracing::info!(%topic, partition = %index, ?isr, "in-sync replicas changed");
        }
        Decided::Refused(reason) => {
            metrics.failed_isr_updates.add(1);
            tracing::debug!(%topic, partition = %index, ?asked, ?reason, "change of in-sync replicas refused");
        }
        Decided::Lost => tracing::debug!(%topic, partition = %index, ?asked, "change of in-sync replicas undecided"),
    }
}
