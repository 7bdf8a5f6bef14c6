//! What scenarios on a real Kubernetes share: a namespace of their own, objects to apply, states to wait for, Kafka clients
//! in pods.
//!
//! It is: a client of the API server, of the current kubeconfig, in which the operator runs. It is not: anything that
//! waits for a time to pass. A scenario waits for a state, with a limit that only a failure reaches.

mod clients;
mod operator;
mod scenario;
mod waiting;

pub use clients::{consume, produce, refused, run};
pub use operator::writes;
pub use scenario::{BOOTSTRAP, CLUSTER, History, begin, is_true, until_whole};
pub use waiting::{LIMIT, until};

use anyhow::Context as _;
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Namespace};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, future::Future};

/// Image with brokers and the command line `weir`, in the nodes.
pub const BROKER_IMAGE: &str = "weir-broker:dev";

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

/// Runs a scenario in a namespace of its own. One that failed stays, for people to look at.
pub async fn in_own_namespace<F>(name: &str, scenario: impl FnOnce(Place) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let client = Client::try_default().await.context("find the API server")?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let metadata = ObjectMeta { generate_name: Some(format!("e2e-{name}-")), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    let created = namespaces.create(&PostParams::default(), &namespace).await.context("create a namespace")?;
    let namespace = created.metadata.name.context("the namespace has no name")?;
    scenario(Place { client, namespace: namespace.clone() })
        .await
        .with_context(|| format!("in namespace {namespace}"))?;
    namespaces.delete(&namespace, &DeleteParams::background()).await.context("delete the namespace")?;
    Ok(())
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
