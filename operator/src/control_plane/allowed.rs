//! Which namespaces may have resources that name a cluster. What others say about it does not count for anything: anybody could take
//! a topic's name by being first.

use crate::valid_cluster::ClusterKey;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    own: String,
    others: Vec<String>,
}

impl Allowed {
    /// The cluster's own, and those that its spec names.
    #[must_use]
    pub fn by(cluster: &ClusterKey, allowed_namespaces: &[String]) -> Self {
        Self { own: cluster.namespace.clone(), others: allowed_namespaces.to_vec() }
    }

    pub fn has(&self, namespace: &str) -> bool {
        self.own == namespace || self.others.iter().any(|name| name == namespace || name == "*")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_namespace_may_and_others_that_are_named() {
        let cluster = ClusterKey { namespace: "shop".to_owned(), name: "events".to_owned() };
        let may = |names: &[&str], namespace: &str| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            Allowed::by(&cluster, &names).has(namespace)
        };
        assert!(may(&[], "shop") && may(&["carts"], "carts") && may(&["*"], "anything"));
        assert!(!may(&[], "carts") && !may(&["carts"], "cart"));
    }
}
