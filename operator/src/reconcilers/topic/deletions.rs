//! Topics whose resource was deleted. Nothing holds the resource back (there is no finalizer), so what it had is looked at
//! afterwards: the topic goes too, or it is held until a person says what was meant.
//!
//! A deletion that nobody saw, because no operator ran or a watch broke, deletes no topic and holds none.

mod guard;

use super::{held::Held, index::Resources, valid_topic::ValidTopic};
use crate::{
    control_plane::Controllers,
    events::{Events, Notice},
    valid_cluster::ClusterKey,
};
use anyhow::{Context as _, anyhow};
use control_plane::ControllerHandle;
use controller::{
    ClusterImage,
    requests::{DeleteTopics, TopicReference},
};
use custom_resources::{Topic, topic::DeletionPolicy};
use guard::Guard;
use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, Client, CustomResourceExt as _, api::PartialObjectMeta};
use model::TopicId;
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};

/// Deletions that come within this time are looked at together.
const GATHER: Duration = Duration::from_secs(2);
/// Deletions that wait to be looked at; more than these hold up the watch.
pub(super) const LIMIT: usize = 1024;
/// An API server that does not answer within this time has not said that nothing is wrong.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// Deletes the topics of resources that went, or holds them.
pub(super) struct Deletions {
    pub(super) client: Client,
    pub(super) controllers: Controllers,
    pub(super) held: Held,
    pub(super) events: Events,
    /// Those that are left.
    pub(super) resources: Resources,
}

impl Deletions {
    pub(super) async fn run(self, mut gone: mpsc::Receiver<ValidTopic>) {
        let mut guards = BTreeMap::<ClusterKey, Guard>::new();
        // Of clusters of which nobody knows yet what there is.
        let mut waiting = Vec::new();
        while let Some(gathered) = gather(&mut gone, std::mem::take(&mut waiting)).await {
            for (cluster, topics) in by_cluster(gathered) {
                // The cluster may have gone with its topics.
                let Some(view) = self.controllers.view(&cluster).await else { continue };
                let Some(image) = view.image else {
                    waiting.extend(topics);
                    continue;
                };
                let guard = guards.entry(cluster.clone()).or_default();
                self.went(&cluster, topics, &image, view.handle, guard).await;
            }
        }
    }

    async fn went(
        &self,
        cluster: &ClusterKey,
        resources: Vec<ValidTopic>,
        image: &ClusterImage,
        handle: Option<ControllerHandle>,
        guard: &mut Guard,
    ) {
        let Some(allowed) = self.controllers.allowed(cluster).await else { return };
        // Others had no topic, and are no measure of how many go.
        let resources: Vec<_> = resources.into_iter().filter(|resource| allowed.has(&resource.namespace)).collect();
        let is_wanted = |gone: &ValidTopic| {
            let naming = self.resources.naming(cluster, &gone.name);
            naming
                .iter()
                .filter_map(|left| ValidTopic::new(left).ok())
                .any(|left| left.uid != gone.uid && allowed.has(&left.namespace))
        };
        let namespaces: BTreeSet<_> = resources.iter().map(|resource| resource.namespace.clone()).collect();
        let going = resources.len();
        let topic = |resource: ValidTopic| {
            let id = image.topic(&resource.name)?.id;
            (resource.owns(id) && !is_wanted(&resource)).then_some((id, resource.name))
        };
        let topics: BTreeMap<TopicId, String> = resources.into_iter().filter_map(topic).collect();
        if topics.is_empty() {
            return;
        }
        let decided = if self.held.any(cluster) {
            Err("others wait for a decision already".to_owned())
        } else {
            guard.lets_go(going, self.resources.count(cluster, &allowed), Instant::now())
        };
        let decided = match decided {
            Ok(()) => self.nothing_larger_goes(&namespaces).await,
            refused => refused,
        };
        let reason = match (decided, handle) {
            (Ok(()), Some(handle)) => match delete(&handle, cluster, &topics).await {
                Ok(()) => {
                    self.tell(cluster, &topics).await;
                    return;
                }
                Err(error) => format!("{error:#}"),
            },
            (Ok(()), None) => "the controller of the cluster did not decide".to_owned(),
            (Err(reason), _) => reason,
        };
        tracing::warn!(%cluster, topics = topics.len(), reason, "the deletion of topics is held");
        self.held.hold(cluster, &reason, topics);
        self.controllers.tell_of(cluster).await;
    }

    async fn tell(&self, cluster: &ClusterKey, topics: &BTreeMap<TopicId, String>) {
        let Some(reference) = self.controllers.reference(cluster).await else { return };
        let names: Vec<_> = topics.values().map(String::as_str).collect();
        let note = format!("deleted with their resources: topics {}", names.join(", "));
        self.events.publish(&reference, vec![Notice::normal("TopicsDeleted", note)]).await;
    }

    /// Resources that go with their namespace or with their kind were not deleted each for itself.
    async fn nothing_larger_goes(&self, namespaces: &BTreeSet<String>) -> Result<(), String> {
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let name = Topic::crd_name();
        let definition = asked("the definition of Topic", definitions.get_metadata_opt(name)).await?;
        stays("the definition of Topic", definition.as_ref())?;
        for namespace in namespaces {
            let all: Api<Namespace> = Api::all(self.client.clone());
            let what = format!("namespace {namespace}");
            let found = asked(&what, all.get_metadata_opt(namespace)).await?;
            stays(&what, found.as_ref())?;
        }
        Ok(())
    }
}

/// Those that wait, and what comes within a moment; `None`: nothing comes any more.
async fn gather(gone: &mut mpsc::Receiver<ValidTopic>, waiting: Vec<ValidTopic>) -> Option<Vec<ValidTopic>> {
    let mut gathered = waiting;
    if gathered.is_empty() {
        gathered.push(gone.recv().await?);
    }
    let deadline = Instant::now() + GATHER;
    while let Ok(next) = timeout_at(deadline, gone.recv()).await {
        gathered.push(next?);
    }
    Some(gathered)
}

async fn asked<T>(what: &str, call: impl Future<Output = kube::Result<T>>) -> Result<T, String> {
    match timeout(CALL_LIMIT, call).await {
        Ok(answer) => answer.map_err(|error| format!("whether {what} stays could not be asked: {error}")),
        Err(_) => Err(format!("whether {what} stays could not be asked: the API server does not answer")),
    }
}

fn stays<K>(what: &str, found: Option<&PartialObjectMeta<K>>) -> Result<(), String> {
    match found {
        Some(found) if found.metadata.deletion_timestamp.is_none() => Ok(()),
        _ => Err(format!("{what} was deleted, and the Topic resources with it")),
    }
}

fn by_cluster(topics: Vec<ValidTopic>) -> BTreeMap<ClusterKey, Vec<ValidTopic>> {
    let mut by_cluster = BTreeMap::<_, Vec<_>>::new();
    for topic in topics.into_iter().filter(|topic| topic.deletion == DeletionPolicy::Delete) {
        by_cluster.entry(topic.cluster.clone()).or_default().push(topic);
    }
    by_cluster
}

/// Those that are there no more are what was wanted.
pub(in crate::reconcilers) async fn delete(
    handle: &ControllerHandle,
    cluster: &ClusterKey,
    topics: &BTreeMap<TopicId, String>,
) -> anyhow::Result<()> {
    let request = DeleteTopics { topics: topics.keys().map(|id| TopicReference::Id(*id)).collect() };
    let results = handle.delete_topics(request).await.context("delete topics")?;
    for deleted in results {
        match deleted.result {
            Ok(()) | Err(controller::TopicError::UnknownTopicId) => {}
            Err(error) => return Err(anyhow!(error).context("delete a topic")),
        }
        let topic = deleted.name.map(|name| name.to_string()).unwrap_or_default();
        tracing::info!(%cluster, topic, topic_id = %deleted.id.0, "topic deleted with its resource");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::valid_topic::tests::resource, *};
    use serde_json::json;

    #[tokio::test(start_paused = true)]
    async fn deletions_that_wait_are_looked_at_again_with_those_that_come() {
        let topic = || ValidTopic::new(&resource("{}")).unwrap();
        let (tell, mut gone) = mpsc::channel(8);
        tell.send(topic()).await.unwrap();
        let first = gather(&mut gone, Vec::new()).await.unwrap();
        assert_eq!(first.len(), 1);
        let again = gather(&mut gone, first).await.unwrap();
        assert_eq!(again.len(), 1, "nothing came");
        tell.send(topic()).await.unwrap();
        assert_eq!(gather(&mut gone, again).await.map(|all| all.len()), Some(2));
        drop(tell);
        assert!(gather(&mut gone, Vec::new()).await.is_none());
    }

    #[test]
    fn resources_that_went_with_something_larger_take_nothing_along() {
        let found = |metadata: serde_json::Value| -> PartialObjectMeta<Namespace> {
            serde_json::from_value(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})).unwrap()
        };
        assert_eq!(stays("namespace a", Some(&found(json!({"name": "a"})))), Ok(()));
        let going = found(json!({"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"}));
        let reason = Err("namespace a was deleted, and the Topic resources with it".to_owned());
        assert_eq!(stays("namespace a", Some(&going)), reason);
        assert_eq!(stays::<Namespace>("namespace a", None), reason);
    }
}
