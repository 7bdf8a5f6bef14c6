use super::*;
use crate::wire::{
    BrokerMessage, ControllerMessage, DescribeRequest, DescribeResponse, Registered, Snapshot, broker_message,
    control_plane_server, controller_message::Kind,
};
use controller::{MetadataChange, MetadataRecord};
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

type Said = Result<ControllerMessage, Status>;

/// Registers a broker and reads nothing after that. Sends the images that it is given.
struct ReadsNothing(tokio::sync::Mutex<Option<mpsc::Receiver<u64>>>);

fn image_with(registration: &crate::wire::Registration, version: u64) -> ClusterImage {
    let mut image = ClusterImage::empty(ClusterId::from(CLUSTER));
    let registered = fenced(registration.broker_id, &registration.incarnation);
    let records = vec![MetadataRecord::BrokerRegistered(registered)];
    image.apply(&MetadataChange { version: image.metadata_version.next(), records }).unwrap();
    ClusterImage { metadata_version: MetadataVersion(version), ..image }
}

#[tonic::async_trait]
impl control_plane_server::ControlPlane for ReadsNothing {
    type SessionStream = ReceiverStream<Said>;

    async fn describe(&self, _: Request<DescribeRequest>) -> Result<Response<DescribeResponse>, Status> {
        Ok(Response::new(DescribeResponse { cluster_id: CLUSTER.to_owned() }))
    }

    async fn session(&self, call: Request<Streaming<BrokerMessage>>) -> Result<Response<ReceiverStream<Said>>, Status> {
        let (outgoing, messages) = mpsc::channel(8);
        let (mut incoming, mut versions) = (call.into_inner(), self.0.lock().await.take().unwrap());
        tokio::spawn(async move {
            let Ok(Some(BrokerMessage { kind: Some(broker_message::Kind::Registration(registration)) })) =
                incoming.message().await
            else {
                panic!("a session begins with a registration");
            };
            let say = async |kind| outgoing.send(Ok(ControllerMessage { controller_epoch: 1, kind: Some(kind) })).await;
            let registered = Registered { broker_epoch: 1, session_timeout_ms: 3000, reign: Vec::new() };
            say(Kind::Registered(registered)).await.unwrap();
            while let Some(version) = versions.recv().await {
                let image_json = serde_json::to_vec(&image_with(&registration, version)).unwrap();
                say(Kind::Snapshot(Snapshot { image_json })).await.unwrap();
            }
            drop(incoming);
        });
        Ok(Response::new(ReceiverStream::new(messages)))
    }
}

/// It has more to ask than the connection takes. If it waited for that, and the controller for it to read, both would for ever.
#[tokio::test]
async fn broker_whose_questions_nobody_reads_goes_on_to_read_what_it_is_sent() {
    let (send, versions) = mpsc::channel(1);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = control_plane_server::ControlPlaneServer::new(ReadsNothing(tokio::sync::Mutex::new(Some(versions))));
    let serving = tonic::transport::Server::builder().add_service(service);
    let server = tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
    send.send(1).await.unwrap();
    let (this, mut seen) = broker(address, 1).await;
    let mut large = topic("a");
    large.topics[0].configs.push(("retention.ms".to_owned(), Some("1".repeat(64 << 10))));
    let asking: Vec<_> = (0..1000)
        .map(|_| {
            let (handle, large) = (this.handle(), large.clone());
            tokio::spawn(async move { handle.create_topics(large).await })
        })
        .collect();
    for version in 2..200 {
        send.send(version).await.unwrap();
        until(&mut seen, "the newest image", |image| image.metadata_version.0 == version).await;
    }
    asking.iter().for_each(tokio::task::JoinHandle::abort);
    server.abort();
}
