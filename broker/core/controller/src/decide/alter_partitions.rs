//! Leaders propose who is in sync (Kafka's AlterPartition). The order of the checks is Kafka's: it decides which of
//! several reasons the leader is told.

use super::Draft;
use crate::{
    errors::IsrError,
    image::{ClusterImage, PartitionImage, TopicImage},
    record::MetadataRecord,
    requests::{AlterPartitions, IsrProposal, Reply},
    succession::Rules,
};
use model::{
    BrokerEpoch, BrokerId,
    mistakes::{Mistake, is_made},
};
use std::collections::BTreeSet;

/// A proposer that does not know a member's epoch sends this. Unlike in Kafka (KIP-903) that is no way to join: which life of
/// the member has what is committed would be anybody's guess.
const UNKNOWN_EPOCH: BrokerEpoch = BrokerEpoch(-1);

pub(super) fn decide(draft: &mut Draft, request: &AlterPartitions) -> Reply {
    let registered = draft.image().brokers.get(&request.broker);
    if registered.is_none_or(|broker| broker.epoch != request.broker_epoch) {
        return Reply::PartitionsAltered(Err(IsrError::StaleBrokerEpoch));
    }
    let confirmations = confirmations_of_all(draft.image(), request);
    if !confirmations.is_empty() {
        draft.add(MetadataRecord::LeaderConfirmed { id: request.broker, epoch: request.broker_epoch });
    }
    let results = request.proposals.iter().enumerate().map(|(position, proposal)| {
        let result = if confirmations.contains(&position) {
            partition_of(draft.image(), proposal).map(|(_, state)| state.clone())
        } else {
            alter(draft, request.broker, proposal)
        };
        ((proposal.topic_id, proposal.partition), result)
    });
    Reply::PartitionsAltered(Ok(results.collect()))
}

/// Which of the proposals only confirm an ISR, where they do so for everything that waits for the word of this leader: after
/// the loss of a broker that is every partition that it was in sync in, and one small record stands for them all. Else none.
fn confirmations_of_all(image: &ClusterImage, request: &AlterPartitions) -> BTreeSet<usize> {
    let rules = Rules::of(image);
    let mut places = BTreeSet::new();
    let confirms = |proposal: &IsrProposal| {
        let (topic, current) = partition_of(image, proposal).ok()?;
        let members: BTreeSet<_> = proposal.isr.iter().map(|(id, _)| id).collect();
        let is_confirmation = current
            .awaits_word_of(request.broker, &rules.of_topic(topic).known_with(proposal.min_in_sync))
            && !proposal.recovered
            && members == current.isr.iter().collect()
            && check(image, current, request.broker, proposal).is_ok();
        is_confirmation.then_some((proposal.topic_id, proposal.partition))
    };
    let confirmations = request
        .proposals
        .iter()
        .enumerate()
        .filter_map(|(position, proposal)| places.insert(confirms(proposal)?).then_some(position));
    let confirmations: BTreeSet<usize> = confirmations.collect();
    if confirmations.len() > 1 && confirmations.len() == image.awaiting_word_of(request.broker) {
        confirmations
    } else {
        BTreeSet::new()
    }
}

fn partition_of<'a>(
    image: &'a ClusterImage,
    proposal: &IsrProposal,
) -> Result<(&'a TopicImage, &'a PartitionImage), IsrError> {
    let topic = image.topic_by_id(proposal.topic_id).ok_or(IsrError::UnknownTopicId)?;
    Ok((topic, topic.partition(proposal.partition).ok_or(IsrError::UnknownPartition)?))
}

fn alter(draft: &mut Draft, proposer: BrokerId, proposal: &IsrProposal) -> Result<PartitionImage, IsrError> {
    let (topic, current) = partition_of(draft.image(), proposal)?;
    check(draft.image(), current, proposer, proposal)?;
    let rules = Rules::of(draft.image());
    let rules = rules.of_topic(topic);
    let isr: Vec<BrokerId> = proposal.isr.iter().map(|(id, _)| *id).collect();
    let before = current.clone();
    let mut state = before.clone();
    state.recovering &= !proposal.recovered;
    let leader = state.leader;
    let complete = state.is_being_reassigned() && state.target_replicas().iter().all(|id| isr.contains(id));
    if complete {
        state.drop_removing_replicas();
    }
    let isr = isr.into_iter().filter(|id| state.replicas.contains(id)).collect();
    state.settle(&before, isr, &rules);
    let state = state.released(&rules.known_with(proposal.min_in_sync));
    let (id, partition) = (proposal.topic_id, proposal.partition);
    draft.add(MetadataRecord::PartitionChanged { id, partition, state: state.clone() });
    // The proposer leads no more: it is told by an error, and learns the rest from the metadata.
    if state.leader == leader { Ok(state) } else { Err(IsrError::NewLeaderElected) }
}

fn check(
    image: &ClusterImage,
    current: &PartitionImage,
    proposer: BrokerId,
    proposal: &IsrProposal,
) -> Result<(), IsrError> {
    if proposal.leader_epoch > current.leader_epoch || proposal.partition_epoch > current.partition_epoch {
        return Err(IsrError::AheadOfController);
    }
    if proposal.leader_epoch < current.leader_epoch {
        return Err(IsrError::FencedLeaderEpoch);
    }
    if current.leader != Some(proposer) {
        return Err(IsrError::NotTheLeader);
    }
    if proposal.partition_epoch < current.partition_epoch && !is_made(Mistake::AcceptOldPartitionEpoch) {
        return Err(IsrError::InvalidUpdateVersion);
    }
    let members: BTreeSet<BrokerId> = proposal.isr.iter().map(|(id, _)| *id).collect();
    if members.len() != proposal.isr.len() || !members.iter().all(|id| current.replicas.contains(id)) {
        return Err(IsrError::NotReplicas);
    }
    if !members.contains(&proposer) {
        return Err(IsrError::LeaderLeftOut);
    }
    if current.recovering && proposal.isr.len() > 1 {
        return Err(IsrError::Recovering);
    }
    let is_eligible = |(id, epoch): &(BrokerId, BrokerEpoch)| {
        let joins = !current.isr.contains(id);
        image.brokers.get(id).is_some_and(|broker| {
            (broker.is_usable() || !joins && *id == proposer)
                && (*epoch == UNKNOWN_EPOCH && !joins || *epoch == broker.epoch || is_made(Mistake::AcceptEarlierLife))
        })
    };
    if proposal.isr.iter().all(is_eligible) { Ok(()) } else { Err(IsrError::IneligibleReplica) }
}
