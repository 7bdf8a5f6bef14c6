//! Every alert of the chart looks at a metric that is there, and says what to do.

use super::Metrics;
use crate::valid_cluster::ClusterKey;
use custom_resources::{
    ClusterStatus,
    cluster_status::{ControllerStatus, PartitionCounts, condition},
    conditions::{Finding, conditions},
};
use k8s_openapi::jiff::Timestamp;
use serde_yaml::Value;
use std::collections::BTreeSet;

const ALERTS: &str = include_str!("../../../charts/weir-operator/files/alerts.yaml");
const RUNBOOK: &str = include_str!("../../../docs/alerts.md");
const METRICS_OF_BROKERS: &str = include_str!("../../../docs/metrics.md");

/// Everything that an operator can show.
fn page() -> String {
    let metrics = Metrics::default();
    metrics.reconciled("Cluster", false);
    metrics.wrote("status");
    let types = [
        condition::READY,
        condition::AVAILABLE,
        condition::LISTENERS_READY,
        condition::STORAGE_HEALTHY,
        condition::METADATA_PERSISTED,
        condition::FULLY_REPLICATED,
        condition::UP_TO_DATE,
        condition::RECONCILED,
    ];
    let findings = types.map(|type_| Finding::new(type_, true, "AsExpected", "")).into();
    let status = ClusterStatus {
        conditions: conditions(&[], findings, None, Timestamp::UNIX_EPOCH),
        partitions: Some(PartitionCounts::default()),
        controller: Some(ControllerStatus::default()),
        ..ClusterStatus::default()
    };
    let key = ClusterKey { namespace: "shop".to_owned(), name: "events".to_owned() };
    metrics.clusters.observe(key, 3, &status);
    metrics.render()
}

fn rules() -> Vec<Value> {
    let groups: Vec<Value> = serde_yaml::from_str(ALERTS).unwrap();
    groups.iter().flat_map(|group| group["rules"].as_sequence().unwrap().clone()).collect()
}

fn text<'a>(rule: &'a Value, path: &[&str]) -> &'a str {
    let value = path.iter().fold(rule, |value, key| &value[*key]);
    value.as_str().unwrap_or_else(|| panic!("{path:?} is no text in {rule:?}"))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
}

fn names_metric(word: &&str) -> bool {
    word.starts_with("weir_") || word.starts_with("kafka_")
}

#[test]
fn alerts_look_at_metrics_and_labels_that_there_are() {
    let page = page();
    for rule in rules() {
        let expr = text(&rule, &["expr"]);
        let metrics: Vec<_> = words(expr).filter(names_metric).collect();
        assert!(!metrics.is_empty(), "{expr}");
        for metric in metrics {
            let is_own = page.contains(&format!("# TYPE {metric} "));
            assert!(is_own || METRICS_OF_BROKERS.contains(&format!("`{metric}`")), "{metric} of {expr} is nowhere");
        }
        let selectors = expr.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        for selector in selectors {
            assert!(page.contains(selector), "{selector} of {expr} is never shown");
        }
    }
}

#[test]
fn alerts_say_how_bad_it_is_and_what_to_do() {
    let mut names = BTreeSet::new();
    for rule in rules() {
        let name = text(&rule, &["alert"]).to_owned();
        assert!(["critical", "warning"].contains(&text(&rule, &["labels", "severity"])), "{name}");
        assert!(text(&rule, &["annotations", "summary"]).ends_with('.'), "{name}");
        text(&rule, &["annotations", "description"]);
        let anchor = format!("RUNBOOK#{}", name.to_lowercase());
        assert_eq!(text(&rule, &["annotations", "runbook_url"]), anchor);
        assert!(names.insert(name), "an alert is there twice");
    }
    let sections: BTreeSet<_> =
        RUNBOOK.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned).collect();
    assert_eq!(names, sections, "each has a section in docs/alerts.md, and none is left over");
}

#[test]
fn metrics_of_the_operator_are_documented() {
    let page = page();
    let shown: BTreeSet<_> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let table = RUNBOOK.lines().filter(|line| line.starts_with("| `"));
    let documented: BTreeSet<_> = table.flat_map(|line| words(line.split('|').nth(1).unwrap_or_default())).collect();
    let documented: BTreeSet<_> = documented.into_iter().filter(names_metric).collect();
    assert_eq!(shown, documented);
}
