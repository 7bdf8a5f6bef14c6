//! `Cluster`: brokers and their controller are as the spec says.
//!
//! One cluster is reconciled at a time, many beside each other. What makes a cluster work is not here: its controller
//! runs on its own and goes on when this loop fails or is paused.

mod apply;
mod broker_status;
pub mod brokers;
pub mod drain;
pub mod dynamic_config;
mod evictions;
pub mod hand_back;
mod health;
mod listener_status;
pub mod node_ports;
pub mod notices;
pub mod observe;
mod offline;
pub mod plan;
pub mod request;
pub mod roll;
pub mod scale;
mod session_secret;
pub mod set_size;
pub mod settling;
pub mod status;
#[cfg(test)]
pub(crate) mod testing;
pub mod unused_volumes;
pub mod volume_ids;
pub mod volumes;

use crate::{
    control_plane::{Allowed, Controllers, View},
    events::Events,
    metrics::Metrics,
    reconcilers::{ending::is_of_ending_namespace, patience::within, readable, topic::held::Held},
    resources::{FIELD_MANAGER, names},
    valid_cluster::{ClusterKey, Defaults, ValidCluster},
};
use anyhow::Context as _;
use apply::{Applier, Superseded};
use custom_resources::{Cluster, ClusterStatus};
use futures_util::StreamExt as _;
use hand_back::Rolled;
use k8s_openapi::{api::apps::v1::StatefulSet, jiff::Timestamp};
use kube::{
    Api, Client, Resource as _, ResourceExt as _,
    api::{Patch, PatchParams},
    runtime::{
        Controller, WatchStreamExt as _,
        controller::Action as Requeue,
        reflector::{self, ObjectRef, Store},
    },
};
use notices::{Did, notices};
use observe::{Caches, Scope, classes};
use plan::plan;
use request::Answering;
use serde_json::json;
use set_size::SetSize;
use settling::Settling;
use status::Report;
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use volumes::classes_to_ask;

/// Everything that matters tells; this is for what nobody thought of.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
const LOOK_AT_VOLUMES: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_secs(2);
/// Many calls, each answered in a moment; the end of a controller that starts again with other settings.
const LIMIT: Duration = Duration::from_secs(60);
/// Annotation of a StatefulSet: the operator that began to look after it, and when.
const TAKEN_BY: &str = "weir.dev/taken-by";
/// Clusters whose controllers may have to end.
const SWEEP: Duration = Duration::from_secs(5);
/// Clusters that changed and wait to be looked at; more than these hold up the watches.
pub const CHANGED_LIMIT: usize = 1024;

/// What a reconciler works with.
pub struct Context {
    pub client: Client,
    pub controllers: Controllers,
    pub defaults: Defaults,
    /// Of this operator, for people who look.
    pub holder: String,
    pub caches: Caches,
    pub metrics: Arc<Metrics>,
    /// Topics whose resources were deleted and that wait for a person.
    pub held: Held,
    pub events: Events,
    pub rolled: Rolled,
    pub settling: Settling,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("defaults", &self.defaults)
            .field("holder", &self.holder)
            .finish_non_exhaustive()
    }
}

/// Reconciles the clusters of a scope until it is dropped. `changed` names those about whom there is something new.
pub async fn run(scope: Scope, context: Context, mut changed: mpsc::Receiver<ClusterKey>) -> anyhow::Result<()> {
    tokio::select! {
        filled = context.caches.filled() => filled.context("fill the caches")?,
        // What is told meanwhile has to go somewhere, or the caches would wait for it. Whoever begins looks at everything.
        () = async { while changed.recv().await.is_some() {} } => anyhow::bail!("the watches ended"),
    }
    let (store, writer) = reflector::store();
    let clusters = readable::watch(scope.api(&context.client), store.clone(), context.events.clone());
    let clusters = reflector::reflector(writer, clusters).applied_objects();
    let changed = ReceiverStream::new(changed).map(|key| ObjectRef::<Cluster>::new(&key.name).within(&key.namespace));
    let loops = Controller::for_stream(clusters, store.clone()).reconcile_on(changed);
    let context = Arc::new(context);
    let sweeping = sweep(scope, store, Arc::clone(&context));
    let reconciling = loops.run(reconcile, failed, context).for_each(|result| async {
        if let Err(error) = result {
            tracing::debug!(%error, "a reconciliation ended with an error");
        }
    });
    tokio::select! {
        () = reconciling => {}
        never = sweeping => match never {},
    }
    Ok(())
}

async fn sweep(scope: Scope, store: Store<Cluster>, context: Arc<Context>) -> std::convert::Infallible {
    let mut sweeps = tokio::time::interval(SWEEP);
    // Before the first list everything would seem gone. That the writer went away is for the loop to find out.
    let _ = store.wait_until_ready().await;
    loop {
        sweeps.tick().await;
        let is_here = |key: &ClusterKey| store.get(&ObjectRef::new(&key.name).within(&key.namespace)).is_some();
        let is_known = |key: &ClusterKey| !scope.covers(key) || is_here(key);
        context.controllers.keep_only(is_known).await;
        context.metrics.clusters.keep_only(is_known);
        context.settling.keep_only(is_known);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
struct Failed(anyhow::Error);

fn failed(_cluster: Arc<Cluster>, _error: &Failed, _context: Arc<Context>) -> Requeue {
    Requeue::requeue(RETRY)
}

async fn reconcile(cluster: Arc<Cluster>, context: Arc<Context>) -> Result<Requeue, Failed> {
    if cluster.metadata.deletion_timestamp.is_some() {
        return Ok(Requeue::await_change());
    }
    let name = format!("{}/{}", cluster.namespace().unwrap_or_default(), cluster.name_any());
    let reconciled = within(LIMIT, reconcile_cluster(&cluster, &context)).await;
    if reconciled.as_ref().is_err_and(is_of_ending_namespace) {
        tracing::info!(cluster = %name, "the namespace is being deleted");
        return Ok(Requeue::requeue(LOOK_AT_VOLUMES));
    }
    context.metrics.reconciled("Cluster", reconciled.is_ok());
    reconciled
        .inspect_err(
            |error| tracing::warn!(cluster = %name, error = %format!("{error:#}"), "the cluster is not as wanted"),
        )
        .map_err(Failed)
}

async fn reconcile_cluster(cluster: &Cluster, context: &Context) -> anyhow::Result<Requeue> {
    let before = cluster.status.as_ref();
    let (valid, invalid) = match ValidCluster::with_substitutes(cluster, &context.defaults) {
        Ok((valid, invalid)) => (valid, invalid.map(|invalid| invalid.to_string())),
        Err(invalid) => {
            let status = status::invalid(before, cluster.metadata.generation, &invalid.to_string(), Timestamp::now());
            report(cluster, context, before, &status).await?;
            let namespace = cluster.namespace().unwrap_or_default();
            let told = notices(before, &status, Did { namespace: &namespace, ..Did::default() });
            context.events.publish(&cluster.object_ref(&()), told).await;
            return Ok(Requeue::await_change());
        }
    };
    let known = context.controllers.token(&valid.key).await;
    let token = session_secret::ensure(&context.client, &valid, known, &context.metrics).await?;
    let mut observed = context.caches.observe(&valid.key);
    observed.set_size = set_size(&valid.key, context).await?;
    let pods = brokers::pods_of(&valid.key.name, observed.pods.iter());
    let min_ready = Duration::from_secs(valid.spec.update_strategy.min_ready_seconds.into());
    observed.unsettled = context.settling.look(&valid.key, &pods, min_ready, (Instant::now(), observed.now));
    let leaving = observed.leaving(&valid);
    // A controller decides, whether they can be read or not.
    let classes = classes(&context.client, classes_to_ask(&valid, &observed.claims)).await;
    // From here to the plan nothing is waited for: who may restart is decided on what is committed now.
    let view = context.controllers.ensure(&valid, &token, leaving, observed.set_size).await;
    observed.classes = classes?;
    // On an image to which a replica may be added where one is to go nothing is planned.
    let planned_on = view.image.as_deref().filter(|_| view.leaving.is_some());
    let mut plan = plan(&valid, &observed, planned_on, view.is_recovering);
    let is_left_alone = valid.spec.paused || invalid.is_some();
    if is_left_alone {
        plan.actions.clear();
    }
    let done = apply(&plan.actions, &valid.key, context, &view).await;
    let is_superseded = done.as_ref().is_err_and(anyhow::Error::is::<Superseded>);
    let done = if is_superseded { Ok(()) } else { done };
    if !is_left_alone {
        context.rolled.hand_back(&valid, &plan, view.image.as_deref(), view.handle.as_ref()).await;
    }
    let failure = done.as_ref().err().map(|error| format!("{error:#}"));
    // A controller that is about to end answers nobody, and is Unknown.
    let brokers = match &view.handle {
        Some(handle) => handle.describe_brokers().await.ok(),
        None => None,
    };
    let (controller, image, held) = (view.handle.as_ref(), view.image.as_deref(), &context.held);
    let allowed = &Allowed::by(&valid.key, &valid.spec.allowed_namespaces);
    let answer = Answering { cluster: &valid.key, controller, image, held, allowed }.answer(cluster, before).await;
    let reported = before.and_then(|status| status.held_deletions.as_ref());
    let report_of = Report {
        cluster: &valid,
        plan: &plan,
        view: &view,
        brokers: brokers.as_deref(),
        holder: &context.holder,
        failure: failure.as_deref(),
        invalid: invalid.as_deref(),
        held: match image {
            Some(image) => held.of(&valid.key, reported, allowed, image).report(),
            None => reported.cloned(),
        },
    };
    let mut status = report_of.status(before, Timestamp::now());
    if let Some(answer) = answer {
        tracing::info!(cluster = %valid.key, request = answer.id, outcome = ?answer.outcome, message = answer.message, "request answered");
        status.request = Some(answer);
    }
    report(cluster, context, before, &status).await?;
    let is_done = done.is_ok() && !is_superseded && !is_left_alone;
    let roll = Some(&plan.roll).filter(|_| is_done);
    let deleted = if is_done { &plan.unused.delete[..] } else { &[] };
    let told = notices(before, &status, Did { namespace: &valid.key.namespace, roll, pods: &plan.pods, deleted });
    context.events.publish(&cluster.object_ref(&()), told).await;
    done?;
    if is_superseded {
        return Ok(Requeue::requeue(RETRY));
    }
    // That a file system has not grown, or that nobody has used a volume for a while, says nothing by itself.
    let is_growing = matches!(plan.volumes.state, volumes::State::Growing(_));
    let again = if is_growing || plan.unused.is_pending { LOOK_AT_VOLUMES } else { LOOK_AGAIN };
    Ok(Requeue::requeue(observed.unsettled.wait.map_or(again, |wait| wait.min(again))))
}

/// The first time by the API server itself: the watch may be behind what another operator wrote. It is read by a write, so that
/// what that operator sent and has not arrived is about a set that is another by now: it could take away pods to which this one
/// gives replicas.
async fn set_size(key: &ClusterKey, context: &Context) -> anyhow::Result<SetSize> {
    let known = context.controllers.set_size(key).await;
    if known.is_known() {
        return Ok(known);
    }
    let sets: Api<StatefulSet> = Api::namespaced(context.client.clone(), &key.namespace);
    let name = names::stateful_set(&key.name);
    let Some(set) = sets.get_opt(&name).await.context("read the set")? else { return Ok(SetSize::read(None)) };
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    context.metrics.wrote("object");
    let taken = sets.patch(&name, &parameters, &Patch::Merge(taken(&set, &context.holder, Timestamp::now()))).await;
    Ok(SetSize::read(taken.context("take over the set")?.spec.and_then(|spec| spec.replicas)))
}

/// Another one each time, or nothing would be written.
fn taken(set: &StatefulSet, holder: &str, now: Timestamp) -> serde_json::Value {
    json!({ "metadata": {
        "uid": set.metadata.uid,
        "resourceVersion": set.metadata.resource_version,
        "annotations": { TAKEN_BY: format!("{holder} {now}") },
    } })
}

async fn apply(actions: &[plan::Action], key: &ClusterKey, context: &Context, view: &View) -> anyhow::Result<()> {
    let applier = Applier { client: &context.client, cluster: key, controller: view.handle.as_ref() };
    for action in actions {
        context.metrics.wrote("object");
        let size = action.set_size();
        if let Some(size) = size {
            context.controllers.note_set_size(key, |known| known.writing(size)).await;
        }
        applier.apply(action).await?;
        if let Some(size) = size {
            context.controllers.note_set_size(key, |known| known.written(size)).await;
        }
    }
    Ok(())
}

/// Writes the status if it says something new.
async fn report(
    cluster: &Cluster,
    context: &Context,
    before: Option<&ClusterStatus>,
    status: &ClusterStatus,
) -> anyhow::Result<()> {
    let namespace = cluster.namespace().unwrap_or_default();
    let key = ClusterKey { namespace: namespace.clone(), name: cluster.name_any() };
    context.metrics.clusters.observe(key, cluster.spec.replicas, status);
    if before == Some(status) {
        return Ok(());
    }
    let clusters: Api<Cluster> = Api::namespaced(context.client.clone(), &namespace);
    let body = json!({ "apiVersion": "weir.dev/v1alpha1", "kind": "Cluster", "status": status });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    context.metrics.wrote("status");
    match clusters.patch_status(&cluster.name_any(), &parameters, &Patch::Apply(body)).await {
        // It was deleted meanwhile.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(drop).context("write the status"),
    }
}

#[cfg(test)]
mod tests;
