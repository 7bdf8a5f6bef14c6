//! The coordinator of all groups that live in one partition of `__consumer_offsets`.

use crate::{
    config::GroupConfig,
    decision::{Decision, Now, ReplyTo, Timer},
    errors::GroupError,
    group::{ClassicGroup, GroupState, join, membership, step::Step, sync},
    offsets::{commit, expiry, fetch, store::OffsetStore},
    records::{GroupMetadata, Record},
    reply::{DescribedGroup, FetchedTopic, ListedGroup},
    request::{Event, FetchOffsets, Request},
};
use model::{GroupId, ProducerId, TopicId, TopicName};
use std::{collections::BTreeMap, sync::Arc};

/// What the log says. Two coordinators that applied the same records are equal here.
#[derive(Debug, Clone, Default, PartialEq)]
struct Durable {
    groups: BTreeMap<GroupId, Arc<GroupMetadata>>,
    offsets: OffsetStore,
}

#[derive(Debug)]
pub struct GroupCoordinator {
    config: GroupConfig,
    durable: Durable,
    /// Groups with what the log does not say: who is parked, who is expected, how far a rebalance is.
    groups: BTreeMap<GroupId, ClassicGroup>,
}

impl GroupCoordinator {
    /// Knows nothing yet: [`Self::apply`] what the partition holds, then [`Self::finish_loading`].
    pub fn new(config: GroupConfig) -> Self {
        Self { config, durable: Durable::default(), groups: BTreeMap::new() }
    }

    /// What `request` leads to; changes nothing.
    pub fn decide(&self, reply_to: ReplyTo, request: Request, now: Now) -> Decision {
        let known = self.groups.get(request.group());
        let config = &self.config;
        match request {
            Request::Join(request) => join::decide(config, known, reply_to, request, now),
            Request::Sync(request) => sync::decide(config, known, reply_to, request, now),
            Request::Heartbeat(request) => membership::decide_heartbeat(known, reply_to, &request),
            Request::Leave(request) => membership::decide_leave(config, known, reply_to, request, now),
            Request::CommitOffsets(request) => commit::decide_commit(config, known, reply_to, request, now),
            Request::DeleteOffsets(request) => commit::decide_delete(&self.durable.offsets, known, reply_to, request),
            Request::DeleteGroup(group) => expiry::decide_delete_group(&self.durable.offsets, known, reply_to, &group),
        }
    }

    /// What an event leads to; changes nothing.
    pub fn decide_event(&self, event: &Event, now: Now) -> Decision {
        match event {
            Event::Timer(timer) => self.decide_timer(timer, now),
            Event::TopicsDeleted(topics) => expiry::decide_topics_deleted(&self.durable.offsets, topics),
            Event::ExpireOffsets => expiry::decide_expiry(&self.config, &self.groups, &self.durable.offsets, now.wall),
        }
    }

    fn decide_timer(&self, timer: &Timer, now: Now) -> Decision {
        let (Timer::Session { group, .. } | Timer::JoinPhase { group } | Timer::SyncPhase { group }) = timer;
        let Some(group) = self.groups.get(group) else { return Decision::default() };
        let mut step = Step::new(&self.config, now, group.clone());
        match timer {
            Timer::Session { member, .. } => step.session_is_due(member),
            Timer::JoinPhase { .. } => step.join_phase_is_due(),
            Timer::SyncPhase { .. } => step.sync_phase_is_due(),
        }
        step.finish()
    }

    /// Takes a decision whose records are appended: applies them and lets its groups stand as it left them. Replies,
    /// timers and facts stay in it for the host.
    pub fn accept(&mut self, decision: &mut Decision) {
        for record in &decision.records {
            self.apply(record);
        }
        for (id, group) in decision.groups.drain(..) {
            match group {
                Some(group) => drop(self.groups.insert(id, group)),
                None => drop(self.groups.remove(&id)),
            }
        }
    }

    /// The only way in for durable state: one record of the partition, when loading and when just appended.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Group { group, value: Some(value) } => {
                self.durable.groups.insert(group.clone(), Arc::clone(value));
            }
            Record::Group { group, value: None } => drop(self.durable.groups.remove(group)),
            Record::Offset { group, topic, partition, value: Some(value) } => {
                self.durable.offsets.put(group, topic, *partition, value.clone());
            }
            Record::Offset { group, topic, partition, value: None } => {
                self.durable.offsets.remove(group, topic, *partition);
            }
        }
    }

    /// A record that a producer wrote inside a transaction; counts once the transaction is committed.
    pub fn apply_in_transaction(&mut self, producer: ProducerId, record: &Record) {
        self.durable.offsets.put_pending(producer, record);
    }

    /// The marker at the end of a producer's transaction.
    pub fn apply_transaction_end(&mut self, producer: ProducerId, committed: bool) {
        self.durable.offsets.end_transaction(producer, committed);
    }

    /// After the last record of the partition was applied. Every member gets a whole session to be heard of again; a
    /// group above a limit that was lowered meanwhile rebalances.
    pub fn finish_loading(&mut self, now: Now) -> Decision {
        let recorded = self.durable.groups.iter();
        self.groups = recorded.map(|(id, group)| (id.clone(), ClassicGroup::from_record(id.clone(), group))).collect();
        for id in self.durable.offsets.groups() {
            self.groups.entry(id.clone()).or_insert_with(|| ClassicGroup::new(id.clone(), now.wall));
        }
        let mut loaded = Decision::default();
        for group in self.groups.values() {
            let sessions = group.members.keys().filter_map(|member| membership::session_restart(group, member));
            loaded.timers.extend(sessions);
            if group.members.len() > self.config.max_group_size {
                let mut step = Step::new(&self.config, now, group.clone());
                step.prepare_rebalance("the loaded group is over its maximum size");
                let mut rebalance = step.finish();
                loaded.timers.append(&mut rebalance.timers);
                loaded.facts.append(&mut rebalance.facts);
                loaded.groups.append(&mut rebalance.groups);
            }
        }
        self.accept(&mut loaded);
        loaded
    }

    pub fn fetch_offsets(&self, request: &FetchOffsets) -> Vec<FetchedTopic> {
        fetch::fetch(&self.durable.offsets, request)
    }

    pub fn describe(&self, group: &GroupId) -> Result<DescribedGroup, GroupError> {
        self.groups.get(group).map(ClassicGroup::describe).ok_or(GroupError::GroupIdNotFound)
    }

    pub fn list(&self) -> Vec<ListedGroup> {
        self.groups.values().map(ClassicGroup::list).collect()
    }

    /// How many groups are in each state.
    pub fn count_by_state(&self) -> BTreeMap<GroupState, usize> {
        let mut counts = BTreeMap::new();
        for group in self.groups.values() {
            *counts.entry(group.state).or_default() += 1;
        }
        counts
    }

    pub fn offset_count(&self) -> usize {
        self.durable.offsets.len()
    }

    /// The topics that groups have offsets for, by name and the id each had when it was committed.
    pub fn committed_topics(&self) -> impl Iterator<Item = &(TopicName, TopicId)> {
        self.durable.offsets.topics()
    }

    #[cfg(test)]
    pub(crate) fn group(&self, id: &GroupId) -> Option<&ClassicGroup> {
        self.groups.get(id)
    }

    /// Whether both would answer the same after a restart.
    pub fn has_same_durable_state(&self, other: &Self) -> bool {
        self.durable == other.durable
    }
}
