//! Waiting for a state.

use crate::Place;
use anyhow::{Context as _, bail};
use futures_util::StreamExt as _;
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Resource,
    runtime::{
        WatchStreamExt as _,
        wait::{await_condition, conditions::is_deleted},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, time::Duration};
use tokio::time::{interval, timeout};

/// Far beyond what anything here takes, on a machine that does other things too.
pub const LIMIT: Duration = Duration::from_secs(180);

/// Waits until an object is there of which this holds, by a watch.
pub async fn until<K>(place: &Place, name: &str, what: &str, holds: impl Fn(&K) -> bool) -> anyhow::Result<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let objects = watcher(place.api::<K>(), only).default_backoff().applied_objects();
    let (mut last, mut trouble) = (None, None);
    let waiting = async {
        let mut objects = std::pin::pin!(objects);
        while let Some(object) = objects.next().await {
            match object {
                Ok(object) if holds(&object) => return Some(object),
                Ok(object) => last = Some(object),
                // It goes on by itself, also after no API server answered.
                Err(error) => trouble = Some(error),
            }
        }
        None
    };
    match timeout(LIMIT, waiting).await {
        Ok(Some(found)) => Ok(found),
        Ok(None) => bail!("the watch ended before {what}"),
        Err(_) => bail!("waited in vain until {what}; {name} is {last:#?}, the watch saw {trouble:?}"),
    }
}

/// Waits until an object is gone, or another one of its name is there.
pub async fn until_gone<K>(place: &Place, name: &str, uid: &str) -> anyhow::Result<()>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let waiting = await_condition(place.api::<K>(), name, is_deleted(uid));
    timeout(LIMIT, waiting).await.with_context(|| format!("{name} is still there"))??;
    Ok(())
}

/// Asks until it is so: for what no watch tells.
pub async fn until_so<F: Future<Output = bool>>(what: &str, ask: impl Fn() -> F) -> anyhow::Result<()> {
    let asking = async {
        let mut ticks = interval(Duration::from_millis(100));
        loop {
            ticks.tick().await;
            if ask().await {
                return;
            }
        }
    };
    timeout(LIMIT, asking).await.with_context(|| format!("waited in vain until {what}"))
}
