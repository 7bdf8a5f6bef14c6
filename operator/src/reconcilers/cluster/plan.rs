//! What is to be done about a cluster: a comparison without I/O. What is as wanted plans nothing.

use super::{
    brokers::{self, BrokerPod},
    drain::{self, Drain},
    dynamic_config::{self, Changes},
    evictions,
    node_ports::{self, NodePorts},
    roll::{self, Roll},
    scale::{self, Scale, Wanted},
    set_size::SetSize,
    settling::Unsettled,
    unused_volumes::{self, Claim, Unused},
    volume_ids,
    volumes::{self, Seen, Volumes},
};
use crate::{
    reconcilers::difference::{is_marked, is_there, marked},
    resources::{
        config_map, is_of_another_cluster, names, pod_disruption_budget, service, service_account, stateful_set,
    },
    valid_cluster::ValidCluster,
};
use controller::{
    ClusterImage, Leaving,
    requests::{AlterConfigs, ConfigResource},
};
use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service, ServiceAccount},
        policy::v1::PodDisruptionBudget,
    },
    apimachinery::pkg::api::resource::Quantity,
    jiff::Timestamp,
};
use kube::{Resource, api::ApiResource};
use model::{BrokerId, ClusterId, TopicPartition};
use serde::Serialize;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// The objects of a cluster that there are.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    pub stateful_sets: Vec<Arc<StatefulSet>>,
    pub services: Vec<Arc<Service>>,
    pub config_maps: Vec<Arc<ConfigMap>>,
    pub service_accounts: Vec<Arc<ServiceAccount>>,
    pub budgets: Vec<Arc<PodDisruptionBudget>>,
    pub pods: Vec<Arc<Pod>>,
    pub claims: Vec<Arc<PersistentVolumeClaim>>,
    /// Whether a storage class lets volumes grow, where that matters.
    pub classes: BTreeMap<String, bool>,
    /// What is known of the set besides what was seen of it.
    pub set_size: SetSize,
    /// Pods that are ready only since a moment ago.
    pub unsettled: Unsettled,
    /// When this was seen.
    pub now: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Create it, or put back what somebody changed.
    Apply {
        resource: ApiResource,
        name: String,
        body: Value,
    },
    /// It is wanted no more.
    Delete {
        resource: ApiResource,
        name: String,
    },
    /// A Service that was there before is made again, with the port of nodes that it had where that is free still.
    Restore {
        name: String,
        body: Value,
        node_port: u16,
    },
    /// A volume is to be larger.
    Grow {
        claim: String,
        size: Quantity,
    },
    /// That nobody uses a volume is written on its claim, and since when; `None`: it is taken off.
    Mark {
        claim: Claim,
        unused_since: Option<Timestamp>,
    },
    /// Of which cluster the records are is written on the claim of their volume.
    Identify {
        claim: String,
        cluster_id: ClusterId,
    },
    /// A volume that nobody has used for a while.
    DeleteVolume(Claim),
    /// The set goes, and its pods stay: it is made again at once.
    Orphan {
        resource: ApiResource,
        name: String,
        uid: Option<String>,
    },
    Restart(BrokerPod),
    Move(Vec<(TopicPartition, Vec<BrokerId>)>),
    /// Moves are called back.
    Cancel(Vec<TopicPartition>),
    /// Of every broker, while it runs.
    Configure(Changes),
    Forget(BrokerId),
}

impl Observed {
    /// Who may be gone before long, and is to be given nothing.
    pub fn leaving(&self, cluster: &ValidCluster) -> Leaving {
        let seen = self.set_of(cluster).and_then(|set| set.spec.as_ref()?.replicas);
        self.set_size.leaving(cluster.spec.replicas, seen)
    }

    fn set_of(&self, cluster: &ValidCluster) -> Option<&Arc<StatefulSet>> {
        self.stateful_sets.iter().find(|set| set.metadata.name.as_ref() == Some(&cluster.key.name))
    }
}

impl Action {
    /// How many pods the StatefulSet has by it.
    pub fn set_size(&self) -> Option<i32> {
        match self {
            Self::Apply { resource, body, .. } if resource.kind == ApiResource::erase::<StatefulSet>(&()).kind => {
                i32::try_from(body["spec"]["replicas"].as_i64()?).ok()
            }
            _ => None,
        }
    }
}

/// What is done, and what the status says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub actions: Vec<Action>,
    pub roll: Roll,
    pub scale: Scale,
    pub drain: Drain,
    pub volumes: Volumes,
    pub unused: Unused,
    pub pods: Vec<BrokerPod>,
    pub node_ports: NodePorts,
}

/// `needs_brokers`: there is no metadata, and brokers are to bring it.
pub fn plan(cluster: &ValidCluster, observed: &Observed, image: Option<&ClusterImage>, needs_brokers: bool) -> Plan {
    let mut pods = brokers::pods_of(&cluster.key.name, observed.pods.iter());
    for pod in &mut pods {
        pod.is_settling = observed.unsettled.uids.contains(&pod.uid);
    }
    let set = observed.set_of(cluster);
    let current = set.and_then(|set| set.spec.as_ref()?.replicas).or_else(|| {
        // A set that is being made again has as many as it had.
        pods.iter().map(|pod| pod.broker.0 + 1).max().filter(|pods| *pods > cluster.spec.replicas)
    });
    let asked = Wanted::by(cluster, observed.leaving(cluster));
    let scale = scale::decide(&asked, current, image);
    let seen = Seen { claims: &observed.claims, classes: &observed.classes, now: observed.now };
    let volumes = volumes::decide(cluster, set.map(|set| &**set), &pods, scale.replicas, seen);
    let unused = unused_volumes::decide(
        cluster,
        unused_volumes::Seen {
            claims: &observed.claims,
            pods: &pods,
            current: set.filter(|set| set.metadata.deletion_timestamp.is_none()).and(current),
            replicas: scale.replicas,
            leaving: asked.leaving,
            image,
            now: observed.now,
        },
    );
    let wanted = as_it_may_be(cluster, scale.replicas, &volumes);
    // Before there are pods for them.
    let unmark = |claim: &Claim| Action::Mark { claim: claim.clone(), unused_since: None };
    let mut actions: Vec<_> = unused.unmark.iter().map(unmark).collect();
    compare(&mut actions, &observed.service_accounts, &[service_account::build(cluster)], false);
    let config_name = names::config_map(&cluster.key.name);
    let config_map = observed.config_maps.iter().find(|map| map.metadata.name.as_ref() == Some(&config_name));
    // Those that are to go, and are held, count: topics have replicas on them.
    let brokers = cluster.spec.replicas.max(current.unwrap_or(0));
    let dynamic = dynamic_config::decide(cluster, brokers, config_map.map(|map| &**map), image);
    compare(&mut actions, &observed.config_maps, &[config_map::build(cluster, &dynamic.from_spec)], false);
    compare(&mut actions, &observed.services, &service::build_all(&wanted), true);
    let node_ports = node_ports::known(&wanted, observed, image);
    node_ports::keep(&mut actions, &observed.services, &node_ports);
    // Volumes without metadata look like a cluster that lost it: the metadata is first. The set of a Cluster that was deleted goes.
    let is_own = |set: &Arc<StatefulSet>| !is_of_another_cluster(&set.metadata, &cluster.uid);
    if set.is_some_and(is_own) || image.is_some() || needs_brokers {
        let built = stateful_set::build(&wanted);
        let is_there = set.is_some_and(|set| set.metadata.deletion_timestamp.is_none());
        if is_there && observed.set_size.may_be_below(scale.replicas) {
            // What was seen may be of before it was made smaller.
            compare(&mut actions, &[], &[built], false);
        } else {
            compare(&mut actions, &observed.stateful_sets, &[built], false);
        }
        if let Some(set) = set {
            only_over(set, &mut actions);
        }
    }
    let roll = match set.map(|set| newest_revision(set)) {
        // Which pods are old is known once the set is as it is to be, and Kubernetes has looked at it.
        Some(Some(newest)) if actions.iter().all(|action| action.set_size().is_none()) => {
            let update = cluster.spec.update_strategy.type_;
            let roll = roll::decide(update, newest, &volumes.restart, &pods, scale.replicas, image);
            if actions.is_empty() { roll } else { roll.put_off() }
        }
        Some(_) => Roll::NotKnown,
        None => Roll::Done,
    };
    let before = observed.budgets.first().map(|budget| &**budget);
    let budget = pod_disruption_budget::build(cluster, evictions::most(&roll, &pods, scale.replicas, before, image));
    compare(&mut actions, &observed.budgets, budget.as_slice(), true);
    let size = &cluster.spec.storage.size;
    actions.extend(volumes.grow.iter().map(|claim| Action::Grow { claim: claim.clone(), size: size.clone() }));
    // Not in the middle of something that the set is needed for.
    let is_there = |set: &&Arc<StatefulSet>| set.metadata.deletion_timestamp.is_none();
    if volumes.renew_set
        && actions.is_empty()
        && roll == Roll::Done
        && let Some(set) = set.filter(is_there)
    {
        let (name, uid) = (cluster.key.name.clone(), set.metadata.uid.clone());
        actions.push(Action::Orphan { resource: ApiResource::erase::<StatefulSet>(&()), name, uid });
    }
    if let Roll::Restart { pod, .. } = &roll {
        actions.push(Action::Restart(pod.clone()));
    }
    // What moves is throttled from its first byte.
    if !dynamic.changes.is_empty() {
        actions.push(Action::Configure(dynamic.changes));
    }
    if !scale.cancels.is_empty() {
        actions.push(Action::Cancel(scale.cancels.clone()));
    }
    if !scale.moves.is_empty() {
        actions.push(Action::Move(scale.moves.clone()));
    }
    let drain = drain::decide(asked.leaving, scale.moves.len(), asked.moves_at_once, image);
    if !drain.moves.is_empty() {
        actions.push(Action::Move(drain.moves.clone()));
    }
    let is_there = |id: &BrokerId| pods.iter().any(|pod| pod.broker == *id);
    actions.extend(scale.forgotten.iter().filter(|id| !is_there(id)).map(|id| Action::Forget(*id)));
    if let Some(image) = image {
        let identify = |claim| Action::Identify { claim, cluster_id: image.cluster_id.clone() };
        actions.extend(volume_ids::decide(cluster, &observed.claims, image).into_iter().map(identify));
    }
    let mark = |claim: &Claim| Action::Mark { claim: claim.clone(), unused_since: Some(observed.now) };
    actions.extend(unused.mark.iter().map(mark));
    actions.extend(unused.delete.iter().cloned().map(Action::DeleteVolume));
    Plan { actions, roll, scale, drain, volumes, unused, pods, node_ports }
}

/// What the controller is asked for [`Action::Configure`].
#[must_use]
pub fn configuring(changes: Changes) -> AlterConfigs {
    AlterConfigs::of(ConfigResource::Broker(None), changes)
}

/// With the pods that there are to be until those that are to go may, and the template of claims that cannot be changed.
fn as_it_may_be(cluster: &ValidCluster, replicas: i32, volumes: &Volumes) -> ValidCluster {
    let mut wanted = cluster.clone();
    wanted.spec.replicas = replicas;
    if let Some(template) = &volumes.template {
        wanted.spec.storage.size = template.clone();
    }
    wanted
}

/// `None` while Kubernetes has not looked at the set as it is now.
fn newest_revision(set: &StatefulSet) -> Option<&str> {
    let status = set.status.as_ref()?;
    let is_seen = status.observed_generation >= set.metadata.generation;
    status.update_revision.as_deref().filter(|_| is_seen)
}

/// Only the set that was looked at is written, as it was: what an operator before sent, and arrives late, says how many pods there
/// were to be then.
fn only_over(set: &StatefulSet, actions: &mut [Action]) {
    let (uid, version) = (&set.metadata.uid, &set.metadata.resource_version);
    for action in actions.iter_mut().filter(|action| action.set_size().is_some()) {
        if let Action::Apply { body, .. } = action {
            body["metadata"]["uid"] = json(uid);
            body["metadata"]["resourceVersion"] = json(version);
        }
    }
}

/// Applies what is not as wanted. `deletes`: what was applied and is wanted no more goes.
fn compare<K>(actions: &mut Vec<Action>, observed: &[Arc<K>], wanted: &[K], deletes: bool)
where
    K: Resource<DynamicType = ()> + Serialize,
{
    let resource = ApiResource::erase::<K>(&());
    let name = |object: &K| object.meta().name.clone().unwrap_or_default();
    for object in wanted {
        let body = marked(json(object));
        let there = observed.iter().find(|there| name(there) == name(object));
        let is_going = there.is_some_and(|there| there.meta().deletion_timestamp.is_some());
        if !is_going && there.is_none_or(|there| !is_there(&body, &json(&**there))) {
            actions.push(Action::Apply { resource: resource.clone(), name: name(object), body });
        }
    }
    if deletes {
        let surplus = observed.iter().filter(|there| {
            let is_surplus = wanted.iter().all(|object| name(object) != name(there));
            // What people make may have the labels of what it was copied from.
            is_surplus && there.meta().deletion_timestamp.is_none() && is_marked(there.meta())
        });
        actions.extend(surplus.map(|there| Action::Delete { resource: resource.clone(), name: name(there) }));
    }
}

fn json(object: &impl Serialize) -> Value {
    serde_json::to_value(object).expect("objects of Kubernetes are JSON")
}

#[cfg(test)]
mod tests;
