use super::*;
use custom_resources::Cluster;
use http::{Method, Request, Response};
use kube::{
    Client,
    client::Body,
    runtime::reflector::{self, reflector},
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

fn cluster(name: &str, spec: &Value) -> Value {
    let metadata = json!({ "name": name, "namespace": "shop", "uid": format!("u-{name}"), "resourceVersion": "1" });
    json!({ "apiVersion": "weir.dev/v1alpha1", "kind": "Cluster", "metadata": metadata, "spec": spec })
}

fn sound(name: &str) -> Value {
    cluster(name, &json!({ "storage": { "size": "1Gi" } }))
}

/// Of a version in which there is another type of listeners.
fn later(name: &str) -> Value {
    let listener = json!({ "name": "internal", "port": 9092, "type": "loadbalancer" });
    cluster(name, &json!({ "storage": { "size": "1Gi" }, "listeners": [listener] }))
}

/// An API server with a list of Clusters for each time that it is asked, what is watched after each, and events that are written.
#[derive(Clone)]
struct ApiServer {
    lists: Arc<Mutex<Vec<(Value, String)>>>,
    watched: Arc<Mutex<Option<String>>>,
    written: mpsc::UnboundedSender<Value>,
}

impl ApiServer {
    /// With who is told of what was written.
    fn client(lists: Vec<(Value, String)>) -> (Client, mpsc::UnboundedReceiver<Value>) {
        let (written, told) = mpsc::unbounded_channel();
        let server = Self { lists: Arc::new(Mutex::new(lists)), watched: Arc::default(), written };
        let service = tower::service_fn(move |request: Request<Body>| server.clone().serve(request));
        (Client::new(service, "shop"), told)
    }

    async fn serve(self, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let answer = match parts.method {
            Method::GET if parts.uri.query().unwrap_or_default().contains("watch=") => {
                match self.watched.lock().await.take() {
                    Some(lines) => lines.into_bytes(),
                    None => std::future::pending().await,
                }
            }
            Method::GET => {
                let (items, watched) = self.lists.lock().await.remove(0);
                *self.watched.lock().await = Some(watched);
                let list = json!({ "apiVersion": "weir.dev/v1alpha1", "kind": "ClusterList",
                    "metadata": { "resourceVersion": "1" }, "items": items });
                list.to_string().into_bytes()
            }
            _ => {
                let _ = self.written.send(serde_json::from_slice(&body).unwrap());
                body.to_vec()
            }
        };
        Ok(Response::builder().status(200).body(Body::from(answer)).unwrap())
    }
}

fn line(type_: &str, object: &Value) -> String {
    format!("{}\n", json!({ "type": type_, "object": object }))
}

fn told(event: &Event<Cluster>) -> String {
    let of = |what: &str, cluster: &Cluster| format!("{what} {}", cluster.metadata.name.clone().unwrap_or_default());
    match event {
        Event::Init => "init".to_owned(),
        Event::InitDone => "done".to_owned(),
        Event::InitApply(cluster) => of("listed", cluster),
        Event::Apply(cluster) => of("applied", cluster),
        Event::Delete(cluster) => of("deleted", cluster),
    }
}

#[tokio::test(start_paused = true)]
async fn resource_that_cannot_be_read_stops_no_other() {
    let gone = json!({ "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": 410, "reason": "Expired",
        "message": "too old" });
    let changes = [
        line("MODIFIED", &later("events")),
        line("ADDED", &later("odd")),
        line("MODIFIED", &sound("orders")),
        line("ERROR", &gone),
    ];
    let (first, second) =
        (json!([later("billing"), sound("events"), sound("orders")]), json!([later("events"), sound("orders")]));
    let lists = vec![(first, changes.concat()), (second, line("DELETED", &later("events")))];
    let (client, mut written) = ApiServer::client(lists);
    let (known, writer) = reflector::store();
    let events = Events::new(client.clone(), "operator-0", Arc::default());
    let watched = reflector(writer, watch::<Cluster>(Api::all(client), known.clone(), events));
    // The watch that is too old is an error, and begun again.
    let heard = watched.filter_map(|event| ready(event.ok().map(|event| told(&event)))).take(10);
    let heard: Vec<_> = heard.collect().await;
    assert_eq!(
        heard,
        [
            "init",
            "listed events",
            "listed orders",
            "done",
            "applied orders",
            "init",
            // As it was known: it is there.
            "listed events",
            "listed orders",
            "done",
            "deleted events",
        ]
    );
    let event = written.recv().await.unwrap();
    assert_eq!((&event["regarding"]["name"], &event["regarding"]["uid"]), (&json!("billing"), &json!("u-billing")));
    assert_eq!((&event["type"], &event["reason"]), (&json!("Warning"), &json!("Unreadable")));
    assert!(event["note"].as_str().unwrap().contains("loadbalancer"), "{event}");
}
