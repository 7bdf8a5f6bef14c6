//! The HTTP port for people and machines that look after the broker: `/livez`, `/readyz`, `/metrics`.
//!
//! It runs on the control runtime, so that a slow scrape never delays a request of Kafka's protocol.

pub mod check;
mod connection;

use crate::metrics::Metrics;
use anyhow::Context;
use axum::{
    Router,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use connection::BoundedListener;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, runtime::Handle};

/// A data runtime that does not run a task for this long is taken for stuck.
const LIVE_LIMIT: Duration = Duration::from_secs(5);

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How far the broker is. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Health {
    state: Arc<AtomicU8>,
}

/// What `/readyz` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    Starting = 0,
    Ready = 1,
    Stopping = 2,
    /// The data folder is gone; the process is about to end.
    Failed = 3,
    /// The controller took this broker for lost and has others lead.
    Fenced = 4,
}

impl Health {
    pub fn set(&self, readiness: Readiness) {
        self.state.store(readiness as u8, Ordering::Release);
    }

    /// Ready or fenced, unless the process is about to end.
    pub fn serve(&self, may_lead: bool) {
        let next = if may_lead { Readiness::Ready } else { Readiness::Fenced };
        let is_serving = |state| [Readiness::Ready, Readiness::Fenced].map(|one| one as u8).contains(&state);
        // An error says that it stays as it is.
        let _ =
            self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| is_serving(now).then_some(next as u8));
    }

    pub fn get(&self) -> Readiness {
        match self.state.load(Ordering::Acquire) {
            0 => Readiness::Starting,
            1 => Readiness::Ready,
            2 => Readiness::Stopping,
            4 => Readiness::Fenced,
            _ => Readiness::Failed,
        }
    }
}

/// A bound port that does not answer yet.
#[derive(Debug)]
pub struct AdminPort {
    listener: TcpListener,
    address: SocketAddr,
}

#[derive(Debug, Clone)]
struct Shared {
    health: Health,
    metrics: Metrics,
    data_runtime: Handle,
}

impl AdminPort {
    /// Must run inside the runtime that will serve it.
    pub async fn bind(address: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("open the admin port {address} (choose another with --admin-listen, or none)"))?;
        let address = listener.local_addr().context("read the address of the admin port")?;
        Ok(Self { listener, address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until its task is dropped.
    pub async fn serve(self, health: Health, metrics: Metrics, data_runtime: Handle) {
        let router = Router::new()
            .route("/livez", get(livez))
            .route("/readyz", get(readyz))
            .route("/metrics", get(render_metrics))
            .layer(middleware::map_response(close_connection))
            .with_state(Shared { health, metrics, data_runtime });
        if let Err(error) = axum::serve(BoundedListener::new(self.listener), router).await {
            tracing::error!(%error, "admin port failed");
        }
    }
}

/// Whether the process does anything at all: a failure here is a reason to restart it.
async fn livez(State(shared): State<Shared>) -> Response {
    let probe = shared.data_runtime.spawn(async {});
    match tokio::time::timeout(LIVE_LIMIT, probe).await {
        Ok(Ok(())) => text(StatusCode::OK, "ok\n"),
        _ => text(StatusCode::SERVICE_UNAVAILABLE, "the data runtime does not answer\n"),
    }
}

/// Whether clients should be sent here.
async fn readyz(State(shared): State<Shared>) -> Response {
    match shared.health.get() {
        Readiness::Ready => text(StatusCode::OK, "ready\n"),
        Readiness::Starting => text(StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        Readiness::Stopping => text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
        Readiness::Fenced => {
            text(StatusCode::SERVICE_UNAVAILABLE, "fenced: the controller does not hear this broker\n")
        }
        Readiness::Failed => text(StatusCode::SERVICE_UNAVAILABLE, "the data folder is gone\n"),
    }
}

async fn render_metrics(State(shared): State<Shared>) -> Response {
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], shared.metrics.page().await).into_response()
}

fn text(status: StatusCode, body: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, TEXT)], body).into_response()
}

/// One request per connection: with the bound on connections an idle one would keep others out.
async fn close_connection(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests;
