//! `kubectl weir report`: a folder for whoever is to help.

use super::{operator_pods, status};
use crate::{
    access::Access,
    arguments::Report,
    metadata, output,
    partition_list::{Filter, PartitionList},
    redacted::redacted,
    topic_list::{Owned, TopicList},
};
use anyhow::Context as _;
use custom_resources::{CLUSTER_LABEL, Cluster, Topic};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        core::v1::{Event, PersistentVolumeClaim, Pod, Service},
        policy::v1::PodDisruptionBudget,
    },
    jiff::Timestamp,
};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{ListParams, LogParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use std::{
    fmt::Debug,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Of each container, from the end.
const LOG_LINES: i64 = 20_000;
const LOG_BYTES: i64 = 16 << 20;

/// Objects of a kind at most: the newest problems are in all of them.
const OBJECTS: u32 = 5_000;

/// The folder, and what could not be put into it.
struct Folder {
    path: PathBuf,
    missing: Vec<String>,
}

pub(super) async fn run(access: &Access, asked: Report) -> anyhow::Result<ExitCode> {
    let cluster = access.cluster(asked.named.cluster.as_deref()).await?;
    let name = cluster.name_any();
    let path = asked.directory.unwrap_or_else(|| {
        let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        PathBuf::from(format!("weir-report-{name}-{now}"))
    });
    fs::create_dir(&path).with_context(|| format!("create folder {}", path.display()))?;
    fs::create_dir(path.join("logs")).context("create folder logs")?;
    let mut folder = Folder { path, missing: Vec::new() };
    summaries(&mut folder, access, &cluster).await?;
    objects(&mut folder, access, &cluster).await?;
    let pods: Api<Pod> = Api::namespaced(access.client.clone(), &access.namespace);
    let of_cluster = ListParams::default().labels(&format!("{CLUSTER_LABEL}={name}")).limit(OBJECTS);
    match pods.list(&of_cluster).await {
        Ok(list) => logs(&mut folder, access, &list.items).await?,
        Err(error) => folder.missing.push(format!("logs of the brokers: {error}")),
    }
    match operator_pods(access, &cluster).await {
        Ok(list) => logs(&mut folder, access, &list).await?,
        Err(error) => folder.missing.push(format!("logs of the operator: {error}")),
    }
    for missing in &folder.missing {
        output::note(&format!("not in the report: {missing}"));
    }
    folder.write("missing.txt", (folder.missing.join("\n") + "\n").as_bytes())?;
    output::note(&format!("report written to {}: look through the logs before you hand it on", folder.path.display()));
    Ok(ExitCode::SUCCESS)
}

impl Folder {
    fn write(&self, name: impl AsRef<Path>, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.path.join(name);
        let told = || format!("write {}", path.display());
        File::create_new(&path).with_context(told)?.write_all(bytes).with_context(told)
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> anyhow::Result<()> {
        let value = redacted(serde_json::to_value(value).with_context(|| format!("write {name} as JSON"))?);
        self.write(name, format!("{value:#}\n").as_bytes())
    }

    async fn list<K>(&mut self, access: &Access, name: &str, labels: Option<&str>) -> anyhow::Result<()>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Serialize + Debug,
    {
        let api: Api<K> = Api::namespaced(access.client.clone(), &access.namespace);
        let mut parameters = ListParams::default().limit(OBJECTS);
        parameters.label_selector = labels.map(str::to_owned);
        match api.list(&parameters).await {
            Ok(list) => self.write_json(name, &list.items),
            Err(error) => {
                self.missing.push(format!("{name}: {error}"));
                Ok(())
            }
        }
    }
}

async fn summaries(folder: &mut Folder, access: &Access, cluster: &Cluster) -> anyhow::Result<()> {
    let metadata = metadata::read(access, &cluster.name_any()).await;
    let operator = status::operator_seen(access, cluster).await;
    let image = metadata.as_ref().map(|metadata| &*metadata.image).map_err(|error| format!("{error:#}"));
    let overview = status::overview(access, cluster, image.as_deref().map_err(String::as_str), operator).await;
    folder.write("status.txt", overview.text().as_bytes())?;
    folder.write_json("status.json", &overview)?;
    match image {
        Ok(image) => {
            // Their configurations are in metadata.json, redacted.
            let mut topics = TopicList::new(image, &Owned::new(), false);
            topics.topics.iter_mut().for_each(|topic| topic.configs.clear());
            folder.write("topics.txt", topics.text().as_bytes())?;
            folder.write("partitions.txt", PartitionList::new(image, &Filter::default()).text().as_bytes())?;
            folder.write_json("metadata.json", image)
        }
        Err(error) => {
            folder.missing.push(format!("metadata.json: {error}"));
            Ok(())
        }
    }
}

async fn objects(folder: &mut Folder, access: &Access, cluster: &Cluster) -> anyhow::Result<()> {
    let of_cluster = format!("{CLUSTER_LABEL}={}", cluster.name_any());
    folder.write_json("cluster.json", cluster)?;
    folder.write_json("plugin.json", &json!({ "version": env!("CARGO_PKG_VERSION") }))?;
    folder.list::<Topic>(access, "topics.json", None).await?;
    folder.list::<Event>(access, "events.json", None).await?;
    folder.list::<Pod>(access, "pods.json", Some(&of_cluster)).await?;
    folder.list::<StatefulSet>(access, "statefulsets.json", Some(&of_cluster)).await?;
    folder.list::<Service>(access, "services.json", Some(&of_cluster)).await?;
    folder.list::<PersistentVolumeClaim>(access, "persistentvolumeclaims.json", Some(&of_cluster)).await?;
    folder.list::<PodDisruptionBudget>(access, "poddisruptionbudgets.json", Some(&of_cluster)).await
}

/// Of every container, and of the run before where there was one.
async fn logs(folder: &mut Folder, access: &Access, pods: &[Pod]) -> anyhow::Result<()> {
    for pod in pods {
        let name = pod.name_any();
        let api: Api<Pod> = Api::namespaced(access.client.clone(), pod.namespace().as_deref().unwrap_or_default());
        let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
        for container in statuses {
            let runs = if container.restart_count > 0 { &[false, true][..] } else { &[false] };
            for previous in runs {
                let parameters = LogParams {
                    container: Some(container.name.clone()),
                    previous: *previous,
                    tail_lines: Some(LOG_LINES),
                    limit_bytes: Some(LOG_BYTES),
                    timestamps: true,
                    ..LogParams::default()
                };
                let run = if *previous { "previous.log" } else { "log" };
                let file = format!("logs/{name}.{}.{run}", container.name);
                match api.logs(&name, &parameters).await {
                    Ok(text) => folder.write(&file, text.as_bytes())?,
                    Err(error) => folder.missing.push(format!("{file}: {error}")),
                }
            }
        }
    }
    Ok(())
}
