//! The HTTP port for machines that look after the operator. None of it asks the API server: an operator that waits for that
//! is alive.

use crate::metrics::Metrics;
use axum::{Router, extract::State, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use std::sync::Arc;
use tokio::net::TcpListener;

/// Serves until the future is dropped. Whoever answers here also takes brokers once it holds the lease: a standby is ready.
pub(crate) async fn serve(listener: TcpListener, metrics: Arc<Metrics>) -> std::io::Result<()> {
    let metrics_text = |State(metrics): State<Arc<Metrics>>| async move {
        ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render()).into_response()
    };
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics_text))
        .with_state(metrics);
    axum::serve(listener, router).await
}
