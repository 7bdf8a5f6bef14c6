//! Topics whose resource was deleted. Nothing holds the resource back (there is no finalizer), and a mistake of many at
//! once is more likely than the wish: those are held.
//!
//! A deletion that nobody saw, because no operator ran or a watch broke, deletes no topic.

use super::valid_topic::ValidTopic;
use crate::{control_plane::Controllers, valid_cluster::ClusterKey};
use anyhow::{Context as _, anyhow};
use controller::requests::{DeleteTopics, TopicReference};
use custom_resources::topic::DeletionPolicy;
use model::TopicId;
use std::{collections::BTreeMap, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

/// Deletions that come within this time are looked at together.
const GATHER: Duration = Duration::from_secs(2);
/// Deletions that wait to be looked at; more than these hold up the watch.
pub(super) const LIMIT: usize = 1024;

/// How many resources of a cluster may go at once: five, or a tenth.
fn allowed(resources: usize) -> usize {
    (resources / 10).max(5)
}

/// Deletes the topics of resources that went. `count` says how many resources of a cluster are left, `is_wanted` whether
/// one that is left names the same topic.
pub(super) async fn run(
    mut gone: mpsc::Receiver<ValidTopic>,
    controllers: Controllers,
    count: impl Fn(&ClusterKey) -> usize,
    is_wanted: impl Fn(&ValidTopic) -> bool,
) {
    while let Some(first) = gone.recv().await {
        let deadline = Instant::now() + GATHER;
        let mut gathered = vec![first];
        while let Ok(Some(next)) = timeout_at(deadline, gone.recv()).await {
            gathered.push(next);
        }
        for (cluster, topics) in by_cluster(gathered) {
            let limit = allowed(count(&cluster) + topics.len());
            if topics.len() > limit {
                tracing::warn!(
                    %cluster, resources = topics.len(), limit,
                    "more Topic resources went at once than may: their topics stay, delete them with Kafka's tools if that is meant"
                );
                continue;
            }
            for topic in topics.into_iter().filter(|topic| !is_wanted(topic)) {
                if let Err(error) = delete(&controllers, &topic).await {
                    tracing::warn!(%cluster, topic = topic.name, error = %format!("{error:#}"), "the topic was not deleted and stays");
                }
            }
        }
    }
}

fn by_cluster(topics: Vec<ValidTopic>) -> BTreeMap<ClusterKey, Vec<ValidTopic>> {
    let mut by_cluster = BTreeMap::<_, Vec<_>>::new();
    for topic in topics.into_iter().filter(|topic| topic.deletion == DeletionPolicy::Delete) {
        by_cluster.entry(topic.cluster.clone()).or_default().push(topic);
    }
    by_cluster
}

async fn delete(controllers: &Controllers, topic: &ValidTopic) -> anyhow::Result<()> {
    // The cluster may have gone with its topics.
    let Some(view) = controllers.view(&topic.cluster).await else { return Ok(()) };
    let image = view.image.ok_or_else(|| anyhow!("the controller of the cluster has committed nothing yet"))?;
    let Some(id) = image.topic(&topic.name).map(|there| there.id).filter(|id| topic.owns(*id)) else { return Ok(()) };
    let handle = view.handle.ok_or_else(|| anyhow!("the controller of the cluster does not decide"))?;
    let request = DeleteTopics { topics: vec![TopicReference::Id(id)] };
    let results = handle.delete_topics(request).await.context("delete the topic")?;
    for deleted in results {
        deleted.result.context("delete the topic")?;
    }
    let TopicId(id) = id;
    tracing::info!(cluster = %topic.cluster, topic = topic.name, topic_id = %id, "topic deleted with its resource");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_may_go_at_once_and_a_tenth_of_many() {
        assert_eq!([0, 5, 50, 59, 200].map(allowed), [5, 5, 5, 5, 20]);
    }
}
