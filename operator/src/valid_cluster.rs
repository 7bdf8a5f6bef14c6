//! A `Cluster` with everything decided that its spec leaves open. Later steps see nothing else.

use crate::resources::broker_config;
use custom_resources::{
    Cluster, ClusterSpec,
    cluster::{LONGEST_NAME, Listener, MOST_BROKERS, ports},
    config_map::ConfigMap,
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::OwnerReference, jiff::SignedDuration};
use kube::Resource as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use thiserror::Error;

/// That of `failover.sessionTimeout` where it is left out.
const SESSION_TIMEOUT: Duration = Duration::from_millis(4500);
/// 720h, as the definition of the kind says.
const LONGEST_UNDO_WINDOW: Duration = Duration::from_secs(720 * 3600);

/// What the operator was started with and its objects depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// Image of brokers whose Cluster names none.
    pub broker_image: String,
    /// HOST:PORT at which brokers reach the operator.
    pub control_plane: String,
}

/// In which cluster of Kubernetes an object is, and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterKey {
    pub namespace: String,
    pub name: String,
}

impl std::fmt::Display for ClusterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ValidCluster {
    pub key: ClusterKey,
    pub uid: String,
    pub generation: Option<i64>,
    /// Of the cluster, as it was reported last.
    pub known_id: Option<String>,
    /// Brokers that were added and take over their share, as was reported last.
    pub known_filling: Vec<i32>,
    /// Brokers that were to go and still held replicas, as was reported last.
    pub known_draining: Vec<i32>,
    /// Ports of nodes for bootstrap, by listener, as was reported last.
    pub known_node_ports: BTreeMap<String, u16>,
    pub owner: OwnerReference,
    pub image: String,
    pub control_plane: String,
    pub topics: TopicDefaults,
    pub session_timeout: Duration,
    pub deletion_undo_window: Duration,
    /// For what needs no decision.
    pub spec: ClusterSpec,
}

/// `topicDefaults`. What it leaves open follows the number of brokers, which changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicDefaults {
    pub partitions: i32,
    pub replicas: Option<i16>,
    pub min_in_sync_replicas: Option<i16>,
}

/// Replicas of a topic where nobody says, in a cluster that has as many brokers.
const DEFAULT_REPLICAS: i16 = 3;

impl TopicDefaults {
    /// `brokers`: those that there are to be.
    pub fn replicas(&self, brokers: i32) -> i16 {
        self.replicas
            .unwrap_or_else(|| i16::try_from(brokers).map_or(DEFAULT_REPLICAS, |brokers| brokers.min(DEFAULT_REPLICAS)))
    }

    /// `brokers`: all that there are, also those that are to go and have replicas still.
    pub fn min_in_sync_replicas(&self, brokers: i32) -> i16 {
        let replicas = self.replicas(brokers);
        // Two of two would stop acks=all with the first broker that restarts.
        self.min_in_sync_replicas.unwrap_or(if replicas >= 3 { 2 } else { 1 })
    }
}

/// The API server refuses most of these; one whose definition is older lets them through.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidCluster {
    #[error("the object has no {0}: it was not read from an API server")]
    Incomplete(&'static str),
    #[error("the name has {0} characters, {LONGEST_NAME} are allowed")]
    LongName(usize),
    #[error("replicas is {0}, allowed is 1 to {MOST_BROKERS}")]
    Replicas(i32),
    #[error("{field} is '{value}', which is no duration such as 4500ms or 10m")]
    Duration { field: &'static str, value: String },
    #[error("topicDefaults.replicas is {replicas}, there are {brokers} brokers")]
    TooManyReplicas { replicas: i16, brokers: i32 },
    #[error("topicDefaults.minInSyncReplicas is {min}, topics have {replicas} replicas")]
    MinInSync { min: i16, replicas: i16 },
    #[error("config: {0}")]
    Config(String),
    #[error("listeners: there is none")]
    NoListener,
    #[error("listeners: {0} is taken by another, or by the broker itself")]
    ListenerTaken(String),
}

impl ValidCluster {
    pub fn new(cluster: &Cluster, defaults: &Defaults) -> Result<Self, InvalidCluster> {
        match Self::with_substitutes(cluster, defaults)? {
            (valid, None) => Ok(valid),
            (_, Some(invalid)) => Err(invalid),
        }
    }

    /// With something else in place of what cannot be, and the first thing that cannot: a cluster has a controller whatever
    /// somebody wrote into its spec. An error is of what cannot be written later, into a cluster that there is.
    ///
    /// | What cannot be | In its place |
    /// |---|---|
    /// | `replicas` | as many as there were pods |
    /// | `failover.sessionTimeout` | the default |
    /// | `deletionUndoWindow` | the longest that there is: what it keeps can be let go later |
    /// | `topicDefaults` | no more replicas than brokers; the minimum of in-sync replicas as it is, which refuses too much |
    /// | `listeners` | as they are |
    /// | `config`, where brokers take it while they run | what they have |
    pub fn with_substitutes(
        cluster: &Cluster,
        defaults: &Defaults,
    ) -> Result<(Self, Option<InvalidCluster>), InvalidCluster> {
        let meta = cluster.meta();
        let owner = cluster.controller_owner_ref(&()).ok_or(InvalidCluster::Incomplete("uid"))?;
        let name = meta.name.clone().ok_or(InvalidCluster::Incomplete("name"))?;
        let namespace = meta.namespace.clone().ok_or(InvalidCluster::Incomplete("namespace"))?;
        let spec = &cluster.spec;
        if name.len() > LONGEST_NAME {
            return Err(InvalidCluster::LongName(name.len()));
        }
        let mut wrong = Vec::new();
        let mut spec = spec.clone();
        if !(1..=MOST_BROKERS).contains(&spec.replicas) {
            wrong.push(InvalidCluster::Replicas(spec.replicas));
            let known = cluster.status.as_ref().map(|status| status.replicas).filter(|pods| *pods > 0);
            spec.replicas = known.unwrap_or(spec.replicas).clamp(1, MOST_BROKERS);
        }
        wrong.extend(check_listeners(&spec.listeners).err());
        wrong.extend(check_config(&spec.config).err());
        let (topics, refused) = topic_defaults(&spec);
        wrong.extend(refused);
        let mut read = |field, value: &str, substitute| {
            duration(field, value).unwrap_or_else(|error| {
                wrong.push(error);
                substitute
            })
        };
        let session_timeout = read("failover.sessionTimeout", &spec.failover.session_timeout, SESSION_TIMEOUT);
        let deletion_undo_window = read("deletionUndoWindow", &spec.deletion_undo_window, LONGEST_UNDO_WINDOW);
        let scaling = cluster.status.as_ref().and_then(|status| status.scaling.as_ref());
        let valid = Self {
            key: ClusterKey { namespace, name },
            uid: owner.uid.clone(),
            generation: meta.generation,
            known_id: cluster.status.as_ref().and_then(|status| status.cluster_id.clone()),
            known_filling: scaling.map(|scaling| scaling.onto.clone()).unwrap_or_default(),
            known_draining: scaling.map(|scaling| scaling.draining.clone()).unwrap_or_default(),
            known_node_ports: known_node_ports(cluster),
            owner,
            image: spec.image.clone().unwrap_or_else(|| defaults.broker_image.clone()),
            control_plane: defaults.control_plane.clone(),
            topics,
            session_timeout,
            deletion_undo_window,
            spec,
        };
        Ok((valid, wrong.into_iter().next()))
    }
}

fn known_node_ports(cluster: &Cluster) -> BTreeMap<String, u16> {
    let listeners = cluster.status.iter().flat_map(|status| &status.listeners);
    listeners.filter_map(|listener| Some((listener.name.clone(), u16::try_from(listener.node_port?).ok()?))).collect()
}

fn check_listeners(listeners: &[Listener]) -> Result<(), InvalidCluster> {
    if listeners.is_empty() {
        return Err(InvalidCluster::NoListener);
    }
    let mut names = BTreeSet::from(["replication", "controller", "admin"]);
    let mut taken = BTreeSet::from([ports::REPLICATION, ports::ADMIN, ports::CONTROL_PLANE]);
    for listener in listeners {
        if !names.insert(&listener.name) || !taken.insert(listener.port) {
            return Err(InvalidCluster::ListenerTaken(format!("{} with port {}", listener.name, listener.port)));
        }
    }
    Ok(())
}

/// Of what brokers read when they start they say themselves whether it can be.
fn check_config(config: &ConfigMap) -> Result<(), InvalidCluster> {
    config.iter().try_for_each(|(key, value)| {
        let checked = broker_config::check(key, &value.to_string());
        checked.map_err(|error| InvalidCluster::Config(format!("{key} is '{value}': {error}")))
    })
}

fn topic_defaults(spec: &ClusterSpec) -> (TopicDefaults, Option<InvalidCluster>) {
    let given = spec.topic_defaults.clone().unwrap_or_default();
    let brokers = spec.replicas;
    let possible = i16::try_from(brokers).unwrap_or(i16::MAX);
    let topics = TopicDefaults {
        partitions: given.partitions.unwrap_or(1),
        replicas: given.replicas.map(|replicas| replicas.min(possible)),
        min_in_sync_replicas: given.min_in_sync_replicas,
    };
    let each = topics.replicas(brokers);
    let refused = match (given.replicas, given.min_in_sync_replicas) {
        (Some(wanted), _) if wanted > possible => Some(InvalidCluster::TooManyReplicas { replicas: wanted, brokers }),
        (_, Some(min)) if min > each => Some(InvalidCluster::MinInSync { min, replicas: each }),
        _ => None,
    };
    (topics, refused)
}

fn duration(field: &'static str, value: &str) -> Result<Duration, InvalidCluster> {
    let invalid = || InvalidCluster::Duration { field, value: value.to_owned() };
    let parsed: SignedDuration = value.parse().map_err(|_| invalid())?;
    Duration::try_from(parsed).map_err(|_| invalid())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn defaults() -> Defaults {
        Defaults { broker_image: "weir-broker:1".to_owned(), control_plane: "weir-operator.weir.svc:9090".to_owned() }
    }

    /// As an API server would return it.
    pub(crate) fn cluster(spec: &str) -> Cluster {
        serde_yaml::from_str(&format!(
            "apiVersion: weir.dev/v1alpha1\nkind: Cluster\nmetadata: {{name: events, namespace: shop, generation: 1, uid: 6f0d0a1e-52d5-4c7e-9a51-7d7c7c2b3a10}}\nspec: {spec}"
        ))
        .unwrap()
    }

    pub(crate) fn valid(spec: &str) -> ValidCluster {
        ValidCluster::new(&cluster(spec), &defaults()).unwrap()
    }

    #[test]
    fn minimum_of_in_sync_replicas_follows_the_number_of_brokers_and_what_is_given() {
        let topics =
            |spec: &str| valid(&format!("{{replicas: 9, storage: {{size: 1Gi}}, topicDefaults: {spec}}}")).topics;
        for (brokers, min) in [(1, 1), (2, 1), (3, 2), (9, 2)] {
            assert_eq!(topics("{}").min_in_sync_replicas(brokers), min, "{brokers} brokers");
            assert_eq!(topics("{replicas: 2}").min_in_sync_replicas(brokers), 1);
            assert_eq!(topics("{replicas: 5, minInSyncReplicas: 4}").min_in_sync_replicas(brokers), 4);
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_field() {
        let refused = [
            ("{replicas: 0, storage: {size: 1Gi}}", "replicas is 0"),
            ("{replicas: 2, topicDefaults: {replicas: 3}, storage: {size: 1Gi}}", "topicDefaults.replicas is 3"),
            ("{topicDefaults: {replicas: 2, minInSyncReplicas: 3}, storage: {size: 1Gi}}", "minInSyncReplicas is 3"),
            ("{failover: {sessionTimeout: soon}, storage: {size: 1Gi}}", "failover.sessionTimeout is 'soon'"),
            ("{deletionUndoWindow: -1s, storage: {size: 1Gi}}", "deletionUndoWindow is '-1s'"),
            ("{config: {log.retention.ms: ever}, storage: {size: 1Gi}}", "log.retention.ms is 'ever': "),
            ("{listeners: [], storage: {size: 1Gi}}", "there is none"),
            ("{listeners: [{name: a, port: 9093}], storage: {size: 1Gi}}", "a with port 9093"),
            ("{listeners: [{name: a, port: 1}, {name: b, port: 1}], storage: {size: 1Gi}}", "b with port 1"),
        ];
        for (spec, reason) in refused {
            let error = ValidCluster::new(&cluster(spec), &defaults()).unwrap_err().to_string();
            assert!(error.contains(reason), "{spec}: {error}");
        }
    }

    /// A controller that begins with a short window would end deletions that somebody meant to be undone for days.
    #[test]
    fn what_cannot_be_is_put_in_place_on_the_safe_side() {
        let substituted = |spec: &str| ValidCluster::with_substitutes(&cluster(spec), &defaults()).unwrap().0;
        let wrong = substituted(
            "{replicas: 1, topicDefaults: {minInSyncReplicas: 2}, deletionUndoWindow: 7d, failover: {sessionTimeout: soon},
              storage: {size: 1Gi}}",
        );
        assert_eq!(wrong.topics.min_in_sync_replicas(1), 2);
        assert_eq!(wrong.deletion_undo_window, LONGEST_UNDO_WINDOW);
        assert_eq!(wrong.session_timeout, valid("{storage: {size: 1Gi}}").session_timeout);
        let mut none = cluster("{replicas: 0, storage: {size: 1Gi}}");
        none.status =
            Some(custom_resources::ClusterStatus { replicas: 5, ..custom_resources::ClusterStatus::default() });
        let (known, invalid) = ValidCluster::with_substitutes(&none, &defaults()).unwrap();
        assert_eq!((known.spec.replicas, invalid), (5, Some(InvalidCluster::Replicas(0))));
    }

    /// What the API server takes, and reads as Go does, or as the library of its formats: `7d`, `1 week`, `3 days or so`.
    #[test]
    fn durations_that_the_definition_lets_pass_are_read() {
        let pattern = regex::Regex::new(custom_resources::cluster::DURATION_PATTERN).unwrap();
        for (text, ms) in
            [("0s", 0), ("4500ms", 4500), ("1h30m", 5_400_000), ("720h", 2_592_000_000), ("1h2m3s4ms", 3_723_004)]
        {
            assert!(pattern.is_match(text), "{text}");
            assert_eq!(duration("f", text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["7d", "1w", "1 week", "soon", "1.5h", "30m1h", "-1s", "1h ", "9999999h"] {
            assert!(!pattern.is_match(text), "{text}");
        }
    }

    #[test]
    fn durations_are_those_of_kubernetes() {
        let read = |text| duration("f", text);
        assert_eq!(read("4500ms"), Ok(Duration::from_millis(4500)));
        assert_eq!(read("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(read("0s"), Ok(Duration::ZERO));
    }
}
