use super::*;

fn kinds() -> [(Value, Value); 2] {
    [(Cluster::crd(), CLUSTER), (Topic::crd(), TOPIC)]
        .map(|(definition, example)| (schema_of(&definition), serde_yaml::from_str(example).unwrap()))
}

#[test]
fn examples_are_resources_with_every_field() {
    serde_yaml::from_str::<Cluster>(CLUSTER).unwrap();
    serde_yaml::from_str::<Topic>(TOPIC).unwrap();
    for (schema, example) in kinds() {
        for field in fields(&schema["properties"]["spec"], "spec") {
            assert!(lookup(&example, &field.path).is_some(), "add {} to the example", field.path);
        }
    }
}

#[test]
fn examples_are_in_the_range_that_is_told() {
    for (schema, example) in kinds() {
        for Field { path, schema, .. } in fields(&schema["properties"]["spec"], "spec") {
            let Some(value) = lookup(&example, &path) else { continue };
            if let Some(values) = schema["enum"].as_array() {
                assert!(values.contains(value), "{path}");
            }
            if let Some(number) = value.as_f64() {
                let bound = |key: &str, otherwise| schema[key].as_f64().unwrap_or(otherwise);
                assert!(number >= bound("minimum", f64::MIN) && number <= bound("maximum", f64::MAX), "{path}");
            }
        }
    }
}

#[test]
fn page_tells_type_default_range_meaning_and_example_of_each_field() {
    let page = page().unwrap();
    let row = |field: &str| page.lines().find(|line| line.starts_with(&format!("| `{field}` |"))).unwrap().to_owned();
    assert_eq!(
        row("spec.replicas"),
        "| `spec.replicas` | integer | `3` | 1 to 200 | Number of brokers. Broker ids are 0, 1, 2, …: those of the pods. | `6` |"
    );
    assert!(row("spec.storage.size").contains("| required |"));
    assert!(row("spec.listeners[].nodePort.advertisedHost").contains("`kafka.example.com`"));
    assert!(row("spec.failover.sessionTimeout").contains("| duration | `4500ms` |"));
    assert!(row("spec.storage.retentionPolicy.whenScaled").contains("`Retain`, `Delete`"));
    assert!(row("spec.config").contains("| map of integer or string |"));
    assert!(row("spec.template.pod.affinity").contains("| Affinity |"));
    assert!(!page.contains("`spec.template.pod.affinity."), "what is Kubernetes' own is told by its reference");
    assert!(row("status.brokers[].state").contains("`Fenced`"));
    assert!(page.contains("- `spec.listeners`: each listener has a port of its own"));
    assert!(page.contains("- `metadata`: the name must be a DNS label"));
}
