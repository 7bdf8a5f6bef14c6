//! Finding the controller, and why there is no session with it.

use super::{
    super::{LARGEST_MESSAGE, admission::show_token},
    FIRST_RETRY, LONGEST_RETRY, LONGEST_RETRY_ELSEWHERE,
};
use crate::wire::{DescribeRequest, control_plane_client::ControlPlaneClient};
use model::ClusterId;
use std::{path::PathBuf, time::Duration};
use tokio::time::{Instant, sleep, timeout};
use tonic::{
    Response, Status,
    transport::{Channel, Endpoint},
};

pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// An address of a process that is gone may not answer at all, and for one that stands still its kernel takes connections, but nobody
/// answers the call. A controller begins its answer before it decides anything. The next connection may go to another process.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// A controller that says nothing at all for this long, on top of the interval between questions, is not there.
const KEEP_ALIVE_LIMIT: Duration = Duration::from_secs(3);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(2);

/// The file with the token of the broker's cluster. It is read for each session, for it may be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFile(pub PathBuf);

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("the token in {} cannot be read: {error}", path.display())]
    Token { path: PathBuf, error: std::io::Error },
    #[error("the address of the controller, '{0}', is not HOST:PORT")]
    Address(String),
    #[error("no controller answers at {address}: {reason}")]
    Unreachable { address: String, reason: String },
    #[error("{0} takes the connection and does not answer")]
    Silent(String),
    #[error(transparent)]
    Call(#[from] Status),
    #[error("the controller refuses this broker: {0}")]
    Refused(String),
    #[error("the controller does not take this broker now: {0}")]
    NotNow(String),
    #[error("the controller knows this broker as registered in epoch {0}; it registers again")]
    RegisteredMeanwhile(i64),
    #[error("the controller's epoch {found} is below {known}, which this broker has seen: another one took over")]
    OldController { found: i64, known: i64 },
    #[error("the controller sent what this version does not understand: {0}")]
    Malformed(String),
    #[error("the metadata that the controller sent cannot be read: {reason}")]
    Unreadable { reason: String, is_last: bool },
    #[error(
        "the metadata that this broker was asked for has {0} bytes, and a controller takes {LARGEST_MESSAGE} at most: it cannot be rebuilt from this broker, restore it from a backup"
    )]
    TooLarge(usize),
    #[error("the controller ended the session")]
    Ended,
}

impl SessionError {
    /// Whoever was reached is not the one that decides.
    pub(super) fn is_another(&self) -> bool {
        match self {
            Self::Call(status) => status.code() == tonic::Code::Unavailable,
            other => matches!(other, Self::Silent(_)),
        }
    }

    /// Time does not mend it.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Address(_) | Self::Refused(_) | Self::Unreadable { is_last: true, .. })
    }
}

/// Which cluster the controller at `address` decides for. Waits until one answers.
pub async fn describe(address: &str, token: Option<&TokenFile>) -> Result<ClusterId, SessionError> {
    let mut retry = FIRST_RETRY;
    let mut told = None;
    loop {
        let longest = match describe_once(address, token).await {
            Ok(cluster_id) => return Ok(cluster_id),
            Err(error) if error.is_final() => return Err(error),
            Err(error) => {
                if told.is_none_or(|at: Instant| at.elapsed() > Duration::from_secs(10)) {
                    tracing::warn!(%error, "waiting for the controller");
                    told = Some(Instant::now());
                }
                if error.is_another() { LONGEST_RETRY_ELSEWHERE } else { LONGEST_RETRY }
            }
        };
        sleep(retry).await;
        retry = (retry * 2).min(longest);
    }
}

async fn describe_once(address: &str, token: Option<&TokenFile>) -> Result<ClusterId, SessionError> {
    let token = read_token(token).await?;
    let mut call = tonic::Request::new(DescribeRequest {});
    show_token(&mut call, token.as_deref());
    let mut client = connect(address).await?;
    Ok(ClusterId::from(answer(address, client.describe(call)).await?.cluster_id))
}

pub(super) async fn answer<T>(
    address: &str,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, SessionError> {
    match timeout(ANSWER_LIMIT, call).await {
        Ok(answer) => Ok(answer?.into_inner()),
        Err(_) => Err(SessionError::Silent(address.to_owned())),
    }
}

pub(super) async fn read_token(file: Option<&TokenFile>) -> Result<Option<String>, SessionError> {
    let Some(TokenFile(path)) = file.cloned() else { return Ok(None) };
    let reading = path.clone();
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(reading)).await;
    match read.unwrap_or_else(|ended| Err(std::io::Error::other(ended))) {
        Ok(token) => Ok(Some(token.trim().to_owned())),
        Err(error) => Err(SessionError::Token { path, error }),
    }
}

pub(super) async fn connect(address: &str) -> Result<ControlPlaneClient<Channel>, SessionError> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|_| SessionError::Address(address.to_owned()))?
        .connect_timeout(ANSWER_LIMIT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_LIMIT)
        .tcp_nodelay(true);
    let channel = endpoint.connect().await;
    let channel = channel.map_err(|error| SessionError::Unreachable {
        address: address.to_owned(),
        reason: innermost(&error).to_string(),
    })?;
    Ok(ControlPlaneClient::new(channel).max_decoding_message_size(LARGEST_MESSAGE))
}

/// The library says "transport error", and why only in what it wraps.
fn innermost(error: &tonic::transport::Error) -> &dyn std::error::Error {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}
