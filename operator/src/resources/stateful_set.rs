//! The pods of brokers.
//!
//! A StatefulSet that replaces no pod by itself (`OnDelete`): which broker may restart, and when, is the controller's to say.
//! `Parallel`, because a cluster of which all brokers are down must not wait for the first one to be ready.

use super::{CONFIG_HASH_ANNOTATION, broker_config, config_map, labels, metadata, names, pod_selector, secret};
use crate::valid_cluster::ValidCluster;
use custom_resources::{
    cluster::{Retention, ports},
    pod_template::{PodTemplate, TERMINATION_GRACE_PERIOD_SECONDS},
};
use k8s_openapi::{
    api::{
        apps::v1::{
            StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec, StatefulSetUpdateStrategy,
        },
        core::v1::{
            Affinity, Capabilities, ConfigMapVolumeSource, Container, ContainerPort, EnvVar, EnvVarSource,
            HTTPGetAction, ObjectFieldSelector, PersistentVolumeClaim, PersistentVolumeClaimSpec, PodAffinityTerm,
            PodAntiAffinity, PodSecurityContext, PodSpec, PodTemplateSpec, Probe, SeccompProfile, SecretVolumeSource,
            SecurityContext, TopologySpreadConstraint, Volume, VolumeMount, VolumeResourceRequirements,
            WeightedPodAffinityTerm,
        },
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};
use sha2::{Digest as _, Sha256};

/// User and group of the broker's image.
const NOBODY: i64 = 65532;
pub const CONTAINER: &str = "broker";
const DATA_VOLUME: &str = names::CLAIM_TEMPLATE;
const DATA_MOUNT: &str = "/var/lib/weir";
/// In the volume, not the volume itself: its root has folders of the file system in it.
const DATA_FOLDER: &str = "/var/lib/weir/data";
const CONFIG_MOUNT: &str = "/etc/weir/cluster";
const SESSION_MOUNT: &str = "/etc/weir/session";

pub fn build(cluster: &ValidCluster) -> StatefulSet {
    let name = &cluster.key.name;
    let when_deleted = cluster.spec.storage.retention_policy.when_deleted;
    StatefulSet {
        metadata: metadata(cluster, names::stateful_set(name)),
        spec: Some(StatefulSetSpec {
            replicas: Some(cluster.spec.replicas),
            service_name: Some(names::headless_service(name)),
            selector: LabelSelector { match_labels: Some(pod_selector(name)), ..LabelSelector::default() },
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("OnDelete".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            persistent_volume_claim_retention_policy: Some(StatefulSetPersistentVolumeClaimRetentionPolicy {
                when_deleted: Some(when_deleted.as_str().to_owned()),
                // Kubernetes goes by the number of pods, whoever changed it. What goes the operator says, once nothing counts
                // on it any more.
                when_scaled: Some(Retention::Retain.as_str().to_owned()),
            }),
            template: pod(cluster),
            volume_claim_templates: Some(vec![claim(cluster)]),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}

fn claim(cluster: &ValidCluster) -> PersistentVolumeClaim {
    let storage = &cluster.spec.storage;
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(DATA_VOLUME.to_owned()),
            labels: Some(labels(&cluster.key.name)),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: storage.storage_class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), storage.size.clone())].into()),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}

fn pod(cluster: &ValidCluster) -> PodTemplateSpec {
    let name = &cluster.key.name;
    let template = cluster.spec.template.as_ref().and_then(|template| template.pod.clone());
    let given = template.unwrap_or_else(|| PodTemplate {
        termination_grace_period_seconds: TERMINATION_GRACE_PERIOD_SECONDS,
        ..PodTemplate::default()
    });
    let mut pod_labels = given.labels;
    pod_labels.extend(labels(name));
    pod_labels.extend(pod_selector(name));
    let mut annotations = given.annotations;
    annotations.insert(CONFIG_HASH_ANNOTATION.to_owned(), hash(&broker_config::render(cluster)));
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(pod_labels),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            service_account_name: Some(names::service_account(name)),
            automount_service_account_token: Some(false),
            // Variables named after Services would be taken for configuration.
            enable_service_links: Some(false),
            termination_grace_period_seconds: Some(given.termination_grace_period_seconds),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                run_as_user: Some(NOBODY),
                run_as_group: Some(NOBODY),
                fs_group: Some(NOBODY),
                // Without it every start walks the whole volume.
                fs_group_change_policy: Some("OnRootMismatch".to_owned()),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    ..SeccompProfile::default()
                }),
                ..PodSecurityContext::default()
            }),
            node_selector: Some(given.node_selector).filter(|selector| !selector.is_empty()),
            affinity: Some(given.affinity.unwrap_or_else(|| apart(name))),
            tolerations: Some(given.tolerations).filter(|tolerations| !tolerations.is_empty()),
            topology_spread_constraints: Some(
                given.topology_spread_constraints.unwrap_or_else(|| vec![spread(cluster)]),
            ),
            priority_class_name: given.priority_class_name,
            containers: vec![container(cluster)],
            volumes: Some(vec![
                Volume {
                    name: "config".to_owned(),
                    config_map: Some(ConfigMapVolumeSource {
                        name: names::config_map(name),
                        ..ConfigMapVolumeSource::default()
                    }),
                    ..Volume::default()
                },
                Volume {
                    name: "session".to_owned(),
                    secret: Some(SecretVolumeSource {
                        secret_name: Some(names::secret(name)),
                        default_mode: Some(0o440),
                        ..SecretVolumeSource::default()
                    }),
                    ..Volume::default()
                },
            ]),
            ..PodSpec::default()
        }),
    }
}

/// Two brokers on one node only where there is no other node: a small cluster of Kubernetes still gets its brokers.
fn apart(name: &str) -> Affinity {
    let term = PodAffinityTerm {
        topology_key: "kubernetes.io/hostname".to_owned(),
        label_selector: Some(LabelSelector { match_labels: Some(pod_selector(name)), ..LabelSelector::default() }),
        ..PodAffinityTerm::default()
    };
    Affinity {
        pod_anti_affinity: Some(PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![WeightedPodAffinityTerm {
                weight: 100,
                pod_affinity_term: term,
            }]),
            ..PodAntiAffinity::default()
        }),
        ..Affinity::default()
    }
}

fn spread(cluster: &ValidCluster) -> TopologySpreadConstraint {
    let selector = pod_selector(&cluster.key.name);
    TopologySpreadConstraint {
        max_skew: 1,
        topology_key: cluster.spec.rack.topology_key.clone(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(LabelSelector { match_labels: Some(selector), ..LabelSelector::default() }),
        ..TopologySpreadConstraint::default()
    }
}

fn container(cluster: &ValidCluster) -> Container {
    let own = [("replication", ports::REPLICATION), ("admin", ports::ADMIN)];
    let listeners = cluster.spec.listeners.iter().map(|listener| (listener.name.as_str(), listener.port));
    let container_port = |(name, port): (&str, u16)| ContainerPort {
        name: Some(name.to_owned()),
        container_port: port.into(),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    };
    Container {
        name: CONTAINER.to_owned(),
        image: Some(cluster.image.clone()),
        args: Some(arguments(cluster)),
        command: Some(vec!["weir-broker".to_owned()]),
        env: Some(vec![
            field("POD_NAME", "metadata.name"),
            // The StatefulSet's number of the pod.
            field("POD_INDEX", "metadata.labels['apps.kubernetes.io/pod-index']"),
        ]),
        ports: Some(listeners.chain(own).map(container_port).collect()),
        resources: cluster.spec.resources.clone(),
        // Neither asks Kubernetes or the operator anything. One that recovers a large log is alive, and not ready.
        readiness_probe: Some(probe("/readyz", 1, 3)),
        liveness_probe: Some(probe("/livez", 10, 6)),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(vec![
            mount(DATA_VOLUME, DATA_MOUNT, false),
            mount("config", CONFIG_MOUNT, true),
            mount("session", SESSION_MOUNT, true),
        ]),
        ..Container::default()
    }
}

fn arguments(cluster: &ValidCluster) -> Vec<String> {
    let host = format!("$(POD_NAME).{}.{}.svc", names::headless_service(&cluster.key.name), cluster.key.namespace);
    let listeners = cluster.spec.listeners.iter().map(|listener| (listener.name.to_uppercase(), listener.port));
    let all = listeners.chain([(broker_config::REPLICATION_LISTENER.to_owned(), ports::REPLICATION)]);
    let advertised: Vec<_> = all.map(|(name, port)| format!("{name}://{host}:{port}")).collect();
    vec![
        format!("--config={CONFIG_MOUNT}/{}", config_map::BROKER_FILE),
        "--roles=broker".to_owned(),
        "--node-id=$(POD_INDEX)".to_owned(),
        format!("--controller={}", cluster.control_plane),
        format!("--data-dir={DATA_FOLDER}"),
        format!("--admin-listen=0.0.0.0:{}", ports::ADMIN),
        "--log-format=json".to_owned(),
        format!("--set=advertised.listeners={}", advertised.join(",")),
        format!("--set=weir.controller.token.file={SESSION_MOUNT}/{}", secret::TOKEN_KEY),
    ]
}

fn field(name: &str, path: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector { field_path: path.to_owned(), ..ObjectFieldSelector::default() }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}

fn probe(path: &str, period_seconds: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String("admin".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(5),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}

fn mount(volume: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
