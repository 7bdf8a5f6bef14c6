//! An API server with the objects in which metadata is kept. Requests and answers take their time, are refused or lost, and
//! some are done long after whoever asked gave up. After each write it checks what the store promises.

use bytes::Bytes;
use control_plane::store::sharding::Outline;
use controller::ClusterImage;
use http::{Method, Request, Response, StatusCode};
use kube::client::Body;
use serde_json::{Value, json};
use simulator::random::Random;
use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::time::sleep;
use tower::service_fn;

pub(crate) const NAMESPACE: &str = "shop";
pub(crate) const CLUSTER: &str = "events";
const ROOTS: &str = "clustermetadata";
const SHARDS: &str = "clustermetadatashards";

/// Cheap to clone: the same server.
#[derive(Clone)]
pub(crate) struct ApiServer(Arc<Mutex<State>>);

struct State {
    random: Random,
    revision: u64,
    /// By plural and name.
    objects: BTreeMap<(String, String), Value>,
    /// There are volumes of the cluster.
    has_claims: bool,
    /// What the last root said, with its shards.
    image: Option<Arc<ClusterImage>>,
    late: Vec<Call>,
    writes: u64,
    broken: Option<String>,
}

struct Call {
    method: Method,
    path: String,
    body: Bytes,
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Done,
    Refused,
    /// It never arrives.
    Lost,
    /// It is done, and the answer is lost.
    Unanswered,
    /// It is done long after whoever asked gave up.
    Late,
}

impl ApiServer {
    pub(crate) fn new(random: Random) -> Self {
        Self(Arc::new(Mutex::new(State {
            random,
            revision: 0,
            objects: BTreeMap::new(),
            has_claims: false,
            image: None,
            late: Vec::new(),
            writes: 0,
            broken: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A client of it, in the runtime that is entered.
    pub(crate) fn client(&self) -> kube::Client {
        let server = self.clone();
        let service = service_fn(move |request: Request<Body>| server.clone().serve(request));
        kube::Client::new(service, NAMESPACE)
    }

    async fn serve(self, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let (fate, there, back) = self.state().draw();
        sleep(there).await;
        let call = Call { method: parts.method, path: parts.uri.path().to_owned(), body };
        let answer = match fate {
            Fate::Lost => pending().await,
            Fate::Late => {
                self.state().late.push(call);
                pending().await
            }
            Fate::Refused => failure(StatusCode::SERVICE_UNAVAILABLE, "try again"),
            Fate::Done | Fate::Unanswered => self.state().handle(&call),
        };
        sleep(back).await;
        if fate == Fate::Unanswered {
            return pending().await;
        }
        let (status, body) = answer;
        let body = serde_json::to_vec(&body).unwrap();
        Ok(Response::builder().status(status).body(Body::from(body)).unwrap())
    }

    /// One of the requests that hung somewhere is done now.
    pub(crate) fn do_late(&self) {
        let mut state = self.state();
        if !state.late.is_empty() {
            let waiting = state.late.len() as u64;
            let place = state.random.below(waiting);
            let call = state.late.swap_remove(usize::try_from(place).unwrap());
            state.handle(&call);
        }
    }

    pub(crate) fn make_volumes(&self) {
        self.state().has_claims = true;
    }

    /// Somebody deletes the root of the metadata.
    pub(crate) fn lose_root(&self) {
        self.state().objects.remove(&(ROOTS.to_owned(), CLUSTER.to_owned()));
    }

    pub(crate) fn image(&self) -> Option<Arc<ClusterImage>> {
        self.state().image.clone()
    }

    pub(crate) fn broken(&self) -> Option<String> {
        self.state().broken.clone()
    }

    pub(crate) fn writes(&self) -> u64 {
        self.state().writes
    }
}

impl State {
    fn draw(&mut self) -> (Fate, Duration, Duration) {
        let fate = match self.random.below(60) {
            0 => Fate::Refused,
            1 => Fate::Lost,
            2 => Fate::Unanswered,
            3 => Fate::Late,
            _ => Fate::Done,
        };
        let mut millis = || Duration::from_millis(1 + self.random.below(30));
        (fate, millis(), millis())
    }

    fn handle(&mut self, call: &Call) -> (StatusCode, Value) {
        let mut words = call.path.split('/').skip_while(|word| *word != NAMESPACE).skip(1);
        let (Some(plural), name) = (words.next(), words.next()) else { panic!("{} is not served", call.path) };
        let answer = match (&call.method, name) {
            (&Method::GET, None) => self.list(plural),
            (&Method::GET, Some(name)) => self.get(plural, name),
            (&Method::POST, None) => self.write(plural, None, &call.body),
            (&Method::PUT, Some(name)) => self.write(plural, Some(name), &call.body),
            (&Method::DELETE, Some(name)) => self.delete(plural, name),
            _ => panic!("{} {} is not served", call.method, call.path),
        };
        answer.unwrap_or_else(|(status, reason)| failure(status, reason))
    }

    fn get(&self, plural: &str, name: &str) -> Answer {
        let there = self.objects.get(&(plural.to_owned(), name.to_owned())).cloned();
        there.map(|object| (StatusCode::OK, object)).ok_or((StatusCode::NOT_FOUND, "NotFound"))
    }

    /// Only their metadata.
    fn list(&self, plural: &str) -> Answer {
        let claim = json!({ "name": "data-events-0", "namespace": NAMESPACE });
        let claims = (plural == "persistentvolumeclaims" && self.has_claims).then_some(claim);
        let objects = self.objects.iter().filter(|((of, _), _)| of == plural).map(|(_, one)| one["metadata"].clone());
        let item = |metadata: Value| json!({ "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata });
        let items: Vec<_> = objects.chain(claims).map(item).collect();
        let list = json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList",
            "metadata": { "resourceVersion": self.revision.to_string() }, "items": items,
        });
        Ok((StatusCode::OK, list))
    }

    fn write(&mut self, plural: &str, replaces: Option<&str>, body: &Bytes) -> Answer {
        let mut object: Value = serde_json::from_slice(body).unwrap();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let key = (plural.to_owned(), name);
        match (self.objects.get(&key), replaces) {
            (Some(_), None) => return Err((StatusCode::CONFLICT, "AlreadyExists")),
            (None, Some(_)) => return Err((StatusCode::NOT_FOUND, "NotFound")),
            (Some(there), Some(_)) if there["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] => {
                return Err((StatusCode::CONFLICT, "Conflict"));
            }
            _ => {}
        }
        self.revision += 1;
        self.writes += 1;
        object["metadata"]["resourceVersion"] = self.revision.to_string().into();
        self.objects.insert(key, object.clone());
        if plural == ROOTS {
            self.check_root(replaces.is_none());
        }
        Ok((StatusCode::CREATED, object))
    }

    fn delete(&mut self, plural: &str, name: &str) -> Answer {
        let there = self.objects.remove(&(plural.to_owned(), name.to_owned()));
        there.ok_or((StatusCode::NOT_FOUND, "NotFound"))?;
        if self.objects.contains_key(&(ROOTS.to_owned(), CLUSTER.to_owned()))
            && let Err(why) = self.assemble()
        {
            self.break_promise(format!("{name} was deleted, and counts: {why}"));
        }
        Ok((StatusCode::OK, json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" })))
    }

    /// What the root says now is whole, and later than what it said before.
    fn check_root(&mut self, is_new: bool) {
        let now = match self.assemble() {
            Ok(now) => now,
            Err(why) => return self.break_promise(format!("a root was written that is not whole: {why}")),
        };
        if is_new && self.has_claims {
            self.break_promise("a fresh cluster was made over volumes with records".to_owned());
        }
        if let Some(before) = &self.image {
            let is_later = now.metadata_version > before.metadata_version
                && now.controller_epoch >= before.controller_epoch
                && now.next_producer_id >= before.next_producer_id
                && now.cluster_id == before.cluster_id;
            let forgotten = before.topics.iter().find(|topic| now.topic_by_id(topic.id).is_none());
            if !is_later || forgotten.is_some() {
                let (from, to) = (before.metadata_version.0, now.metadata_version.0);
                let topic = forgotten.map(|topic| topic.name.to_string());
                self.break_promise(format!("version {to} does not follow version {from}; forgotten: {topic:?}"));
            }
        }
        self.image = Some(now);
    }

    fn assemble(&self) -> Result<Arc<ClusterImage>, String> {
        let data = |plural: &str, name: &str| {
            let object = self.objects.get(&(plural.to_owned(), name.to_owned()));
            object.and_then(|object| object["spec"]["data"].as_str()).map(str::to_owned)
        };
        let root = data(ROOTS, CLUSTER).ok_or("there is no root")?;
        let outline = Outline::parse(&root).map_err(|error| error.to_string())?;
        let shard = |name: control_plane::store::ShardName| {
            data(SHARDS, &format!("{CLUSTER}-{name}")).ok_or(format!("shard {name} is not there"))
        };
        let texts = outline.shard_names().map(shard).collect::<Result<Vec<_>, _>>()?;
        let layout = outline.with_shards(&texts).map_err(|error| error.to_string())?;
        Ok(Arc::clone(layout.image()))
    }

    fn break_promise(&mut self, how: String) {
        self.broken.get_or_insert(how);
    }
}

type Answer = Result<(StatusCode, Value), (StatusCode, &'static str)>;

fn failure(status: StatusCode, reason: &str) -> (StatusCode, Value) {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": reason, "reason": reason, "code": status.as_u16(),
    });
    (status, body)
}
