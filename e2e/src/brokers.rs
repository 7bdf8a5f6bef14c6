//! The pods of brokers: each one's life, and how many are down at a time.

use crate::{Place, until};
use anyhow::Context as _;
use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt as _,
    runtime::{WatchStreamExt as _, watcher},
};
use std::collections::BTreeMap;

/// Selects them.
pub const BROKERS: &str = "weir.dev/cluster=events";

pub fn pod_name(broker: i32) -> String {
    format!("events-{broker}")
}

pub fn restarts(pod: &Pod) -> i32 {
    let containers = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    containers.into_iter().flatten().map(|container| container.restart_count).sum()
}

/// Its containers say that they can serve.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// A pod that was looked at: what it is later tells whether it went down in between.
#[derive(Debug, Clone)]
pub struct Life {
    place: Place,
    pod: String,
    uid: Option<String>,
    restarts: i32,
}

impl Life {
    pub async fn of(place: &Place, pod: &str) -> anyhow::Result<Self> {
        let found = place.api::<Pod>().get(pod).await.with_context(|| format!("find {pod}"))?;
        Ok(Self { place: place.clone(), pod: pod.to_owned(), uid: found.uid(), restarts: restarts(&found) })
    }

    /// Its program has run on since, in this pod.
    pub async fn goes_on(&self) -> anyhow::Result<bool> {
        let now = Self::of(&self.place, &self.pod).await?;
        Ok((now.uid, now.restarts) == (self.uid.clone(), self.restarts))
    }

    /// Its program runs anew, in this pod or another of its name.
    pub async fn is_over(&self) -> anyhow::Result<Pod> {
        let is_new = |pod: &Pod| pod.uid() != self.uid || restarts(pod) > self.restarts;
        until(&self.place, &self.pod, "it is up again", |pod: &Pod| is_new(pod) && is_ready(pod)).await
    }
}

/// Watches until more than one broker is not ready at a time, and returns which.
pub async fn until_several_are_down(place: &Place) -> Vec<String> {
    let brokers = watcher::Config::default().labels(BROKERS);
    let mut events = std::pin::pin!(watcher(place.api::<Pod>(), brokers).default_backoff());
    let mut ready = BTreeMap::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)) => {
                ready.insert(pod.name_any(), is_ready(&pod));
            }
            Ok(watcher::Event::Delete(pod)) => {
                ready.insert(pod.name_any(), false);
            }
            _ => {}
        }
        let down: Vec<_> = ready.iter().filter(|(_, ready)| !**ready).map(|(name, _)| name.clone()).collect();
        if down.len() > 1 {
            return down;
        }
    }
    Vec::new()
}
