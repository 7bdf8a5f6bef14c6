use super::{
    super::testing::{self, Members},
    *,
};
use crate::valid_cluster::tests::valid;
use controller::replication_throttle::REASSIGNMENT_RATE;
use kube::ResourceExt as _;
use serde::de::DeserializeOwned;

/// Of a cluster whose dynamic configuration is as the defaults say.
fn image(brokers: i32, fenced: &[i32], topics: &[&[Members<'_>]]) -> ClusterImage {
    let mut image = testing::image(brokers, fenced, topics);
    let min = if brokers < 3 { "1" } else { "2" };
    let set = [(REASSIGNMENT_RATE, "52428800"), ("min.insync.replicas", min)];
    let cluster = set.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    image.broker_configs = Arc::new(controller::BrokerConfigs { cluster, ..controller::BrokerConfigs::default() });
    image
}

fn plan(cluster: &ValidCluster, observed: &Observed, image: Option<&ClusterImage>) -> Plan {
    super::plan(cluster, observed, image, false)
}

const SPEC: &str = "{storage: {size: 1Gi}, resources: {requests: {cpu: 1000m}}}";
const ALL: &[i32] = &[0, 1, 2];

fn kinds(plan: &Plan) -> Vec<String> {
    let told = |action: &Action| match action {
        Action::Apply { resource, name, .. } => format!("apply {} {name}", resource.kind),
        Action::Delete { resource, name } => format!("delete {} {name}", resource.kind),
        Action::Restore { name, node_port, .. } => format!("restore {name} {node_port}"),
        Action::Restart(pod) => format!("restart {}", pod.name),
        Action::Move(moves) => format!("move {}", moves.len()),
        Action::Grow { claim, size } => format!("grow {claim} {}", size.0),
        Action::Mark { claim, unused_since: None } => format!("unmark {}", claim.name),
        Action::Mark { claim, .. } => format!("mark {}", claim.name),
        Action::Identify { claim, cluster_id } => format!("identify {claim} {cluster_id}"),
        Action::DeleteVolume(claim) => format!("delete volume {}", claim.name),
        Action::Orphan { name, .. } => format!("orphan {name}"),
        Action::Cancel(partitions) => format!("cancel {}", partitions.len()),
        Action::Configure(changes) => {
            let told = changes.iter().map(|(key, value)| format!(" {key}={}", value.as_deref().unwrap_or_default()));
            format!("configure{}", told.collect::<String>())
        }
        Action::Forget(id) => format!("forget {id}"),
    };
    plan.actions.iter().map(told).collect()
}

/// Takes what a plan applies, as an API server does: with fields of its own, and amounts in its form.
fn apply(observed: &mut Observed, plan: &Plan) {
    fn take<K: Resource<DynamicType = ()> + DeserializeOwned>(objects: &mut Vec<Arc<K>>, body: &Value) {
        let object: K = serde_json::from_value(body.clone()).unwrap();
        objects.retain(|there| there.meta().name != object.meta().name);
        objects.push(Arc::new(object));
    }
    for action in &plan.actions {
        let Action::Apply { resource, body, .. } = action else { continue };
        let mut body = body.clone();
        body["metadata"]["resourceVersion"] = "7".into();
        match resource.kind.as_str() {
            "StatefulSet" => {
                body["metadata"]["generation"] = 1.into();
                body["spec"]["revisionHistoryLimit"] = 10.into();
                body["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "1".into();
                body["status"] = serde_json::json!({"observedGeneration": 1, "updateRevision": "new", "replicas": 3});
                take(&mut observed.stateful_sets, &body);
            }
            "Service" => {
                body["spec"]["sessionAffinity"] = "None".into();
                take(&mut observed.services, &body);
            }
            "ConfigMap" => take(&mut observed.config_maps, &body),
            "ServiceAccount" => take(&mut observed.service_accounts, &body),
            "PodDisruptionBudget" => take(&mut observed.budgets, &body),
            other => panic!("{other}"),
        }
    }
}

fn pod(id: i32, revision: &str) -> Arc<Pod> {
    let yaml = format!(
        "{{metadata: {{name: events-{id}, uid: u{id}, labels: {{controller-revision-hash: {revision}}}}},
          status: {{conditions: [{{type: Ready, status: 'True'}}]}}}}"
    );
    Arc::new(serde_yaml::from_str(&yaml).unwrap())
}

/// Three brokers as the spec says.
fn converged(cluster: &ValidCluster, image: &ClusterImage) -> Observed {
    let mut observed = Observed::default();
    let plan = plan(cluster, &observed, Some(image));
    apply(&mut observed, &plan);
    observed.pods = (0..cluster.spec.replicas).map(|id| pod(id, "new")).collect();
    observed
}

#[test]
fn everything_is_made_and_then_nothing_is_planned() {
    let (cluster, image) = (valid(SPEC), image(3, &[], &[&[(ALL, ALL)]]));
    let first = kinds(&plan(&cluster, &Observed::default(), Some(&image)));
    assert_eq!(
        first,
        [
            "apply ServiceAccount events-broker",
            "apply ConfigMap events-broker-config",
            "apply Service events-brokers",
            "apply Service events-internal-bootstrap",
            "apply StatefulSet events",
            "apply PodDisruptionBudget events-brokers"
        ]
    );
    let observed = converged(&cluster, &image);
    assert!(plan(&cluster, &observed, Some(&image)).actions.is_empty());
    assert!(plan(&cluster, &observed, None).actions.is_empty(), "without a controller neither");
}

#[test]
fn volumes_are_not_made_before_the_metadata() {
    let planned = kinds(&plan(&valid(SPEC), &Observed::default(), None));
    assert!(planned.iter().all(|action| !action.contains("StatefulSet")), "{planned:?}");
    let brought = kinds(&super::plan(&valid(SPEC), &Observed::default(), None, true));
    assert!(brought.contains(&"apply StatefulSet events".to_owned()), "brokers are to bring it: {brought:?}");
}

#[test]
fn what_somebody_changed_or_deleted_is_put_back() {
    let (cluster, image) = (valid(SPEC), image(3, &[], &[]));
    let mut observed = converged(&cluster, &image);
    observed.config_maps.clear();
    let mut set = StatefulSet::clone(&observed.stateful_sets[0]);
    set.spec.as_mut().unwrap().template.spec.as_mut().unwrap().containers[0].image = Some("mine".to_owned());
    observed.stateful_sets = vec![Arc::new(set)];
    let planned = plan(&cluster, &observed, Some(&image));
    assert_eq!(kinds(&planned), ["apply ConfigMap events-broker-config", "apply StatefulSet events"]);
}

#[test]
fn what_a_person_made_stays_whatever_it_is_labelled_with() {
    let (cluster, image) = (valid(SPEC), image(3, &[], &[]));
    let mut observed = converged(&cluster, &image);
    let of_person = "{metadata: {name: lb, labels: {weir.dev/cluster: events}}, spec: {type: LoadBalancer}}";
    observed.services.push(Arc::new(serde_yaml::from_str(of_person).unwrap()));
    assert!(plan(&cluster, &observed, Some(&image)).actions.is_empty());
}

/// Whoever waits for it after a change must not be told of before.
#[test]
fn whether_pods_are_up_to_date_is_not_known_before_kubernetes_has_looked_at_their_set() {
    let (before, image) = (valid(SPEC), image(3, &[], &[]));
    let mut observed = converged(&before, &image);
    let changed = valid("{storage: {size: 1Gi}, resources: {requests: {cpu: 1000m}}, image: 'weir-broker:2'}");
    assert_eq!(plan(&changed, &observed, Some(&image)).roll, Roll::NotKnown);
    let mut set = StatefulSet::clone(&observed.stateful_sets[0]);
    set.metadata.generation = Some(2);
    observed.stateful_sets = vec![Arc::new(set)];
    assert_eq!(plan(&before, &observed, Some(&image)).roll, Roll::NotKnown, "its status is of the generation before");
}

/// What a scale-down leaves behind has to be safe while it waits: it may wait for ever.
#[test]
fn brokers_that_cannot_go_change_no_defaults() {
    let scaled = valid("{replicas: 2, storage: {size: 1Gi}, resources: {requests: {cpu: 1000m}}}");
    let image = image(3, &[], &[&[(ALL, ALL)]]);
    let observed = converged(&valid(SPEC), &image);
    let planned = plan(&scaled, &observed, Some(&image));
    assert!(planned.scale.held.is_some(), "{planned:?}");
    assert_eq!((kinds(&planned), &planned.roll), (vec![], &Roll::Done));
}

#[test]
fn drained_broker_loses_its_replicas_and_then_nothing_is_planned() {
    let cluster = valid("{replicas: 4, storage: {size: 1Gi}}");
    let drained = |mut image: ClusterImage| {
        image.holds.insert(BrokerId(1), controller::Hold { fenced: false, drained: true });
        image
    };
    let loaded = drained(image(4, &[], &[&[(ALL, ALL)]]));
    let observed = converged(&cluster, &loaded);
    assert_eq!(kinds(&plan(&cluster, &observed, Some(&loaded))), ["move 1"]);
    let empty = drained(image(4, &[], &[&[(&[0, 3, 2], &[0, 3, 2])]]));
    assert!(plan(&cluster, &observed, Some(&empty)).actions.is_empty());
}

#[test]
fn services_of_a_listener_that_went_go() {
    let image = image(3, &[], &[]);
    let spec = |listeners: &str| valid(&format!("{{storage: {{size: 1Gi}}, listeners: [{listeners}]}}"));
    let both = spec("{name: internal, port: 9092}, {name: external, port: 9094, type: nodeport}");
    let observed = converged(&both, &image);
    let planned = kinds(&plan(&spec("{name: internal, port: 9092}"), &observed, Some(&image)));
    for service in ["bootstrap", "0", "1", "2"] {
        assert!(planned.contains(&format!("delete Service events-external-{service}")), "{planned:?}");
    }
}

#[test]
fn service_that_was_deleted_has_its_port_again() {
    let spec = "{storage: {size: 1Gi}, listeners: [{name: external, port: 9094, type: nodeport}]}";
    let (mut cluster, mut image) = (valid(spec), image(3, &[], &[]));
    let mut observed = converged(&cluster, &image);
    let chosen = observed.services.iter().position(|service| service.name_any() == "events-external-0").unwrap();
    let mut service = Service::clone(&observed.services[chosen]);
    service.spec.as_mut().unwrap().ports.as_mut().unwrap()[0].node_port = Some(30_500);
    observed.services[chosen] = Arc::new(service);
    let seen = plan(&cluster, &observed, Some(&image));
    assert!(seen.actions.is_empty(), "what Kubernetes chose is nobody's to write");
    assert_eq!(seen.node_ports.get("events-external-0"), Some(&30_500));

    let brokers = Arc::make_mut(&mut image.brokers);
    let endpoint = |port| controller::Endpoint { listener: "EXTERNAL".to_owned(), host: "node".to_owned(), port };
    brokers.get_mut(&BrokerId(0)).unwrap().endpoints = vec![endpoint(30_500)];
    brokers.get_mut(&BrokerId(1)).unwrap().endpoints = vec![endpoint(9094)];
    cluster.known_node_ports = [("external".to_owned(), 30_600)].into();
    observed.services.clear();
    let planned = kinds(&plan(&cluster, &observed, Some(&image)));
    assert_eq!(
        planned,
        [
            "apply Service events-brokers",
            "restore events-external-bootstrap 30600",
            "restore events-external-0 30500",
            "apply Service events-external-1",
            "apply Service events-external-2",
        ],
        "as far as it is known"
    );
    let Action::Restore { body, .. } = &plan(&cluster, &observed, Some(&image)).actions[2] else { panic!() };
    assert_eq!(body["spec"]["ports"][0].get("nodePort"), None, "what is wanted is as it was");
    let said = valid(
        &spec.replace("type: nodeport", "type: nodeport, nodePort: {bootstrapPort: 30001, firstBrokerPort: 30010}"),
    );
    let said = ValidCluster { known_node_ports: cluster.known_node_ports.clone(), ..said };
    let planned = kinds(&plan(&said, &observed, Some(&image)));
    assert!(planned.iter().all(|action| !action.starts_with("restore")), "the spec counts: {planned:?}");
}

#[test]
fn object_that_is_being_deleted_is_waited_for() {
    let (cluster, image) = (valid(SPEC), image(3, &[], &[]));
    let mut observed = converged(&cluster, &image);
    let mut going = Service::clone(&observed.services[0]);
    going.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH));
    observed.services[0] = Arc::new(going);
    assert!(plan(&cluster, &observed, Some(&image)).actions.is_empty());
}

#[test]
fn brokers_of_an_older_revision_restart_only_when_all_objects_are_as_wanted() {
    let (cluster, image) = (valid(SPEC), image(3, &[], &[&[(ALL, ALL)]]));
    let mut observed = converged(&cluster, &image);
    observed.pods[1] = pod(1, "old");
    let planned = kinds(&plan(&cluster, &observed, Some(&image)));
    assert_eq!(planned, ["apply PodDisruptionBudget events-brokers", "restart events-1"]);
    observed.config_maps.clear();
    let planned = kinds(&plan(&cluster, &observed, Some(&image)));
    assert_eq!(planned, ["apply ConfigMap events-broker-config"]);
}

#[test]
fn dynamic_configuration_restarts_nobody_and_is_named_before_it_is_set() {
    let image = image(3, &[], &[&[(ALL, ALL)]]);
    let mut observed = converged(&valid(SPEC), &image);
    let changed = valid(&SPEC.replace("resources:", "config: {log.retention.ms: 1000}, resources:"));
    let named = plan(&changed, &observed, Some(&image));
    assert_eq!(kinds(&named), ["apply ConfigMap events-broker-config"]);
    apply(&mut observed, &named);
    assert_eq!(kinds(&plan(&changed, &observed, Some(&image))), ["configure log.retention.ms=1000"]);
    let other = valid(&SPEC.replace("resources:", "config: {log.retention.hours: 1}, resources:"));
    let planned = kinds(&plan(&other, &observed, Some(&image)));
    assert_eq!(planned, ["apply ConfigMap events-broker-config", "apply StatefulSet events"], "read at a start only");
}

#[test]
fn set_grows_once_it_is_reported_which_brokers_are_new() {
    let mut cluster = valid("{replicas: 3, storage: {size: 1Gi}}");
    let image = image(3, &[], &[&[(ALL, ALL)]]);
    let observed = converged(&cluster, &image);
    cluster.spec.replicas = 4;
    let first = plan(&cluster, &observed, Some(&image));
    assert!(first.actions.is_empty());
    cluster.known_filling = first.scale.progress.unwrap().onto;
    let planned = kinds(&plan(&cluster, &observed, Some(&image)));
    assert_eq!(planned, ["apply StatefulSet events", "apply PodDisruptionBudget events-brokers"]);
}

fn claim(broker: i32, size: &str) -> Arc<PersistentVolumeClaim> {
    let yaml = format!(
        "{{metadata: {{name: data-events-{broker}, annotations: {{weir.dev/cluster-id: test}}}}, spec: {{storageClassName: fast, resources: {{requests: {{storage: {size}}}}}}}}}"
    );
    Arc::new(serde_yaml::from_str(&yaml).unwrap())
}

#[test]
fn larger_volumes_are_asked_for_and_then_the_set_is_made_again_without_a_restart() {
    let (small, image) = (valid(SPEC), image(3, &[], &[&[(ALL, ALL)]]));
    let mut observed = converged(&small, &image);
    observed.claims = (0..3).map(|id| claim(id, "1Gi")).collect();
    let large = valid("{storage: {size: 2Gi}, resources: {requests: {cpu: 1000m}}}");
    let refused = plan(&large, &observed, Some(&image));
    assert!(refused.actions.is_empty(), "its class was not asked");
    observed.classes.insert("fast".to_owned(), true);
    let grow = ["grow data-events-0 2Gi", "grow data-events-1 2Gi", "grow data-events-2 2Gi"];
    assert_eq!(kinds(&plan(&large, &observed, Some(&image))), grow);
    observed.claims = (0..3).map(|id| claim(id, "2Gi")).collect();
    assert_eq!(kinds(&plan(&large, &observed, Some(&image))), ["orphan events"]);
    observed.stateful_sets.clear();
    let again = plan(&large, &observed, Some(&image));
    assert_eq!(kinds(&again), ["apply StatefulSet events"]);
    apply(&mut observed, &again);
    assert!(plan(&large, &observed, Some(&image)).actions.is_empty());
}

#[test]
fn set_that_is_made_again_has_the_pods_that_are_to_be_drained() {
    let image = image(4, &[], &[&[(&[3, 0, 1], &[3, 0, 1])]]);
    let mut observed = converged(&valid("{replicas: 4, storage: {size: 1Gi}}"), &image);
    observed.stateful_sets.clear();
    let planned = plan(&valid("{replicas: 3, storage: {size: 1Gi}}"), &observed, Some(&image));
    let replicas = planned.actions.iter().find_map(|action| match action {
        Action::Apply { resource, body, .. } if resource.kind == "StatefulSet" => {
            Some(body["spec"]["replicas"].clone())
        }
        _ => None,
    });
    assert_eq!(replicas, Some(4.into()));
}

#[test]
fn pods_stay_as_many_as_they_are_until_their_replicas_moved() {
    let mut cluster = valid("{replicas: 4, storage: {size: 1Gi}}");
    let loaded = image(4, &[], &[&[(&[3, 0, 1], &[3, 0, 1])]]);
    let observed = converged(&cluster, &loaded);
    cluster.spec.replicas = 3;
    assert_eq!(kinds(&plan(&cluster, &observed, Some(&loaded))), ["move 1"]);
    let drained = image(4, &[], &[&[(&[2, 0, 1], &[2, 0, 1])]]);
    assert_eq!(kinds(&plan(&cluster, &observed, Some(&drained))), ["apply StatefulSet events"]);
}

#[test]
fn volume_says_of_which_cluster_it_is_once_its_broker_serves() {
    let (cluster, serving) = (valid(SPEC), image(3, &[2], &[]));
    let mut observed = converged(&cluster, &serving);
    observed.claims = (0..3).map(|id| claim(id, "1Gi")).collect();
    let bare = |id: i32| {
        let mut bare = PersistentVolumeClaim::clone(&claim(id, "1Gi"));
        bare.metadata.annotations = None;
        Arc::new(bare)
    };
    assert!(plan(&cluster, &observed, Some(&serving)).actions.is_empty());
    observed.claims = vec![claim(0, "1Gi"), bare(1), bare(2)];
    assert_eq!(kinds(&plan(&cluster, &observed, Some(&serving))), ["identify data-events-1 test"]);
    assert!(plan(&cluster, &observed, None).actions.is_empty());
}

/// Of a Cluster of the same name that was deleted: it is made again once it is gone, and there is metadata.
#[test]
fn set_that_goes_with_another_cluster_is_not_taken_over() {
    let (cluster, image) = (valid(SPEC), image(3, &[], &[]));
    let mut before = cluster.clone();
    before.owner.uid = "another".to_owned();
    let observed = converged(&before, &image);
    let planned = kinds(&plan(&cluster, &observed, None));
    assert!(planned.iter().all(|action| !action.contains("StatefulSet")), "{planned:?}");
    let own = kinds(&plan(&valid("{storage: {size: 1Gi}}"), &converged(&cluster, &image), None));
    assert!(own.contains(&"apply StatefulSet events".to_owned()), "{own:?}");
}

#[test]
fn volume_that_a_broker_left_goes_and_stays_once_the_broker_is_wanted_again() {
    let mut cluster = valid("{replicas: 3, storage: {size: 1Gi, retentionPolicy: {whenScaled: Delete}}}");
    let image = image(3, &[], &[&[(ALL, ALL)]]);
    let mut observed = converged(&cluster, &image);
    observed.claims = vec![claim(3, "1Gi")];
    assert_eq!(kinds(&plan(&cluster, &observed, Some(&image))), ["mark data-events-3"]);
    let mut marked = PersistentVolumeClaim::clone(&observed.claims[0]);
    let unused_since = (unused_volumes::UNUSED_ANNOTATION.to_owned(), observed.now.to_string());
    marked.metadata.annotations = Some([unused_since].into());
    observed.claims = vec![Arc::new(marked)];
    let waiting = plan(&cluster, &observed, Some(&image));
    assert!(waiting.actions.is_empty() && waiting.unused.is_pending);
    observed.now += k8s_openapi::jiff::SignedDuration::from_mins(1);
    assert_eq!(kinds(&plan(&cluster, &observed, Some(&image))), ["delete volume data-events-3"]);
    (cluster.spec.replicas, cluster.known_filling) = (4, vec![3]);
    let planned = kinds(&plan(&cluster, &observed, Some(&image)));
    assert_eq!(planned[..2], ["unmark data-events-3", "apply StatefulSet events"], "in this order");
}

/// It was made smaller, which the watch has not brought or nobody answered.
#[test]
fn set_that_may_be_smaller_than_it_was_seen_is_written_again() {
    let (cluster, image) = (valid(SPEC), image(3, &[], &[&[(ALL, ALL)]]));
    let mut observed = converged(&cluster, &image);
    observed.set_size.writing(2);
    assert_eq!(kinds(&plan(&cluster, &observed, Some(&image))), ["apply StatefulSet events"]);
    assert!(observed.leaving(&cluster).includes(BrokerId(2)));
    observed.set_size.written(3);
    assert!(plan(&cluster, &observed, Some(&image)).actions.is_empty());
    assert!(!observed.leaving(&cluster).includes(BrokerId(2)));
}

#[test]
fn no_eviction_takes_a_second_broker_before_the_first_is_in_sync() {
    let (cluster, good) = (valid(SPEC), image(3, &[], &[&[(ALL, ALL)]]));
    let mut observed = converged(&cluster, &good);
    let behind = image(3, &[], &[&[(ALL, &[1, 2])]]);
    let closing = plan(&cluster, &observed, Some(&behind));
    assert_eq!(kinds(&closing), ["apply PodDisruptionBudget events-brokers"]);
    apply(&mut observed, &closing);
    assert!(plan(&cluster, &observed, Some(&behind)).actions.is_empty(), "once");
    assert_eq!(kinds(&plan(&cluster, &observed, Some(&good))), ["apply PodDisruptionBudget events-brokers"]);

    observed.pods[0] = pod(0, "old");
    observed.budgets = converged(&cluster, &good).budgets;
    let restarting = plan(&cluster, &observed, Some(&good));
    assert_eq!(kinds(&restarting), ["apply PodDisruptionBudget events-brokers", "restart events-0"]);
}

#[test]
fn set_is_written_only_as_it_was_seen() {
    let (mut cluster, image) = (valid("{replicas: 4, storage: {size: 1Gi}}"), image(3, &[], &[&[(ALL, ALL)]]));
    let body = |observed: &Observed, cluster: &ValidCluster| {
        let mut planned = plan(cluster, observed, Some(&image)).actions.into_iter();
        planned.find_map(|action| action.set_size().map(|_| action)).map(|action| match action {
            Action::Apply { body, .. } => body,
            other => panic!("{other:?}"),
        })
    };
    let made = body(&Observed::default(), &cluster).unwrap();
    assert_eq!((&made["metadata"]["uid"], &made["metadata"]["resourceVersion"]), (&Value::Null, &Value::Null));
    let mut observed = converged(&cluster, &image);
    let mut set = StatefulSet::clone(&observed.stateful_sets[0]);
    set.metadata.uid = Some("u-1".to_owned());
    observed.stateful_sets = vec![Arc::new(set)];
    assert_eq!(body(&observed, &cluster), None);
    cluster.spec.replicas = 3;
    let smaller = body(&observed, &cluster).unwrap();
    assert_eq!((&smaller["metadata"]["uid"], &smaller["metadata"]["resourceVersion"]), (&"u-1".into(), &"7".into()));
    observed.set_size = SetSize::read(Some(1));
    cluster.spec.replicas = 4;
    let again = body(&observed, &cluster).unwrap();
    assert_eq!(again["metadata"]["resourceVersion"], "7", "though what was seen may be of before");
}
