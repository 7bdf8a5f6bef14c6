//! What the controller does on its own account because brokers come and go.

use super::{Context, Draft};
use crate::{
    errors::ControllerError,
    image::BrokerRegistration,
    record::MetadataRecord,
    requests::{BrokerSession, DescribedBroker, NO_REGISTRATION, RegisterBroker, Reply},
};
use model::{BrokerEpoch, BrokerId};

/// A broker comes up. One record whatever it holds, see [`crate::succession`], unless its disk is lost.
pub(super) fn register(draft: &mut Draft, context: &Context<'_>, request: &RegisterBroker) -> Reply {
    let known = draft.image().brokers.get(&request.id);
    if let Some(known) = known {
        let same_life = known.incarnation == request.incarnation;
        if same_life && !request.serves_at_once && known.endpoints == request.endpoints && known.rack == request.rack {
            return Reply::BrokerRegistered(known.epoch);
        }
        if !same_life && context.sessions.is_live(request.id, known.epoch, context.now) {
            return Reply::Refused(ControllerError::DuplicateBroker(request.id.0));
        }
    }
    let there = known.map_or(NO_REGISTRATION, |known| known.epoch);
    if request.follows.is_some_and(|follows| follows != there) {
        return Reply::Refused(ControllerError::RegisteredMeanwhile(there));
    }
    let has_lost_all = request.began_empty && known.is_some_and(|known| !known.has_logs_of(request.log_life));
    // As in Kafka, the position of the registration in the metadata is the broker's epoch: it only rises.
    let version = draft.image().metadata_version.next().0;
    let epoch = BrokerEpoch(i64::try_from(version).unwrap_or(i64::MAX));
    draft.add(MetadataRecord::BrokerRegistered(BrokerRegistration {
        id: request.id,
        epoch,
        incarnation: request.incarnation,
        log_life: request.log_life,
        rack: request.rack.clone(),
        endpoints: request.endpoints.clone(),
        fenced: !request.serves_at_once,
        in_controlled_shutdown: false,
    }));
    if has_lost_all {
        offline_without(draft, request.id);
    }
    Reply::BrokerRegistered(epoch)
}

/// What only this broker had all records of is gone with its disk: nobody leads it, as if it had been empty from the start,
/// until a person has somebody elected uncleanly. The broker comes last among the replicas, so that it is one that has something
/// if there is any.
fn offline_without(draft: &mut Draft, broker: BrokerId) {
    let mut lost = Vec::new();
    for topic in draft.image().topics.iter() {
        for (partition, held) in topic.indexed_partitions() {
            if held.isr != [broker] || !held.elr.is_empty() {
                continue;
            }
            let mut state = held.clone();
            state.replicas.retain(|id| *id != broker);
            state.replicas.push(broker);
            state.succeed(None, Vec::new());
            lost.push(MetadataRecord::PartitionChanged { id: topic.id, partition, state });
        }
    }
    lost.into_iter().for_each(|record| draft.add(record));
}

/// A broker asks for leave to stop. It may once it leads nothing that another could lead, which the same record sees to.
pub(super) fn begin_shutdown(draft: &mut Draft, session: BrokerSession) -> Reply {
    let BrokerSession { id, epoch } = session;
    match draft.image().brokers.get(&id).filter(|broker| broker.epoch == epoch) {
        None => Reply::Refused(ControllerError::StaleBrokerEpoch),
        Some(broker) => {
            if !broker.in_controlled_shutdown {
                draft.add(MetadataRecord::BrokerShutdownBegan { id, epoch });
            }
            Reply::ShutdownBegun
        }
    }
}

/// A person says that a broker does not come back.
pub(super) fn unregister(draft: &mut Draft, id: BrokerId) -> Reply {
    let Some(broker) = draft.image().brokers.get(&id) else {
        return Reply::BrokerUnregistered(Err(crate::errors::UnregisterError::Unknown));
    };
    if !broker.fenced {
        return Reply::BrokerUnregistered(Err(crate::errors::UnregisterError::Alive));
    }
    let image = draft.image();
    let deleted = image.tombstones.values().map(|tombstone| &tombstone.topic);
    let partitions = image.topics.iter().chain(deleted).flat_map(|topic| &topic.partitions);
    if partitions.into_iter().any(|partition| partition.replicas.contains(&id)) {
        return Reply::BrokerUnregistered(Err(crate::errors::UnregisterError::HoldsReplicas));
    }
    draft.add(MetadataRecord::BrokerUnregistered { id });
    Reply::BrokerUnregistered(Ok(()))
}

pub(super) fn describe(draft: &Draft, context: &Context<'_>) -> Reply {
    let described = draft.image().brokers.values().map(|BrokerRegistration { id, epoch, .. }| DescribedBroker {
        id: *id,
        epoch: *epoch,
        is_live: context.sessions.is_live(*id, *epoch, context.now),
        said: context.sessions.condition(*id, *epoch),
    });
    Reply::BrokersDescribed(described.collect())
}

pub(super) fn fence(draft: &mut Draft, brokers: &[(BrokerId, BrokerEpoch)]) {
    for (id, epoch) in brokers {
        draft.add(MetadataRecord::BrokerFenced { id: *id, epoch: *epoch });
        draft.close_change();
    }
}

/// Brokers that are heard and act by metadata that has their own registration in it.
pub(super) fn unfence(draft: &mut Draft, context: &Context<'_>) {
    let is_ready = |broker: &&BrokerRegistration| {
        let registered_at = u64::try_from(broker.epoch.0).unwrap_or(u64::MAX);
        broker.fenced
            && !broker.in_controlled_shutdown
            && !draft.image().hold(broker.id).fenced
            && context.sessions.is_live(broker.id, broker.epoch, context.now)
            && context.sessions.applied(broker.id, broker.epoch).is_some_and(|applied| applied.0 >= registered_at)
    };
    let ready: Vec<_> = draft.image().brokers.values().filter(is_ready).map(|one| (one.id, one.epoch)).collect();
    for (id, epoch) in ready {
        draft.add(MetadataRecord::BrokerUnfenced { id, epoch });
        draft.close_change();
    }
}
