//! Kafka clients in pods: each runs once, to its end.

use crate::{BROKER_IMAGE, Place, until, until_so};
use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, LogParams, PostParams};

/// Writes records, acknowledged by all in-sync replicas.
pub async fn produce(place: &Place, bootstrap: &str, topic: &str, records: &[String]) -> anyhow::Result<()> {
    let mut arguments = vec!["produce", topic, "--bootstrap-server", bootstrap];
    arguments.extend(records.iter().map(String::as_str));
    run(place, &arguments).await.map(drop)
}

/// Everything in a topic, from its beginning to its present end.
pub async fn consume(place: &Place, bootstrap: &str, topic: &str) -> anyhow::Result<Vec<String>> {
    let arguments = ["consume", topic, "--from-beginning", "--until-end", "--bootstrap-server", bootstrap];
    let output = run(place, &arguments).await?;
    Ok(output.lines().map(str::to_owned).collect())
}

/// Clients inside reach a cluster whose Service was just made: its address and endpoints come to names and nodes a little later.
pub async fn until_found(place: &Place, bootstrap: &str, topic: &str) -> anyhow::Result<()> {
    until_so("clients inside find the cluster", || async { consume(place, bootstrap, topic).await.is_ok() }).await
}

/// Runs `weir` with a command that is to be done; what it prints.
pub async fn run(place: &Place, arguments: &[&str]) -> anyhow::Result<String> {
    let (is_done, output) = attempted(place, arguments).await?;
    ensure!(is_done, "weir {arguments:?} failed: {output}");
    Ok(output)
}

/// Runs `weir` with a command that is to be refused; what it prints.
pub async fn refused(place: &Place, arguments: &[&str]) -> anyhow::Result<String> {
    let (is_done, output) = attempted(place, arguments).await?;
    ensure!(!is_done, "weir {arguments:?} was not refused: {output}");
    Ok(output)
}

/// Whether `weir` succeeded, and what it prints on standard output and on standard error.
pub async fn attempted(place: &Place, arguments: &[&str]) -> anyhow::Result<(bool, String)> {
    let pod: Pod = serde_json::from_value(serde_json::json!({
        "metadata": { "generateName": "client-" },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "containers": [{
                "name": "client", "image": BROKER_IMAGE, "imagePullPolicy": "IfNotPresent",
                "command": ["weir"], "args": arguments,
            }],
        },
    }))?;
    let pods = place.api::<Pod>();
    let created = pods.create(&PostParams::default(), &pod).await.context("start a client")?;
    let name = created.metadata.name.context("the pod has no name")?;
    let phase = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
    let ended =
        until::<Pod>(place, &name, "the client ends", |pod| ["Succeeded", "Failed"].contains(&&*phase(pod))).await?;
    let output = pods.logs(&name, &LogParams::default()).await.context("read what the client says")?;
    pods.delete(&name, &DeleteParams::background()).await.context("remove the client")?;
    Ok((phase(&ended) == "Succeeded", output))
}
