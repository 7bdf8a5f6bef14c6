//! One cluster under an operator: pods come and go, brokers with them, people and faults change what is wanted and what is, and
//! the operator plans by what its watches brought and writes one thing after the other.
//!
//! # Promises
//!
//! 1. A roll never has two brokers down: a broker that serves is restarted only when those restarted before are back.
//! 2. Nor is it restarted while the operator sees that another one has no pod, or one that is going or not ready.
//! 3. There are fewer pods only once no replica is on those that go, whatever is made meanwhile, and whatever an operator before sent
//!    that arrives late.
//! 4. The volume of a broker goes only while it has no pod, and no replica is there.
//! 5. When nothing fails and nothing changes any more, all is as wanted after a while: every pod is new and ready, every
//!    partition is led and in sync, topics are as their resources say, and from then on the operator writes nothing.
//! 6. The topic of a resource stays that topic, never has fewer partitions, and what clients configure on it stays.

mod brokers;
mod kubernetes;
mod people;
#[cfg(test)]
mod tests;
mod topics;

use brokers::Brokers;
use controller::requests::{ReassignPartitions, Reply, Request};
use custom_resources::{Cluster, ClusterStatus};
use k8s_openapi::jiff::Timestamp;
use kubernetes::{CLUSTER, Kubernetes, SimPod};
use model::BrokerId;
use operator::{
    control_plane::settings,
    reconcilers::cluster::{
        plan::{Action, Observed, Plan, configuring, plan},
        roll::Roll,
        set_size::SetSize,
        unused_volumes::Claim,
    },
    resources::names::broker_of_claim,
    valid_cluster::{Defaults, ValidCluster},
};
use serde_json::json;
use simulator::random::Random;
use std::collections::{BTreeMap, VecDeque};
use topics::Topics;

/// Steps in which things fail and change.
const TROUBLED_STEPS: u64 = 600;
/// Steps after which all has to be as wanted when nothing fails.
const CALM_STEPS: u64 = 4000;
/// Steps in which an operator whose cluster is as wanted must not write.
const QUIET_STEPS: u64 = 100;

/// A write of an operator that ended arrives at such a step.
const LATENESS: u64 = 37;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub restarts: u64,
    pub writes: u64,
    pub faults: u64,
    pub volumes: u64,
    /// The promise that was broken.
    pub broken: Option<String>,
    pub story: Vec<String>,
}

/// The same seed is the same run. `with_topics`: beside topics of clients there are some of resources.
pub fn run(seed: u64, with_topics: bool) -> Outcome {
    let mut world = World::new(seed, with_topics.then(|| Topics::new(seed)));
    let broken = world.run().err();
    let World { restarts, writes, faults, volumes, story, .. } = world;
    Outcome { restarts, writes, faults, volumes, broken, story }
}

type Kept = Result<(), String>;

struct World {
    random: Random,
    cluster: Cluster,
    kubernetes: Kubernetes,
    brokers: Brokers,
    topics: Option<Topics>,
    /// What the operator has yet to do of its plan.
    pending: VecDeque<Action>,
    /// What operators before sent about the set, and has not arrived.
    late: VecDeque<Action>,
    /// Brokers that a roll restarted, with the pod of before, until they are back.
    rolled: BTreeMap<i32, String>,
    set_size: SetSize,
    made_topics: u64,
    images: u64,
    restarts: u64,
    writes: u64,
    faults: u64,
    steps: u64,
    elapsed_ms: u64,
    /// That went because nobody used them.
    volumes: u64,
    story: Vec<String>,
}

impl World {
    fn new(seed: u64, topics: Option<Topics>) -> Self {
        let cluster = json!({
            "apiVersion": "weir.dev/v1alpha1", "kind": "Cluster",
            "metadata": { "name": CLUSTER, "namespace": "shop", "generation": 1, "uid": "6f0d0a1e-52d5-4c7e-9a51-7d7c7c2b3a10" },
            "spec": { "replicas": 3, "image": "weir:0", "storage": { "size": "1Gi", "retentionPolicy": { "whenScaled": "Delete" } },
                "deletionUndoWindow": "0s" },
        });
        let cluster: Cluster = serde_json::from_value(cluster).expect("a Cluster");
        let settings = settings::of(&valid(&cluster));
        Self {
            random: Random::new(seed),
            cluster,
            kubernetes: Kubernetes::default(),
            brokers: Brokers::new(settings),
            topics,
            pending: VecDeque::new(),
            late: VecDeque::new(),
            rolled: BTreeMap::new(),
            set_size: SetSize::read(None),
            made_topics: 0,
            images: 0,
            restarts: 0,
            writes: 0,
            faults: 0,
            steps: 0,
            elapsed_ms: 0,
            volumes: 0,
            story: Vec::new(),
        }
    }

    fn tell(&mut self, line: impl Into<String>) {
        self.story.push(format!("{:5}  {}", self.steps, line.into()));
    }

    fn run(&mut self) -> Kept {
        for _ in 0..TROUBLED_STEPS {
            self.step(true)?;
        }
        self.calm_down();
        for _ in 0..CALM_STEPS {
            self.step(false)?;
            if self.is_as_wanted() {
                return self.stays_quiet();
            }
        }
        Err(format!("not as wanted after {CALM_STEPS} steps without a fault: {}", self.what_is_missing()))
    }

    fn step(&mut self, is_troubled: bool) -> Kept {
        self.steps += 1;
        self.see_who_is_back();
        if self.steps.is_multiple_of(LATENESS)
            && let Some(action) = self.late.pop_front()
        {
            self.act(&action)?;
        }
        let ms = 100 + self.random.below(400);
        self.pass(ms);
        self.see_to_topics(is_troubled)?;
        match self.random.below(if is_troubled { 16 } else { 12 }) {
            0 | 1 => self.sync_set(),
            2..=5 => {
                self.sync_pod();
                Ok(())
            }
            6 | 7 => {
                self.brokers.catch_up(&mut self.random);
                Ok(())
            }
            8 | 9 => {
                self.kubernetes.deliver(&mut self.random);
                Ok(())
            }
            10 | 11 => self.operate(is_troubled),
            12 => {
                self.make_topic();
                Ok(())
            }
            13 => {
                self.fail();
                Ok(())
            }
            _ => {
                self.change_mind();
                Ok(())
            }
        }
    }

    fn pass(&mut self, ms: u64) {
        self.elapsed_ms += ms;
        self.brokers.pass(ms);
    }

    fn sync_set(&mut self) -> Kept {
        let Some(surplus) = self.kubernetes.sync_set() else { return Ok(()) };
        self.keeps_replicas(surplus, surplus + 1)?;
        if let Some(pod) = self.kubernetes.pods.get_mut(&surplus) {
            pod.go();
        }
        self.tell(format!("pod {surplus} is wanted no more"));
        Ok(())
    }

    fn sync_pod(&mut self) {
        let ids: Vec<i32> = self.kubernetes.pods.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let id = ids[usize::try_from(self.random.below(ids.len() as u64)).unwrap_or(0)];
        if let Some(pod) = self.kubernetes.pods.get_mut(&id)
            && self.brokers.sync_pod(id, pod)
        {
            self.kubernetes.pods.remove(&id);
        }
    }

    /// The operator looks and plans, or does the next thing that it planned.
    fn operate(&mut self, is_troubled: bool) -> Kept {
        let Some(action) = self.pending.pop_front() else {
            let plan = self.plan();
            self.sees_everybody(&plan)?;
            self.pending = plan.actions.into();
            return Ok(());
        };
        // Refused by the API server, or done without an answer.
        let (is_refused, is_unanswered) =
            if is_troubled { (self.random.once_in(12), self.random.once_in(12)) } else { (false, false) };
        let size = action.set_size();
        if let Some(size) = size {
            self.set_size.writing(size);
        }
        let is_done = !is_refused && self.act(&action)?;
        if let Some(size) = size.filter(|_| is_done && !is_unanswered) {
            self.set_size.written(size);
        }
        if is_refused || is_unanswered || !is_done {
            // The reconciliation ends with an error, and begins anew.
            self.pending.clear();
        }
        Ok(())
    }

    fn plan(&mut self) -> Plan {
        let valid = valid(&self.cluster);
        self.brokers.set(settings::of(&valid));
        let now = i64::try_from(self.elapsed_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let now = now.expect("a run is short");
        let observed = Observed { set_size: self.set_size, now, ..self.kubernetes.seen() };
        self.brokers.set_leaving(observed.leaving(&valid));
        let plan = plan(&valid, &observed, Some(self.brokers.image()), false);
        // As it is reported: which brokers are new is known from there.
        self.cluster.status = Some(ClusterStatus { scaling: plan.scale.progress.clone(), ..ClusterStatus::default() });
        plan
    }

    fn act(&mut self, action: &Action) -> Result<bool, String> {
        self.writes += 1;
        match action {
            Action::Apply { resource, body, .. } => {
                let before = self.kubernetes.replicas();
                if !self.kubernetes.apply(&resource.kind, body) {
                    return Ok(false);
                }
                self.tell(format!("applies {}", resource.kind));
                self.keeps_replicas(self.kubernetes.replicas(), before)?;
                Ok(true)
            }
            Action::Delete { resource, name } => {
                self.kubernetes.delete(&resource.kind, name);
                Ok(true)
            }
            Action::Restart(pod) => {
                let id = pod.broker.0;
                // Only the pod that was looked at, as it was.
                let is_as_seen = |there: &SimPod| pod.version.as_ref() == Some(&there.version()) && !there.is_going;
                if self.kubernetes.pods.get(&id).is_some_and(is_as_seen) {
                    self.restarts_one(id)?;
                }
                Ok(true)
            }
            Action::Move(moves) => {
                let partitions = moves.iter().map(|(at, replicas)| (at.clone(), Some(replicas.clone()))).collect();
                let request = ReassignPartitions { partitions, allow_replication_factor_change: false };
                let reply = self.brokers.ask(Request::ReassignPartitions(request));
                Ok(matches!(reply, Reply::PartitionsReassigned(results) if results.iter().all(|(_, one)| one.is_ok())))
            }
            // One that cannot go back goes on, and the other way once it has ended.
            Action::Cancel(partitions) => {
                let partitions = partitions.iter().map(|at| (at.clone(), None)).collect();
                let request = ReassignPartitions { partitions, allow_replication_factor_change: false };
                Ok(matches!(self.brokers.ask(Request::ReassignPartitions(request)), Reply::PartitionsReassigned(_)))
            }
            Action::Configure(changes) => {
                let reply = self.brokers.ask(Request::AlterConfigs(configuring(changes.clone())));
                Ok(matches!(reply, Reply::ConfigsAltered(results) if results.iter().all(|(_, one)| one.is_ok())))
            }
            Action::Mark { claim, unused_since } => {
                Ok(self.kubernetes.mark(claim, unused_since.map(|since| since.to_string())))
            }
            Action::Identify { claim, cluster_id } => {
                let broker = broker_of_claim(CLUSTER, claim).ok_or("a claim of no broker is named")?;
                Ok(self.kubernetes.identify(broker, cluster_id.to_string()))
            }
            Action::DeleteVolume(claim) => self.deletes_volume(claim),
            Action::Grow { .. } | Action::Orphan { .. } => Err("nobody asked for other volumes".to_owned()),
            Action::Restore { .. } => Err("there is no listener for clients outside".to_owned()),
            Action::Forget(id) => {
                let reply = self.brokers.ask(Request::UnregisterBroker(*id));
                Ok(matches!(reply, Reply::BrokerUnregistered(Ok(()))))
            }
        }
    }

    /// Once back, a broker is of no roll any more: what befalls it then is another's doing. Those that were scaled away do not
    /// come back.
    fn see_who_is_back(&mut self) {
        let (image, pods) = (self.brokers.image(), &self.kubernetes.pods);
        let replicas = self.kubernetes.replicas();
        let is_back = |id: &i32, before: &String| {
            let is_another = pods.get(id).is_some_and(|pod| pod.uid != *before && !pod.is_going);
            is_another && image.is_usable(BrokerId(*id)) || !image.brokers.contains_key(&BrokerId(*id))
        };
        self.rolled.retain(|id, before| *id < replicas && !is_back(id, &*before));
    }

    /// Promise 1.
    fn restarts_one(&mut self, id: i32) -> Kept {
        let image = self.brokers.image();
        let Some(pod) = self.kubernetes.pods.get_mut(&id) else { return Ok(()) };
        let serves = pod.is_ready && image.is_usable(BrokerId(id));
        if serves && self.rolled.keys().any(|other| *other != id) {
            return Err(format!("broker {id} serves and is restarted while {:?} are not back", self.rolled));
        }
        pod.go();
        self.rolled.insert(id, pod.uid.clone());
        self.restarts += 1;
        self.tell(format!("restarts broker {id}"));
        Ok(())
    }

    /// Promise 2.
    fn sees_everybody(&self, plan: &Plan) -> Kept {
        let Roll::Restart { pod: restarted, .. } = &plan.roll else { return Ok(()) };
        let image = self.brokers.image();
        if !(restarted.is_ready && image.is_usable(restarted.broker)) {
            return Ok(());
        }
        let seen = self.kubernetes.seen_pods();
        let is_good = |id: &i32| {
            let pod = seen.get(id);
            pod.is_some_and(|pod| pod.is_ready && !pod.is_going) && image.is_usable(BrokerId(*id))
        };
        let wanted = plan.scale.replicas;
        match (0..wanted).filter(|id| *id != restarted.broker.0).find(|id| !is_good(id)) {
            Some(other) => Err(format!("broker {} is to restart though {other} is seen to be away", restarted.broker)),
            None => Ok(()),
        }
    }

    /// Promise 3, for pods from `fewer` up to `current`.
    fn keeps_replicas(&self, fewer: i32, current: i32) -> Kept {
        if fewer >= current {
            return Ok(());
        }
        for topic in self.brokers.image().topics.iter() {
            for (index, partition) in topic.indexed_partitions() {
                if let Some(id) = partition.replicas.iter().find(|id| id.0 >= fewer && id.0 < current) {
                    return Err(format!("pod {id} is to go with a replica of {}-{index}", topic.name));
                }
            }
        }
        Ok(())
    }

    /// Promise 4.
    fn deletes_volume(&mut self, claim: &Claim) -> Result<bool, String> {
        if !self.kubernetes.has_volume(claim) {
            return Ok(false);
        }
        let id = claim.broker.0;
        self.keeps_replicas(id, id + 1)?;
        if self.kubernetes.pods.contains_key(&id) {
            return Err(format!("the volume of broker {id} goes, which has a pod"));
        }
        self.tell(format!("deletes the volume of broker {id}"));
        self.volumes += 1;
        self.kubernetes.delete_volume(id);
        Ok(true)
    }

    fn is_as_wanted(&mut self) -> bool {
        if !self.pending.is_empty() || !self.kubernetes.is_rolled_out() || self.unhealthy().is_some() {
            return false;
        }
        self.kubernetes.list();
        let plan = self.plan();
        plan.actions.is_empty() && !plan.unused.is_pending && self.unlike_its_resource().is_none()
    }

    fn unlike_its_resource(&self) -> Option<String> {
        self.topics.as_ref().and_then(|topics| topics.unlike(&self.brokers))
    }

    /// The first partition that is not as it should be.
    fn unhealthy(&self) -> Option<String> {
        let image = self.brokers.image();
        let mut partitions = image.topics.iter().flat_map(|t| t.indexed_partitions().map(move |(i, p)| (t, i, p)));
        let is_well = |partition: &controller::PartitionImage| {
            partition.leader.is_some() && partition.isr.len() == partition.replicas.len()
        };
        partitions
            .find(|(.., partition)| !is_well(partition))
            .map(|(topic, index, _)| format!("{}-{index}", topic.name))
    }

    fn what_is_missing(&mut self) -> String {
        self.kubernetes.list();
        let plan = self.plan();
        format!(
            "{:?}, {:?}, {} actions, partition {:?}, {:?}",
            plan.roll,
            plan.scale.held,
            plan.actions.len(),
            self.unhealthy(),
            self.unlike_its_resource()
        )
    }

    fn all_writes(&self) -> u64 {
        self.writes + self.topics.as_ref().map_or(0, Topics::writes)
    }

    /// Promise 5.
    fn stays_quiet(&mut self) -> Kept {
        // What a topic became in the last step is reported in these.
        for _ in 0..QUIET_STEPS {
            self.see_to_topics(false)?;
        }
        let before = self.all_writes();
        for _ in 0..QUIET_STEPS {
            self.pass(500);
            self.kubernetes.deliver(&mut self.random);
            self.operate(false)?;
            self.see_to_topics(false)?;
        }
        match self.unlike_its_resource() {
            Some(unlike) => Err(format!("all was as wanted, and then {unlike}")),
            None if self.all_writes() == before => Ok(()),
            None => Err(format!("{} writes for a cluster that is as wanted", self.all_writes() - before)),
        }
    }
}

fn valid(cluster: &Cluster) -> ValidCluster {
    let defaults = Defaults { broker_image: "weir:0".to_owned(), control_plane: "weir-operator:9090".to_owned() };
    ValidCluster::new(cluster, &defaults).expect("people here write what is valid")
}
