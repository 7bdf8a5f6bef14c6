//! What scenarios on a real Kubernetes share: a namespace of their own, objects to apply, states to wait for, clients under load
//! and faults.
//!
//! It is: a client of the API server, of the current kubeconfig, in which the operator runs; and of Docker, where its nodes are
//! containers of this machine. It is not: anything that waits for a time to pass. A scenario waits for a state, with a limit
//! that only a failure reaches.
//!
//! Start with [`Stage`]: a cluster of three, its producers and groups. They go on whatever a scenario does, and at the end what the
//! cluster holds is what they were told.

mod brokers;
mod clients;
pub mod distribution;
mod invariants;
mod load;
pub mod nodes;
pub mod operator;
mod orders;
pub mod permissions;
pub mod plugin;
mod scenario;
mod volumes;
mod waiting;

pub use brokers::{BROKERS, Life, is_ready, pod_name, restarts, until_several_are_down};
pub use clients::{attempted, consume, produce, refused, run, until_found};
pub use load::{Acknowledged, Gaps, Load, clients};
pub use nodes::Nodes;
pub use operator::AtWork;
pub use orders::Orders;
pub use scenario::{
    BOOTSTRAP, CLUSTER, GIVES_UP_MS, LEASE_MS, SESSION_TIMEOUT_MS, Stage, UNTOUCHED_MS, cluster_id, epoch, is_fenced,
    is_topic_ready, is_true, lacks_replicas, leader_of_most, topic, topic_id, topic_with, until_topic,
    until_topic_says, until_whole,
};
pub use volumes::{BrokerVolume, Medium, claim_name};
pub use waiting::{LIMIT, until, until_gone, until_so};

use anyhow::Context as _;
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Namespace};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams},
    runtime::wait::{await_condition, conditions::is_deleted},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, time::Duration};
use tokio::time::timeout;

/// Image with brokers and the command line `weir`, in the nodes.
pub const BROKER_IMAGE: &str = "weir-broker:dev";

/// Image with the operator, in the nodes.
pub const OPERATOR_IMAGE: &str = "weir-operator:dev";

/// The same as the brokers' by another name: a cluster that is told to run it rolls.
pub const NEXT_BROKER_IMAGE: &str = "weir-broker:next";

/// Nothing that Weir makes keeps a namespace for longer.
const NAMESPACE_GONE: Duration = Duration::from_secs(60);

/// A namespace of one scenario.
#[derive(Clone)]
pub struct Place {
    pub client: Client,
    pub namespace: String,
}

impl Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// Runs a scenario in a namespace of its own, which is deleted with all that is in it. One that failed stays, for people to look at.
pub async fn in_own_namespace<F, T>(client: &Client, name: &str, scenario: impl FnOnce(Place) -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let metadata = ObjectMeta { generate_name: Some(format!("e2e-{name}-")), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    let created = namespaces.create(&PostParams::default(), &namespace).await.context("create a namespace")?;
    let (namespace, uid) = (created.name_any(), created.uid().unwrap_or_default());
    let place = Place { client: client.clone(), namespace: namespace.clone() };
    let outcome = scenario(place).await.with_context(|| format!("in namespace {namespace}"))?;
    namespaces.delete(&namespace, &DeleteParams::background()).await.context("delete the namespace")?;
    let gone = await_condition(namespaces, &namespace, is_deleted(&uid));
    timeout(NAMESPACE_GONE, gone).await.with_context(|| format!("namespace {namespace} is still there"))??;
    Ok(outcome)
}

impl Place {
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Applies an object as a person does.
    pub async fn apply<K>(&self, yaml: &str) -> anyhow::Result<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
    {
        let object: serde_json::Value = serde_yaml::from_str(yaml).context("read the object")?;
        let name = object["metadata"]["name"].as_str().context("the object has a name")?;
        let parameters = PatchParams::apply("e2e");
        self.api().patch(name, &parameters, &Patch::Apply(&object)).await.with_context(|| format!("apply {name}"))
    }
}
