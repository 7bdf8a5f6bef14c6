//! Brokers that come while there is no metadata.

use super::*;
use crate::wire;
use controller::rebuild::Offer;
use std::sync::Mutex;

/// Wants what it does not have, and is the door at the same time.
#[derive(Debug, Clone)]
struct Lost(watch::Sender<Vec<Offer>>);

impl Recovery for Lost {
    fn cluster_id(&self) -> ClusterId {
        ClusterId::from(CLUSTER)
    }

    fn wants(&self, broker: BrokerId, _version: MetadataVersion) -> bool {
        self.0.borrow().iter().all(|offer| offer.broker != broker)
    }

    fn offer(&self, offer: Offer) {
        self.0.send_modify(|offers| offers.push(offer));
    }
}

impl Directory for Lost {
    fn find(&self, _token: Option<&str>) -> Result<Found, NotAdmitted> {
        Ok(Found::Recovery(Arc::new(self.clone())))
    }
}

/// What a broker knows; it says how often it was asked.
#[derive(Debug)]
struct Knows(ClusterImage, Mutex<usize>);

impl KnownMetadata for Knows {
    fn newest(&self) -> Option<Arc<ClusterImage>> {
        *self.1.lock().unwrap() += 1;
        Some(Arc::new(self.0.clone()))
    }
}

#[tokio::test]
async fn broker_brings_its_metadata_once_it_is_asked_for() {
    let (offers, mut offered) = watch::channel(Vec::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(ControlPlane(Lost(offers)).serve(listener));
    assert_eq!(describe(&address.to_string(), None).await.unwrap(), ClusterId::from(CLUSTER));

    let image = ClusterImage {
        metadata_version: MetadataVersion(77),
        controller_epoch: ControllerEpoch(5),
        ..ClusterImage::empty(ClusterId::from(CLUSTER))
    };
    let known = Arc::new(Knows(image.clone(), Mutex::new(0)));
    let registrar = Registrar {
        kept_version: MetadataVersion(77),
        highest_epoch: ControllerEpoch(6),
        known: Arc::clone(&known) as Arc<dyn KnownMetadata>,
        ..registrar(address, 1)
    };
    let knowing = tokio::spawn(RemoteController::start(registrar, ActsBy(watch::channel(None).0)));
    let empty = Registrar { ..super::registrar(address, 2) };
    let empty = tokio::spawn(RemoteController::start(empty, ActsBy(watch::channel(None).0)));
    let waited = tokio::time::timeout(Duration::from_secs(20), offered.wait_for(|offers| offers.len() == 2)).await;
    let mut offers = waited.expect("both brought what they have").unwrap().clone();
    offers.sort_by_key(|offer| offer.broker);
    assert_eq!(
        offers,
        [
            Offer { broker: BrokerId(1), obeyed: ControllerEpoch(6), reign: None, image: Some(image) },
            Offer { broker: BrokerId(2), obeyed: ControllerEpoch(0), reign: None, image: None },
        ]
    );
    assert_eq!(*known.1.lock().unwrap(), 1, "what nobody asks for is not sent");
    assert!(!knowing.is_finished() && !empty.is_finished(), "they wait for a controller");
    knowing.abort();
    empty.abort();
}

/// Half a million partitions are some hundred MiB. What a broker is asked for is taken, whatever requests may have.
#[tokio::test]
async fn large_metadata_is_taken() {
    let (offers, mut offered) = watch::channel(Vec::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(ControlPlane(Lost(offers)).serve(listener));
    let mut image =
        ClusterImage { metadata_version: MetadataVersion(77), ..ClusterImage::empty(ClusterId::from(CLUSTER)) };
    let configs = controller::BrokerConfigs {
        cluster: [("key".to_owned(), "x".repeat(65 << 20))].into(),
        ..controller::BrokerConfigs::default()
    };
    image.broker_configs = Arc::new(configs);
    let known = Arc::new(Knows(image.clone(), Mutex::new(0)));
    let registrar = Registrar { kept_version: MetadataVersion(77), known, ..registrar(address, 1) };
    let knowing = tokio::spawn(RemoteController::start(registrar, ActsBy(watch::channel(None).0)));
    let waited = tokio::time::timeout(Duration::from_secs(60), offered.wait_for(|offers| !offers.is_empty())).await;
    let offer = waited.expect("it is brought").unwrap()[0].clone();
    assert!(offer.image == Some(image), "whole");
    knowing.abort();
}

#[tokio::test]
async fn broker_whose_metadata_is_too_large_is_told() {
    let (offers, offered) = watch::channel(Vec::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(ControlPlane(Lost(offers)).serve_up_to(1 << 20, listener));
    let mut client = wire::control_plane_client::ControlPlaneClient::connect(address).await.unwrap();
    let registration = wire::Registration { metadata_json: vec![0; 2 << 20], ..wire::Registration::default() };
    let kind = Some(wire::broker_message::Kind::Registration(registration));
    let messages = tokio_stream::iter([wire::BrokerMessage { kind }]);
    let mut incoming = client.session(messages).await.unwrap().into_inner();
    let said = tokio::time::timeout(Duration::from_secs(20), incoming.message()).await.expect("it is answered");
    let Some(wire::controller_message::Kind::Refused(refused)) = said.unwrap().unwrap().kind else {
        panic!("a refusal");
    };
    assert!(refused.retriable && refused.reason.contains("limit"), "{refused:?}");
    assert!(offered.borrow().is_empty());
}
