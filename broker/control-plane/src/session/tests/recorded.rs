//! Brokers and controllers of the first version, by their own messages (`proto/recorded/first`), with those of today.

mod bytes;

use super::*;
use controller::{MetadataChange, MetadataRecord, requests::Reply};
use model::ProducerId;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

/// What tonic and prost make of the messages of then.
#[allow(missing_debug_implementations, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
mod first {
    include!(concat!(env!("OUT_DIR"), "/first/weir.control_plane.v1.rs"));
}

/// An older broker's session, message by message.
#[tokio::test]
async fn older_broker_works_with_this_controller() {
    use first::broker_message::Kind;
    let controller = ControllerProcess::new().await;
    let address = format!("http://{}", controller.address);
    let mut client = first::control_plane_client::ControlPlaneClient::connect(address).await.unwrap();
    let cluster_id = client.describe(first::DescribeRequest {}).await.unwrap().into_inner().cluster_id;
    let (outgoing, messages) = mpsc::channel(8);
    let say = async |kind| outgoing.send(first::BrokerMessage { kind: Some(kind) }).await.unwrap();
    let registration = first::Registration { broker_id: 1, incarnation: vec![7; 16], cluster_id, ..Default::default() };
    say(Kind::Registration(registration)).await;
    let mut incoming = client.session(ReceiverStream::new(messages)).await.unwrap().into_inner();
    let registered = incoming.message().await.unwrap().unwrap();
    assert!(matches!(registered.kind, Some(first::controller_message::Kind::Registered(_))));
    let mut image: Option<ClusterImage> = None;
    while !image.as_ref().is_some_and(|image| usable(image, 1)) {
        match incoming.message().await.unwrap().unwrap().kind.unwrap() {
            first::controller_message::Kind::Snapshot(snapshot) => {
                image = Some(serde_json::from_slice(&snapshot.image_json).unwrap());
            }
            first::controller_message::Kind::Changes(changes) => {
                let image = image.as_mut().unwrap();
                changes
                    .change_json
                    .iter()
                    .for_each(|json| image.apply(&serde_json::from_slice(json).unwrap()).unwrap());
            }
            other => panic!("{other:?}"),
        }
        let applied_version = image.as_ref().unwrap().metadata_version.0;
        say(Kind::Heartbeat(first::Heartbeat { applied_version })).await;
    }
    let described = controller.handle.describe_brokers().await.unwrap().remove(0);
    assert!(described.is_live && described.said.unwrap().1 == BrokerCondition::default(), "it does not say");
    say(Kind::Departure(first::Departure {})).await;
    while incoming.message().await.unwrap().is_some() {}
    assert!(!controller.handle.describe_brokers().await.unwrap()[0].is_live);
}

/// An older controller: registers a broker, gives it its image, and answers one kind of question.
struct OlderController;

/// The broker alone in its cluster.
fn image_with(registration: &first::Registration) -> ClusterImage {
    let mut image = ClusterImage::empty(ClusterId::from(CLUSTER));
    let registered = fenced(registration.broker_id, &registration.incarnation);
    let records =
        vec![MetadataRecord::ControllerEpochRaised(ControllerEpoch(4)), MetadataRecord::BrokerRegistered(registered)];
    image.apply(&MetadataChange { version: image.metadata_version.next(), records }).unwrap();
    image
}

#[tonic::async_trait]
impl first::control_plane_server::ControlPlane for OlderController {
    type SessionStream = ReceiverStream<Result<first::ControllerMessage, Status>>;

    async fn describe(&self, _: Request<first::DescribeRequest>) -> Result<Response<first::DescribeResponse>, Status> {
        Ok(Response::new(first::DescribeResponse { cluster_id: CLUSTER.to_owned() }))
    }

    async fn session(
        &self,
        call: Request<Streaming<first::BrokerMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let (outgoing, messages) = mpsc::channel(8);
        tokio::spawn(serve(call.into_inner(), outgoing));
        Ok(Response::new(ReceiverStream::new(messages)))
    }
}

async fn serve(
    mut incoming: Streaming<first::BrokerMessage>,
    outgoing: mpsc::Sender<Result<first::ControllerMessage, Status>>,
) {
    use first::{broker_message::Kind as Sent, controller_message::Kind};
    let say = async |kind| {
        // The broker may have gone.
        let _ = outgoing.send(Ok(first::ControllerMessage { controller_epoch: 4, kind: Some(kind) })).await;
    };
    while let Ok(Some(first::BrokerMessage { kind })) = incoming.message().await {
        match kind {
            Some(Sent::Registration(registration)) => {
                let image_json = serde_json::to_vec(&image_with(&registration)).unwrap();
                say(Kind::Registered(first::Registered { broker_epoch: 1, session_timeout_ms: 3000 })).await;
                say(Kind::Snapshot(first::Snapshot { image_json })).await;
            }
            Some(Sent::Ask(ask)) => {
                let block = controller::requests::ProducerIdBlock { first: ProducerId(1000), length: 1000 };
                let reply_json = serde_json::to_vec(&Reply::ProducerIds(block)).unwrap();
                say(Kind::Answer(first::Answer { id: ask.id, reply_json })).await;
            }
            Some(Sent::Heartbeat(heartbeat)) => assert!(heartbeat.applied_version <= 1),
            Some(Sent::Departure(_)) | None => return,
        }
    }
}

#[tokio::test]
async fn this_broker_works_with_an_older_controller() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = first::control_plane_server::ControlPlaneServer::new(OlderController);
    let serving = tonic::transport::Server::builder().add_service(service);
    let server = tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
    let (this, mut seen) = broker(address, 1).await;
    until(&mut seen, "it acts by the image", |image| image.controller_epoch == ControllerEpoch(4)).await;
    let block = this.handle().allocate_producer_ids(ProducerId(0)).await.unwrap();
    assert_eq!((block.first, block.length), (ProducerId(1000), 1000));
    this.stop().await;
    server.abort();
}
