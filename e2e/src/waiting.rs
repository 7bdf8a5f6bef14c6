//! Waiting for a state.

use anyhow::{Context as _, bail};
use futures_util::StreamExt as _;
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Resource,
    runtime::{WatchStreamExt as _, watcher},
};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, time::Duration};

/// Far beyond what anything here takes, on a machine that does other things too.
pub const LIMIT: Duration = Duration::from_secs(180);

/// Waits until an object is there of which this holds, by a watch.
pub async fn until<K>(place: &crate::Place, name: &str, what: &str, holds: impl Fn(&K) -> bool) -> anyhow::Result<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let objects = watcher(place.api::<K>(), only).default_backoff().applied_objects();
    let mut last = None;
    let waiting = async {
        let mut objects = std::pin::pin!(objects);
        while let Some(object) = objects.next().await {
            let object = object.context("watch")?;
            if holds(&object) {
                return Ok(object);
            }
            last = Some(object);
        }
        bail!("the watch ended")
    };
    match tokio::time::timeout(LIMIT, waiting).await {
        Ok(found) => found.with_context(|| format!("wait until {what}")),
        Err(_) => bail!("waited in vain until {what}; {name} is {last:#?}"),
    }
}
