//! `kubectl weir status`.

use super::{code, operator_pods};
use crate::{
    access::Access,
    arguments::{Format, Named},
    lag, metadata, output,
    overview::{OperatorSeen, Overview},
};
use controller::ClusterImage;
use custom_resources::Cluster;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use std::process::ExitCode;

pub(super) async fn run(access: &Access, format: Format, named: Named) -> anyhow::Result<ExitCode> {
    let cluster = access.cluster(named.cluster.as_deref()).await?;
    let name = cluster.name_any();
    let (metadata, operator) = tokio::join!(metadata::read(access, &name), operator_seen(access, &cluster));
    let image = metadata.map(|metadata| metadata.image).map_err(|error| format!("{error:#}"));
    let overview = overview(access, &cluster, image.as_deref().map_err(String::as_str), operator).await;
    output::show(format, &overview, Overview::text)?;
    Ok(code(overview.healthy))
}

/// With what brokers that are behind say themselves.
pub(super) async fn overview(
    access: &Access,
    cluster: &Cluster,
    image: Result<&ClusterImage, &str>,
    operator: OperatorSeen,
) -> Overview {
    let overview = Overview::new(cluster, image, operator);
    let lags = lag::ask(access, overview.behind()).await;
    overview.with_lags(lags)
}

pub(super) async fn operator_seen(access: &Access, cluster: &Cluster) -> OperatorSeen {
    if cluster.status.as_ref().is_none_or(|status| status.controller.is_none()) {
        return OperatorSeen::NotNamed;
    }
    match operator_pods(access, cluster).await {
        Ok(pods) if pods.is_empty() => OperatorSeen::Gone,
        Ok(pods) if pods.iter().any(is_ready) => OperatorSeen::Ready,
        Ok(_) => OperatorSeen::NotReady,
        Err(error) => OperatorSeen::Unknown(error.to_string()),
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
