//! Consumers read from a replica in their own rack (KIP-392), where `replica.selector.class` says so.

use super::evaluate::Rules;
use crate::{
    api::RequestContext,
    config::ReplicaSelector,
    partitions::{Offsets, Partition},
};
use kafka_protocol::messages::FetchRequest;
use model::{BrokerId, Offset};
use replication::AskedLeader;
use std::sync::Arc;

/// Where the consumer is, if that matters.
pub(super) fn rack(context: &RequestContext, request: &FetchRequest) -> Option<Arc<str>> {
    let is_wanted = context.broker.config.replication.selector == ReplicaSelector::RackAware;
    (is_wanted && !request.rack_id.is_empty()).then(|| Arc::from(request.rack_id.as_str()))
}

/// Whom to ask instead; what is near and in range there is for [`AskedLeader::nearer_replica`] to judge.
pub(super) fn nearer_replica(
    context: &RequestContext,
    partition: &Partition,
    rules: &Rules,
    offset: Offset,
    offsets: Offsets,
) -> Option<BrokerId> {
    let rack = rules.rack.as_deref()?;
    let me = partition.leader().filter(|leader| *leader == context.broker.config.node_id)?;
    let image = context.broker.metadata.current();
    let is_near = |id: BrokerId| {
        let broker = image.brokers.get(&id).filter(|broker| broker.is_usable());
        broker.is_some_and(|broker| {
            broker.rack.as_deref() == Some(rack) && broker.endpoint(context.listener.as_str()).is_some()
        })
    };
    let Offsets { log_start, high_watermark, .. } = offsets;
    let leader = AskedLeader { me, in_sync: &image.partition(partition.id())?.isr, log_start, high_watermark };
    leader.nearer_replica(offset, is_near, |id| partition.is_in_log_of(id, offset))
}
