//! How long a reconciliation waits for the API server and for controllers. A connection to an API server that died without a word says
//! nothing for a quarter of an hour; what waits there takes the place of others, and its resource is not looked at meanwhile. To end a
//! reconciliation anywhere is safe: the next one begins with what there is.

use anyhow::anyhow;
use std::{future::Future, time::Duration};
use tokio::time::timeout;

/// An error when it takes longer.
pub(super) async fn within<T>(limit: Duration, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| {
        Err(anyhow!(
            "not over after {} s: the API server, or the controller of the cluster, does not answer",
            limit.as_secs()
        ))
    })
}
