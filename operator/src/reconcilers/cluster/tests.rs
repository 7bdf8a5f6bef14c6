use super::*;
use crate::{
    testing::ApiServer,
    valid_cluster::tests::{cluster, defaults},
};
use control_plane::session::{Directory as _, Found};
use http::{Request, Response};
use kube::client::Body;
use tokio::time::Instant;

const CLUSTER: &str = "/apis/weir.dev/v1alpha1/namespaces/shop/clusters/events";

/// With what was told so far, which nobody listens to.
fn context(client: Client) -> (Context, mpsc::Receiver<ClusterKey>) {
    let (changed, told) = mpsc::channel(CHANGED_LIMIT);
    let metrics = Arc::new(Metrics::default());
    let context = Context {
        controllers: Controllers::new(client.clone(), Vec::new(), Vec::new(), Arc::clone(&metrics)),
        defaults: defaults(),
        holder: "operator-0".to_owned(),
        caches: Caches::start(&client, &Scope::All, &changed),
        events: Events::new(client.clone(), "operator-0", Arc::clone(&metrics)),
        metrics,
        held: Held::new(Vec::new()),
        client,
        rolled: Rolled::default(),
        settling: Settling::default(),
    };
    (context, told)
}

fn condition(server: &ApiServer, type_: &str) -> (String, String) {
    let status = server.get(CLUSTER).unwrap()["status"].clone();
    let found = status["conditions"].as_array().unwrap().iter().find(|one| one["type"] == type_).unwrap().clone();
    (found["status"].as_str().unwrap().to_owned(), found["reason"].as_str().unwrap().to_owned())
}

/// By the API server, whose definition is older: an operator that takes over finds it so.
#[tokio::test(start_paused = true)]
async fn cluster_whose_spec_cannot_be_has_a_controller() {
    for wrong in [
        "deletionUndoWindow: 7d",
        "failover: {sessionTimeout: soon}",
        "replicas: 1, topicDefaults: {minInSyncReplicas: 2}",
        "replicas: 2, topicDefaults: {replicas: 3}",
        "replicas: 0",
        "listeners: []",
    ] {
        let server = ApiServer::default();
        let (context, _told) = context(server.client());
        let cluster = cluster(&format!("{{storage: {{size: 1Gi}}, {wrong}}}"));
        server.put(CLUSTER, serde_json::to_value(&cluster).unwrap());
        reconcile_cluster(&cluster, &context).await.unwrap();
        let key = ClusterKey { namespace: "shop".to_owned(), name: "events".to_owned() };
        let token = context.controllers.token(&key).await.expect(wrong);
        let found = context.controllers.entrance().find(Some(&token));
        assert!(matches!(found, Ok(Found::Controller(_))), "{wrong}");
        let invalid = ("False".to_owned(), "InvalidSpec".to_owned());
        assert_eq!(condition(&server, "Reconciled"), invalid, "{wrong}");
        assert_eq!(condition(&server, "Ready"), ("False".to_owned(), "WaitingForBrokers".to_owned()), "{wrong}");
        let set = "/apis/apps/v1/namespaces/shop/statefulsets/events";
        assert!(server.get(set).is_none(), "objects are left as they are: {wrong}");
    }
}

/// An API server that takes every request and answers none.
fn silent() -> Client {
    let silence = |_: Request<Body>| std::future::pending::<Result<Response<Body>, kube::Error>>();
    Client::new(tower::service_fn(silence), "shop")
}

#[tokio::test(start_paused = true)]
async fn reconciliation_ends_though_nothing_is_answered() {
    let (context, _told) = context(silent());
    let cluster = cluster("{storage: {size: 1Gi}}");
    let began = Instant::now();
    let error = reconcile(Arc::new(cluster), Arc::new(context)).await.unwrap_err();
    assert!(error.to_string().contains("60 s"), "{error}");
    assert_eq!(began.elapsed(), Duration::from_secs(60));
}
