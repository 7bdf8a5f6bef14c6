//! Ten thousand topics, with names as long as Kafka allows, lie in objects that an API server takes without complaint, whatever happens
//! to the brokers.

use control_plane::{Commit, store::sharding::Layout};
use controller::{
    BrokerCondition, ClusterImage, Controller, Effect, Event, Heartbeat, PartitionImage, RequestId, SessionSettings,
    Settings,
    requests::{AlterPartitions, BrokerSession, CreateTopics, IsrProposal, NewTopic, RegisterBroker, Reply, Request},
};
use model::{BrokerEpoch, BrokerId, ClusterId, Incarnation, LogLife, MonotonicTime, TopicId, TopicName};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

const TOPICS: u32 = 10_000;
const PARTITIONS: i32 = 3;
/// Of requests of people and of brokers.
const AT_ONCE: usize = 200;
const LARGEST: usize = 128 << 10;

/// A controller, and the objects that its commits write.
struct Stored {
    controller: Controller,
    layout: Layout,
    now: MonotonicTime,
    requests: u64,
    /// In bytes, of all that were written.
    largest: usize,
}

impl Stored {
    fn new() -> Self {
        let image = Arc::new(ClusterImage::empty(ClusterId::from_random_bytes([7; 16])));
        let sessions = SessionSettings { timeout: Duration::MAX, reconnect_grace: Duration::ZERO };
        let settings = Settings { sessions, ..Settings::default() };
        let layout = Layout::of(Arc::clone(&image)).expect("an empty cluster is small").layout;
        let controller = Controller::new(settings, image, MonotonicTime::ZERO);
        Self { controller, layout, now: MonotonicTime::ZERO, requests: 0, largest: 0 }
    }

    fn image(&self) -> Arc<ClusterImage> {
        Arc::clone(self.layout.image())
    }

    fn handle(&mut self, event: Event) -> Option<Reply> {
        let mut effects = self.controller.handle(event, self.now);
        let mut answer = None;
        while !effects.is_empty() {
            match effects.remove(0) {
                Effect::Commit(commit) => {
                    let (expected, changes, image) = (commit.expected, commit.changes, commit.image);
                    let plan = self.layout.plan(&Commit { expected, changes, image }).expect("no part is too large");
                    let texts = plan.shards.iter().map(|(_, text)| text).chain([&plan.root]);
                    self.largest = texts.map(String::len).max().unwrap_or(0).max(self.largest);
                    self.layout = plan.layout;
                    effects.extend(self.controller.handle(Event::Committed, self.now));
                }
                Effect::Reply { reply, .. } => answer = Some(reply),
                Effect::Publish { .. } => {}
                Effect::Look | Effect::Deposed => unreachable!("nobody else commits"),
            }
        }
        answer
    }

    fn ask(&mut self, request: Request) -> Reply {
        self.requests += 1;
        self.handle(Event::Request { id: RequestId(self.requests), request }).expect("an answer")
    }

    fn start(&mut self, id: BrokerId) -> BrokerEpoch {
        let registered = self.ask(Request::RegisterBroker(RegisterBroker {
            id,
            incarnation: Incarnation(Uuid::from_u128(u128::from(self.requests))),
            log_life: Some(LogLife(Uuid::from_u128(u128::from(id.0.unsigned_abs())))),
            serves_at_once: false,
            rack: None,
            endpoints: Vec::new(),
            began_empty: false,
            follows: None,
        }));
        let Reply::BrokerRegistered(epoch) = registered else { panic!("{registered:?}") };
        let applied = self.image().metadata_version;
        self.handle(Event::Heard(Heartbeat { id, epoch, applied, condition: BrokerCondition::default() }));
        assert!(self.image().is_usable(id), "broker {id} serves");
        epoch
    }

    /// Its process ends.
    fn lose(&mut self, session: BrokerSession) {
        self.handle(Event::Disconnected(session));
        self.now = self.now + Duration::from_secs(1);
        self.handle(Event::Tick);
    }

    fn create_topics(&mut self) {
        let topic = |number: u32| NewTopic {
            name: TopicName::from(format!("{number:0>249}").as_str()),
            id: TopicId(Uuid::from_u128(u128::from(number) << 64 | 1)),
            partitions: PARTITIONS,
            replication_factor: 3,
            assignments: Vec::new(),
            configs: Vec::new(),
        };
        let topics: Vec<_> = (0..TOPICS).map(topic).collect();
        for topics in topics.chunks(AT_ONCE) {
            self.ask(Request::CreateTopics(CreateTopics { topics: topics.to_vec(), validate_only: false }));
        }
    }

    /// Everywhere it is in sync again.
    fn catch_up(&mut self, back: BrokerId) {
        let image = self.image();
        for broker in image.brokers.values() {
            let mut proposals = Vec::new();
            for topic in image.topics.iter() {
                let led = topic.indexed_partitions().filter(|(_, partition)| partition.leader == Some(broker.id));
                for (partition, known) in led.filter(|(_, known)| !known.isr.contains(&back)) {
                    let isr = known.isr.iter().chain([&back]).map(|id| (*id, image.brokers[id].epoch)).collect();
                    proposals.push(IsrProposal {
                        topic_id: topic.id,
                        partition,
                        leader_epoch: known.leader_epoch,
                        partition_epoch: known.partition_epoch,
                        isr,
                        recovered: true,
                        min_in_sync: None,
                    });
                }
            }
            for proposals in proposals.chunks(AT_ONCE) {
                let (broker, broker_epoch, proposals) = (broker.id, broker.epoch, proposals.to_vec());
                self.ask(Request::AlterPartitions(AlterPartitions { broker, broker_epoch, proposals }));
            }
        }
    }

    fn in_sync(&self, id: BrokerId) -> usize {
        self.partitions(|partition| partition.isr.contains(&id))
    }

    fn partitions(&self, are: impl Fn(&PartitionImage) -> bool) -> usize {
        self.image().topics.iter().flat_map(|topic| &topic.partitions).filter(|partition| are(partition)).count()
    }
}

#[test]
fn ten_thousand_topics_lie_in_small_objects() {
    let all = usize::try_from(TOPICS).unwrap() * usize::try_from(PARTITIONS).unwrap();
    let mut stored = Stored::new();
    let epochs = [0, 1, 2].map(|id| stored.start(BrokerId(id)));
    stored.create_topics();
    assert_eq!(stored.image().topics.partition_count(), all);

    let lost = BrokerId(1);
    stored.lose(BrokerSession { id: lost, epoch: epochs[1] });
    let led = stored.partitions(|partition| partition.leader.is_some());
    assert_eq!((led, stored.in_sync(lost)), (all, 0), "others lead, and it is in sync nowhere");
    stored.start(lost);
    stored.catch_up(lost);
    assert_eq!(stored.in_sync(lost), all);

    let objects = stored.layout.shard_names().count();
    assert!((LARGEST / 4..=LARGEST).contains(&stored.largest), "{} bytes in one of {objects} objects", stored.largest);
}
