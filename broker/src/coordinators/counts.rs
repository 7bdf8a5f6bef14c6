//! What `/metrics` shows of the coordinators, under the names Kafka's dashboards know.

use crate::metrics::{Counter, Exposition, Gauge, Kind};
use group_coordinator::{Fact, GroupCoordinator, GroupState};
use model::PartitionIndex;
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

const STATES: [(GroupState, &str); 5] = [
    (GroupState::PreparingRebalance, "preparingrebalance"),
    (GroupState::CompletingRebalance, "completingrebalance"),
    (GroupState::Stable, "stable"),
    (GroupState::Dead, "dead"),
    (GroupState::Empty, "empty"),
];

/// Over all partitions this broker coordinates.
#[derive(Debug, Default)]
pub(super) struct Counters {
    committed_offsets: Counter,
    expired_offsets: Counter,
    deleted_offsets: Counter,
    started_rebalances: Counter,
    completed_rebalances: Counter,
    longest_load_ms: Gauge,
    shards: Mutex<BTreeMap<PartitionIndex, Weak<ShardCounts>>>,
}

/// The groups of one partition; kept by its owner, gone with it.
#[derive(Debug)]
pub(super) struct ShardCounts {
    all: Arc<Counters>,
    groups: Mutex<BTreeMap<GroupState, usize>>,
    offsets: Gauge,
}

impl Counters {
    pub(super) fn shard(self: &Arc<Self>, index: PartitionIndex) -> Arc<ShardCounts> {
        let counts =
            Arc::new(ShardCounts { all: Arc::clone(self), groups: Mutex::default(), offsets: Gauge::default() });
        self.shards.lock().insert(index, Arc::downgrade(&counts));
        counts
    }

    pub(super) fn collect(&self, exposition: &mut Exposition) {
        let shards: Vec<_> = self.shards.lock().values().filter_map(Weak::upgrade).collect();
        let in_state = |state| -> usize { shards.iter().filter_map(|s| s.groups.lock().get(&state).copied()).sum() };
        let mut gauge = |name: &str, help: &str, value: f64| {
            exposition.single(
                &format!("kafka_coordinator_group_groupmetadatamanager_{name}"),
                Kind::Gauge,
                help,
                value,
            );
        };
        let mut total = 0;
        for (state, name) in STATES {
            let count = in_state(state);
            total += count;
            gauge(&format!("numgroups{name}"), "Groups in this state.", count as f64);
        }
        gauge("numgroups", "Groups that this broker coordinates.", total as f64);
        let offsets: i64 = shards.iter().map(|shard| shard.offsets.get()).sum();
        gauge("numoffsets", "Committed offsets that this broker keeps.", offsets as f64);

        let mut metric = |name: &str, kind, help: &str, value: f64| {
            exposition.single(&format!("kafka_server_group_coordinator_metrics_{name}"), kind, help, value);
        };
        let counters = [
            ("offset_commit_total", "Offsets committed.", &self.committed_offsets),
            ("offset_expiration_total", "Offsets expired.", &self.expired_offsets),
            ("offset_deletion_total", "Offsets deleted by request or with their topic.", &self.deleted_offsets),
            ("group_rebalance_total", "Rebalances started.", &self.started_rebalances),
            ("group_completed_rebalance_total", "Rebalances completed.", &self.completed_rebalances),
        ];
        for (name, help, counter) in counters {
            metric(name, Kind::Counter, help, counter.get() as f64);
        }
        let longest = self.longest_load_ms.get() as f64;
        metric("partition_load_time_max", Kind::Gauge, "Longest load of a partition in ms.", longest);
    }
}

impl ShardCounts {
    pub(super) fn count(&self, fact: &Fact) {
        let add = |counter: &Counter, count: usize| counter.add(count as u64);
        match fact {
            Fact::OffsetsCommitted { count, .. } => add(&self.all.committed_offsets, *count),
            Fact::OffsetsExpired { count, .. } => add(&self.all.expired_offsets, *count),
            Fact::OffsetsDeleted { count, .. } => add(&self.all.deleted_offsets, *count),
            Fact::RebalanceStarted { .. } => add(&self.all.started_rebalances, 1),
            Fact::GroupStabilized { .. } => add(&self.all.completed_rebalances, 1),
            Fact::GenerationStarted { .. } | Fact::MemberRemoved { .. } | Fact::GroupRemoved { .. } => {}
        }
    }

    pub(super) fn loaded_in(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        self.all.longest_load_ms.set(ms.max(self.all.longest_load_ms.get()));
    }

    /// Looks at every group, so it is not for each request.
    pub(super) fn survey(&self, coordinator: &GroupCoordinator) {
        *self.groups.lock() = coordinator.count_by_state();
        self.offsets.set(i64::try_from(coordinator.offset_count()).unwrap_or(i64::MAX));
    }
}
