//! How far the replicas of a broker are behind their leaders, in records and as the broker heard last: the gauge that it shows of it, asked
//! for through the API server. Kept in no object, because it changes with every record.

use crate::access::Access;
use anyhow::Context as _;
use custom_resources::cluster::ports;
use futures_util::{StreamExt as _, stream};
use http::Request;
use std::{collections::BTreeMap, time::Duration};

const GAUGE: &str = "kafka_server_replicafetchermanager_maxlag";
/// A broker that does not answer by then is one whose lag nobody knows.
const LIMIT: Duration = Duration::from_secs(3);
const AT_ONCE: usize = 16;

pub(crate) type Lags = BTreeMap<i32, Result<u64, String>>;

/// Of these brokers, by the names of their pods.
pub(crate) async fn ask(access: &Access, pods: Vec<(i32, String)>) -> Lags {
    let asking = pods.into_iter().map(|(broker, pod)| async move {
        let answered = tokio::time::timeout(LIMIT, of_pod(access, &pod)).await;
        let lag = answered.unwrap_or_else(|_| Err(anyhow::anyhow!("{pod} does not answer")));
        (broker, lag.map_err(|error| format!("{error:#}")))
    });
    stream::iter(asking).buffer_unordered(AT_ONCE).collect().await
}

async fn of_pod(access: &Access, pod: &str) -> anyhow::Result<u64> {
    let path = format!("/api/v1/namespaces/{}/pods/{pod}:{}/proxy/metrics", access.namespace, ports::ADMIN);
    let request = Request::get(path).body(Vec::new()).context("make a request")?;
    let metrics = access.client.request_text(request).await.with_context(|| format!("read the metrics of {pod}"))?;
    in_metrics(&metrics).with_context(|| format!("{pod} shows no {GAUGE}"))
}

fn in_metrics(metrics: &str) -> Option<u64> {
    let line = metrics.lines().find(|line| line.starts_with(GAUGE))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_that_of_the_gauge() {
        let metrics = "\
# TYPE kafka_server_replicafetchermanager_maxlag gauge
kafka_server_replicafetchermanager_maxlag{clientId=\"Replica\"} 1234
weir_build_info{version=\"0.1.0\"} 1
";
        assert_eq!(in_metrics(metrics), Some(1234));
        for other in ["", "kafka_server_replicafetchermanager_maxlag{clientId=\"Replica\"} NaN\n"] {
            assert_eq!(in_metrics(other), None, "{other}");
        }
    }
}
