//! A cluster of pure rules: every request is decided, committed and published at once.

mod configs;
mod elections;
mod internal_replication;
mod leaving;
mod lifecycle;
mod racks;
mod replay;
mod tombstones;
mod topics;
mod unregistration;

use crate::{
    BrokerRegistration, ClusterImage, Controller, Effect, Endpoint, Event, MetadataChange, RequestId, Settings,
    TopicError, record::MetadataRecord, requests::*,
};
use model::{
    BrokerEpoch, BrokerId, ClusterId, Incarnation, MonotonicTime, PartitionIndex, TopicId, TopicName, TopicPartition,
};
use std::{sync::Arc, time::Duration};

const NOW: MonotonicTime = MonotonicTime::ZERO;

pub(super) struct Cluster {
    controller: Controller,
    settings: Settings,
    pub(super) now: MonotonicTime,
    requests: u64,
    /// Everything committed so far.
    pub(super) changes: Vec<MetadataChange>,
}

pub(super) fn settings() -> Settings {
    Settings { num_partitions: 3, ..Settings::default() }
}

impl Cluster {
    pub(super) fn of(brokers: i32) -> Self {
        Self::with(settings(), brokers)
    }

    pub(super) fn with(settings: Settings, brokers: i32) -> Self {
        let empty = Arc::new(ClusterImage::empty(ClusterId::from("test")));
        let controller = Controller::new(settings.clone(), empty, NOW);
        let mut cluster = Self { controller, settings, now: NOW, requests: 0, changes: Vec::new() };
        for id in 1..=brokers {
            cluster.register(id);
        }
        cluster
    }

    pub(super) fn register(&mut self, id: i32) -> BrokerEpoch {
        let endpoints = vec![Endpoint { listener: "PLAINTEXT".to_owned(), host: format!("b{id}"), port: 9092 }];
        match self.ask(Request::RegisterBroker(RegisterBroker {
            id: BrokerId(id),
            incarnation: Incarnation::default(),
            log_life: None,
            serves_at_once: true,
            rack: None,
            endpoints,
            began_empty: false,
            follows: None,
        })) {
            Reply::BrokerRegistered(epoch) => epoch,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn ask(&mut self, request: Request) -> Reply {
        self.requests += 1;
        let mut effects = self.handle(Event::Request { id: RequestId(self.requests), request });
        match effects.pop() {
            Some(Effect::Reply { id, reply }) if effects.is_empty() && id.0 == self.requests => reply,
            other => panic!("one reply, not {other:?} after {effects:?}"),
        }
    }

    /// What is left to do once everything that was to be committed is.
    fn handle(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = self.controller.handle(event, self.now);
        let mut others = Vec::new();
        while !effects.is_empty() {
            match effects.remove(0) {
                Effect::Commit(commit) => {
                    assert_eq!(Some(commit.expected.0), self.changes.last().map(|c| c.version.0).or(Some(0)));
                    self.changes.extend(commit.changes.iter().cloned());
                    effects.extend(self.controller.handle(Event::Committed, self.now));
                    assert!(matches!(effects.remove(0), Effect::Publish { .. }), "published before it is answered");
                }
                other => others.push(other),
            }
        }
        others
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        assert!(self.handle(Event::Tick).is_empty());
    }

    pub(super) fn image(&self) -> &ClusterImage {
        self.controller.committed()
    }

    pub(super) fn create(&mut self, topics: Vec<NewTopic>) -> Vec<Result<CreatedTopic, TopicError>> {
        self.create_or_check(topics, false)
    }

    pub(super) fn create_or_check(
        &mut self,
        topics: Vec<NewTopic>,
        validate_only: bool,
    ) -> Vec<Result<CreatedTopic, TopicError>> {
        match self.ask(Request::CreateTopics(CreateTopics { topics, validate_only })) {
            Reply::TopicsCreated(results) => results.into_iter().map(|(_, result)| result).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// A change that no request of a single broker leads to: a broker that is fenced, an ISR that shrank.
    pub(super) fn force(&mut self, record: MetadataRecord) {
        let mut image = self.image().clone();
        let change = MetadataChange { version: image.metadata_version.next(), records: vec![record] };
        image.apply(&change).unwrap();
        self.changes.push(change);
        self.controller = Controller::new(self.settings.clone(), Arc::new(image), self.now);
    }

    /// A broker that comes up and may not lead yet.
    pub(super) fn fence_from_the_start(&mut self, id: i32) {
        self.force(MetadataRecord::BrokerRegistered(BrokerRegistration {
            id: BrokerId(id),
            epoch: BrokerEpoch(i64::from(id)),
            incarnation: Incarnation::default(),
            log_life: None,
            rack: None,
            endpoints: Vec::new(),
            fenced: true,
            in_controlled_shutdown: false,
        }));
    }

    pub(super) fn fence(&mut self, id: i32) {
        let registration = self.image().brokers[&BrokerId(id)].clone();
        self.force(MetadataRecord::BrokerRegistered(BrokerRegistration { fenced: true, ..registration }));
    }
}

pub(super) fn topic(name: &str, partitions: i32, replication_factor: i16) -> NewTopic {
    // A different id for every name, the same on every run.
    let id = name.bytes().fold(1u128, |id, byte| id.wrapping_mul(257).wrapping_add(u128::from(byte)));
    NewTopic {
        name: TopicName::from(name),
        id: TopicId(uuid::Uuid::from_u128(id)),
        partitions,
        replication_factor,
        assignments: Vec::new(),
        configs: Vec::new(),
    }
}

pub(super) fn assigned(name: &str, assignments: &[(i32, &[i32])]) -> NewTopic {
    let broker_ids = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect();
    NewTopic {
        assignments: assignments.iter().map(|(index, ids)| (PartitionIndex(*index), broker_ids(ids))).collect(),
        ..topic(name, -1, -1)
    }
}

pub(super) fn configured(name: &str, configs: &[(&str, &str)]) -> NewTopic {
    let owned = configs.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())));
    NewTopic { configs: owned.collect(), ..topic(name, 1, 1) }
}

pub(super) fn partition(topic: &str, index: i32) -> TopicPartition {
    TopicPartition::new(topic, index)
}
