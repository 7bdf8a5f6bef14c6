//! The volumes of a cluster, for a controller that finds no metadata: whether there are any that stay, and of which cluster they
//! are. Read from the API server itself.

use crate::{
    resources::{CLUSTER_ID_ANNOTATION, CLUSTER_LABEL, is_of_another_cluster, names},
    valid_cluster::{ClusterKey, ValidCluster},
};
use anyhow::Context as _;
use k8s_openapi::{
    api::{apps::v1::StatefulSet, core::v1::PersistentVolumeClaim},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, api::ListParams};
use std::collections::BTreeSet;

/// What one answer of a list holds at most.
const PAGE: u32 = 500;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Volumes {
    /// Name of one that stays.
    pub(super) one: Option<String>,
    /// Name of one that goes.
    pub(super) going: Option<String>,
    /// Of the clusters whose records are on those that stay, as far as that was written on them.
    pub(super) cluster_ids: BTreeSet<String>,
}

/// By label, and by name: a StatefulSet takes a claim of the right name whoever made it.
pub(super) async fn volumes(client: &Client, cluster: &ValidCluster) -> anyhow::Result<Volumes> {
    let ClusterKey { namespace, name } = &cluster.key;
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
    let mut found = Vec::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = claims.list_metadata(&page).await.context("look for volumes of the cluster")?;
        found.extend(list.items.into_iter().map(|claim| claim.metadata).filter(|claim| is_of(name, claim)));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => break,
        }
    }
    if found.is_empty() {
        return Ok(Volumes::default());
    }
    let sets: Api<StatefulSet> = Api::namespaced(client.clone(), namespace);
    let set = sets.get_metadata_opt(&names::stateful_set(name)).await.context("look for the set of the volumes")?;
    let set = set
        .map(|set| set.metadata)
        .filter(|set| set.deletion_timestamp.is_none() && !is_of_another_cluster(set, &cluster.uid));
    let mut volumes = Volumes::default();
    for claim in found {
        if goes(&claim, set.as_ref()) {
            volumes.going = claim.name;
            continue;
        }
        let id = claim.annotations.and_then(|mut annotations| annotations.remove(CLUSTER_ID_ANNOTATION));
        volumes.cluster_ids.extend(id);
        volumes.one = claim.name;
    }
    Ok(volumes)
}

fn is_of(cluster: &str, claim: &ObjectMeta) -> bool {
    let label = claim.labels.as_ref().and_then(|labels| labels.get(CLUSTER_LABEL));
    let by_name = || names::broker_of_claim(cluster, claim.name.as_deref()?);
    label.is_some_and(|label| label == cluster) || by_name().is_some()
}

/// With `whenDeleted: Delete` a claim has its set as owner, and goes after it: Kubernetes need not have begun with it.
/// `set`: that stays.
fn goes(claim: &ObjectMeta, set: Option<&ObjectMeta>) -> bool {
    let mut owners = claim.owner_references.iter().flatten().filter(|owner| owner.kind == "StatefulSet").peekable();
    let has_owner = owners.peek().is_some();
    let stays = owners.any(|owner| set.is_some_and(|set| set.uid.as_ref() == Some(&owner.uid)));
    claim.deletion_timestamp.is_some() || has_owner && !stays
}
