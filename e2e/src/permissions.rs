//! An API server that refuses what the operator asks: 403, for its roles allow nothing any more. Watches that run go on. Flow control
//! with a level without seats (429) is no way to it: what comes while nothing else runs is served all the same.

use crate::operator::{OPERATOR, installed};
use anyhow::Context as _;
use k8s_openapi::{
    NamespaceResourceScope,
    api::rbac::v1::{ClusterRole, PolicyRule, Role},
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use std::fmt::Debug;

/// What a role allowed, while it allows nothing.
const TAKEN_AWAY: &str = "weir.dev/e2e-rules";

trait Rules: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned {
    fn rules(&self) -> Option<&Vec<PolicyRule>>;
}

impl Rules for ClusterRole {
    fn rules(&self) -> Option<&Vec<PolicyRule>> {
        self.rules.as_ref()
    }
}

impl Rules for Role {
    fn rules(&self) -> Option<&Vec<PolicyRule>> {
        self.rules.as_ref()
    }
}

pub async fn refuse_operator(client: &Client) -> anyhow::Result<()> {
    let (cluster_roles, roles) = roles_of_operator(client).await?;
    take_away(&cluster_roles).await?;
    take_away(&roles).await
}

/// Also where it was never refused anything.
pub async fn serve_operator(client: &Client) -> anyhow::Result<()> {
    let (cluster_roles, roles) = roles_of_operator(client).await?;
    give_back(&cluster_roles).await?;
    give_back(&roles).await
}

async fn roles_of_operator(client: &Client) -> anyhow::Result<(Api<ClusterRole>, Api<Role>)> {
    let place = installed(client).await?;
    Ok((Api::all(client.clone()), namespaced(&place.client, &place.namespace)))
}

fn namespaced<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>(
    client: &Client,
    namespace: &str,
) -> Api<K> {
    Api::namespaced(client.clone(), namespace)
}

async fn take_away<K: Rules>(api: &Api<K>) -> anyhow::Result<()> {
    for role in of_operator(api).await? {
        if role.annotations().contains_key(TAKEN_AWAY) {
            continue;
        }
        let kept = serde_json::to_string(&role.rules()).context("keep the rules of a role")?;
        let patch = json!({"metadata": {"annotations": {TAKEN_AWAY: kept}}, "rules": []});
        patched(api, &role.name_any(), &patch).await?;
    }
    Ok(())
}

async fn give_back<K: Rules>(api: &Api<K>) -> anyhow::Result<()> {
    for role in of_operator(api).await? {
        let Some(kept) = role.annotations().get(TAKEN_AWAY) else { continue };
        let rules: Option<Vec<PolicyRule>> = serde_json::from_str(kept).context("read the rules of a role")?;
        let patch = json!({"metadata": {"annotations": {TAKEN_AWAY: null}}, "rules": rules});
        patched(api, &role.name_any(), &patch).await?;
    }
    Ok(())
}

async fn of_operator<K: Rules>(api: &Api<K>) -> anyhow::Result<Vec<K>> {
    let named = ListParams::default().labels(&format!("app.kubernetes.io/name={OPERATOR}"));
    Ok(api.list(&named).await.context("list the operator's roles")?.items)
}

async fn patched<K: Rules>(api: &Api<K>, name: &str, patch: &(impl Serialize + Debug)) -> anyhow::Result<()> {
    let parameters = PatchParams { field_manager: Some("e2e".to_owned()), ..PatchParams::default() };
    let patched = api.patch(name, &parameters, &Patch::Merge(patch)).await;
    patched.map(drop).with_context(|| format!("change what role {name} allows"))
}
