use super::{super::testing::pod, *};
use http::{Request, Response, StatusCode};
use kube::client::Body;
use std::sync::{Arc, Mutex};

/// An API server that answers everything with one status, and remembers what it was asked.
#[derive(Clone)]
struct ApiServer {
    status: StatusCode,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl ApiServer {
    fn answering(status: StatusCode) -> Self {
        Self { status, asked: Arc::default() }
    }

    async fn apply(&self, action: &Action) -> anyhow::Result<()> {
        let server = self.clone();
        let client = Client::new(tower::service_fn(move |request| server.clone().serve(request)), "shop");
        let cluster = ClusterKey { namespace: "shop".to_owned(), name: "events".to_owned() };
        Applier { client: &client, cluster: &cluster, controller: None }.apply(action).await
    }

    async fn serve(self, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        let (parts, body) = request.into_parts();
        let sent = serde_json::from_slice(&body.collect_bytes().await?).unwrap();
        self.asked.lock().unwrap().push((format!("{} {}", parts.method, parts.uri.path()), sent));
        let state = if self.status.is_success() { "Success" } else { "Failure" };
        let answer = json!({ "apiVersion": "v1", "kind": "Status", "status": state, "code": self.status.as_u16() });
        Ok(Response::builder().status(self.status).body(Body::from(answer.to_string().into_bytes())).unwrap())
    }
}

#[tokio::test]
async fn pod_is_deleted_as_it_was_seen_or_not_at_all() {
    for status in [StatusCode::OK, StatusCode::CONFLICT, StatusCode::NOT_FOUND] {
        let server = ApiServer::answering(status);
        server.apply(&Action::Restart(pod(1, "old", true))).await.unwrap();
        let (what, sent) = server.asked.lock().unwrap().remove(0);
        assert_eq!(what, "DELETE /api/v1/namespaces/shop/pods/events-1");
        assert_eq!(sent["preconditions"], json!({ "uid": "uid-1", "resourceVersion": "1" }));
    }
}

#[tokio::test]
async fn set_that_is_another_by_now_is_left_and_looked_at_again() {
    let set = || Action::Apply {
        resource: ApiResource::erase::<k8s_openapi::api::apps::v1::StatefulSet>(&()),
        name: "events".to_owned(),
        body: json!({ "metadata": { "name": "events", "uid": "u", "resourceVersion": "7" } }),
    };
    let error = ApiServer::answering(StatusCode::CONFLICT).apply(&set()).await.unwrap_err();
    assert!(error.is::<Superseded>(), "{error:#}");
    let error = ApiServer::answering(StatusCode::FORBIDDEN).apply(&set()).await.unwrap_err();
    assert!(!error.is::<Superseded>() && format!("{error:#}").starts_with("apply StatefulSet events"), "{error:#}");
}
