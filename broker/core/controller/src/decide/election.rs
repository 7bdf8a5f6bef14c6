//! Elections that a person asks for.

use super::Draft;
use crate::{
    errors::ElectionError,
    image::{ClusterImage, PartitionImage},
    record::MetadataRecord,
    requests::{ElectLeaders, Reply},
    succession::{Rules, TopicRules},
};
use model::{BrokerId, TopicPartition};

pub(super) fn decide(draft: &mut Draft, request: &ElectLeaders) -> Reply {
    let results = match &request.partitions {
        Some(partitions) => {
            partitions.iter().map(|partition| (partition.clone(), elect(draft, partition, request.unclean))).collect()
        }
        // "All" answers only where something was to do, as Kafka does: thousands of "not needed" help nobody. Unlike Kafka it
        // gives up no records: that takes a person who names the partition.
        None => all_partitions(draft.image())
            .into_iter()
            .map(|partition| {
                let result = match elect_in(draft, &partition, request.unclean) {
                    Ok(_) | Err(ElectionError::EligibleLeadersNotAvailable) if request.unclean => {
                        Err(ElectionError::NotNamed)
                    }
                    decided => decided.map(|record| draft.add(record)),
                };
                (partition, result)
            })
            .filter(|(_, result)| *result != Err(ElectionError::NotNeeded))
            .collect(),
    };
    Reply::LeadersElected(results)
}

fn all_partitions(image: &ClusterImage) -> Vec<TopicPartition> {
    let of_topic = |topic: &std::sync::Arc<crate::TopicImage>| {
        let name = topic.name.clone();
        (0..topic.partitions.len()).map(move |index| TopicPartition {
            topic: name.clone(),
            partition: model::PartitionIndex(i32::try_from(index).unwrap_or(i32::MAX)),
        })
    };
    image.topics.iter().flat_map(of_topic).collect()
}

fn elect(draft: &mut Draft, partition: &TopicPartition, unclean: bool) -> Result<(), ElectionError> {
    let record = elect_in(draft, partition, unclean)?;
    draft.add(record);
    Ok(())
}

fn elect_in(draft: &Draft, partition: &TopicPartition, unclean: bool) -> Result<MetadataRecord, ElectionError> {
    let image = draft.image();
    let topic = image.topic(&partition.topic).ok_or(ElectionError::UnknownPartition)?;
    let current = topic.partition(partition.partition).ok_or(ElectionError::UnknownPartition)?;
    let id = topic.id;
    let rules = Rules::of(image);
    let rules = rules.of_topic(topic);
    let state = if unclean { elect_any(current, &rules) } else { elect_preferred(current, &rules) }?;
    Ok(MetadataRecord::PartitionChanged { id, partition: partition.partition, state })
}

/// The first replica of the list leads again, if it is in the ISR.
fn elect_preferred(current: &PartitionImage, rules: &TopicRules<'_>) -> Result<PartitionImage, ElectionError> {
    let preferred = current.replicas.first().copied();
    if current.leader.is_some() && current.leader == preferred {
        return Err(ElectionError::NotNeeded);
    }
    match preferred.filter(|id| current.isr.contains(id) && rules.may_lead(*id)) {
        Some(leader) => Ok(current.led_by(leader, rules)),
        None => Err(ElectionError::PreferredLeaderNotAvailable),
    }
}

/// Only for a partition nobody leads: somebody who has all records, else any usable replica, which then is the whole ISR.
fn elect_any(current: &PartitionImage, rules: &TopicRules<'_>) -> Result<PartitionImage, ElectionError> {
    if current.leader.is_some() {
        return Err(ElectionError::NotNeeded);
    }
    if let Some(leader) = current.eligible_leader(|id| rules.may_lead(id)) {
        return Ok(current.led_by(leader, rules));
    }
    // One that is being added may have nothing yet. Where a disk was lost, whoever has nothing is the last one.
    let (adding, settled): (Vec<BrokerId>, Vec<BrokerId>) =
        current.replicas.iter().partition(|id| !current.isr.is_empty() && current.adding_replicas.contains(id));
    let any = settled.into_iter().chain(adding).find(|id| rules.may_lead(*id));
    let leader = any.ok_or(ElectionError::EligibleLeadersNotAvailable)?;
    let mut state = PartitionImage { recovering: true, elr: Vec::new(), ..current.clone() };
    state.succeed(Some(leader), vec![leader]);
    Ok(state)
}
