use super::*;
use controller::{
    MetadataChange, MetadataRecord, TopicError,
    requests::{CreateTopics, CreatedTopic, NewTopic, RegisterBroker},
};
use model::{BrokerId, ClusterId, ProducerId, TopicId, TopicName};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A store whose commits wait for the test's verdict.
struct HeldStore {
    image: Arc<ClusterImage>,
    started: UnboundedSender<Commit>,
    verdicts: UnboundedReceiver<Verdict>,
}

enum Verdict {
    Stored,
    Failed,
    /// Somebody else made this of the store.
    Overtaken(Arc<ClusterImage>),
}

impl MetadataStore for HeldStore {
    async fn load(&mut self) -> Result<Arc<ClusterImage>, LoadError> {
        Ok(Arc::clone(&self.image))
    }

    async fn commit(&mut self, commit: Commit) -> Result<(), CommitError> {
        assert_eq!(commit.expected, self.image.metadata_version);
        self.started.send(commit.clone()).unwrap();
        match self.verdicts.recv().await.unwrap() {
            Verdict::Stored => {
                self.image = commit.image;
                Ok(())
            }
            Verdict::Failed => Err(CommitError::Failed("disk full".to_owned())),
            Verdict::Overtaken(image) => {
                self.image = image;
                Err(CommitError::Conflict)
            }
        }
    }
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Arc<ClusterImage>>>>);

impl Publisher for Seen {
    async fn publish(&mut self, published: Published) {
        self.0.lock().unwrap().push(published.image);
    }
}

struct Running {
    handle: ControllerHandle,
    started: UnboundedReceiver<Commit>,
    verdicts: UnboundedSender<Verdict>,
    seen: Seen,
    stop: oneshot::Sender<()>,
    host: tokio::task::JoinHandle<HeldStore>,
}

async fn run() -> Running {
    let (started, commits) = unbounded_channel();
    let (verdicts, verdicts_in) = unbounded_channel();
    let image = Arc::new(ClusterImage::empty(ClusterId::from("test")));
    let store = HeldStore { image, started, verdicts: verdicts_in };
    let seen = Seen::default();
    let (host, handle) = Host::start(store, seen.clone(), Settings::default()).await.unwrap();
    let (stop, stopped) = oneshot::channel();
    let host = tokio::spawn(host.run(stopped));
    let mut running = Running { handle, started: commits, verdicts, seen, stop, host };
    let registration = RegisterBroker {
        id: BrokerId(1),
        incarnation: model::Incarnation::default(),
        log_life: None,
        serves_at_once: true,
        rack: None,
        endpoints: Vec::new(),
        began_empty: false,
        follows: None,
    };
    let handle = running.handle.clone();
    let registered = tokio::spawn(async move { handle.register_broker(registration).await });
    running.store_next().await;
    registered.await.unwrap().unwrap();
    running
}

impl Running {
    async fn store_next(&mut self) -> Commit {
        let commit = self.started.recv().await.unwrap();
        self.verdicts.send(Verdict::Stored).unwrap();
        commit
    }

    fn create(
        &self,
        name: &str,
    ) -> tokio::task::JoinHandle<Result<Result<CreatedTopic, TopicError>, controller::ControllerError>> {
        let handle = self.handle.clone();
        let id = name.bytes().fold(1u128, |id, byte| id * 257 + u128::from(byte));
        let topic = NewTopic {
            name: TopicName::from(name),
            id: topic_id(id),
            partitions: 1,
            replication_factor: 1,
            assignments: Vec::new(),
            configs: Vec::new(),
        };
        tokio::spawn(async move {
            let results = handle.create_topics(CreateTopics { topics: vec![topic], validate_only: false }).await?;
            Ok(results.into_iter().next().unwrap().1)
        })
    }
}

fn topic_id(number: u128) -> TopicId {
    TopicId(uuid::Uuid::from_u128(number))
}

#[tokio::test]
async fn callers_that_come_during_a_commit_share_the_next_one() {
    let mut running = run().await;
    let first = running.create("first");
    let held = running.started.recv().await.unwrap();
    assert_eq!(held.changes.len(), 1);
    let others: Vec<_> = (0..20).map(|n| running.create(&format!("t{n}"))).collect();
    // The callers run before the verdict does: this test has one thread, and they are ahead of it.
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    running.verdicts.send(Verdict::Stored).unwrap();
    let shared = running.store_next().await;
    assert_eq!(shared.changes.len(), 20);
    assert!(first.await.unwrap().unwrap().is_ok());
    for other in others {
        assert!(other.await.unwrap().unwrap().is_ok());
    }
    assert_eq!(running.seen.0.lock().unwrap().last().unwrap().topics.len(), 21, "published before answered");
}

#[tokio::test]
async fn an_overtaken_controller_decides_again_on_what_the_store_holds() {
    let mut running = run().await;
    let contested = running.create("contested");
    let held = running.started.recv().await.unwrap();
    let mut other = ClusterImage::clone(&running.seen.0.lock().unwrap().last().unwrap().clone());
    let records = vec![
        MetadataRecord::ProducerIdsReserved { next: ProducerId(1000) },
        MetadataRecord::TopicCreated { id: topic_id(7), name: "contested".into(), partitions: Vec::new() },
    ];
    other.apply(&MetadataChange { version: held.expected.next(), records }).unwrap();
    let other = Arc::new(other);
    running.verdicts.send(Verdict::Overtaken(Arc::clone(&other))).unwrap();
    assert!(matches!(contested.await.unwrap().unwrap(), Err(TopicError::AlreadyExists(_))));
    let handle = running.handle.clone();
    let block = tokio::spawn(async move { handle.allocate_producer_ids(model::ProducerId(0)).await });
    let commit = running.store_next().await;
    assert_eq!(commit.expected, other.metadata_version);
    assert_eq!(block.await.unwrap().unwrap().first, ProducerId(1000), "the other's ids are not given out again");
}

#[tokio::test]
async fn a_store_that_fails_refuses_its_callers_and_serves_the_next() {
    let mut running = run().await;
    let published = running.seen.0.lock().unwrap().len();
    let lost = running.create("lost");
    running.started.recv().await.unwrap();
    running.verdicts.send(Verdict::Failed).unwrap();
    let error = lost.await.unwrap().unwrap_err();
    assert!(matches!(error, controller::ControllerError::StoreFailed(_)));
    assert_eq!(running.seen.0.lock().unwrap().len(), published, "nothing is published");
    let again = running.create("lost");
    running.store_next().await;
    assert!(again.await.unwrap().unwrap().is_ok());
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_undo_its_change() {
    let mut running = run().await;
    let gone = running.create("kept");
    running.started.recv().await.unwrap();
    gone.abort();
    running.verdicts.send(Verdict::Stored).unwrap();
    let again = running.create("kept");
    assert!(matches!(again.await.unwrap().unwrap(), Err(TopicError::AlreadyExists(_))));
}

#[tokio::test]
async fn stopping_finishes_the_commit_under_way_and_refuses_later_calls() {
    let mut running = run().await;
    let last = running.create("last");
    running.started.recv().await.unwrap();
    running.stop.send(()).unwrap();
    running.verdicts.send(Verdict::Stored).unwrap();
    assert!(last.await.unwrap().unwrap().is_ok());
    assert!(running.host.await.unwrap().image.topic("last").is_some());
    let error = running.handle.allocate_producer_ids(model::ProducerId(0)).await.unwrap_err();
    assert_eq!(error, controller::ControllerError::Stopped);
}
