use super::*;
use crate::handle::Call;
use crate::wire::{
    BrokerMessage, ControllerMessage, DescribeRequest, DescribeResponse, Registered, Snapshot, broker_message,
    control_plane_server, controller_message::Kind,
};
use controller::{
    Event, MetadataChange, MetadataRecord,
    requests::{self, Reply},
};
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

/// Decides nothing about topics. Counts its questions and its signs of life.
async fn undecided(
    mut calls: mpsc::Receiver<Call>,
    controller: ControllerHandle,
    asked: watch::Sender<usize>,
    heard: watch::Sender<usize>,
) {
    let mut waiting = Vec::new();
    while let Some(call) = calls.recv().await {
        match call {
            Call::Ask { request: requests::Request::CreateTopics(_), reply } => {
                waiting.push(reply);
                asked.send_replace(waiting.len());
            }
            Call::Ask { request, reply } => {
                let _ = reply.send(controller.ask(request).await.unwrap_or_else(Reply::Refused));
            }
            Call::Tell(Event::Heard(heartbeat)) => {
                heard.send_modify(|heard| *heard += 1);
                controller.heard(heartbeat).await.unwrap();
            }
            Call::Tell(_) => {}
        }
    }
}

#[tokio::test]
async fn broker_with_many_questions_is_heard_though_none_is_decided() {
    let process = ControllerProcess::new().await;
    let (handle, calls) = ControllerHandle::new();
    let ((tell_asked, mut asked), (tell_heard, mut heard)) = (watch::channel(0), watch::channel(0));
    let deciding = tokio::spawn(undecided(calls, process.handle.clone(), tell_asked, tell_heard));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = ControlPlaneServer { controller: handle, ..process.door() };
    let serving = tokio::spawn(server.serve(listener));
    let (this, mut seen) = broker(address, 1).await;
    until(&mut seen, "broker 1 may lead", |image| usable(image, 1)).await;
    let asking = |number: usize| {
        let handle = this.handle();
        tokio::spawn(async move { handle.create_topics(topic(&format!("topic-{number}"))).await })
    };
    let asking: Vec<_> = (0..2 * REQUESTS_AT_ONCE).map(asking).collect();
    let heard_later = async {
        asked.wait_for(|asked| *asked >= ASKED_AT_ONCE).await.unwrap();
        let before = *heard.borrow();
        heard.wait_for(|heard| *heard > before + 3).await.unwrap();
    };
    tokio::time::timeout(Duration::from_secs(20), heard_later).await.expect("its heartbeats are read");
    asking.iter().for_each(tokio::task::JoinHandle::abort);
    deciding.abort();
    serving.abort();
}
