use super::*;
use crate::wire::{
    BrokerMessage, Registration, broker_message, control_plane_client::ControlPlaneClient, controller_message::Kind,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// What a controller that stood still finds on a connection whose other end is gone.
#[tokio::test]
async fn registration_that_is_read_late_is_refused_and_another_process_of_the_broker_is_let_in() {
    let process = ControllerProcess::new().await;
    let (first, mut seen) = broker(process.address, 1).await;
    until(&mut seen, "the first process may lead", |image| usable(image, 1)).await;
    first.stop().await;

    let mut other = registrar(process.address, 1);
    other.registration.incarnation = Incarnation(uuid::Uuid::from_u128(99));
    let (sender, mut seen) = watch::channel(None);
    let second = RemoteController::start(other, ActsBy(sender)).await.unwrap();
    until(&mut seen, "the second process may lead", |image| usable(image, 1)).await;
    let there = seen.borrow().as_ref().unwrap().brokers[&BrokerId(1)].epoch;
    second.stop().await;

    let mut client = ControlPlaneClient::connect(format!("http://{}", process.address)).await.unwrap();
    let mut late = Registration::of(&registrar(process.address, 1).registration, CLUSTER, 0, 0);
    late.follows = Some(NO_REGISTRATION.0);
    let (outgoing, messages) = mpsc::channel(1);
    outgoing.send(BrokerMessage { kind: Some(broker_message::Kind::Registration(late)) }).await.unwrap();
    let mut incoming = client.session(ReceiverStream::new(messages)).await.unwrap().into_inner();
    let answer = incoming.message().await.unwrap().unwrap().kind.unwrap();
    let Kind::Refused(refused) = answer else { panic!("{answer:?}") };
    assert_eq!((refused.registered_epoch, refused.retriable), (Some(there.0), true));
}
