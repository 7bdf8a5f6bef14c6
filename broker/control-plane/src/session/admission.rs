//! Who is let in where one address serves the controllers of several clusters: a broker shows a token, and that finds its
//! controller.

use super::{recovery::Recovery, server::ControlPlaneServer};
use controller::requests::RegisterBroker;
use model::{BrokerId, MetadataVersion};
use std::{fmt, future::Future, pin::Pin, sync::Arc};
use tonic::{Request, Status, metadata::AsciiMetadataValue};

const HEADER: &str = "authorization";
const SCHEME: &str = "Bearer ";

/// Why a broker is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    #[error("the token is that of no cluster")]
    UnknownToken,
    /// Another process may decide, or this one may later.
    #[error("{0}")]
    NotNow(String),
    #[error("{0}")]
    Never(String),
}

/// What a broker comes to.
#[derive(Debug, Clone)]
pub enum Found {
    Controller(ControlPlaneServer),
    /// There is no metadata to decide on.
    Recovery(Arc<dyn Recovery>),
}

/// Finds what a broker comes to.
pub trait Directory: Clone + Send + Sync + 'static {
    fn find(&self, token: Option<&str>) -> Result<Found, NotAdmitted>;
}

/// One controller, for whoever comes.
impl Directory for ControlPlaneServer {
    fn find(&self, _token: Option<&str>) -> Result<Found, NotAdmitted> {
        Ok(Found::Controller(self.clone()))
    }
}

pub type Admitting<'a> = Pin<Box<dyn Future<Output = Result<RegisterBroker, NotAdmitted>> + Send + 'a>>;

/// Looks at a registration before the controller does, and completes what the broker cannot know.
pub trait Admission: fmt::Debug + Send + Sync {
    fn admit(&self, registration: RegisterBroker) -> Admitting<'_>;

    /// A broker knows more than the store held when this controller took over, or obeyed another controller.
    fn doubt(&self, doubt: Doubt);
}

/// What a broker's registration says about the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    pub broker: BrokerId,
    /// It has acted by metadata of this version, so that was committed once.
    pub applied: MetadataVersion,
    /// The store forgot it: a controller of before pushed it, and this one took over from an older state. Otherwise another
    /// controller may be the one that decides; then the store has it.
    pub is_proof: bool,
}

impl From<NotAdmitted> for Status {
    fn from(refusal: NotAdmitted) -> Self {
        let reason = refusal.to_string();
        match refusal {
            NotAdmitted::UnknownToken => Self::unauthenticated(reason),
            NotAdmitted::NotNow(_) => Self::unavailable(reason),
            NotAdmitted::Never(_) => Self::permission_denied(reason),
        }
    }
}

pub(super) fn token_of<T>(call: &Request<T>) -> Option<&str> {
    call.metadata().get(HEADER)?.to_str().ok()?.strip_prefix(SCHEME)
}

/// Has a call show `token`. One with characters that no header may have is none.
pub(super) fn show_token<T>(call: &mut Request<T>, token: Option<&str>) {
    let value = token.and_then(|token| AsciiMetadataValue::try_from(format!("{SCHEME}{token}")).ok());
    if let Some(mut value) = value {
        value.set_sensitive(true);
        call.metadata_mut().insert(HEADER, value);
    }
}
