//! Two clusters at one address.

use super::*;
use crate::session::client::TokenFile;
use model::ProducerId;
use std::collections::BTreeMap;

/// Which server has which token.
#[derive(Clone)]
struct Tokens(Arc<BTreeMap<&'static str, ControlPlaneServer>>);

impl Directory for Tokens {
    fn find(&self, token: Option<&str>) -> Result<Found, NotAdmitted> {
        token.and_then(|token| self.0.get(token)).cloned().map(Found::Controller).ok_or(NotAdmitted::UnknownToken)
    }
}

/// Knows the rack of broker 1, and that no other one belongs here.
#[derive(Debug, Clone)]
struct OnlyTheFirst(watch::Sender<Option<Doubt>>);

impl Admission for OnlyTheFirst {
    fn admit(&self, registration: RegisterBroker) -> Admitting<'_> {
        Box::pin(async move {
            match registration.id.0 {
                1 => Ok(RegisterBroker { rack: Some("zone-of-the-node".to_owned()), ..registration }),
                id => Err(NotAdmitted::Never(format!("there is no pod of broker {id}"))),
            }
        })
    }

    fn doubt(&self, doubt: Doubt) {
        self.0.send_replace(Some(doubt));
    }
}

async fn two_clusters() -> (SocketAddr, ControllerProcess, ControllerProcess) {
    let one = ControllerProcess::new().await;
    let image = Arc::new(ClusterImage::empty(ClusterId::from("another")));
    let another = ControllerProcess::start(image, "127.0.0.1:0").await;
    let server = |process: &ControllerProcess, id: &str, admission| ControlPlaneServer {
        cluster_id: ClusterId::from(id),
        admission,
        ..process.door()
    };
    let tokens = BTreeMap::from([
        (
            "first token",
            server(&one, CLUSTER, Some(Arc::new(OnlyTheFirst(watch::channel(None).0)) as Arc<dyn Admission>)),
        ),
        ("second token", server(&another, "another", None)),
    ]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(ControlPlane(Tokens(Arc::new(tokens))).serve(listener));
    (address, one, another)
}

fn token(folder: &tempfile::TempDir, text: &str) -> TokenFile {
    let path = folder.path().join("token");
    std::fs::write(&path, text).unwrap();
    TokenFile(path)
}

#[tokio::test]
async fn token_finds_the_controller_and_admission_completes_the_registration() {
    let (address, _one, _another) = two_clusters().await;
    let folder = tempfile::tempdir().unwrap();
    let second = token(&folder, "second token\n");
    assert_eq!(describe(&address.to_string(), Some(&second)).await.unwrap(), ClusterId::from("another"));
    let token = Some(token(&folder, "first token"));
    assert_eq!(describe(&address.to_string(), token.as_ref()).await.unwrap(), ClusterId::from(CLUSTER));
    let (sender, mut seen) = watch::channel(None);
    let first = Registrar { token, ..registrar(address, 1) };
    let _session = RemoteController::start(first, ActsBy(sender)).await.unwrap();
    until(&mut seen, "broker 1 has the rack of its node", |image| {
        image.brokers.get(&BrokerId(1)).is_some_and(|broker| broker.rack.as_deref() == Some("zone-of-the-node"))
    })
    .await;
}

#[tokio::test]
async fn broker_that_does_not_belong_is_refused_with_the_reason() {
    let (address, _one, _another) = two_clusters().await;
    let folder = tempfile::tempdir().unwrap();
    let stranger = Registrar { token: Some(token(&folder, "first token")), ..registrar(address, 2) };
    let refused = RemoteController::start(stranger, ActsBy(watch::channel(None).0)).await.unwrap_err();
    assert!(matches!(&refused, SessionError::Refused(reason) if reason.contains("no pod of broker 2")), "{refused}");
}

#[tokio::test]
async fn without_the_token_nobody_gets_in_and_a_replaced_one_is_read() {
    let (address, one, _another) = two_clusters().await;
    let folder = tempfile::tempdir().unwrap();
    for shown in [None, Some(token(&folder, "guessed")), Some(TokenFile(folder.path().join("missing")))] {
        let stranger = Registrar { token: shown, ..registrar(address, 1) };
        let never = RemoteController::start(stranger, ActsBy(watch::channel(None).0));
        let waited = tokio::time::timeout(Duration::from_millis(300), never).await;
        assert!(waited.is_err(), "it goes on asking");
    }
    assert!(one.end().await.brokers.is_empty(), "nobody was registered");

    let (address, _one, _another) = two_clusters().await;
    let waits = Registrar { token: Some(token(&folder, "guessed")), ..registrar(address, 1) };
    let mut starting = tokio::spawn(RemoteController::start(waits, ActsBy(watch::channel(None).0)));
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut starting).await.is_err());
    token(&folder, "first token");
    let started = tokio::time::timeout(Duration::from_secs(20), starting).await;
    assert!(started.expect("comes in once the file has its token").unwrap().is_ok());
}

/// One cluster that takes over from `image`; who doubts it is told.
async fn taking_over_from(image: ClusterImage) -> (SocketAddr, watch::Receiver<Option<Doubt>>, ControllerProcess) {
    let loaded_version = image.metadata_version;
    let process = ControllerProcess::start(Arc::new(image), "127.0.0.1:0").await;
    let (address, doubted) = open_doubtful_door(&process, loaded_version, "127.0.0.1:0").await;
    (address, doubted, process)
}

async fn open_doubtful_door(
    process: &ControllerProcess,
    loaded_version: MetadataVersion,
    address: &str,
) -> (SocketAddr, watch::Receiver<Option<Doubt>>) {
    let (doubts, doubted) = watch::channel(None);
    let server =
        ControlPlaneServer { loaded_version, admission: Some(Arc::new(OnlyTheFirst(doubts))), ..process.door() };
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server.serve(listener));
    (address, doubted)
}

#[tokio::test]
async fn broker_that_knows_more_than_the_store_proves_that_it_went_back() {
    let version = |version| ClusterImage {
        metadata_version: MetadataVersion(version),
        controller_epoch: ControllerEpoch(4),
        ..ClusterImage::empty(ClusterId::from(CLUSTER))
    };
    // With one change forgotten, and the take-over counted beside it.
    let (address, mut doubted, process) = taking_over_from(version(10)).await;
    let ahead =
        Registrar { kept_version: MetadataVersion(11), highest_epoch: ControllerEpoch(4), ..registrar(address, 1) };
    let session = tokio::spawn(RemoteController::start(ahead, ActsBy(watch::channel(None).0)));
    let waited = tokio::time::timeout(Duration::from_secs(20), doubted.wait_for(Option::is_some)).await;
    let doubt = (*waited.expect("it is told").unwrap()).unwrap();
    assert_eq!(doubt, Doubt { broker: BrokerId(1), applied: MetadataVersion(11), is_proof: true });
    session.abort();
    assert!(process.end().await.brokers.is_empty(), "it is not let in");

    // The same, and since then as many take-overs as the broker has seen: the epoch says nothing, the version still does.
    let (address, mut doubted, process) = taking_over_from(version(10)).await;
    let ahead =
        Registrar { kept_version: MetadataVersion(40), highest_epoch: ControllerEpoch(5), ..registrar(address, 1) };
    let session = tokio::spawn(RemoteController::start(ahead, ActsBy(watch::channel(None).0)));
    let waited = tokio::time::timeout(Duration::from_secs(20), doubted.wait_for(Option::is_some)).await;
    assert!((*waited.expect("it is told").unwrap()).unwrap().is_proof);
    session.abort();
    assert!(process.end().await.brokers.is_empty(), "it is not let in");

    let (address, doubted, _process) = taking_over_from(version(11)).await;
    let level =
        Registrar { kept_version: MetadataVersion(11), highest_epoch: ControllerEpoch(4), ..registrar(address, 1) };
    RemoteController::start(level, ActsBy(watch::channel(None).0)).await.expect("the store has all it knows");
    assert_eq!(*doubted.borrow(), None);
}

#[tokio::test]
async fn broker_that_obeyed_a_later_controller_is_a_reason_to_look_at_the_store() {
    let image = ClusterImage::empty(ClusterId::from(CLUSTER));
    let (address, mut doubted, _process) = taking_over_from(image).await;
    let later =
        Registrar { kept_version: MetadataVersion(7), highest_epoch: ControllerEpoch(9), ..registrar(address, 1) };
    let session = tokio::spawn(RemoteController::start(later, ActsBy(watch::channel(None).0)));
    let waited = tokio::time::timeout(Duration::from_secs(20), doubted.wait_for(Option::is_some)).await;
    let doubt = (*waited.expect("it is told").unwrap()).unwrap();
    assert_eq!((doubt.applied, doubt.is_proof), (MetadataVersion(7), false));
    session.abort();
}

/// The rollback went over the take-over itself, and the next controller made more commits than the first.
#[tokio::test]
async fn epoch_that_two_controllers_had_proves_that_the_store_went_back() {
    let before = Arc::new(ClusterImage {
        metadata_version: MetadataVersion(10),
        controller_epoch: ControllerEpoch(4),
        ..ClusterImage::empty(ClusterId::from(CLUSTER))
    });
    let first = ControllerProcess::start(Arc::clone(&before), "127.0.0.1:0").await;
    let address = first.address.to_string();
    let (_session, mut seen) = broker(first.address, 1).await;
    until(&mut seen, "broker 1 may lead", |image| usable(image, 1)).await;
    let first = first.end().await;

    let second = ControllerProcess::start(before, "127.0.0.1:0").await;
    for _ in 0..20 {
        second.handle.allocate_producer_ids(ProducerId(0)).await.unwrap();
    }
    let (_, mut doubted) = open_doubtful_door(&second, MetadataVersion(10), &address).await;
    let waited = tokio::time::timeout(Duration::from_secs(20), doubted.wait_for(Option::is_some)).await;
    assert!((*waited.expect("it is told").unwrap()).unwrap().is_proof);
    let second = second.end().await;
    assert_eq!(first.controller_epoch, second.controller_epoch);
    assert!(first.metadata_version < second.metadata_version);
    assert!(second.brokers.is_empty(), "it is not let in");
}
