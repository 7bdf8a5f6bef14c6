//! What the operator says of itself.

use crate::Place;
use anyhow::{Context as _, anyhow};
use http::Request;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, api::ListParams};

/// Name of its lease; the only one of this name is the operator's.
const LEASE: &str = "weir-operator";
const ADMIN_PORT: u16 = 8080;

/// Writes to the API server that the operator at work made, besides metadata and the lease; and the revision of its lease,
/// which it renews every second: a clock that runs only while the operator does.
pub async fn writes(place: &Place) -> anyhow::Result<(u64, String)> {
    let leases: Api<Lease> = Api::all(place.client.clone());
    let named = ListParams::default().fields(&format!("metadata.name={LEASE}"));
    let lease =
        leases.list(&named).await.context("find the operator's lease")?.items.pop().context("no operator runs")?;
    let namespace = lease.metadata.namespace.context("the lease has a namespace")?;
    let holder = lease.spec.and_then(|spec| spec.holder_identity).context("nobody holds the lease")?;
    let path = format!("/api/v1/namespaces/{namespace}/pods/{holder}:{ADMIN_PORT}/proxy/metrics");
    let request = Request::get(path).body(Vec::new()).context("make a request")?;
    let metrics = place.client.request_text(request).await.context("read the operator's metrics")?;
    let counted = metrics.lines().filter(|line| line.starts_with("weir_operator_writes_total{"));
    let values = counted.map(|line| line.rsplit(' ').next().and_then(|value| value.parse::<u64>().ok()));
    let sum = values.sum::<Option<u64>>().ok_or_else(|| anyhow!("the metrics cannot be read: {metrics}"))?;
    Ok((sum, lease.metadata.resource_version.unwrap_or_default()))
}
