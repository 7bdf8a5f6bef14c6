use super::*;
use crate::handle::Call;
use controller::{Event, requests::Reply};
use tokio::sync::{mpsc, watch};

/// The door of a controller that is asked by way of `handle`.
fn behind(process: &ControllerProcess, handle: ControllerHandle) -> ControlPlaneServer {
    ControlPlaneServer {
        loaded_version: MetadataVersion(0),
        cluster_id: ClusterId::from(CLUSTER),
        controller: handle,
        updates: process.updates.clone(),
        session_timeout: Duration::from_secs(3),
        admission: None,
        owners: None,
    }
}

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
            Call::Ask { request: controller::requests::Request::CreateTopics(_), reply } => {
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
    let serving = tokio::spawn(behind(&process, handle).serve(listener));
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

/// A connection that somebody on the way forgot ends long after the broker came back by another.
#[tokio::test]
async fn end_of_an_earlier_session_says_nothing_of_a_broker_that_came_back() {
    let process = ControllerProcess::new().await;
    let (handle, calls) = ControllerHandle::new();
    let counted = tokio::spawn(counting(calls, process.handle.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(behind(&process, handle).serve(listener));
    let (earlier, _seen) = broker(address, 1).await;
    let (newest, mut seen) = broker(address, 1).await;
    until(&mut seen, "broker 1 may lead", |image| usable(image, 1)).await;
    drop(earlier);
    drop(newest);
    serving.abort();
    let broken = tokio::time::timeout(Duration::from_secs(20), counted).await;
    assert_eq!(broken.expect("the sessions end").unwrap(), 1);
}
