//! Consumers read from a replica in their own rack (KIP-392), where `replica.selector.class` says so.

use super::evaluate::Rules;
use crate::{
    api::RequestContext,
    config::ReplicaSelector,
    partitions::{Offsets, Partition},
};
use kafka_protocol::messages::FetchRequest;
use model::{BrokerId, Offset};
use std::sync::Arc;

/// Where the consumer is, if that matters.
pub(super) fn rack(context: &RequestContext, request: &FetchRequest) -> Option<Arc<str>> {
    let is_wanted = context.broker.config.replication.selector == ReplicaSelector::RackAware;
    (is_wanted && !request.rack_id.is_empty()).then(|| Arc::from(request.rack_id.as_str()))
}

/// A replica in the consumer's rack where the leader is in another. Every in-sync replica has what is committed, so
/// whoever asks for more than that stays with the leader. So does whoever asks for what the replica has deleted already, or
/// did not say that it has: it would be sent back, and come again.
pub(super) fn nearer_replica(
    context: &RequestContext,
    partition: &Partition,
    rules: &Rules,
    offset: Offset,
    offsets: Offsets,
) -> Option<BrokerId> {
    let rack = rules.rack.as_deref()?;
    if partition.leader() != Some(context.broker.config.node_id)
        || offset < offsets.log_start
        || offset > offsets.high_watermark
    {
        return None;
    }
    let image = context.broker.metadata.current();
    let is_there = |id: &BrokerId| {
        let broker = image.brokers.get(id).filter(|broker| broker.is_usable());
        broker.is_some_and(|broker| {
            broker.rack.as_deref() == Some(rack) && broker.endpoint(context.listener.as_str()).is_some()
        })
    };
    let isr = &image.partition(partition.id())?.isr;
    if isr.iter().any(|id| Some(*id) == partition.leader() && is_there(id)) {
        return None;
    }
    isr.iter().copied().find(|id| is_there(id) && partition.is_in_log_of(*id, offset))
}
