//! The Topic resources behind the topics of a cluster, for the requests of clients.

use super::allowed::Allowed;
use crate::{
    reconcilers::topic::{
        ownership::{owned_by, owner},
        valid_topic::ValidTopic,
    },
    valid_cluster::ClusterKey,
};
use control_plane::session::{FindingOwners, Owners};
use controller::{ControllerError, TopicImage};
use custom_resources::Topic;
use kube::runtime::reflector::{Store, store::WriterDropped};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

/// After a start the resources are listed within this time. Until they are known a change might be one that is not a client's.
const LISTED: Duration = Duration::from_secs(5);

/// Of one cluster.
pub(super) struct TopicOwners {
    pub(super) cluster: ClusterKey,
    pub(super) allowed_namespaces: watch::Receiver<Vec<String>>,
    /// Every resource of this operator.
    pub(super) topics: Arc<[Store<Topic>]>,
}

impl fmt::Debug for TopicOwners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicOwners").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl Owners for TopicOwners {
    fn of(&self, topics: Vec<Arc<TopicImage>>) -> FindingOwners<'_> {
        Box::pin(async move {
            if !matches!(tokio::time::timeout(LISTED, self.are_listed()).await, Ok(Ok(()))) {
                let reason = "whether a Topic resource says otherwise is not known yet".to_owned();
                return Err(ControllerError::StoreFailed(reason));
            }
            let resources = self.resources(&topics);
            let allowed = Allowed::by(&self.cluster, &self.allowed_namespaces.borrow());
            let of_one = |there: &Arc<TopicImage>| {
                let owner = owner(there, &resources, &allowed)?;
                Some((there.id, owned_by(owner)))
            };
            Ok(topics.iter().filter_map(of_one).collect::<BTreeMap<_, _>>())
        })
    }
}

impl TopicOwners {
    async fn are_listed(&self) -> Result<(), WriterDropped> {
        for store in self.topics.iter() {
            store.wait_until_ready().await?;
        }
        Ok(())
    }

    /// Those that name one of the topics.
    fn resources(&self, topics: &[Arc<TopicImage>]) -> Vec<ValidTopic> {
        let names: BTreeSet<&str> = topics.iter().map(|topic| &*topic.name).collect();
        let is_named = |resource: &Topic| {
            let name = resource.spec.topic_name.as_deref().or(resource.metadata.name.as_deref());
            name.is_some_and(|name| names.contains(name))
        };
        let all = self.topics.iter().flat_map(Store::state);
        let named = all.filter(|resource| is_named(resource)).filter_map(|resource| ValidTopic::new(&resource).ok());
        named.filter(|resource| resource.cluster == self.cluster).collect()
    }
}
