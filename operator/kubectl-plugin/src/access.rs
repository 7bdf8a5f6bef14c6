//! The API server, and the cluster that is meant.

use crate::arguments::Target;
use anyhow::{Context as _, bail};
use custom_resources::Cluster;
use kube::{
    Api, Client, Config, ResourceExt as _,
    api::ListParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use std::time::Duration;

/// A server that says nothing for this long is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const READ_LIMIT: Duration = Duration::from_secs(60);

/// Names in a message at most.
const NAMES_SHOWN: usize = 20;

#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) client: Client,
    pub(crate) namespace: String,
}

impl Access {
    pub(crate) async fn new(target: &Target) -> anyhow::Result<Self> {
        let options = KubeConfigOptions { context: target.context.clone(), ..KubeConfigOptions::default() };
        let config = match (&target.kubeconfig, &target.context) {
            (Some(path), _) => {
                let kubeconfig =
                    Kubeconfig::read_from(path).with_context(|| format!("read kubeconfig {}", path.display()))?;
                Config::from_custom_kubeconfig(kubeconfig, &options).await.context("read the kubeconfig")
            }
            (None, Some(_)) => Config::from_kubeconfig(&options).await.context("read the kubeconfig"),
            // In a pod without a kubeconfig: its service account.
            (None, None) => Config::infer().await.context("find a kubeconfig"),
        };
        let mut config = config?;
        config.connect_timeout = Some(CONNECT_LIMIT);
        config.read_timeout = Some(READ_LIMIT);
        let namespace = target.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).context("prepare a client of the API server")?;
        Ok(Self { client, namespace })
    }

    pub(crate) async fn cluster(&self, name: Option<&str>) -> anyhow::Result<Cluster> {
        let clusters: Api<Cluster> = Api::namespaced(self.client.clone(), &self.namespace);
        if let Some(name) = name {
            let cluster = clusters.get_opt(name).await.with_context(|| format!("read Cluster {name}"))?;
            return cluster.with_context(|| format!("there is no Cluster {name} in namespace {}", self.namespace));
        }
        let mut there = clusters.list(&ListParams::default()).await.context("list the Clusters")?.items;
        match there.pop() {
            None => bail!("there is no Cluster in namespace {}: choose another with --namespace", self.namespace),
            Some(only) if there.is_empty() => Ok(only),
            Some(last) => {
                there.push(last);
                let names: Vec<_> = there.iter().take(NAMES_SHOWN).map(|cluster| cluster.name_any()).collect();
                bail!(
                    "there are {} Clusters in namespace {}: name one of {}",
                    there.len(),
                    self.namespace,
                    names.join(", ")
                )
            }
        }
    }
}
