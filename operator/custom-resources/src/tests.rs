use super::*;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;

/// What `kubectl apply` can keep in the annotation of the last applied object, and a bit less.
const LARGEST_DEFINITION: usize = 200 << 10;

fn visit(schema: &JSONSchemaProps, path: &str, see: &mut impl FnMut(&str, &JSONSchemaProps)) {
    see(path, schema);
    for (name, inner) in schema.properties.iter().flatten() {
        visit(inner, &format!("{path}.{name}"), see);
    }
    if let Some(k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaPropsOrArray::Schema(
        inner,
    )) = &schema.items
    {
        visit(inner, &format!("{path}[]"), see);
    }
}

fn schemas() -> impl Iterator<Item = (String, JSONSchemaProps)> {
    definitions().into_iter().map(|definition| {
        let version = definition.spec.versions.into_iter().next().unwrap();
        (definition.spec.names.kind, version.schema.unwrap().open_api_v3_schema.unwrap())
    })
}

#[test]
fn definitions_are_small_enough_for_apply() {
    for definition in definitions() {
        let json = serde_json::to_vec(&definition).unwrap();
        assert!(json.len() < LARGEST_DEFINITION, "{:?} has {} bytes", definition.metadata.name, json.len());
    }
}

#[test]
fn every_field_of_a_spec_is_explained() {
    for (kind, schema) in schemas() {
        visit(&schema, &kind, &mut |path, schema| {
            // What Kubernetes' own types say is theirs.
            let foreign =
                ["affinity", "tolerations", "topologySpreadConstraints", "resources", "conditions", "metadata"];
            let is_foreign = foreign.iter().any(|name| path.contains(&format!(".{name}")));
            let needs_words = path.contains(".spec.") && !path.ends_with("[]") && !is_foreign;
            assert!(!needs_words || schema.description.is_some(), "{path} says nothing in kubectl explain");
        });
    }
}

#[test]
fn internal_kinds_say_that_they_are() {
    for (kind, schema) in schemas().filter(|(kind, _)| kind.starts_with("ClusterMetadata")) {
        assert!(schema.description.is_some_and(|words| words.starts_with("INTERNAL")), "{kind}");
    }
}

#[test]
fn samples_are_what_the_types_read() {
    let cluster: Cluster = serde_yaml::from_str(include_str!("../../../crds/samples/minimal.yaml")).unwrap();
    assert_eq!((cluster.spec.replicas, cluster.spec.listeners[0].port), (3, 9092));
    let cluster: Cluster = serde_yaml::from_str(include_str!("../../../crds/samples/production.yaml")).unwrap();
    assert_eq!(cluster.spec.config["log.retention.hours"].to_string(), "168");
    let topic: Topic = serde_yaml::from_str(include_str!("../../../crds/samples/topic.yaml")).unwrap();
    assert_eq!(topic.spec.config["retention.ms"], ConfigValue::Number(604_800_000));
}

/// Those who read the definitions as YAML 1.1, as kubectl and helm do, take these for booleans and the field is gone.
#[test]
fn no_field_is_a_boolean_of_yaml() {
    for (kind, schema) in schemas() {
        visit(&schema, &kind, &mut |path, _| {
            let name = path.rsplit('.').next().unwrap_or_default().trim_end_matches("[]").to_lowercase();
            assert!(!["on", "off", "yes", "no", "y", "n", "true", "false"].contains(&&*name), "{path}");
        });
    }
}
