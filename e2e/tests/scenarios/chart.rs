//! The chart's life: upgraded, rolled back, uninstalled and installed again, while a cluster and its clients go on.

use anyhow::{Context as _, ensure};
use e2e::{
    Acknowledged, Place, Stage, UNTOUCHED_MS,
    nodes::run as program,
    operator::{OPERATOR, installed},
    pod_name,
};
use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::Pod},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, ResourceExt as _};
use std::{env, path::Path};

async fn helm(namespace: &str, arguments: &str) -> anyhow::Result<String> {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/weir-operator");
    let arguments = arguments.replace("CHART", &chart.to_string_lossy());
    let given = arguments.split_whitespace().chain(["--namespace", namespace]);
    program("helm", given.map(str::to_owned).collect()).await
}

async fn lives(place: &Place) -> anyhow::Result<Vec<Option<String>>> {
    let mut uids = Vec::new();
    for broker in 0..3 {
        uids.push(place.api::<Pod>().get(&pod_name(broker)).await.context("find a broker")?.uid());
    }
    Ok(uids)
}

async fn operators(operator: &Place) -> anyhow::Result<Option<i32>> {
    let deployment = operator.api::<Deployment>().get(OPERATOR).await.context("find the operator")?;
    Ok(deployment.spec.and_then(|spec| spec.replicas))
}

/// Clients wait for nothing, and brokers are those that there were.
async fn is_untouched(stage: &mut Stage, before: &[Option<String>], by: &str) -> anyhow::Result<()> {
    stage.load.more(20).await?;
    let gap = stage.load.longest_gap().await?;
    ensure!(gap < UNTOUCHED_MS, "for {by} a partition waited for {gap} ms");
    ensure!(lives(&stage.place).await? == before, "brokers were restarted for {by}");
    stage.load.mark().await
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    let operator = installed(&place.client).await?;
    let (namespace, before) = (operator.namespace.clone(), lives(&place).await?);
    stage.load.mark().await?;

    helm(&namespace, "upgrade weir-operator CHART --reuse-values --set replicas=1,logLevel=debug --wait").await?;
    ensure!(operators(&operator).await? == Some(1), "the upgrade has no effect");
    is_untouched(&mut stage, &before, "an upgrade of the operator").await?;

    helm(&namespace, "rollback weir-operator --wait").await?;
    ensure!(operators(&operator).await? == Some(2), "the rollback has no effect");
    is_untouched(&mut stage, &before, "a rollback of the operator").await?;

    let values = helm(&namespace, "get values weir-operator --output json").await?;
    helm(&namespace, "uninstall weir-operator --wait").await?;
    let kinds = Api::<CustomResourceDefinition>::all(place.client.clone());
    kinds.get("clusters.weir.dev").await.context("the kinds stay when the chart is uninstalled")?;
    stage.load.through(10).await?;
    is_untouched(&mut stage, &before, "uninstalling the operator").await?;

    let file = env::temp_dir().join(format!("{}.json", place.namespace));
    std::fs::write(&file, values).context("keep the values")?;
    let epoch = stage.epoch().await?;
    let again = format!("install weir-operator CHART --values {} --wait", file.display());
    let installed = helm(&namespace, &again).await;
    std::fs::remove_file(&file).context("remove the values")?;
    installed.context("install it again")?;
    stage.until_taken_over(epoch).await?;
    is_untouched(&mut stage, &before, "installing the operator again").await?;
    stage.end().await
}
