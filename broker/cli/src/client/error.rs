//! What can go wrong between this client and a cluster, in words a person can act on.

use super::{address::Address, codes};
use kafka_protocol::error::ResponseError;
use std::time::Duration;

/// One failed exchange with a cluster.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ClientError {
    #[error(
        "no broker could be reached at {bootstrap}: {cause}\n\
         Start one (`weir-broker`, or `make run`), or name another with --bootstrap-server or WEIR_BOOTSTRAP_SERVER."
    )]
    Unreachable { bootstrap: String, cause: String },

    #[error("{text}: not an address; write HOST:PORT, several separated by commas")]
    BadAddress { text: String },

    /// The connection could not be made, broke or was closed. Another attempt may go through.
    #[error("connection to {address}: {cause}")]
    Connection { address: Address, cause: String },

    #[error("no answer from {address} to {what} within {} ms", after.as_millis())]
    Timeout { address: Address, what: &'static str, after: Duration },

    #[error(
        "the broker at {address} does not offer {api} in a version this program speaks (it has {theirs}, we need {ours})"
    )]
    Unsupported { address: Address, api: &'static str, ours: String, theirs: String },

    #[error("the broker at {address} sent an answer to {what} that cannot be read: {cause}")]
    Malformed { address: Address, what: &'static str, cause: String },

    /// The broker understood and refused.
    #[error("{}", refusal(*code, message.as_deref(), subject))]
    Refused { code: ResponseError, message: Option<String>, subject: String },

    #[error("broker {0} is not in the metadata of the cluster")]
    UnknownBroker(model::BrokerId),

    #[error("{0}")]
    Invalid(String),
}

pub(crate) type Result<T> = std::result::Result<T, ClientError>;

impl ClientError {
    /// A refusal, or nothing when `code` says that all went well.
    pub(crate) fn from_code(code: i16, message: Option<&str>, subject: impl Into<String>) -> Option<Self> {
        ResponseError::try_from_code(code).map(|code| Self::Refused {
            code,
            message: message.filter(|text| !text.is_empty()).map(str::to_owned),
            subject: subject.into(),
        })
    }

    /// `Ok` for code 0.
    pub(crate) fn check(code: i16, message: Option<&str>, subject: impl Into<String>) -> Result<()> {
        Self::from_code(code, message, subject).map_or(Ok(()), Err)
    }

    pub(crate) fn code(&self) -> Option<ResponseError> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The same request may succeed a moment later, perhaps at another broker.
    pub(crate) fn is_retriable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Connection { .. } | Self::Timeout { .. } | Self::UnknownBroker(_) => true,
            Self::Refused { code, .. } => codes::is_retriable(*code),
            _ => false,
        }
    }

    /// Kafka's own words for the error, as its tools print them (without what we add).
    pub(crate) fn kafka_message(&self) -> String {
        match self {
            Self::Refused { code, message, .. } => {
                message.clone().unwrap_or_else(|| codes::default_message(*code).to_owned())
            }
            other => other.to_string(),
        }
    }
}

fn refusal(code: ResponseError, message: Option<&str>, subject: &str) -> String {
    let text = message.unwrap_or_else(|| codes::default_message(code));
    let name = codes::name(code);
    let what = if subject.is_empty() { text.to_owned() } else { format!("{subject}: {text}") };
    match codes::advice(code) {
        Some(advice) => format!("{what} ({name})\n{advice}"),
        None => format!("{what} ({name})"),
    }
}
