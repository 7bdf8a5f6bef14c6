//! The objects of one cluster in Kubernetes, those who act on them, and what the operator's watches brought of it so far.

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Pod},
};
use kube::Resource;
use operator::{
    reconcilers::cluster::{
        plan::Observed,
        set_size::SetSize,
        unused_volumes::{Claim, UNUSED_ANNOTATION},
    },
    resources::CLUSTER_ID_ANNOTATION,
};
use serde_json::{Value, json};
use simulator::random::Random;
use std::{collections::BTreeMap, sync::Arc};

/// Name of the only cluster.
pub(super) const CLUSTER: &str = "events";

#[derive(Debug, Clone, PartialEq)]
pub(super) struct SimPod {
    pub(super) uid: String,
    pub(super) revision: String,
    /// Its image does not come up.
    pub(super) is_broken: bool,
    pub(super) is_ready: bool,
    pub(super) is_going: bool,
    changes: u64,
}

impl SimPod {
    pub(super) fn set_ready(&mut self, is_ready: bool) {
        self.changes += u64::from(self.is_ready != is_ready);
        self.is_ready = is_ready;
    }

    pub(super) fn go(&mut self) {
        self.changes += u64::from(!self.is_going);
        self.is_going = true;
    }

    /// Another one after every change.
    pub(super) fn version(&self) -> String {
        format!("{}-{}", self.uid, self.changes)
    }
}

/// The claim of a broker's volume.
#[derive(Debug, Clone, PartialEq)]
struct SimClaim {
    uid: String,
    revision: u64,
    unused_since: Option<String>,
    cluster_id: Option<String>,
}

#[derive(Debug, Clone)]
struct Set {
    body: Value,
    generation: i64,
    /// What Kubernetes made of it last.
    observed_generation: i64,
    update_revision: String,
    /// Another one after every change.
    version: u64,
}

#[derive(Debug, Default)]
pub(super) struct Kubernetes {
    set: Option<Set>,
    /// Every template that the set ever had; the place in the list is the revision.
    templates: Vec<String>,
    pub(super) pods: BTreeMap<i32, SimPod>,
    claims: BTreeMap<i32, SimClaim>,
    others: Observed,
    pods_made: u64,
    claims_made: u64,
    /// What the watches brought.
    seen: Observed,
    seen_pods: BTreeMap<i32, SimPod>,
    seen_claims: BTreeMap<i32, SimClaim>,
}

impl Kubernetes {
    /// Brokers by the set as it is.
    pub(super) fn replicas(&self) -> i32 {
        self.set.as_ref().map_or(0, |set| replicas(&set.body))
    }

    /// `false`: the set is not the one any more that the operator looked at.
    pub(super) fn apply(&mut self, kind: &str, body: &Value) -> bool {
        match kind {
            "StatefulSet" => {
                let before = self.set.as_ref();
                let looked_at = body["metadata"]["resourceVersion"].as_str();
                if looked_at.is_some_and(|seen| before.is_none_or(|set| set.version.to_string() != seen)) {
                    return false;
                }
                let is_same = before.is_some_and(|set| set.body["spec"] == body["spec"]);
                let generation = before.map_or(0, |set| set.generation) + i64::from(!is_same);
                let (observed_generation, update_revision) =
                    before.map_or((0, String::new()), |set| (set.observed_generation, set.update_revision.clone()));
                let version = before.map_or(0, |set| set.version) + 1;
                self.set = Some(Set { body: body.clone(), generation, observed_generation, update_revision, version });
            }
            "Service" => take(&mut self.others.services, body),
            "ConfigMap" => take(&mut self.others.config_maps, body),
            "ServiceAccount" => take(&mut self.others.service_accounts, body),
            "PodDisruptionBudget" => take(&mut self.others.budgets, body),
            other => panic!("the operator applies a {other}"),
        }
        true
    }

    /// An operator that begins writes something into the set, and reads it by that.
    pub(super) fn take_set(&mut self) -> SetSize {
        if let Some(set) = &mut self.set {
            set.version += 1;
        }
        SetSize::read(self.set.as_ref().map(|set| replicas(&set.body)))
    }

    pub(super) fn delete(&mut self, kind: &str, name: &str) {
        match kind {
            "Service" => self.others.services.retain(|one| one.metadata.name.as_deref() != Some(name)),
            "ConfigMap" => self.others.config_maps.retain(|one| one.metadata.name.as_deref() != Some(name)),
            "PodDisruptionBudget" => self.others.budgets.retain(|one| one.metadata.name.as_deref() != Some(name)),
            other => panic!("the operator deletes a {other}"),
        }
    }

    /// Whether it was as it was looked at.
    pub(super) fn mark(&mut self, looked_at: &Claim, unused_since: Option<String>) -> bool {
        let claim = self.claims.get_mut(&looked_at.broker.0).filter(|claim| claim.is(looked_at));
        claim.map(|claim| (claim.revision, claim.unused_since) = (claim.revision + 1, unused_since)).is_some()
    }

    pub(super) fn identify(&mut self, broker: i32, cluster_id: String) -> bool {
        let claim = self.claims.get_mut(&broker);
        claim.map(|claim| (claim.revision, claim.cluster_id) = (claim.revision + 1, Some(cluster_id))).is_some()
    }

    pub(super) fn has_volume(&self, looked_at: &Claim) -> bool {
        self.claims.get(&looked_at.broker.0).is_some_and(|claim| claim.is(looked_at))
    }

    pub(super) fn delete_volume(&mut self, broker: i32) {
        self.claims.remove(&broker);
    }

    /// The controller of StatefulSets looks at the set; the pod that is to go and is wanted no more, if there is one.
    pub(super) fn sync_set(&mut self) -> Option<i32> {
        let set = self.set.as_mut()?;
        let template = set.body["spec"]["template"].to_string();
        let place = self.templates.iter().position(|known| *known == template).unwrap_or_else(|| {
            self.templates.push(template.clone());
            self.templates.len() - 1
        });
        let update_revision = format!("revision-{place}");
        set.version += u64::from((set.observed_generation, &set.update_revision) != (set.generation, &update_revision));
        (set.observed_generation, set.update_revision) = (set.generation, update_revision);
        let wanted = replicas(&set.body);
        if let Some(missing) = (0..wanted).find(|id| !self.pods.contains_key(id)) {
            self.pods_made += 1;
            let pod = SimPod {
                uid: format!("uid-{}", self.pods_made),
                revision: set.update_revision.clone(),
                is_broken: template.contains("broken"),
                is_ready: false,
                is_going: false,
                changes: 0,
            };
            self.pods.insert(missing, pod);
            self.claims.entry(missing).or_insert_with(|| {
                self.claims_made += 1;
                SimClaim { uid: format!("uid-{}", self.claims_made), revision: 1, unused_since: None, cluster_id: None }
            });
        }
        self.pods.iter().rev().find(|(id, pod)| **id >= wanted && !pod.is_going).map(|(id, _)| *id)
    }

    /// One event of a watch comes: of any kind, in any order.
    pub(super) fn deliver(&mut self, random: &mut Random) {
        match random.below(5) {
            0 => self.seen.stateful_sets = self.stateful_sets(),
            1 => {
                let pods = std::mem::take(&mut self.seen.pods);
                let sets = std::mem::take(&mut self.seen.stateful_sets);
                self.seen = Observed { pods, stateful_sets: sets, ..self.others.clone() };
            }
            2 => self.seen_claims = self.claims.clone(),
            _ => {
                let ids: Vec<i32> = self.pods.keys().chain(self.seen_pods.keys()).copied().collect();
                if ids.is_empty() {
                    return;
                }
                let id = ids[usize::try_from(random.below(ids.len() as u64)).unwrap_or(0)];
                match self.pods.get(&id) {
                    Some(pod) => self.seen_pods.insert(id, pod.clone()),
                    None => self.seen_pods.remove(&id),
                };
            }
        }
    }

    /// The watches begin anew: everything is listed.
    pub(super) fn list(&mut self) {
        self.seen = Observed { stateful_sets: self.stateful_sets(), ..self.others.clone() };
        self.seen_pods = self.pods.clone();
        self.seen_claims = self.claims.clone();
    }

    pub(super) fn seen(&self) -> Observed {
        let pods = self.seen_pods.iter().map(|(id, pod)| Arc::new(object(*id, pod))).collect();
        let claims = self.seen_claims.iter().map(|(id, claim)| Arc::new(claim.object(*id))).collect();
        Observed { pods, claims, ..self.seen.clone() }
    }

    pub(super) fn seen_pods(&self) -> &BTreeMap<i32, SimPod> {
        &self.seen_pods
    }

    fn stateful_sets(&self) -> Vec<Arc<StatefulSet>> {
        let object = |set: &Set| {
            let mut body = set.body.clone();
            body["metadata"]["generation"] = set.generation.into();
            body["metadata"]["uid"] = "set".into();
            body["metadata"]["resourceVersion"] = set.version.to_string().into();
            body["status"] = json!({
                "replicas": self.pods.len(),
                "observedGeneration": set.observed_generation,
                "updateRevision": set.update_revision,
            });
            Arc::new(serde_json::from_value(body).expect("what is applied is a StatefulSet"))
        };
        self.set.iter().map(object).collect()
    }

    /// Every pod is there, ready and of the newest template.
    pub(super) fn is_rolled_out(&self) -> bool {
        let Some(set) = &self.set else { return false };
        let wanted = replicas(&set.body);
        let is_good = |id| {
            self.pods.get(&id).is_some_and(|pod| pod.is_ready && !pod.is_going && pod.revision == set.update_revision)
        };
        set.observed_generation == set.generation
            && self.pods.len() == usize::try_from(wanted).unwrap_or(0)
            && (0..wanted).all(is_good)
    }
}

impl SimClaim {
    fn is(&self, looked_at: &Claim) -> bool {
        looked_at.uid.as_deref() == Some(&self.uid) && looked_at.revision == Some(self.revision.to_string())
    }

    fn object(&self, id: i32) -> PersistentVolumeClaim {
        let mut object = json!({ "metadata": {
            "name": format!("data-{CLUSTER}-{id}"), "namespace": "shop", "uid": self.uid,
            "resourceVersion": self.revision.to_string(),
        } });
        let annotations = [(UNUSED_ANNOTATION, &self.unused_since), (CLUSTER_ID_ANNOTATION, &self.cluster_id)];
        for (key, value) in annotations {
            if let Some(value) = value {
                object["metadata"]["annotations"][key] = value.as_str().into();
            }
        }
        serde_json::from_value(object).expect("a claim")
    }
}

fn replicas(set: &Value) -> i32 {
    set["spec"]["replicas"].as_i64().and_then(|replicas| i32::try_from(replicas).ok()).unwrap_or(0)
}

fn take<K>(objects: &mut Vec<Arc<K>>, body: &Value)
where
    K: Resource<DynamicType = ()> + serde::de::DeserializeOwned,
{
    let object: K = serde_json::from_value(body.clone()).expect("what is applied is of its kind");
    objects.retain(|there| there.meta().name != object.meta().name);
    objects.push(Arc::new(object));
}

fn object(id: i32, pod: &SimPod) -> Pod {
    let mut object = json!({
        "metadata": {
            "name": format!("{CLUSTER}-{id}"), "namespace": "shop", "uid": pod.uid, "resourceVersion": pod.version(),
            "labels": { "controller-revision-hash": pod.revision },
        },
        "status": { "conditions": [{ "type": "Ready", "status": if pod.is_ready { "True" } else { "False" } }] },
    });
    if pod.is_going {
        object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    }
    serde_json::from_value(object).expect("a pod")
}
