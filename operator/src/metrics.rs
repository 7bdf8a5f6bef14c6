//! What the operator does, for Prometheus. A converged cluster makes it write nothing: `weir_operator_writes_total` stands
//! still.

#[cfg(test)]
mod alerts;
mod clusters;
mod controllers;

use crate::valid_cluster::ClusterKey;
use clusters::Clusters;
use controllers::ControllerMetrics;
pub use controllers::OneController;
use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

#[derive(Debug, Default)]
pub struct Metrics {
    /// How clusters are.
    pub clusters: Clusters,
    /// What their controllers do.
    pub controllers: ControllerMetrics,
    holds_lease: AtomicBool,
    counters: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

const RECONCILED: &str = "weir_operator_reconciliations_total";
const FAILED: &str = "weir_operator_reconciliation_failures_total";
const WROTE: &str = "weir_operator_writes_total";

/// Name, help, and the label that tells the series apart.
const FAMILIES: [(&str, &str, &str); 3] = [
    (FAILED, "Reconciliations that ended with an error.", "kind"),
    (RECONCILED, "Reconciliations of a resource.", "kind"),
    (WROTE, "Writes to the API server besides metadata and the lease.", "what"),
];

/// Before the series of a family.
fn heading(text: &mut String, family: &str, kind: &str, help: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {family} {help}\n# TYPE {family} {kind}");
}

/// `name`: of the family, and what follows it in a histogram. `label`: with a comma before it, or nothing.
fn series(text: &mut String, name: impl Display, cluster: &ClusterKey, label: &str, number: impl Display) {
    let ClusterKey { namespace, name: cluster } = cluster;
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{name}{{namespace=\"{namespace}\",cluster=\"{cluster}\"{label}}} {number}");
}

impl Metrics {
    pub fn lease(&self, held: bool) {
        self.holds_lease.store(held, Relaxed);
    }

    pub fn reconciled(&self, kind: &'static str, succeeded: bool) {
        self.count(RECONCILED, kind);
        if !succeeded {
            self.count(FAILED, kind);
        }
    }

    pub fn wrote(&self, what: &'static str) {
        self.count(WROTE, what);
    }

    fn count(&self, name: &'static str, label: &'static str) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        *counters.entry((name, label)).or_default() += 1;
    }

    /// In the text format of Prometheus.
    pub fn render(&self) -> String {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut text = String::new();
        for (family, help, label) in FAMILIES {
            heading(&mut text, family, "counter", help);
            for ((_, value), count) in counters.iter().filter(|((name, _), _)| *name == family) {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{family}{{{label}=\"{value}\"}} {count}");
            }
        }
        let _ = writeln!(
            text,
            "# HELP weir_operator_leader Whether this operator holds the lease.\n# TYPE weir_operator_leader gauge\nweir_operator_leader {}",
            u8::from(self.holds_lease.load(Relaxed))
        );
        self.clusters.render(&mut text);
        self.controllers.render(&mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_those_that_happened() {
        let metrics = Metrics::default();
        metrics.lease(true);
        metrics.reconciled("Cluster", true);
        metrics.reconciled("Cluster", false);
        let text = metrics.render();
        assert!(text.contains("\nweir_operator_reconciliations_total{kind=\"Cluster\"} 2\n"), "{text}");
        assert!(text.contains("\nweir_operator_reconciliation_failures_total{kind=\"Cluster\"} 1\n"), "{text}");
        assert!(text.contains("\nweir_operator_leader 1\n") && !text.contains("writes_total{"), "{text}");
    }
}
