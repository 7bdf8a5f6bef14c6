//! Where the time of a request is shown, told with a clock that only the test moves.

use super::*;
use crate::metrics::Metrics;

/// Long against anything that these tests do meanwhile.
const LONG_MS: u64 = 60_000;

async fn pass_time() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(LONG_MS)).await;
    tokio::time::resume();
}

fn sample(metrics: &Metrics, series: &str) -> f64 {
    let page = metrics.render();
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is missing in {page}")).parse().unwrap()
}

fn unanswered(request: &str) -> String {
    format!("weir_network_requests_unanswered_total{{request=\"{request}\"}}")
}

impl Stage {
    fn metrics(&self) -> &Metrics {
        &self.broker.broker().metrics
    }

    /// The stages in which requests of this API spent the time that passed, and how many requests have ended.
    fn long_stages(&self, request: &str) -> (Vec<&'static str>, f64) {
        let series =
            |stage: &str, part| format!("kafka_network_requestmetrics_{stage}ms_{part}{{request=\"{request}\"}}");
        let stages = ["requestqueuetime", "localtime", "remotetime", "responsequeuetime", "responsesendtime"];
        let is_long = |stage: &&str| sample(self.metrics(), &series(stage, "sum")) >= LONG_MS as f64;
        (stages.into_iter().filter(is_long).collect(), sample(self.metrics(), &series("totaltime", "count")))
    }

    fn queued(&self) -> [f64; 2] {
        ["request", "response"]
            .map(|kind| sample(self.metrics(), &format!("kafka_network_requestchannel_{kind}queuesize")))
    }

    /// Another client's round trip gives the first connection its turn.
    async fn settle(&self) {
        let mut other = self.connect().await;
        let request = other.api_versions();
        other.send(&[request]).await;
        other.receive().await;
    }
}

#[tokio::test]
async fn a_request_that_waits_for_others_is_remote() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.join("a")];
    client.send(&frames).await;
    let (_, reply, context) = stage.started().await;
    pass_time().await;
    reply.send(answer(&context)).unwrap();
    client.receive().await;
    stage.settle().await;
    assert_eq!(stage.long_stages("JoinGroup"), (vec!["remotetime"], 1.0));
}

#[tokio::test]
async fn a_request_that_waits_for_one_before_it_is_queued() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.produce("a"), client.heartbeat("b")];
    client.send(&frames).await;
    let (_, reply, context) = stage.started().await;
    stage.settle().await;
    assert_eq!(stage.queued(), [1.0, 0.0]);
    pass_time().await;
    reply.send(answer(&context)).unwrap();
    stage.answer("b").await;
    assert_eq!([client.receive().await, client.receive().await], [0, 1]);
    stage.settle().await;
    assert_eq!(stage.long_stages("Heartbeat"), (vec!["requestqueuetime"], 1.0));
    assert_eq!(stage.long_stages("Produce"), (vec!["remotetime"], 1.0));
    assert_eq!(stage.queued(), [0.0, 0.0]);
}

#[tokio::test]
async fn a_response_that_waits_for_one_before_it_is_queued() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.produce("a"), client.produce(AT_ONCE)];
    client.send(&frames).await;
    let (_, reply, context) = stage.started().await;
    stage.settle().await;
    assert_eq!(stage.queued(), [0.0, 1.0]);
    pass_time().await;
    reply.send(answer(&context)).unwrap();
    assert_eq!([client.receive().await, client.receive().await], [0, 1]);
    stage.settle().await;
    assert_eq!(stage.long_stages("Produce"), (vec!["remotetime", "responsequeuetime"], 2.0));
    assert_eq!(stage.queued(), [0.0, 0.0]);
}

/// A response that does not fit between the two sides, of which the first bytes have come.
async fn begin_large_response(stage: &mut Stage, client: &mut Client) {
    let frames = [client.heartbeat("a")];
    client.send(&frames).await;
    let (_, reply, context) = stage.started().await;
    let body = Bytes::from(vec![1; 64 << 20]);
    let length = i32::try_from(4 + body.len()).unwrap();
    let prefix = [length.to_be_bytes(), context.correlation_id.to_be_bytes()].concat();
    reply.send(Response::Pieces(vec![Piece::Bytes(prefix.into()), Piece::Bytes(body)])).unwrap();
    in_time(client.stream.readable()).await.unwrap();
    stage.settle().await;
}

#[tokio::test]
async fn a_response_is_sent_until_the_client_has_taken_it() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    begin_large_response(&mut stage, &mut client).await;
    assert_eq!(stage.queued(), [0.0, 1.0]);
    assert_eq!(stage.long_stages("Heartbeat").1, 0.0);
    pass_time().await;
    client.receive().await;
    stage.settle().await;
    assert_eq!(stage.long_stages("Heartbeat"), (vec!["responsesendtime"], 1.0));
    assert_eq!(stage.queued(), [0.0, 0.0]);
}

#[tokio::test]
async fn a_response_that_the_client_does_not_take_is_none() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    begin_large_response(&mut stage, &mut client).await;
    drop(client);
    in_time(stage.server.shared.limits.all_closed()).await;
    assert_eq!(sample(stage.metrics(), &unanswered("Heartbeat")), 1.0);
    assert_eq!(stage.long_stages("Heartbeat").1, 0.0);
    assert_eq!(stage.queued(), [0.0, 0.0]);
}

#[tokio::test]
async fn requests_whose_connection_ends_are_counted_as_unanswered() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.produce("a"), client.produce(AT_ONCE), client.heartbeat("never")];
    client.send(&frames).await;
    let (_, reply, _) = stage.started().await;
    reply.send(Response::Close).unwrap();
    client.expect_close().await;
    in_time(stage.server.shared.limits.all_closed()).await;
    assert_eq!(sample(stage.metrics(), &unanswered("Produce")), 2.0);
    assert_eq!(stage.queued(), [0.0, 0.0]);
}

#[tokio::test]
async fn a_version_of_api_versions_that_nobody_knows_counts_as_an_error() {
    let stage = Stage::new().await;
    let mut client = stage.connect().await;
    let request = client.encode(ApiKey::ApiVersions, 4, &ApiVersionsRequest::default());
    let mut request = request.to_vec();
    // The version follows the length and the API key.
    request[6..8].copy_from_slice(&99i16.to_be_bytes());
    client.send(&[request.into()]).await;
    client.receive().await;
    let series = "kafka_network_requestmetrics_errors_total{request=\"ApiVersions\",error=\"UNSUPPORTED_VERSION\"}";
    assert_eq!(sample(stage.metrics(), series), 1.0);
}
