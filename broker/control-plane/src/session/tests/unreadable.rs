//! A controller that sends what cannot be read.

use super::*;
use crate::wire::{
    BrokerMessage, Changes, ControllerMessage, DescribeRequest, DescribeResponse, Registered, Registration, Snapshot,
    broker_message::Kind as Sent, control_plane_server, controller_message::Kind,
};
use controller::{MetadataChange, MetadataRecord};
use model::ProducerId;
use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

/// In each session it sends what it is to send there, and in all further ones what it sends in the last.
struct Scripted {
    sends: fn(&Registration) -> Vec<Vec<Kind>>,
    sessions: AtomicUsize,
    /// What brokers acted by, with the number of the session.
    applied: Arc<Mutex<Vec<(usize, u64)>>>,
}

#[tonic::async_trait]
impl control_plane_server::ControlPlane for Scripted {
    type SessionStream = ReceiverStream<Result<ControllerMessage, Status>>;

    async fn describe(&self, _: Request<DescribeRequest>) -> Result<Response<DescribeResponse>, Status> {
        Ok(Response::new(DescribeResponse { cluster_id: CLUSTER.to_owned() }))
    }

    async fn session(&self, call: Request<Streaming<BrokerMessage>>) -> Result<Response<Self::SessionStream>, Status> {
        let (outgoing, messages) = mpsc::channel(8);
        let session = self.sessions.fetch_add(1, SeqCst);
        let (sends, applied) = (self.sends, Arc::clone(&self.applied));
        let mut incoming = call.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(BrokerMessage { kind })) = incoming.message().await {
                match kind {
                    Some(Sent::Registration(registration)) => {
                        let registered = Registered { broker_epoch: 1, session_timeout_ms: 3000, reign: vec![1; 16] };
                        let mut sends = sends(&registration);
                        let sends = sends.swap_remove(session.min(sends.len() - 1));
                        for kind in std::iter::once(Kind::Registered(registered)).chain(sends) {
                            // The broker may have gone.
                            let _ =
                                outgoing.send(Ok(ControllerMessage { controller_epoch: 1, kind: Some(kind) })).await;
                        }
                    }
                    Some(Sent::Heartbeat(heartbeat)) => {
                        applied.lock().unwrap().push((session, heartbeat.applied_version));
                    }
                    _ => {}
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(messages)))
    }
}

type Applied = Arc<Mutex<Vec<(usize, u64)>>>;

async fn serve(sends: fn(&Registration) -> Vec<Vec<Kind>>) -> (SocketAddr, Applied) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let applied = Applied::default();
    let scripted = Scripted { sends, sessions: AtomicUsize::new(0), applied: Arc::clone(&applied) };
    let service = control_plane_server::ControlPlaneServer::new(scripted);
    let serving = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
    (address, applied)
}

/// The broker alone in its cluster, after so many changes more.
fn image(registration: &Registration, changes: u64) -> ClusterImage {
    let mut image = ClusterImage::empty(ClusterId::from(CLUSTER));
    let registered = fenced(registration.broker_id, &registration.incarnation);
    let first =
        vec![MetadataRecord::ControllerEpochRaised(ControllerEpoch(1)), MetadataRecord::BrokerRegistered(registered)];
    image.apply(&MetadataChange { version: image.metadata_version.next(), records: first }).unwrap();
    for _ in 0..changes {
        image.apply(&change(&image)).unwrap();
    }
    image
}

fn change(image: &ClusterImage) -> MetadataChange {
    let next = ProducerId(image.next_producer_id.0 + 1000);
    MetadataChange {
        version: image.metadata_version.next(),
        records: vec![MetadataRecord::ProducerIdsReserved { next }],
    }
}

fn snapshot(image: &ClusterImage) -> Kind {
    Kind::Snapshot(Snapshot { image_json: serde_json::to_vec(image).unwrap() })
}

fn changes(change_json: &[u8]) -> Kind {
    Kind::Changes(Changes { change_json: vec![change_json.to_vec()] })
}

fn unreadable_image() -> Kind {
    Kind::Snapshot(Snapshot { image_json: b"{\"of\": \"another version\"}".to_vec() })
}

/// It says what it was failed with.
struct Fails(ActsBy, watch::Sender<Option<String>>);

impl Publisher for Fails {
    async fn publish(&mut self, published: Published) {
        self.0.publish(published).await;
    }
}

impl Obeys for Fails {
    fn fail(&mut self, why: String) {
        self.1.send_replace(Some(why));
    }
}

/// The change after the unreadable one follows nothing that is known; the next session's image and changes do.
#[tokio::test]
async fn broker_that_cannot_read_a_change_goes_on_with_the_next_image() {
    let (address, applied) = serve(|registration| {
        let (known, newer) = (image(registration, 0), image(registration, 2));
        let follows = |image| serde_json::to_vec(&change(image)).unwrap();
        vec![
            vec![snapshot(&known), changes(b"{\"version\": 2, \"records\": [\"?\"]}"), changes(&follows(&known))],
            vec![snapshot(&newer), changes(&follows(&newer))],
        ]
    })
    .await;
    let (_session, mut seen) = broker(address, 1).await;
    until(&mut seen, "it acts by what came after", |image| image.metadata_version == MetadataVersion(4)).await;
    // What was applied is told at once.
    let told = async {
        while !applied.lock().unwrap().contains(&(1, 4)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told)
        .await
        .expect("the controller hears of it in the second session");
    assert!(applied.lock().unwrap().iter().all(|(session, _)| *session < 2), "which goes on");
}

#[tokio::test]
async fn broker_that_cannot_read_the_image_either_fails() {
    let (address, _) =
        serve(|registration| vec![vec![snapshot(&image(registration, 0)), changes(b"?")], vec![unreadable_image()]])
            .await;
    let (fails, mut failed) = watch::channel(None);
    let (sender, seen) = watch::channel(None);
    let session = RemoteController::start(registrar(address, 1), Fails(ActsBy(sender), fails)).await.unwrap();
    let why = tokio::time::timeout(Duration::from_secs(20), failed.wait_for(Option::is_some)).await;
    let why = why.expect("it fails").unwrap().clone().unwrap();
    assert!(why.contains("cannot be read") && why.contains("later version"), "{why}");
    let handle = session.handle();
    let asked = handle.allocate_producer_ids(ProducerId(0));
    let asked = tokio::time::timeout(Duration::from_secs(20), asked).await.expect("nobody waits for it");
    assert!(matches!(asked, Err(ControllerError::Stopped | ControllerError::Disconnected)), "{asked:?}");
    let acts_by = seen.borrow().as_ref().map(|image| image.metadata_version);
    assert_eq!(acts_by, Some(MetadataVersion(1)), "nothing of what came was acted by");
    tokio::time::timeout(Duration::from_secs(20), session.stop()).await.expect("it ends");
}

#[tokio::test]
async fn broker_that_can_read_no_image_does_not_start() {
    let (address, _) = serve(|_| vec![vec![unreadable_image()]]).await;
    let fails = Fails(ActsBy(watch::channel(None).0), watch::channel(None).0);
    let starting = RemoteController::start(registrar(address, 1), fails);
    let error = tokio::time::timeout(Duration::from_secs(20), starting).await.expect("it ends").unwrap_err();
    assert!(matches!(error, SessionError::Unreadable { is_last: true, .. }), "{error}");
}
