use super::*;
use http::{Method, Request, Response, StatusCode};
use kube::client::Body;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::{sync::Notify, time::sleep};

/// An API server with one lease, or none. Cheap to clone.
#[derive(Clone, Default)]
struct ApiServer(Arc<State>);

#[derive(Default)]
struct State {
    lease: Mutex<Option<Value>>,
    revision: Mutex<u64>,
    /// Of each call: half on the way there, half on the way back.
    latency: Mutex<Duration>,
    /// What a watch waits for.
    changed: Notify,
}

impl ApiServer {
    fn held_by(holder: &str) -> Self {
        let server = Self::default();
        server.put(json!({ "metadata": { "name": "weir-operator" }, "spec": { "holderIdentity": holder } }));
        server
    }

    fn put(&self, mut lease: Value) -> Value {
        let mut revision = self.0.revision.lock().unwrap();
        *revision += 1;
        lease["metadata"]["resourceVersion"] = revision.to_string().into();
        *self.0.lease.lock().unwrap() = Some(lease.clone());
        self.0.changed.notify_waiters();
        lease
    }

    fn delete(&self) {
        *self.0.lease.lock().unwrap() = None;
        self.0.changed.notify_waiters();
    }

    /// Somebody writes it beside the keeper.
    fn change(&self, holder: &str) {
        let mut lease = self.0.lease.lock().unwrap().clone().unwrap();
        lease["spec"]["holderIdentity"] = holder.into();
        self.put(lease);
    }

    fn holder(&self) -> String {
        let lease = self.0.lease.lock().unwrap();
        lease.as_ref().unwrap()["spec"]["holderIdentity"].as_str().unwrap().to_owned()
    }

    fn keeper(&self, identity: &str) -> LeaseKeeper {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| server.clone().serve(request));
        let client = Client::new(service, "weir");
        LeaseKeeper::new(client, "weir", "weir-operator", identity, Timing::default())
    }

    async fn serve(self, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        let latency = *self.0.latency.lock().unwrap();
        sleep(latency / 2).await;
        let answer = self.answer(request).await;
        sleep(latency / 2).await;
        answer
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let sent = || serde_json::from_slice::<Value>(&body).unwrap();
        let query = parts.uri.query().unwrap_or_default();
        let (status, answer) = match parts.method {
            Method::GET if query.contains("watch=true") => {
                let before = self.named();
                self.0.changed.notified().await;
                let event = match self.named() {
                    Some(lease) => json!({ "type": "MODIFIED", "object": lease }),
                    None => json!({ "type": "DELETED", "object": before }),
                };
                (StatusCode::OK, event)
            }
            Method::GET if query.contains("fieldSelector") => {
                let items: Vec<_> = self.named().into_iter().collect();
                let list = json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "LeaseList", "items": items,
                    "metadata": { "resourceVersion": self.0.revision.lock().unwrap().to_string() } });
                (StatusCode::OK, list)
            }
            Method::GET => self.named().map_or_else(|| failure(StatusCode::NOT_FOUND), |lease| (StatusCode::OK, lease)),
            Method::POST => (StatusCode::CREATED, self.put(sent())),
            Method::PUT => {
                let Some(there) = self.named() else { return answered(failure(StatusCode::NOT_FOUND)) };
                let sent = sent();
                if sent["metadata"]["resourceVersion"] == there["metadata"]["resourceVersion"] {
                    (StatusCode::OK, self.put(sent))
                } else {
                    failure(StatusCode::CONFLICT)
                }
            }
            other => panic!("{other} {}", parts.uri),
        };
        answered((status, answer))
    }

    fn named(&self) -> Option<Value> {
        let mut lease = self.0.lease.lock().unwrap().clone()?;
        lease["apiVersion"] = "coordination.k8s.io/v1".into();
        lease["kind"] = "Lease".into();
        Some(lease)
    }
}

fn answered((status, answer): (StatusCode, Value)) -> Result<Response<Body>, kube::Error> {
    let mut answer = serde_json::to_vec(&answer).unwrap();
    answer.push(b'\n');
    Ok(Response::builder().status(status).body(Body::from(answer)).unwrap())
}

fn failure(status: StatusCode) -> (StatusCode, Value) {
    let reason = if status == StatusCode::NOT_FOUND { "NotFound" } else { "Conflict" };
    let told =
        json!({ "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": status.as_u16(), "reason": reason });
    (status, told)
}

#[tokio::test(start_paused = true)]
async fn lease_that_is_released_is_taken_before_the_next_look() {
    let server = ApiServer::held_by("b");
    let mut waiting = server.keeper("a");
    let began = Instant::now();
    let releasing = async {
        sleep(Duration::from_millis(300)).await;
        server.change("b");
        sleep(Duration::from_millis(100)).await;
        assert_eq!(server.holder(), "b", "a renewal is none");
        server.change("");
    };
    tokio::join!(waiting.acquire(), releasing);
    assert_eq!(began.elapsed(), Duration::from_millis(400));
    assert_eq!(server.holder(), "a");
}

#[tokio::test(start_paused = true)]
async fn lease_of_one_who_released_nothing_is_taken_at_its_end() {
    let server = ApiServer::held_by("b");
    let began = Instant::now();
    server.keeper("a").acquire().await;
    assert_eq!(began.elapsed(), Timing::default().duration);
}

#[tokio::test(start_paused = true)]
async fn lease_is_released_though_a_renewal_was_cut_off() {
    let server = ApiServer::default();
    let mut holding = server.keeper("a");
    holding.acquire().await;
    assert_eq!(server.holder(), "a");
    // It arrived, and nobody waited for the answer.
    server.change("a");
    holding.release().await;
    assert_eq!(server.holder(), "");
}

#[tokio::test(start_paused = true)]
async fn lease_of_another_is_not_released() {
    let server = ApiServer::default();
    let mut holding = server.keeper("a");
    holding.acquire().await;
    server.change("b");
    holding.release().await;
    assert_eq!(server.holder(), "b");
    server.keeper("c").release().await;
    assert_eq!(server.holder(), "b", "and who never held it releases nothing");
}

#[tokio::test(start_paused = true)]
async fn slow_api_server_takes_nobody_the_lease() {
    for milliseconds in [0, 999, 1000, 1500, 2000] {
        let server = ApiServer::held_by("");
        *server.0.latency.lock().unwrap() = Duration::from_millis(milliseconds);
        let mut holding = server.keeper("a");
        timeout(Duration::from_secs(10), holding.acquire()).await.expect("it can be had");
        // The watch of one that waits, which looks again and again.
        let mut waiting = server.keeper("b");
        tokio::select! {
            lost = holding.keep() => panic!("at {milliseconds} ms: {lost}"),
            () = waiting.acquire() => panic!("at {milliseconds} ms another one took it"),
            () = sleep(Duration::from_secs(120)) => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn holder_goes_on_after_a_renewal_that_nobody_saw_and_ends_for_another() {
    let server = ApiServer::default();
    let mut holding = server.keeper("a");
    holding.acquire().await;
    let began = Instant::now();
    let others = async {
        sleep(Duration::from_millis(10_500)).await;
        // Its own, which arrived without an answer; later that of another one.
        server.change("a");
        sleep(Duration::from_secs(10)).await;
        server.change("b");
    };
    let (lost, ()) = tokio::join!(holding.keep(), others);
    assert_eq!(lost, Lost::ToAnother);
    assert_eq!(began.elapsed(), Duration::from_secs(21));
}

#[tokio::test(start_paused = true)]
async fn holder_ends_before_another_takes_over_when_nothing_is_answered() {
    let server = ApiServer::default();
    let mut holding = server.keeper("a");
    holding.acquire().await;
    let began = Instant::now();
    *server.0.latency.lock().unwrap() = Duration::from_secs(3600);
    assert_eq!(holding.keep().await, Lost::NotRenewed);
    assert!(began.elapsed() < Timing::default().duration);
}

#[tokio::test(start_paused = true)]
async fn lease_that_is_deleted_is_made_again_by_its_holder() {
    let server = ApiServer::default();
    let mut holding = server.keeper("a");
    holding.acquire().await;
    let mut waiting = server.keeper("b");
    let deleting = async {
        sleep(Duration::from_millis(10_500)).await;
        server.delete();
        sleep(Duration::from_secs(60)).await;
    };
    tokio::select! {
        lost = holding.keep() => panic!("{lost}"),
        () = waiting.acquire() => panic!("another one took it"),
        () = deleting => {}
    }
    assert_eq!(server.holder(), "a");
}
