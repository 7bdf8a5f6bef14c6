//! A namespace that is being deleted takes no new objects, and deletes those there are one by one. What belongs to a cluster in it is
//! missing before the cluster itself is, and cannot be made again: that is no failure, and there is nothing to be done.

use kube::core::Status;

/// A cause by this name comes with each refusal (`NamespaceTerminatingCause` of Kubernetes' API).
const CAUSE: &str = "NamespaceTerminating";

/// Whether something was not to be had for no other reason than that.
pub(super) fn is_of_ending_namespace(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| matches!(cause.downcast_ref(), Some(kube::Error::Api(status)) if is_refused(status)))
}

fn is_refused(status: &Status) -> bool {
    status.details.iter().flat_map(|details| &details.causes).any(|cause| cause.reason == CAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    fn refused(cause: &str) -> anyhow::Error {
        let status = format!(
            r#"{{"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden",
                 "message": "secrets \"shop-session\" is forbidden: unable to create new content in namespace a because it is being terminated",
                 "details": {{"name": "shop-session", "kind": "secrets", "causes": [{{"reason": "{cause}", "message": "", "field": ""}}]}}}}"#
        );
        let status = serde_json::from_str::<Status>(&status).unwrap();
        Err::<(), _>(kube::Error::Api(Box::new(status))).context("make the secret").unwrap_err()
    }

    #[test]
    fn refusal_by_a_namespace_that_ends_is_told_from_others() {
        assert!(is_of_ending_namespace(&refused("NamespaceTerminating")));
        assert!(!is_of_ending_namespace(&refused("FieldManagerConflict")));
        assert!(!is_of_ending_namespace(&anyhow::anyhow!("no answer")));
    }
}
