//! A controller that was succeeded, and does not know.

use super::*;
use crate::wire::{
    BrokerMessage, ControllerMessage, DescribeRequest, DescribeResponse, Refused, Registered, Registration,
    broker_message, control_plane_client::ControlPlaneClient, control_plane_server, controller_message::Kind,
};
use tokio::sync::{Mutex, mpsc};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

type Said = Result<ControllerMessage, Status>;

/// Answers each registration with the next of these and says nothing more; sessions stay open.
struct Says(Mutex<mpsc::Receiver<ControllerMessage>>);

#[tonic::async_trait]
impl control_plane_server::ControlPlane for Says {
    type SessionStream = ReceiverStream<Said>;

    async fn describe(&self, _: Request<DescribeRequest>) -> Result<Response<DescribeResponse>, Status> {
        Ok(Response::new(DescribeResponse { cluster_id: CLUSTER.to_owned() }))
    }

    async fn session(&self, call: Request<Streaming<BrokerMessage>>) -> Result<Response<ReceiverStream<Said>>, Status> {
        let (outgoing, messages) = mpsc::channel(8);
        let mut incoming = call.into_inner();
        if let Some(first) = self.0.lock().await.recv().await {
            outgoing.send(Ok(first)).await.unwrap();
        }
        tokio::spawn(async move {
            while let Ok(Some(_)) = incoming.message().await {}
            drop(outgoing);
        });
        Ok(Response::new(ReceiverStream::new(messages)))
    }
}

fn registered(controller_epoch: i64) -> ControllerMessage {
    let registered = Registered { broker_epoch: 1, session_timeout_ms: 3000, reign: Vec::new() };
    ControllerMessage { controller_epoch, kind: Some(Kind::Registered(registered)) }
}

fn refused_for_good(controller_epoch: i64) -> ControllerMessage {
    let refused = Refused { reason: format!("says {controller_epoch}"), ..Refused::default() };
    ControllerMessage { controller_epoch, kind: Some(Kind::Refused(refused)) }
}

/// Of a broker that has obeyed epoch 5: why it never had a session, once the controller has said all of these in turn.
async fn comes_to(says: &[ControllerMessage]) -> SessionError {
    let (send, answers) = mpsc::channel(says.len());
    for message in says {
        send.send(message.clone()).await.unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = control_plane_server::ControlPlaneServer::new(Says(Mutex::new(answers)));
    let serving = tonic::transport::Server::builder().add_service(service);
    let server = tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
    let registrar = Registrar { highest_epoch: ControllerEpoch(5), ..registrar(address, 1) };
    let started = RemoteController::start(registrar, ActsBy(watch::channel(None).0));
    let error = tokio::time::timeout(Duration::from_secs(20), started).await.expect("it comes again").unwrap_err();
    server.abort();
    error
}

#[tokio::test]
async fn broker_is_in_no_session_with_a_controller_of_before_and_comes_again() {
    let error = comes_to(&[registered(4), refused_for_good(5)]).await;
    assert!(matches!(error, SessionError::Refused(_)), "{error}");
}

#[tokio::test]
async fn controller_of_before_refuses_nobody_for_good() {
    let error = comes_to(&[refused_for_good(4), refused_for_good(5)]).await;
    assert!(matches!(&error, SessionError::Refused(reason) if reason == "says 5"), "{error}");
}

#[tokio::test]
async fn refusal_without_an_epoch_counts() {
    assert!(matches!(comes_to(&[refused_for_good(0)]).await, SessionError::Refused(_)));
}

#[tokio::test]
async fn refusal_names_the_epoch_of_the_controller() {
    let controller = ControllerProcess::new().await;
    let (_first, mut seen) = broker(controller.address, 1).await;
    until(&mut seen, "broker 1 may lead", |image| usable(image, 1)).await;
    let epoch = seen.borrow().as_ref().unwrap().controller_epoch;
    let (outgoing, messages) = mpsc::channel(1);
    let registration = Registration { cluster_id: "another".to_owned(), ..Registration::default() };
    let kind = Some(broker_message::Kind::Registration(registration));
    outgoing.send(BrokerMessage { kind }).await.unwrap();
    let mut client = ControlPlaneClient::connect(format!("http://{}", controller.address)).await.unwrap();
    let mut incoming = client.session(ReceiverStream::new(messages)).await.unwrap().into_inner();
    let refused = incoming.message().await.unwrap().unwrap();
    assert!(matches!(refused.kind, Some(Kind::Refused(_))), "{refused:?}");
    assert_eq!(ControllerEpoch(refused.controller_epoch), epoch);
}
