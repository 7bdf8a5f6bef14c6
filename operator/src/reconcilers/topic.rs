//! `Topic`: a topic is as its resource says. One direction only: what clients do to other topics is theirs.

mod absences;
mod away;
mod changes;
mod deletions;
pub mod held;
pub mod index;
mod notices;
pub mod ownership;
mod pace;
pub mod plan;
mod settling;
pub mod status;
pub mod valid_topic;

use crate::{
    control_plane::Controllers,
    events::Events,
    metrics::Metrics,
    reconcilers::{cluster::observe::Scope, patience::within, readable},
    resources::FIELD_MANAGER,
    valid_cluster::ClusterKey,
};
use absences::Absences;
use anyhow::Context as _;
use away::away;
use changes::Seen;
use control_plane::{ControllerHandle, handle::Results};
use controller::{
    ControllerError, TopicError,
    requests::{
        AlterConfigs, ConfigResource, CreatePartitions, CreateTopics, MorePartitions, ReassignPartitions,
        TopicReference,
    },
};
use custom_resources::{Topic, TopicStatus, topic::reason};
use deletions::Deletions;
pub(super) use deletions::delete;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use held::Held;
use index::{Index, Resources};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Client, Resource as _, ResourceExt as _,
    api::{Patch, PatchParams},
    runtime::{
        Controller, WatchStreamExt as _,
        controller::Action as Requeue,
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher,
    },
};
use model::{BrokerId, TopicName};
use ownership::older;
use pace::Pace;
use plan::{Decision, Step, decide};
use serde_json::json;
use settling::Settling;
use status::{Did, Outcome, There};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use valid_topic::ValidTopic;

const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// While something is missing that says nothing when it comes.
const RETRY: Duration = Duration::from_secs(2);
/// For what is done about a topic, and for its report: commits and one call.
const LIMIT: Duration = Duration::from_secs(30);
/// After a start the resources of every scope are listed within this time.
const LISTED: Duration = Duration::from_secs(5);
/// A topic needs few steps; more in one go mean that they do not lead anywhere.
const STEPS: usize = 5;
/// Deciding costs little, and what waits is mostly commits, which the controller makes together.
const SIDE_BY_SIDE: u16 = 64;

struct Reconciler {
    client: Client,
    controllers: Controllers,
    resources: Resources,
    metrics: Arc<Metrics>,
    held: Held,
    events: Events,
    pace: Pace,
    settling: Settling,
    absences: Absences,
    /// Of brokers, when a topic is to be made.
    away: Absences<BTreeSet<BrokerId>>,
}

/// What the reconciler of a scope works with.
pub struct Context {
    pub client: Client,
    pub controllers: Controllers,
    pub metrics: Arc<Metrics>,
    /// Topics whose resources were deleted and that wait for a person.
    pub held: Held,
    pub events: Events,
    /// Where the resources of the scope are to be found, and by what they get there.
    pub topics: (Store<Topic>, Writer<Topic>),
    /// Those of all scopes, and the place of this one among them.
    pub resources: Resources,
    pub place: usize,
    /// Clusters of which there is something new.
    pub changed: mpsc::Receiver<ClusterKey>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

/// Reconciles the topics of a scope until it is dropped.
pub async fn run(scope: Scope, context: Context) -> anyhow::Result<()> {
    let Context { client, controllers, metrics, held, events: told, topics, resources, place, changed } = context;
    let (store, writer) = topics;
    let (gone, to_delete) = mpsc::channel(deletions::LIMIT);
    let events = readable::watch::<Topic>(scope.api(&client), store.clone(), told.clone());
    let index = resources.index(place).context("find the index of the scope")?;
    let noting = index.clone();
    let events = reflector::reflector(writer, events).inspect_ok(move |event| noting.note(event));
    let events = events.and_then(move |event| tell_deletion(event, gone.clone()));
    let loops = Controller::for_stream(events.applied_objects(), store)
        .reconcile_on(changed_resources(changed, controllers.clone(), index))
        .with_config(kube::runtime::controller::Config::default().concurrency(SIDE_BY_SIDE));
    let deleting = {
        let (client, controllers, held, events) = (client.clone(), controllers.clone(), held.clone(), told.clone());
        Deletions { client, controllers, held, events, resources: resources.clone() }.run(to_delete)
    };
    let reconciler = Arc::new(Reconciler {
        client,
        controllers,
        resources,
        metrics,
        held,
        events: told,
        pace: Pace::default(),
        settling: Settling::default(),
        absences: Absences::default(),
        away: Absences::default(),
    });
    let reconciling = loops.run(reconcile, failed, reconciler).for_each(|result| async {
        if let Err(error) = result {
            tracing::debug!(%error, "a reconciliation ended with an error");
        }
    });
    tokio::select! {
        () = reconciling => {}
        () = deleting => {}
    }
    Ok(())
}

async fn tell_deletion(
    event: watcher::Event<Topic>,
    gone: mpsc::Sender<ValidTopic>,
) -> Result<watcher::Event<Topic>, watcher::Error> {
    if let watcher::Event::Delete(topic) = &event
        && let Ok(topic) = ValidTopic::new(topic)
    {
        // Whoever deletes has ended with the operator.
        let _ = gone.send(topic).await;
    }
    Ok(event)
}

/// Resources whose topic changed in a cluster of which there is something new. A cluster tells it at most once a second, and
/// most topics are as they were.
fn changed_resources(
    changed: mpsc::Receiver<ClusterKey>,
    controllers: Controllers,
    index: Index,
) -> impl Stream<Item = ObjectRef<Topic>> + Send + 'static {
    let seen = Arc::new(Mutex::new(BTreeMap::<ClusterKey, Seen>::new()));
    let of_cluster = move |key: ClusterKey| {
        let (controllers, index, seen) = (controllers.clone(), index.clone(), Arc::clone(&seen));
        async move {
            let view = controllers.view(&key).await.unwrap_or_default();
            let now = Seen { image: view.image, decides: view.handle.is_some() };
            let before = seen.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), now.clone());
            let changed = changes::changed(&before.unwrap_or_default(), &now);
            stream::iter(index.of(&key, |topic| changed.has(topic)))
        }
    };
    ReceiverStream::new(changed).then(of_cluster).flatten()
}

#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
struct Failed(anyhow::Error);

fn failed(_topic: Arc<Topic>, _error: &Failed, _reconciler: Arc<Reconciler>) -> Requeue {
    Requeue::requeue(RETRY)
}

async fn reconcile(topic: Arc<Topic>, reconciler: Arc<Reconciler>) -> Result<Requeue, Failed> {
    if topic.metadata.deletion_timestamp.is_some() {
        return Ok(Requeue::await_change());
    }
    let outcome = within(LIMIT, async { Ok(reconciler.outcome(&topic).await) }).await;
    let outcome = outcome.unwrap_or_else(|error| Outcome::refused(reason::NO_CONTROLLER, error.to_string()));
    let again = if outcome.is_to_be_retried() { RETRY } else { LOOK_AGAIN };
    let status = outcome.status(&topic, Timestamp::now());
    if let Some(rest) = reconciler.rest(&topic, &outcome, &status) {
        reconciler.metrics.reconciled("Topic", true);
        return Ok(Requeue::requeue(rest.min(again)));
    }
    let reported = within(LIMIT, reconciler.report(&topic, status, outcome.did())).await;
    reconciler.metrics.reconciled("Topic", reported.is_ok());
    reported.map_err(Failed)?;
    Ok(Requeue::requeue(again))
}

impl Reconciler {
    /// How long to wait before this status is reported; `None`: it is reported now.
    fn rest(&self, resource: &Topic, outcome: &Outcome, now: &TopicStatus) -> Option<Duration> {
        let before = resource.status.as_ref();
        let was_there = before.is_some_and(|status| status.topic_id.is_some());
        let while_absent = ValidTopic::new(resource)
            .ok()
            .and_then(|valid| self.absences.rest(&valid.cluster, outcome.is_absence().then_some(())))
            .filter(|_| was_there);
        while_absent.or(outcome.wait()).or_else(|| {
            let did_nothing = outcome.did() == Did::default();
            did_nothing.then(|| self.settling.rest(&ObjectRef::from_obj(resource), before, now)).flatten()
        })
    }

    async fn outcome(&self, resource: &Topic) -> Outcome {
        let topic = match ValidTopic::new(resource) {
            Ok(topic) => topic,
            Err(invalid) => return Outcome::refused(reason::REFUSED, invalid.to_string()),
        };
        let Some(allowed) = self.controllers.allowed(&topic.cluster).await else {
            let message = format!("there is no Cluster {}", topic.cluster);
            return Outcome::refused(reason::CLUSTER_NOT_FOUND, message);
        };
        if !allowed.has(&topic.namespace) {
            let message = format!("Cluster {} does not name {} in allowedNamespaces", topic.cluster, topic.namespace);
            return Outcome::refused(reason::NAMESPACE_NOT_ALLOWED, message);
        }
        if !matches!(timeout(LISTED, self.resources.are_listed()).await, Ok(Ok(()))) {
            let message =
                "whether an older resource names the topic is not known yet: Topics of a namespace cannot be listed";
            return Outcome::refused(reason::NO_CONTROLLER, message);
        }
        let naming = self.resources.naming(&topic.cluster, &topic.name);
        if let Some(owner) = older(&topic, &naming, &allowed) {
            let owner = format!("{}/{}", owner.namespace, owner.resource);
            let message = format!("topic {} is that of the older resource {owner}", topic.name);
            return Outcome::refused(reason::TOPIC_NAME_CONFLICT, message);
        }
        self.bring_about(&topic).await
    }

    /// Step by step, each decided on what the one before has led to: an answer comes once it is to be seen.
    async fn bring_about(&self, topic: &ValidTopic) -> Outcome {
        let mut did = Did::default();
        for _ in 0..STEPS {
            let view = self.controllers.view(&topic.cluster).await.unwrap_or_default();
            let (Some(image), Some(handle)) = (view.image, view.handle) else {
                return Outcome::refused(reason::NO_CONTROLLER, "the controller of the cluster does not decide");
            };
            // Its resource was deleted and is there again.
            let is_held = image.topic(&topic.name).is_some_and(|there| self.held.is_held(&topic.cluster, there.id));
            let topic = if is_held { &ValidTopic { adopts: true, ..topic.clone() } } else { topic };
            let there = There::in_image(&image, topic);
            let leaving = view.leaving.unwrap_or_default();
            match decide(topic, &image, leaving) {
                Decision::Good => return Outcome::good(there).having_done(did),
                Decision::Not { reason, message } => {
                    return Outcome::refused(reason, message).with(there).having_done(did);
                }
                Decision::Do(Step::Create(_))
                    if let Some(wait) = self.away.rest(&topic.cluster, away(&image, leaving)) =>
                {
                    return Outcome::awaiting_brokers(wait);
                }
                Decision::Do(step) => {
                    tracing::info!(cluster = %topic.cluster, topic = topic.name, step = step.name(), "topic changes");
                    let restores = matches!(step, Step::Restore(_));
                    let configures = matches!(step, Step::SetConfigs(_));
                    self.pace.keep().await;
                    if let Err((reason, message)) = take(&handle, topic, step).await {
                        return Outcome::refused(reason, message).with(there).having_done(did);
                    }
                    did = Did { restored: did.restored || restores, configured: did.configured || configures };
                }
            }
        }
        let image = self.controllers.view(&topic.cluster).await.and_then(|view| view.image);
        let there = image.and_then(|image| There::in_image(&image, topic));
        Outcome::refused(reason::REFUSED, "the topic did not become as wanted").with(there).having_done(did)
    }

    async fn report(&self, topic: &Topic, status: TopicStatus, did: Did) -> anyhow::Result<()> {
        if topic.status.as_ref() == Some(&status) && did == Did::default() {
            return Ok(());
        }
        if topic.status.as_ref() != Some(&status) && !self.write(topic, &status).await? {
            return Ok(());
        }
        let made = ValidTopic::new(topic).map(|valid| valid.next_id().0.to_string()).unwrap_or_default();
        let told = notices::notices(topic.status.as_ref(), &status, &made, did);
        self.events.publish(&topic.object_ref(&()), told).await;
        Ok(())
    }

    /// `false`: it was deleted meanwhile.
    async fn write(&self, topic: &Topic, status: &TopicStatus) -> anyhow::Result<bool> {
        let topics: Api<Topic> = Api::namespaced(self.client.clone(), &topic.namespace().unwrap_or_default());
        let body = json!({ "apiVersion": "weir.dev/v1alpha1", "kind": "Topic", "status": status });
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        self.metrics.wrote("status");
        match topics.patch_status(&topic.name_any(), &parameters, &Patch::Apply(body)).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
            other => other.map(|_| true).context("write the status"),
        }
    }
}

type Refusal = (&'static str, String);

async fn take(handle: &ControllerHandle, topic: &ValidTopic, step: Step) -> Result<(), Refusal> {
    let name = TopicName::from(&*topic.name);
    match step {
        Step::Create(new) => {
            let request = CreateTopics { topics: vec![new], validate_only: false };
            all(handle.create_topics(request).await, of_topic)
        }
        Step::Restore(id) => {
            let restored = handle.restore_topics(vec![TopicReference::Id(id)]).await.map_err(of_controller)?;
            restored.into_iter().try_for_each(|restored| restored.result.map(drop).map_err(of_topic))
        }
        Step::AddPartitions(count) => {
            let more = MorePartitions { name, count, assignments: None };
            let request = CreatePartitions { topics: vec![more], validate_only: false };
            all(handle.create_partitions(request).await, of_topic)
        }
        Step::SetConfigs(changes) => {
            let request = AlterConfigs::of(ConfigResource::Topic(name), changes);
            all(handle.alter_configs(request).await, |error| (reason::INVALID_CONFIG, error.to_string()))
        }
        Step::Reassign(moves) => {
            let partitions = moves.into_iter().map(|(partition, replicas)| (partition, Some(replicas))).collect();
            let request = ReassignPartitions { partitions, allow_replication_factor_change: true };
            all(handle.reassign_partitions(request).await, |error| (reason::REFUSED, error.to_string()))
        }
    }
}

fn all<K, T, E>(results: Results<K, T, E>, told: impl Fn(E) -> Refusal) -> Result<(), Refusal> {
    let results = results.map_err(of_controller)?;
    results.into_iter().try_for_each(|(_, result)| result.map(drop).map_err(&told))
}

fn of_controller(error: ControllerError) -> Refusal {
    (reason::NO_CONTROLLER, error.to_string())
}

fn of_topic(error: TopicError) -> Refusal {
    let reason = match &error {
        TopicError::Config(_) => reason::INVALID_CONFIG,
        TopicError::InvalidReplicationFactor(_) => reason::NOT_ENOUGH_BROKERS,
        _ => reason::REFUSED,
    };
    (reason, error.to_string())
}

#[cfg(test)]
mod tests;
