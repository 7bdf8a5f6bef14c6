use super::*;
use crate::handle::Call;
use controller::{Event, requests::Reply};
use tokio::sync::mpsc;

/// Hands everything on to the controller; in the end, how many sessions it was told to have broken.
async fn counting(mut calls: mpsc::Receiver<Call>, controller: ControllerHandle) -> usize {
    let mut broken = 0;
    while let Some(call) = calls.recv().await {
        match call {
            Call::Ask { request, reply } => {
                // Whoever asked may have gone.
                let _ = reply.send(controller.ask(request).await.unwrap_or_else(Reply::Refused));
            }
            Call::Tell(Event::Heard(heartbeat)) => controller.heard(heartbeat).await.unwrap(),
            Call::Tell(event) => broken += usize::from(matches!(event, Event::Disconnected(_))),
        }
    }
    broken
}

/// A connection that somebody on the way forgot ends long after the broker came back by another.
#[tokio::test]
async fn end_of_an_earlier_session_says_nothing_of_a_broker_that_came_back() {
    let process = ControllerProcess::new().await;
    let (handle, calls) = ControllerHandle::new();
    let counted = tokio::spawn(counting(calls, process.handle.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = ControlPlaneServer { controller: handle, ..process.door() };
    let serving = tokio::spawn(server.serve(listener));
    let (earlier, _seen) = broker(address, 1).await;
    let (newest, mut seen) = broker(address, 1).await;
    until(&mut seen, "broker 1 may lead", |image| usable(image, 1)).await;
    drop(earlier);
    drop(newest);
    serving.abort();
    let broken = tokio::time::timeout(Duration::from_secs(20), counted).await;
    assert_eq!(broken.expect("the sessions end").unwrap(), 1);
}
