//! The Secret with the token of a cluster's brokers: made once, and made again as it was where somebody deleted or changed it.

use crate::{
    control_plane::token,
    metrics::Metrics,
    resources::{FIELD_MANAGER, secret},
    valid_cluster::ValidCluster,
};
use anyhow::Context as _;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};

/// Returns the token. `known`: the one that brokers have now; a new one would shut them out until their volumes follow.
pub(super) async fn ensure(
    client: &Client,
    cluster: &ValidCluster,
    known: Option<String>,
    metrics: &Metrics,
) -> anyhow::Result<String> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &cluster.key.namespace);
    let is_as_known = |token: &String| known.as_ref().is_none_or(|known| known == token);
    let wanted = secret::build(cluster, &known.clone().unwrap_or_else(token::fresh));
    let name = wanted.metadata.name.clone().unwrap_or_default();
    // One Secret by name, not a watch: the operator needs no right to see the others.
    let there = secrets.get_opt(&name).await.context("read the Secret of the sessions")?;
    let written = match there {
        Some(there) => match secret::token(&there).filter(is_as_known) {
            Some(token) => return Ok(token),
            None => {
                let parameters = PatchParams::apply(FIELD_MANAGER).force();
                secrets.patch(&name, &parameters, &Patch::Apply(&wanted)).await
            }
        },
        None => {
            let parameters = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
            secrets.create(&parameters, &wanted).await
        }
    };
    metrics.wrote("object");
    let written = written.context("write the Secret of the sessions")?;
    tracing::info!(cluster = %cluster.key, secret = name, "token for the sessions of brokers written");
    secret::token(&written).context("the Secret was written without a token")
}
