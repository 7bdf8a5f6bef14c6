//! `kubectl weir restart`.

use super::refused;
use crate::{access::Access, arguments::Named, output};
use anyhow::Context as _;
use custom_resources::{Cluster, cluster::UpdateType};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use std::process::ExitCode;

/// On the pods, as that of `kubectl rollout restart` is: another template rolls the brokers.
const RESTARTED_AT: &str = "weir.dev/restarted-at";

pub(super) async fn run(access: &Access, named: Named) -> anyhow::Result<ExitCode> {
    let cluster = access.cluster(named.cluster.as_deref()).await?;
    if let Some(why) = objection(&cluster) {
        return Ok(refused(why));
    }
    let name = cluster.name_any();
    let clusters: Api<Cluster> = Api::namespaced(access.client.clone(), &access.namespace);
    let parameters = PatchParams { field_manager: Some("kubectl-weir".to_owned()), ..PatchParams::default() };
    let patched = clusters.patch(&name, &parameters, &Patch::Merge(restart(Timestamp::now()))).await;
    patched.with_context(|| format!("patch Cluster {name}"))?;
    output::note(&format!(
        "brokers of {name} restart one at a time, each when no partition falls below its in-sync minimum without it; \
         kubectl weir status {name} tells how far it is"
    ));
    Ok(ExitCode::SUCCESS)
}

fn objection(cluster: &Cluster) -> Option<&'static str> {
    if cluster.spec.paused {
        return Some("spec.paused: nothing is restarted before that is taken back");
    }
    let on_delete = cluster.spec.update_strategy.type_ == UpdateType::OnDelete;
    on_delete.then_some("updateStrategy is OnDelete: brokers restart when their pods are deleted, one at a time")
}

fn restart(now: Timestamp) -> Value {
    let at = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({ "spec": { "template": { "pod": { "annotations": { RESTARTED_AT: at } } } } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::healthy_cluster;

    #[test]
    fn restart_is_another_template_of_the_pods_and_nothing_else() {
        let patch = restart(Timestamp::from_second(0).unwrap());
        let spec = json!({ "template": { "pod": { "annotations": { RESTARTED_AT: "1970-01-01T00:00:00Z" } } } });
        assert_eq!(patch, json!({ "spec": spec }));
    }

    #[test]
    fn restart_that_would_not_happen_is_refused() {
        assert_eq!(objection(&healthy_cluster()), None);
        let mut paused = healthy_cluster();
        paused.spec.paused = true;
        assert!(objection(&paused).unwrap().contains("paused"));
        let mut on_delete = healthy_cluster();
        on_delete.spec.update_strategy.type_ = UpdateType::OnDelete;
        assert!(objection(&on_delete).unwrap().contains("OnDelete"));
    }
}
