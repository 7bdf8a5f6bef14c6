use super::*;
use crate::{
    control_plane::Controllers,
    reconcilers::cluster::{plan::configuring, set_size::SetSize},
    testing::ApiServer,
    valid_cluster::tests::{cluster, defaults},
};
use control_plane::session::Directory as _;
use controller::rebuild::Offer;
use model::{BrokerId, ControllerEpoch};
use serde_json::{Value, json};

const TOKEN: &str = "token-of-the-brokers";
const ROOT: &str = "/apis/weir.dev/v1alpha1/namespaces/shop/clustermetadata/events";
const SET: &str = "/apis/apps/v1/namespaces/shop/statefulsets/events";
/// Of the Cluster, as it is applied the first time and the second.
const UIDS: [&str; 2] = ["6f0d0a1e-52d5-4c7e-9a51-7d7c7c2b3a10", "00000000-0000-4000-8000-000000000002"];

fn claim_path(broker: i32) -> String {
    format!("/api/v1/namespaces/shop/persistentvolumeclaims/data-events-{broker}")
}

fn with_uid(uid: &str, when_deleted: &str) -> ValidCluster {
    let mut cluster = cluster(&format!("{{storage: {{size: 1Gi, retentionPolicy: {{whenDeleted: {when_deleted}}}}}}}"));
    cluster.metadata.uid = Some(uid.to_owned());
    ValidCluster::new(&cluster, &defaults()).unwrap()
}

/// An operator that hosts one cluster.
struct Operator {
    controllers: Controllers,
    cluster: ValidCluster,
}

impl Operator {
    async fn begin(server: &ApiServer, uid: &str, when_deleted: &str) -> Self {
        let controllers = Controllers::new(server.client(), Vec::new(), Vec::new(), Arc::default());
        let cluster = with_uid(uid, when_deleted);
        let operator = Self { controllers, cluster };
        operator.ensure().await;
        operator
    }

    async fn ensure(&self) {
        self.controllers.ensure(&self.cluster, TOKEN, Leaving::NOBODY, SetSize::default()).await;
    }

    async fn view(&self) -> View {
        self.controllers.view(&self.cluster.key).await.unwrap()
    }

    async fn until(&self, what: &str, is_so: impl Fn(&View) -> bool) -> View {
        for _ in 0..60 {
            let view = self.view().await;
            if is_so(&view) {
                return view;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("{what}: {:?}", self.view().await);
    }

    /// Of the cluster whose metadata it decides on.
    async fn decides(&self) -> String {
        let view = self.until("decides", |view| view.handle.is_some() && view.image.is_some()).await;
        view.image.unwrap().cluster_id.to_string()
    }

    /// Of the cluster whose brokers it waits for.
    async fn recovers(&self) -> String {
        self.until("recovers", |view| view.is_recovering).await;
        match self.controllers.entrance().find(Some(TOKEN)) {
            Ok(Found::Recovery(recovery)) => recovery.cluster_id().to_string(),
            other => panic!("brokers find {other:?}"),
        }
    }

    /// Neither that of a new cluster, nor from brokers.
    async fn waits(&self, server: &ApiServer, what: &str) {
        let says_so = |view: &View| view.problem.as_ref().is_some_and(|problem| problem.contains(what));
        let view = self.until(what, says_so).await;
        assert!(view.handle.is_none() && !view.is_recovering, "{view:?}");
        tokio::time::sleep(PAUSE * 3).await;
        let view = self.view().await;
        assert!(view.handle.is_none() && !view.is_recovering && says_so(&view), "{view:?}");
        assert_eq!(
            server.get(ROOT).map(|root| root["metadata"]["ownerReferences"].clone()),
            self.root_of_before(server)
        );
    }

    /// It is left as it is.
    fn root_of_before(&self, server: &ApiServer) -> Option<Value> {
        server.get(ROOT).map(|_| json!([owner("weir.dev/v1alpha1", "Cluster", UIDS[0])]))
    }
}

fn owner(api_version: &str, kind: &str, uid: &str) -> Value {
    json!({ "apiVersion": api_version, "kind": kind, "name": "events", "uid": uid, "controller": true })
}

fn id_of(uid: &str) -> String {
    cluster_id::of_uid(uid).unwrap().to_string()
}

#[tokio::test(start_paused = true)]
async fn cluster_without_volumes_is_a_new_one() {
    let server = ApiServer::default();
    assert_eq!(Operator::begin(&server, UIDS[0], "Retain").await.decides().await, id_of(UIDS[0]));
}

/// A StatefulSet takes claims by their names.
#[tokio::test(start_paused = true)]
async fn volumes_that_somebody_made_by_name_are_of_no_new_cluster() {
    let server = ApiServer::default();
    server.put(&claim_path(0), json!({ "metadata": {} }));
    Operator::begin(&server, UIDS[0], "Retain").await.recovers().await;
    assert!(server.get(ROOT).is_none());
    let server = ApiServer::default();
    server.put("/api/v1/namespaces/shop/persistentvolumeclaims/data-other-0", json!({ "metadata": {} }));
    Operator::begin(&server, UIDS[0], "Retain").await.decides().await;
}

#[tokio::test(start_paused = true)]
async fn volumes_say_of_which_cluster_they_are() {
    let server = ApiServer::default();
    let claim = |id: &str| json!({ "metadata": { "annotations": { "weir.dev/cluster-id": id } } });
    server.put(&claim_path(0), claim("an-id"));
    server.put(&claim_path(1), json!({ "metadata": {} }));
    assert_eq!(Operator::begin(&server, UIDS[1], "Retain").await.recovers().await, "an-id");
    server.put(&claim_path(2), claim("another-id"));
    Operator::begin(&server, UIDS[1], "Retain").await.waits(&server, "an-id, another-id").await;
}

/// Of which each broker says that it is new, too; one that obeyed somebody has lost its metadata.
#[tokio::test(start_paused = true)]
async fn volumes_that_somebody_made_for_a_new_cluster_are_its() {
    let offers = |operator: &Operator, obeyed: i64| {
        let Ok(Found::Recovery(recovery)) = operator.controllers.entrance().find(Some(TOKEN)) else { panic!() };
        for (id, obeyed) in [(0, 0), (1, obeyed), (2, 0)] {
            let obeyed = ControllerEpoch(obeyed);
            recovery.offer(Offer { broker: BrokerId(id), obeyed, reign: None, image: None });
        }
    };
    let server = ApiServer::default();
    server.put(&claim_path(0), json!({ "metadata": {} }));
    let operator = Operator::begin(&server, UIDS[0], "Retain").await;
    operator.recovers().await;
    offers(&operator, 1);
    tokio::time::sleep(PAUSE * 3).await;
    operator.recovers().await;
    offers(&operator, 0);
    assert_eq!(operator.decides().await, id_of(UIDS[0]));
    let server = ApiServer::default();
    server.put(&claim_path(0), json!({ "metadata": { "annotations": { "weir.dev/cluster-id": "an-id" } } }));
    let operator = Operator::begin(&server, UIDS[0], "Retain").await;
    operator.recovers().await;
    offers(&operator, 0);
    tokio::time::sleep(PAUSE * 3).await;
    assert_eq!(operator.recovers().await, "an-id", "it had records");
}

/// The Cluster was deleted and applied again, and then the metadata was lost.
#[tokio::test(start_paused = true)]
async fn id_of_the_metadata_is_known_though_it_is_lost_and_a_call_fails() {
    let server = ApiServer::default();
    let first = Operator::begin(&server, UIDS[0], "Retain").await;
    first.decides().await;
    first.controllers.keep_only(|_| false).await;
    let operator = Operator::begin(&server, UIDS[1], "Retain").await;
    assert_eq!(operator.decides().await, id_of(UIDS[0]));
    server.put(&claim_path(0), json!({ "metadata": {} }));
    server.fail(SET, true);
    server.remove(ROOT);
    // The next commit finds that it is gone.
    let _ = operator
        .view()
        .await
        .handle
        .unwrap()
        .alter_configs(configuring([("log.retention.ms".to_owned(), Some("1000".to_owned()))].into()))
        .await;
    operator
        .until("the number of brokers is not known", |view| {
            view.problem.as_ref().is_some_and(|problem| problem.contains("count the brokers"))
        })
        .await;
    tokio::time::sleep(PAUSE * 3).await;
    server.fail(SET, false);
    assert_eq!(operator.recovers().await, id_of(UIDS[0]));
}

/// `kubectl replace --force` with `whenDeleted: Delete`: what the Cluster of before had goes, in no order.
#[tokio::test(start_paused = true)]
async fn what_goes_with_a_deleted_cluster_is_waited_for() {
    let server = ApiServer::default();
    let first = Operator::begin(&server, UIDS[0], "Delete").await;
    first.decides().await;
    first.controllers.keep_only(|_| false).await;
    let set_uid = "uid-of-the-set";
    server.put(
        SET,
        json!({ "metadata": { "uid": set_uid, "ownerReferences": [owner("weir.dev/v1alpha1", "Cluster", UIDS[0])] } }),
    );
    let of_set = json!({ "metadata": { "ownerReferences": [owner("apps/v1", "StatefulSet", set_uid)] } });
    server.put(&claim_path(0), of_set.clone());
    let operator = Operator::begin(&server, UIDS[1], "Delete").await;
    operator.waits(&server, "a Cluster of the same name that was deleted").await;
    server.remove(ROOT);
    operator.waits(&server, "data-events-0").await;
    server.remove(SET);
    operator.waits(&server, "data-events-0").await;
    let mut going = of_set;
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    server.put(&claim_path(0), going);
    operator.waits(&server, "data-events-0").await;
    server.remove(&claim_path(0));
    assert_eq!(operator.decides().await, id_of(UIDS[1]));
}

/// Nor does one that somebody deletes by hand, while its pod is there, keep the others from bringing the metadata.
#[tokio::test(start_paused = true)]
async fn volumes_that_stay_bring_the_metadata() {
    let server = ApiServer::default();
    let set_uid = "uid-of-the-set";
    server.put(
        SET,
        json!({ "metadata": { "uid": set_uid, "ownerReferences": [owner("weir.dev/v1alpha1", "Cluster", UIDS[0])] } }),
    );
    let owned = json!({ "metadata": { "ownerReferences": [owner("apps/v1", "StatefulSet", set_uid)] } });
    server.put(&claim_path(0), owned);
    let going = json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } });
    server.put(&claim_path(1), going);
    Operator::begin(&server, UIDS[0], "Delete").await.recovers().await;
}
