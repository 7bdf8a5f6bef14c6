//! An API server that refuses what the operator asks: 429, by the flow control that it has itself. Watches that run go on.

use crate::operator::{OPERATOR, installed};
use anyhow::Context as _;
use k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

const NAME: &str = "weir-e2e-refused";

pub async fn refuse_operator(client: &Client) -> anyhow::Result<()> {
    let namespace = installed(client).await?.namespace;
    let parameters = PatchParams::apply("e2e").force();
    let level = json!({
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "PriorityLevelConfiguration",
        "metadata": { "name": NAME },
        // No seat of its own, and none of others.
        "spec": { "type": "Limited", "limited": {
            "nominalConcurrencyShares": 0, "borrowingLimitPercent": 0, "limitResponse": { "type": "Reject" },
        } },
    });
    let levels: Api<PriorityLevelConfiguration> = Api::all(client.clone());
    levels.patch(NAME, &parameters, &Patch::Apply(level)).await.context("make a level without seats")?;
    let schema = json!({
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema",
        "metadata": { "name": NAME },
        "spec": {
            "priorityLevelConfiguration": { "name": NAME }, "matchingPrecedence": 100,
            "rules": [{
                "subjects": [{
                    "kind": "ServiceAccount", "serviceAccount": { "name": OPERATOR, "namespace": namespace },
                }],
                "resourceRules": [{
                    "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": true,
                }],
                "nonResourceRules": [{ "verbs": ["*"], "nonResourceURLs": ["*"] }],
            }],
        },
    });
    let schemas: Api<FlowSchema> = Api::all(client.clone());
    schemas.patch(NAME, &parameters, &Patch::Apply(schema)).await.context("send the operator there").map(drop)
}

/// Also where it was never refused anything.
pub async fn serve_operator(client: &Client) -> anyhow::Result<()> {
    let schemas: Api<FlowSchema> = Api::all(client.clone());
    let levels: Api<PriorityLevelConfiguration> = Api::all(client.clone());
    let parameters = DeleteParams::background();
    gone(schemas.delete(NAME, &parameters).await.map(drop))?;
    gone(levels.delete(NAME, &parameters).await.map(drop))
}

fn gone(result: kube::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.context("serve the operator again"),
    }
}
