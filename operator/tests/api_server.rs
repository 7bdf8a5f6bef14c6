//! What only a real API server can answer, in a namespace of its own that is gone afterwards. It is the one of the current
//! kubeconfig, with the definitions under `crds/` applied: `make test-operator`.

use control_plane::store::conformance::{ObjectsStorage, check_objects, check_sharded};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{DeleteParams, ObjectMeta, PostParams},
};
use operator::{control_plane::kubernetes_store::KubernetesObjects, valid_cluster::ClusterKey};
use std::future::Future;

/// The objects of one cluster in a namespace of a test.
struct Place {
    client: Client,
    key: ClusterKey,
}

impl ObjectsStorage for Place {
    type Objects = KubernetesObjects;

    async fn open(&mut self) -> KubernetesObjects {
        KubernetesObjects::new(self.client.clone(), self.key.clone(), None)
    }
}

async fn in_own_namespace<F: Future<Output = ()>>(test: impl FnOnce(Client, String) -> F) {
    let client = Client::try_default().await.expect("a kubeconfig");
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let metadata = ObjectMeta { generate_name: Some("weir-test-".to_owned()), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    let created = namespaces.create(&PostParams::default(), &namespace).await.expect("a namespace");
    let name = created.metadata.name.expect("the API server gave it a name");
    test(client, name.clone()).await;
    namespaces.delete(&name, &DeleteParams::background()).await.expect("the namespace goes");
}

fn place(client: Client, namespace: String, name: &str) -> Place {
    Place { client, key: ClusterKey { namespace, name: name.to_owned() } }
}

#[tokio::test]
async fn objects_of_kubernetes_are_a_place_for_metadata() {
    in_own_namespace(|client, namespace| async move {
        check_objects(&mut place(client, namespace, "events")).await;
    })
    .await;
}

#[tokio::test]
async fn metadata_store_of_kubernetes_does_what_every_store_must() {
    in_own_namespace(|client, namespace| async move {
        // A cluster whose name begins as another's: neither sees the other's shards.
        check_sharded(&mut place(client.clone(), namespace.clone(), "events-5")).await;
        check_sharded(&mut place(client, namespace, "events")).await;
    })
    .await;
}
