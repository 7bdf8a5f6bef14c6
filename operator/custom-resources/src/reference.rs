//! The reference of the resources that people write, as Markdown, from their types.
//!
//! Examples are values of `reference/<kind>.yaml`: complete resources, of which the tests see that they have every field.

#[cfg(test)]
mod tests;

use crate::{Cluster, Topic};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use serde_json::Value;
use std::fmt::Write as _;

const CLUSTER: &str = include_str!("reference/cluster.yaml");
const TOPIC: &str = include_str!("reference/topic.yaml");

/// Fields whose types are those of Kubernetes: what is in them its own reference says.
const FOREIGN: [(&str, &str); 5] = [
    ("resources", "ResourceRequirements"),
    ("affinity", "Affinity"),
    ("tolerations", "list of Toleration"),
    ("topologySpreadConstraints", "list of TopologySpreadConstraint"),
    ("conditions", "list of Condition"),
];

const HEAD: &str = "\
<!-- Generated from operator/custom-resources by `make generate`. -->

# Custom resources

What people write, in group `weir.dev`, version `v1alpha1`; `kubectl explain clusters.weir.dev.spec` says the same. `[]` is an element of a
list. Types with a capital letter are those of Kubernetes. How things work together: [kubernetes.md](kubernetes.md).

`ClusterMetadata` and `ClusterMetadataShard` are kept by the operator, as the controller of a cluster. They are not for people:
`kubectl weir` and Kafka's tools show what is in them, and changing them by hand loses data.
";

struct Field<'a> {
    path: String,
    name: &'a str,
    schema: &'a Value,
    is_required: bool,
}

/// The whole page. An error: a type or an example is not what this module reads.
pub fn page() -> Result<String, serde_yaml::Error> {
    let mut page = HEAD.to_owned();
    for (definition, example) in [(Cluster::crd(), CLUSTER), (Topic::crd(), TOPIC)] {
        let values: Value = serde_yaml::from_str(example)?;
        // Writing to a string cannot fail.
        let _ = write_kind(&mut page, &definition, example, &values);
    }
    Ok(page)
}

fn schema_of(definition: &CustomResourceDefinition) -> Value {
    let json = serde_json::to_value(definition).expect("definitions are JSON");
    json["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

fn write_kind(
    page: &mut String,
    definition: &CustomResourceDefinition,
    example: &str,
    values: &Value,
) -> std::fmt::Result {
    let (names, schema) = (&definition.spec.names, schema_of(definition));
    writeln!(page, "\n## {}\n\n{}\n", names.kind, text(&schema["description"]))?;
    let short: Vec<_> = names.short_names.iter().flatten().map(|name| format!("`{name}`")).collect();
    writeln!(page, "`kubectl get {}.weir.dev`, or {}. {}", names.plural, short.join(", "), columns(definition))?;
    writeln!(page, "\n### {} spec\n", names.kind)?;
    writeln!(page, "| Field | Type | Default | Allowed | Meaning | Example |\n|---|---|---|---|---|---|")?;
    for field in fields(&schema["properties"]["spec"], "spec") {
        let Field { path, name, schema, is_required } = &field;
        let default = match (&schema["default"], is_required) {
            (Value::Null, true) => "required".to_owned(),
            (Value::Null, false) => String::new(),
            (default, _) => code(&plain(default)),
        };
        let shown = if has_fields(name, schema) { None } else { lookup(values, path) };
        let cells = [
            code(path),
            type_of(name, schema),
            default,
            allowed(schema),
            text(&schema["description"]),
            shown.map(|value| code(&plain(value))).unwrap_or_default(),
        ];
        writeln!(page, "| {} |", cells.map(|cell| escaped(&cell)).join(" | "))?;
    }
    let rules = rules(&schema, "");
    if !rules.is_empty() {
        writeln!(page, "\nThe API server refuses what breaks one of these:\n")?;
        for (path, message) in rules {
            writeln!(page, "- {}: {message}", code(path.trim_start_matches('.')))?;
        }
    }
    writeln!(page, "\nWith every field:\n\n```yaml\n{}\n```", example.trim_end())?;
    writeln!(page, "\n### {} status\n\n| Field | Type | Meaning |\n|---|---|---|", names.kind)?;
    for field in fields(&schema["properties"]["status"], "status") {
        let meaning = [text(&field.schema["description"]), one_of(field.schema)].join(" ");
        let cells = [code(&field.path), type_of(field.name, field.schema), meaning.trim().to_owned()];
        writeln!(page, "| {} |", cells.map(|cell| escaped(&cell)).join(" | "))?;
    }
    Ok(())
}

fn columns(definition: &CustomResourceDefinition) -> String {
    let columns =
        definition.spec.versions.iter().flat_map(|version| version.additional_printer_columns.iter().flatten());
    let (mut always, mut wide) = (Vec::new(), Vec::new());
    for column in columns {
        let is_wide = column.priority.is_some_and(|priority| priority > 0);
        let names = if is_wide { &mut wide } else { &mut always };
        names.push(column.name.clone());
    }
    format!("Columns: {}; with `-o wide` also {}.", always.join(", "), wide.join(", "))
}

/// In the order of their paths, each before those in it.
fn fields<'a>(schema: &'a Value, path: &str) -> Vec<Field<'a>> {
    let mut found = Vec::new();
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        found.push(Field { path: path.clone(), name, schema: inner, is_required: required.contains(&name.as_str()) });
        if !is_foreign(name) {
            found.extend(fields(inner, &path));
            found.extend(fields(&inner["items"], &format!("{path}[]")));
        }
    }
    found
}

fn is_foreign(name: &str) -> bool {
    FOREIGN.iter().any(|(foreign, _)| *foreign == name)
}

/// Those in it are told themselves.
fn has_fields(name: &str, schema: &Value) -> bool {
    !is_foreign(name) && (schema["properties"].is_object() || schema["items"]["properties"].is_object())
}

fn type_of(name: &str, schema: &Value) -> String {
    if let Some((_, foreign)) = FOREIGN.iter().find(|(foreign, _)| *foreign == name) {
        return (*foreign).to_owned();
    }
    if schema["x-kubernetes-int-or-string"] == true {
        return "integer or string".to_owned();
    }
    match schema["type"].as_str().unwrap_or("object") {
        "array" => format!("list of {}", type_of("", &schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("map of {}", type_of("", &schema["additionalProperties"]))
        }
        "string" if schema["format"] == "duration" => "duration".to_owned(),
        other => other.to_owned(),
    }
}

fn allowed(schema: &Value) -> String {
    let number = |key: &str| schema[key].as_f64().map(|number| number.to_string());
    let between = |least: &str, most: &str, what: &str| match (number(least), number(most)) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}{what}")),
        (Some(least), None) => Some(format!("at least {least}{what}")),
        (None, Some(most)) => Some(format!("at most {most}{what}")),
        (None, None) => None,
    };
    let each = match &schema["items"] {
        Value::Object(_) => allowed(&schema["items"]),
        _ => String::new(),
    };
    let told = [
        Some(one_of(schema)),
        between("minimum", "maximum", ""),
        between("minLength", "maxLength", " characters"),
        between("minItems", "maxItems", " elements"),
        between("minProperties", "maxProperties", " entries"),
        schema["pattern"].as_str().map(code),
        Some(each).filter(|each| !each.is_empty()).map(|each| format!("each {each}")),
    ];
    told.into_iter().flatten().filter(|told| !told.is_empty()).collect::<Vec<_>>().join(", ")
}

fn one_of(schema: &Value) -> String {
    let values = schema["enum"].as_array().into_iter().flatten().map(|value| code(&plain(value)));
    values.collect::<Vec<_>>().join(", ")
}

/// Where a rule is, and what it says.
fn rules(schema: &Value, path: &str) -> Vec<(String, String)> {
    let own = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    let named = if path.is_empty() { ".metadata" } else { path };
    let mut found: Vec<_> = own.map(|rule| (named.to_owned(), text(&rule["message"]))).collect();
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        if !is_foreign(name) {
            let path = format!("{path}.{name}");
            found.extend(rules(inner, &path));
            found.extend(rules(&inner["items"], &format!("{path}[]")));
        }
    }
    found
}

/// The value of a field; of a list the first that has it.
fn lookup<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let Some((first, rest)) = path.split_once('.') else { return value.get(path) };
    match first.strip_suffix("[]") {
        Some(list) => value.get(list)?.as_array()?.iter().find_map(|element| lookup(element, rest)),
        None => lookup(value.get(first)?, rest),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn escaped(cell: &str) -> String {
    cell.replace('|', "\\|")
}
