//! A controller and brokers over real connections on loopback.

mod admission;
mod backpressure;
mod earlier;
mod late;
mod newest;
mod ownership;
mod recovery;
mod unreadable;

use super::{
    client::{KnownMetadata, describe},
    *,
};
use crate::{Commit, CommitError, ControllerHandle, Host, LoadError, MetadataStore, Published, Publisher};
use controller::{
    BrokerCondition, BrokerRegistration, ClusterImage, ControllerError, SessionSettings, Settings,
    requests::{CreateTopics, NO_REGISTRATION, NewTopic, RegisterBroker},
};
use model::{BrokerEpoch, BrokerId, ClusterId, ControllerEpoch, Incarnation, MetadataVersion, TopicId, TopicName};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
    task::JoinHandle,
};

mod recorded;

const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qg";

struct InMemory(Arc<ClusterImage>);

impl MetadataStore for InMemory {
    async fn load(&mut self) -> Result<Arc<ClusterImage>, LoadError> {
        Ok(Arc::clone(&self.0))
    }

    async fn commit(&mut self, commit: Commit) -> Result<(), CommitError> {
        assert_eq!(commit.expected, self.0.metadata_version);
        self.0 = commit.image;
        Ok(())
    }
}

/// What a broker acts by.
struct ActsBy(watch::Sender<Option<Arc<ClusterImage>>>);

impl Publisher for ActsBy {
    async fn publish(&mut self, published: Published) {
        self.0.send_replace(Some(published.image));
    }
}

impl Obeys for ActsBy {
    fn fail(&mut self, why: String) {
        panic!("{why}");
    }
}

struct ControllerProcess {
    address: SocketAddr,
    handle: ControllerHandle,
    updates: Updates,
    host: JoinHandle<InMemory>,
    server: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl ControllerProcess {
    async fn start(image: Arc<ClusterImage>, address: &str) -> Self {
        let sessions = SessionSettings { timeout: Duration::from_secs(3), reconnect_grace: Duration::from_millis(100) };
        let settings = Settings { sessions, ..Settings::default() };
        let updates = Updates::new();
        let (host, handle) = Host::start(InMemory(image), updates.clone(), settings).await.unwrap();
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = ControlPlaneServer {
            loaded_version: host.committed().metadata_version,
            cluster_id: ClusterId::from(CLUSTER),
            controller: handle.clone(),
            updates: updates.clone(),
            session_timeout: sessions.timeout,
            admission: None,
            owners: None,
        };
        let (stop, stopped) = oneshot::channel();
        Self {
            address,
            handle,
            updates,
            host: tokio::spawn(host.run(stopped)),
            server: tokio::spawn(async move { server.serve(listener).await.unwrap() }),
            stop,
        }
    }

    async fn new() -> Self {
        Self::start(Arc::new(ClusterImage::empty(ClusterId::from(CLUSTER))), "127.0.0.1:0").await
    }

    /// Another door to it.
    fn door(&self) -> ControlPlaneServer {
        ControlPlaneServer {
            loaded_version: MetadataVersion(0),
            cluster_id: ClusterId::from(CLUSTER),
            controller: self.handle.clone(),
            updates: self.updates.clone(),
            session_timeout: Duration::from_secs(3),
            admission: None,
            owners: None,
        }
    }

    /// Ends it; what its store holds.
    async fn end(self) -> Arc<ClusterImage> {
        self.server.abort();
        let _ = self.server.await;
        let _ = self.stop.send(());
        let store = self.host.await.unwrap();
        self.updates.close();
        store.0
    }
}

const WELL: BrokerCondition = BrokerCondition {
    controller_epoch: ControllerEpoch(0),
    free_bytes: Some(7 << 40),
    total_bytes: Some(8 << 40),
    logs: 1000,
    logs_to_recover: 3,
};

#[derive(Debug)]
struct Well;

impl Condition for Well {
    fn now(&self) -> Option<BrokerCondition> {
        Some(WELL)
    }
}

/// While it is true.
#[derive(Debug, Default)]
struct Ill(AtomicBool);

impl Condition for Ill {
    fn now(&self) -> Option<BrokerCondition> {
        (!self.0.load(Ordering::Relaxed)).then_some(WELL)
    }
}

#[derive(Debug)]
struct Nothing;

impl KnownMetadata for Nothing {
    fn newest(&self) -> Option<Arc<ClusterImage>> {
        None
    }
}

fn registrar(address: SocketAddr, id: i32) -> Registrar {
    let registration = RegisterBroker {
        id: BrokerId(id),
        incarnation: Incarnation(uuid::Uuid::from_u128(id.unsigned_abs().into())),
        log_life: None,
        serves_at_once: false,
        rack: Some("zone-a".to_owned()),
        endpoints: vec![controller::Endpoint {
            listener: "PLAINTEXT".to_owned(),
            host: "localhost".to_owned(),
            port: 9092,
        }],
        began_empty: false,
        follows: None,
    };
    Registrar {
        token: None,
        controller: address.to_string(),
        cluster_id: ClusterId::from(CLUSTER),
        registration,
        highest_epoch: ControllerEpoch(0),
        kept_version: MetadataVersion(0),
        known: Arc::new(Nothing),
        heartbeat_interval: Duration::from_secs(2),
        condition: Arc::new(Well),
        call_patience: Duration::from_millis(100),
    }
}

type Seen = watch::Receiver<Option<Arc<ClusterImage>>>;

/// As a controller has a broker that has just come.
fn fenced(id: i32, incarnation: &[u8]) -> BrokerRegistration {
    BrokerRegistration {
        id: BrokerId(id),
        epoch: BrokerEpoch(1),
        incarnation: Incarnation(uuid::Uuid::from_slice(incarnation).unwrap()),
        log_life: None,
        rack: None,
        endpoints: Vec::new(),
        fenced: true,
        in_controlled_shutdown: false,
    }
}

async fn broker(address: SocketAddr, id: i32) -> (RemoteController, Seen) {
    let (sender, seen) = watch::channel(None);
    (RemoteController::start(registrar(address, id), ActsBy(sender)).await.unwrap(), seen)
}

/// Waits until the broker acts by an image of which this holds.
async fn until(seen: &mut Seen, what: &str, holds: impl Fn(&ClusterImage) -> bool) {
    let waited = tokio::time::timeout(
        Duration::from_secs(20),
        seen.wait_for(|image| image.as_ref().is_some_and(|image| holds(image))),
    );
    let waited = waited.await;
    assert!(matches!(waited, Ok(Ok(_))), "waited in vain until {what}");
}

fn usable(image: &ClusterImage, id: i32) -> bool {
    image.is_usable(BrokerId(id))
}

fn topic(name: &str) -> CreateTopics {
    let id = name.bytes().fold(1u128, |id, byte| id * 257 + u128::from(byte));
    let topic = NewTopic {
        name: TopicName::from(name),
        id: TopicId(uuid::Uuid::from_u128(id)),
        partitions: 2,
        replication_factor: 1,
        assignments: Vec::new(),
        configs: Vec::new(),
    };
    CreateTopics { topics: vec![topic], validate_only: false }
}

#[tokio::test]
async fn broker_registers_and_is_unfenced_once_it_acts_by_that() {
    let controller = ControllerProcess::new().await;
    assert_eq!(describe(&controller.address.to_string(), None).await.unwrap(), ClusterId::from(CLUSTER));
    let (_first, mut seen) = broker(controller.address, 1).await;
    until(&mut seen, "broker 1 may lead", |image| usable(image, 1)).await;
    let image = seen.borrow().clone().unwrap();
    let registered = &image.brokers[&BrokerId(1)];
    assert_eq!((registered.rack.as_deref(), registered.endpoints[0].port), (Some("zone-a"), 9092));
}

#[tokio::test]
async fn who_asked_acts_by_the_change_before_it_is_answered_and_others_soon() {
    let controller = ControllerProcess::new().await;
    let (first, mut seen) = broker(controller.address, 1).await;
    let (_second, mut seen_by_second) = broker(controller.address, 2).await;
    until(&mut seen, "both may lead", |image| usable(image, 1) && usable(image, 2)).await;
    for name in ["a", "b", "c"] {
        let created = first.handle().create_topics(topic(name)).await.unwrap();
        assert!(created[0].1.is_ok());
        assert!(seen.borrow().as_ref().unwrap().topic(name).is_some(), "answered before it acts by it");
    }
    until(&mut seen_by_second, "the second knows them", |image| image.topics.len() == 3).await;
    let (one, other) = (seen.borrow().clone(), seen_by_second.borrow().clone());
    assert_eq!(one.unwrap().topics, other.unwrap().topics, "changes one by one lead to what the image is");
}

#[tokio::test]
async fn broker_that_vanishes_is_fenced_and_one_that_departs_at_once() {
    let controller = ControllerProcess::new().await;
    let (first, mut seen) = broker(controller.address, 1).await;
    let (second, _) = broker(controller.address, 2).await;
    let (third, _) = broker(controller.address, 3).await;
    until(&mut seen, "all may lead", |image| (1..=3).all(|id| usable(image, id))).await;
    second.stop().await;
    until(&mut seen, "broker 2 is fenced", |image| !usable(image, 2)).await;
    drop(third);
    until(&mut seen, "broker 3 is fenced", |image| !usable(image, 3)).await;
    drop(first);
}

#[tokio::test]
async fn broker_that_had_better_not_lead_is_fenced_until_it_is_well_again() {
    let controller = ControllerProcess::new().await;
    let (_others, mut seen) = broker(controller.address, 1).await;
    let (_third, _) = broker(controller.address, 3).await;
    let condition = Arc::new(Ill::default());
    let (sender, mut seen_by_it) = watch::channel(None);
    let registrar = Registrar { condition: condition.clone(), ..registrar(controller.address, 2) };
    let session = RemoteController::start(registrar, ActsBy(sender)).await.unwrap();
    until(&mut seen, "all may lead", |image| (1..=3).all(|id| usable(image, id))).await;
    condition.0.store(true, Ordering::Relaxed);
    until(&mut seen, "broker 2 is fenced", |image| !usable(image, 2)).await;
    until(&mut seen_by_it, "it is told", |image| !usable(image, 2)).await;
    assert!(session.state().borrow().lost_at.is_none(), "its session stays open");
    condition.0.store(false, Ordering::Relaxed);
    until(&mut seen, "broker 2 may lead again", |image| usable(image, 2)).await;
}

#[tokio::test]
async fn brokers_come_back_to_a_controller_that_took_over() {
    let controller = ControllerProcess::new().await;
    let (first, mut seen) = broker(controller.address, 1).await;
    until(&mut seen, "broker 1 may lead", |image| usable(image, 1)).await;
    let address = controller.address.to_string();
    let image = controller.end().await;
    let epoch = image.controller_epoch;
    let asking = first.handle();
    let refused = asking.create_topics(topic("meanwhile"));
    let controller = ControllerProcess::start(image, &address).await;
    // It waits for the session, or was on its way on the old one.
    let _ = refused.await;
    until(&mut seen, "the new controller's epoch", |image| image.controller_epoch > epoch && usable(image, 1)).await;
    assert!(first.handle().create_topics(topic("after")).await.unwrap()[0].1.is_ok());
    assert_eq!(controller.handle.create_topics(topic("after")).await.unwrap().len(), 1);
}

/// One address of several processes, the first of which stands still: its kernel takes the connection, and nobody reads from it.
async fn behind_one_that_stands_still(controller: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let _silent = listener.accept().await.unwrap();
        loop {
            let (mut taken, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut onward = TcpStream::connect(controller).await.unwrap();
                // It ends with either side.
                let _ = copy_bidirectional(&mut taken, &mut onward).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn who_takes_a_connection_and_does_not_answer_is_left_for_another() {
    let controller = ControllerProcess::new().await;
    let within = Duration::from_secs(4);
    let asked = behind_one_that_stands_still(controller.address).await;
    let told = tokio::time::timeout(within, describe(&asked.to_string(), None)).await;
    assert_eq!(told.unwrap().unwrap(), ClusterId::from(CLUSTER));
    let joined = behind_one_that_stands_still(controller.address).await;
    let (_session, mut seen) = tokio::time::timeout(within, broker(joined, 1)).await.unwrap();
    until(&mut seen, "broker 1 may lead", |image| usable(image, 1)).await;
}

#[tokio::test]
async fn older_controller_is_not_obeyed() {
    let controller = ControllerProcess::new().await;
    let (sender, seen) = watch::channel(None);
    let knows_better = Registrar { highest_epoch: ControllerEpoch(9), ..registrar(controller.address, 1) };
    let never = RemoteController::start(knows_better, ActsBy(sender));
    let waited = tokio::time::timeout(Duration::from_millis(500), never).await;
    assert!(waited.is_err(), "it waits for the controller that it knows of");
    assert!(seen.borrow().is_none());
}

#[tokio::test]
async fn data_of_another_cluster_is_refused() {
    let controller = ControllerProcess::new().await;
    let (sender, _seen) = watch::channel(None);
    let foreign = Registrar { cluster_id: ClusterId::from("another"), ..registrar(controller.address, 1) };
    let refused = RemoteController::start(foreign, ActsBy(sender)).await.unwrap_err();
    assert!(matches!(&refused, SessionError::Refused(reason) if reason.contains("another")), "{refused}");
}

#[tokio::test]
async fn request_for_another_broker_is_refused() {
    let controller = ControllerProcess::new().await;
    let (first, mut seen) = broker(controller.address, 1).await;
    until(&mut seen, "broker 1 may lead", |image| usable(image, 1)).await;
    let other = controller::requests::BrokerSession { id: BrokerId(2), epoch: model::BrokerEpoch(1) };
    let refused = first.handle().begin_shutdown(other).await;
    assert!(matches!(refused, Err(ControllerError::Malformed(_))), "{refused:?}");
}

#[tokio::test]
async fn calls_without_a_controller_fail_after_a_while() {
    let controller = ControllerProcess::new().await;
    let (first, mut seen) = broker(controller.address, 1).await;
    until(&mut seen, "broker 1 may lead", |image| usable(image, 1)).await;
    controller.end().await;
    let refused = tokio::time::timeout(Duration::from_secs(20), first.handle().create_topics(topic("never"))).await;
    assert_eq!(refused.expect("is answered").unwrap_err(), ControllerError::Disconnected);
}

#[tokio::test]
async fn controller_knows_how_its_brokers_are_doing() {
    let controller = ControllerProcess::new().await;
    let (first, mut seen) = broker(controller.address, 1).await;
    until(&mut seen, "broker 1 may lead", |image| usable(image, 1)).await;
    let epoch = seen.borrow().as_ref().unwrap().controller_epoch;
    let described = first.handle().describe_brokers().await.unwrap().remove(0);
    assert!(described.is_live && described.id == BrokerId(1));
    let (applied, condition) = described.said.unwrap();
    assert!(applied.0 > 0);
    assert_eq!(condition, BrokerCondition { controller_epoch: epoch, ..WELL });
    first.stop().await;
    let gone = controller.handle.describe_brokers().await.unwrap().remove(0);
    assert!(!gone.is_live);
}

#[tokio::test]
async fn broker_that_comes_back_as_it_was_is_told_what_there_is() {
    let controller = ControllerProcess::new().await;
    let (first, mut seen) = broker(controller.address, 1).await;
    until(&mut seen, "broker 1 may lead", |image| usable(image, 1)).await;
    // Without a farewell, and back within the grace: nothing is committed about it.
    drop(first);
    let again = tokio::time::timeout(Duration::from_secs(20), broker(controller.address, 1)).await;
    let (_session, mut seen) = again.expect("acts by metadata");
    until(&mut seen, "it knows of itself", |image| usable(image, 1)).await;
}
