//! One file per kind of request: what it changes, and what to answer once that is stored.

mod alter_partitions;
mod configs;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod election;
mod features;
mod hand_back;
mod holds;
mod internal_replication;
mod liveness;
mod move_leaders;
mod producer_ids;
mod reassignment;
mod restore_topics;
#[cfg(test)]
mod tests;

use crate::{
    image::ClusterImage,
    record::{MetadataChange, MetadataRecord},
    requests::{Reply, Request},
    sessions::Sessions,
    settings::{HandBack, Settings},
};
use model::{BrokerEpoch, BrokerId, MetadataVersion, MonotonicTime, TopicId};

/// What decisions depend on besides the image.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) sessions: &'a Sessions,
    pub(crate) now: MonotonicTime,
}

/// Changes that are decided and not stored yet, and the image they lead to: each decision sees those before it.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    image: ClusterImage,
    records: Vec<MetadataRecord>,
    changes: Vec<MetadataChange>,
}

impl Draft {
    pub(crate) fn new(image: ClusterImage) -> Self {
        Self { image, records: Vec::new(), changes: Vec::new() }
    }

    /// Decides one request. Nothing is true, and the reply may not leave, before the changes are stored.
    pub(crate) fn decide(&mut self, context: &Context<'_>, request: &Request) -> Reply {
        let settings = context.settings;
        let reply = match request {
            Request::RegisterBroker(request) => liveness::register(self, context, request),
            Request::BeginShutdown(session) => liveness::begin_shutdown(self, *session),
            Request::UnregisterBroker(id) => liveness::unregister(self, *id),
            Request::HoldBroker(request) => holds::decide(self, settings.leaving, request),
            Request::MoveLeaders(request) => move_leaders::decide(self, request),
            Request::AlterPartitions(request) => alter_partitions::decide(self, request),
            Request::CreateTopics(request) => create_topics::decide(self, settings, request),
            Request::DeleteTopics(request) => delete_topics::decide(self, settings, request),
            Request::RestoreTopics(topics) => restore_topics::decide(self, topics),
            Request::CreatePartitions(request) => create_partitions::decide(self, settings.leaving, request),
            Request::AlterConfigs(request) => configs::decide(self, request),
            Request::ElectLeaders(request) => election::decide(self, request),
            Request::ReassignPartitions(request) => reassignment::decide(self, settings.leaving, request),
            Request::UpdateFeatures(request) => features::decide(self, request),
            Request::AllocateProducerIds(least) => producer_ids::decide(self, *least),
            Request::DescribeBrokers => liveness::describe(self, context),
            // It counts since it came.
            Request::SetLeaving(_) => Reply::LeavingSet,
        };
        self.close_change();
        reply
    }

    /// Another controller's decisions are over from here on, and this one's configuration holds.
    pub(crate) fn take_over(&mut self, settings: &Settings) {
        self.add(MetadataRecord::ControllerEpochRaised(self.image.controller_epoch.next()));
        if self.image.metadata_version == MetadataVersion(0) {
            features::begin(self);
        }
        let min_insync_replicas = settings.min_insync_replicas;
        if self.image.default_min_insync_replicas != min_insync_replicas {
            self.add(MetadataRecord::DefaultsSet { min_insync_replicas });
        }
        self.close_change();
    }

    pub(crate) fn fence(&mut self, brokers: &[(BrokerId, BrokerEpoch)]) {
        liveness::fence(self, brokers);
    }

    pub(crate) fn unfence(&mut self, context: &Context<'_>) {
        liveness::unfence(self, context);
    }

    pub(crate) fn hand_back(&mut self, context: &Context<'_>, settings: HandBack) {
        hand_back::decide(self, context, settings);
    }

    pub(crate) fn raise_internal_replication(&mut self, settings: &Settings) {
        internal_replication::raise(self, settings.leaving, settings.internal_replication_factor);
    }

    /// The time to undo these deletions is over.
    pub(crate) fn end_tombstones(&mut self, ids: &[TopicId]) {
        for id in ids.iter().filter(|id| self.image.tombstones.contains_key(id)).copied().collect::<Vec<_>>() {
            self.add(MetadataRecord::TopicDeleted { id });
        }
        self.close_change();
    }

    /// The records so far become true together.
    fn close_change(&mut self) {
        if !self.records.is_empty() {
            let version = self.image.metadata_version.next();
            self.image.metadata_version = version;
            self.changes.push(MetadataChange { version, records: std::mem::take(&mut self.records) });
        }
    }

    pub(crate) fn finish(self) -> (ClusterImage, Vec<MetadataChange>) {
        (self.image, self.changes)
    }

    fn image(&self) -> &ClusterImage {
        &self.image
    }

    fn add(&mut self, record: MetadataRecord) {
        self.image.apply_record(&record).expect("a record fits the image it was decided on");
        self.records.push(record);
    }

    /// Runs `decide` on the draft, or on a copy that is dropped when the request only asked for a check.
    fn attempt<R>(&mut self, validate_only: bool, decide: impl FnOnce(&mut Self) -> R) -> R {
        if validate_only { decide(&mut self.clone()) } else { decide(self) }
    }
}
