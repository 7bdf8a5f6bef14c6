//! The operator: who is at work, what it says of itself, how many there are.

use crate::{LIMIT, Place, nodes::signal, until, until_gone, until_so};
use anyhow::{Context as _, anyhow, ensure};
use futures_util::{StreamExt as _, future};
use http::Request;
use k8s_openapi::api::{apps::v1::Deployment, coordination::v1::Lease, core::v1::Pod};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::json;
use tokio::time::timeout;

/// Name of its deployment and its lease; the only ones of this name are the operator's.
pub const OPERATOR: &str = "weir-operator";
/// As many as the chart has.
pub const OPERATORS: i32 = 2;
const ADMIN_PORT: u16 = 8080;

/// The pod that decides.
#[derive(Debug, Clone)]
pub struct AtWork {
    pub place: Place,
    pub pod: String,
}

impl AtWork {
    pub async fn find(client: &Client) -> anyhow::Result<Self> {
        let leases: Api<Lease> = Api::all(client.clone());
        let named = ListParams::default().fields(&format!("metadata.name={OPERATOR}"));
        let found = leases.list(&named).await.context("find the operator's lease")?.items.pop();
        let lease = found.context("no operator runs")?;
        let namespace = lease.namespace().context("the lease has a namespace")?;
        let pod = lease.spec.and_then(|spec| spec.holder_identity).context("nobody holds the lease")?;
        Ok(Self { place: Place { client: client.clone(), namespace }, pod })
    }

    pub async fn signal(&self, name: &str) -> anyhow::Result<u64> {
        signal(&self.place, &self.pod, "weir-operator", name).await
    }

    /// Writes to the API server that it made, besides metadata and the lease.
    pub async fn writes(&self) -> anyhow::Result<u64> {
        let (namespace, pod) = (&self.place.namespace, &self.pod);
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}:{ADMIN_PORT}/proxy/metrics");
        let request = Request::get(path).body(Vec::new()).context("make a request")?;
        let metrics = self.place.client.request_text(request).await.context("read the operator's metrics")?;
        let counted = metrics.lines().filter(|line| line.starts_with("weir_operator_writes_total{"));
        let values = counted.map(|line| line.rsplit(' ').next().and_then(|value| value.parse::<u64>().ok()));
        values.sum::<Option<u64>>().ok_or_else(|| anyhow!("the metrics cannot be read: {metrics}"))
    }
}

/// Where the operator is installed.
pub async fn installed(client: &Client) -> anyhow::Result<Place> {
    let deployments: Api<Deployment> = Api::all(client.clone());
    let named = ListParams::default().fields(&format!("metadata.name={OPERATOR}"));
    let found = deployments.list(&named).await.context("find the operator")?.items.pop();
    let namespace = found.context("no operator is installed")?.namespace().context("it has a namespace")?;
    Ok(Place { client: client.clone(), namespace })
}

/// How many operators there are to be. Fewer are there when this returns; more come.
pub async fn scale(client: &Client, operators: i32) -> anyhow::Result<()> {
    let place = installed(client).await?;
    let patch = Patch::Merge(json!({"spec": {"replicas": operators}}));
    let deployments = place.api::<Deployment>();
    deployments.patch_scale(OPERATOR, &PatchParams::default(), &patch).await.context("scale the operator")?;
    if operators > 0 {
        return Ok(());
    }
    let selected = ListParams::default().labels(&format!("app.kubernetes.io/name={OPERATOR}"));
    for pod in place.api::<Pod>().list(&selected).await.context("list operators")? {
        until_gone::<Pod>(&place, &pod.name_any(), &pod.uid().unwrap_or_default()).await?;
    }
    Ok(())
}

/// All of them run this image, by the same deployment.
pub async fn run(client: &Client, image: &str) -> anyhow::Result<()> {
    let place = installed(client).await?;
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "operator", "image": image}]}}}});
    let deployments = place.api::<Deployment>();
    let patched = deployments.patch(OPERATOR, &PatchParams::default(), &Patch::Strategic(patch)).await;
    patched.context("give the operator another image")?;
    until_ready(client, OPERATORS).await
}

/// So many operators are there and ready, all as the deployment says.
pub async fn until_ready(client: &Client, operators: i32) -> anyhow::Result<()> {
    let place = installed(client).await?;
    let are_ready = |deployment: &Deployment| {
        let status = deployment.status.clone().unwrap_or_default();
        let all = Some(operators);
        status.observed_generation == deployment.metadata.generation
            && (status.replicas, status.updated_replicas, status.ready_replicas) == (all, all, all)
    };
    until(&place, OPERATOR, "all operators are ready", are_ready).await.map(drop)
}

/// Another pod than this holds the lease.
pub async fn until_another(client: &Client, before: &AtWork) -> anyhow::Result<()> {
    let is_another = || async {
        let found = AtWork::find(client).await;
        found.is_ok_and(|found| found.pod != before.pod && !found.pod.is_empty())
    };
    until_so("another operator is at work", is_another).await
}

/// The lease was renewed so often, once a second.
pub async fn renewals(client: &Client, times: usize) -> anyhow::Result<()> {
    let place = AtWork::find(client).await?.place;
    let only = watcher::Config::default().fields(&format!("metadata.name={OPERATOR}"));
    let leases = watcher(place.api::<Lease>(), only).default_backoff().applied_objects();
    // The first is the lease as it was found.
    let renewed = leases.filter(|lease| future::ready(lease.is_ok())).skip(1).take(times).count();
    timeout(LIMIT, renewed).await.context("the lease is not renewed").map(drop)
}

/// The operator at work makes no write to the API server in so many renewals of its lease.
pub async fn writes_nothing(client: &Client, while_renewed: usize) -> anyhow::Result<()> {
    let operator = AtWork::find(client).await?;
    let before = operator.writes().await?;
    renewals(client, while_renewed).await?;
    let now = operator.writes().await?;
    ensure!(now == before, "the operator wrote {} times for a converged cluster", now - before);
    Ok(())
}
