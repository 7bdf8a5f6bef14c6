//! An API server for tests: objects by their paths, compare-and-swap by `resourceVersion`, watches that never say anything.

use http::{Method, Request, Response, StatusCode};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

/// Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct ApiServer(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    revision: u64,
    /// Paths of which nothing can be read.
    failing: BTreeSet<String>,
}

impl ApiServer {
    pub(crate) fn client(&self) -> Client {
        let server = self.clone();
        let serve = move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await?;
                let query = parts.uri.query().unwrap_or_default().to_owned();
                if query.contains("watch=") {
                    return std::future::pending().await;
                }
                let sent = serde_json::from_slice(&body).unwrap_or_default();
                let (status, answer) = server.lock().answer(&parts.method, parts.uri.path(), &query, sent);
                Ok::<_, kube::Error>(
                    Response::builder().status(status).body(Body::from(answer.to_string().into_bytes())).unwrap(),
                )
            }
        };
        Client::new(tower::service_fn(serve), "shop")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.lock().objects.get(path).cloned()
    }

    /// With `uid` and `resourceVersion` where it has none.
    pub(crate) fn put(&self, path: &str, object: Value) {
        self.lock().put(path, object);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.lock().objects.remove(path);
    }

    pub(crate) fn fail(&self, path: &str, fails: bool) {
        let mut state = self.lock();
        if fails {
            state.failing.insert(path.to_owned())
        } else {
            state.failing.remove(path)
        };
    }
}

impl State {
    fn put(&mut self, path: &str, mut object: Value) -> Value {
        self.revision += 1;
        let name = path.rsplit('/').next().unwrap_or_default();
        let meta = &mut object["metadata"];
        meta["name"] = name.into();
        meta["namespace"] = "shop".into();
        if meta["uid"].is_null() {
            meta["uid"] = format!("uid-{}", self.revision).into();
        }
        meta["resourceVersion"] = self.revision.to_string().into();
        self.objects.insert(path.to_owned(), object.clone());
        object
    }

    fn answer(&mut self, method: &Method, path: &str, query: &str, sent: Value) -> (StatusCode, Value) {
        let path = path.trim_end_matches("/status");
        let there = self.objects.get(path).cloned();
        if self.failing.contains(path) {
            return failure(StatusCode::INTERNAL_SERVER_ERROR);
        }
        match (method, there) {
            (&Method::GET, Some(object)) => (StatusCode::OK, object),
            (&Method::GET, None) if is_collection(path) => (StatusCode::OK, self.list(path, query)),
            (&Method::POST, _) => {
                let path = format!("{path}/{}", sent["metadata"]["name"].as_str().unwrap_or_default());
                if self.objects.contains_key(&path) {
                    return failure(StatusCode::CONFLICT);
                }
                (StatusCode::CREATED, self.put(&path, sent))
            }
            (&Method::PUT, Some(there)) => {
                if sent["metadata"]["resourceVersion"] != there["metadata"]["resourceVersion"] {
                    return failure(StatusCode::CONFLICT);
                }
                (StatusCode::OK, self.put(path, sent))
            }
            (&Method::PATCH, there) => {
                let mut object = there.unwrap_or_else(|| json!({ "metadata": {} }));
                merge(&mut object, sent);
                (StatusCode::OK, self.put(path, object))
            }
            (&Method::DELETE, Some(there)) => {
                self.objects.remove(path);
                (StatusCode::OK, there)
            }
            _ => failure(StatusCode::NOT_FOUND),
        }
    }

    fn list(&self, path: &str, query: &str) -> Value {
        let query = query.replace("%3D", "=").replace("%2F", "/");
        let labels = query.split('&').find_map(|pair| pair.strip_prefix("labelSelector="));
        let is_selected = |object: &Value| {
            let Some((key, value)) = labels.and_then(|labels| labels.split_once('=')) else { return true };
            object["metadata"]["labels"][key] == value
        };
        let within = |at: &str| {
            at.strip_prefix(path).and_then(|rest| rest.strip_prefix('/')).is_some_and(|name| !name.contains('/'))
        };
        let items = self.objects.iter().filter(|(at, object)| within(at) && is_selected(object));
        let items: Vec<_> = items.map(|(_, object)| object.clone()).collect();
        json!({ "metadata": { "resourceVersion": self.revision.to_string() }, "items": items })
    }
}

/// Below a namespace the kind ends the path: what is named is in the map.
fn is_collection(path: &str) -> bool {
    path.rsplit('/').nth(1) == Some("shop")
}

fn merge(object: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else { return *object = patch };
    if !object.is_object() {
        *object = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(&key);
        } else {
            merge(&mut object[key], value);
        }
    }
}

fn failure(status: StatusCode) -> (StatusCode, Value) {
    let reason = match status {
        StatusCode::NOT_FOUND => "NotFound",
        StatusCode::CONFLICT => "Conflict",
        _ => "InternalError",
    };
    let told =
        json!({ "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": status.as_u16(), "reason": reason });
    (status, told)
}
