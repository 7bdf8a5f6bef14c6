//! Which controller a broker obeys, which of the metadata that it is sent it acts by, and whom a controller lets in.
//!
//! | a broker comes to a controller | it is let in |
//! |---|---|
//! | and has obeyed one of a higher epoch | no: this one is outlived |
//! | and has obeyed another one of the same epoch | no: the store forgot that one of them ever took over |
//! | and acts by what this one committed | up to its newest version |
//! | and acts by what another one committed | up to what the store held before this one's first commit |
//!
//! Who acts by more than that proves that the store went back: brokers act only by what was committed before. To let it in
//! would have it forget what was acknowledged.

#[cfg(test)]
mod tests;

use crate::{image::ClusterImage, rebuild::Reign};
use model::{
    BrokerId, ControllerEpoch, Incarnation, MetadataVersion, ReignId,
    mistakes::{Mistake, is_made},
};

/// A broker that obeyed the one controller takes no word of the other: it was followed since.
pub fn is_of_before(other: ControllerEpoch, obeyed: ControllerEpoch) -> bool {
    other < obeyed && !is_made(Mistake::ObeyEarlierController)
}

/// Why a broker does not act by metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassedOver {
    /// It acts by this already, or by what came later. A session that was opened again may repeat what is known.
    Known,
    /// It names this broker in another life, or not at all. That is no role for this one: its log may be another too.
    AnotherLife,
}

/// Of metadata that a controller sent which is not of before; `newest` is what the broker acts by.
pub fn check_metadata(
    image: &ClusterImage,
    own: (BrokerId, Incarnation),
    newest: MetadataVersion,
) -> Result<(), PassedOver> {
    if image.metadata_version <= newest && !is_made(Mistake::AcceptOlderMetadata) {
        return Err(PassedOver::Known);
    }
    let (id, incarnation) = own;
    let is_own = image.brokers.get(&id).is_some_and(|registered| registered.incarnation == incarnation);
    if is_own || is_made(Mistake::LeadBeforeRegistered) { Ok(()) } else { Err(PassedOver::AnotherLife) }
}

/// What a broker acts by, as it tells when it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obeyed {
    /// The highest that it ever obeyed; 0 for none.
    pub epoch: ControllerEpoch,
    /// Whose epoch that is, if the broker knows.
    pub reign: Option<ReignId>,
    /// The newest metadata that it ever acted by; 0 for none.
    pub applied: MetadataVersion,
}

impl Obeyed {
    /// A broker that never obeyed anybody.
    pub const NOBODY: Self = Self { epoch: ControllerEpoch(0), reign: None, applied: MetadataVersion(0) };
}

/// A controller, as brokers come to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// `None` before its first commit: it is nobody to outlive.
    pub reign: Option<Reign>,
    /// What the store held when it was read. Commits of the controller before may follow, until this one's first.
    pub loaded: MetadataVersion,
}

/// Why a broker is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotLetIn {
    #[error("this controller has epoch {own}, the broker has obeyed one of epoch {obeyed}")]
    Outlived { own: ControllerEpoch, obeyed: ControllerEpoch },
    #[error("the broker has obeyed another controller of epoch {0}")]
    AnotherOfThisEpoch(ControllerEpoch),
    #[error("the broker has acted by metadata of version {applied}, in its place the store held version {known}")]
    KnowsMore {
        applied: MetadataVersion,
        known: MetadataVersion,
        /// The store may be read again, and have it.
        before_first_commit: bool,
    },
}

impl NotLetIn {
    /// The store of this controller is not what brokers acted by.
    pub fn proves_that_the_store_went_back(self) -> bool {
        match self {
            Self::Outlived { .. } => false,
            Self::AnotherOfThisEpoch(_) => true,
            Self::KnowsMore { before_first_commit, .. } => !before_first_commit,
        }
    }
}

impl Standing {
    /// A broker that obeyed this epoch has no session with the controller any more.
    pub fn is_outlived_by(self, obeyed: ControllerEpoch) -> bool {
        self.reign.is_some_and(|own| is_of_before(own.epoch, obeyed))
    }

    pub fn let_in(self, broker: Obeyed) -> Result<(), NotLetIn> {
        let Obeyed { epoch: obeyed, reign, applied } = broker;
        let known = match self.reign {
            None => self.loaded,
            Some(own) if is_of_before(own.epoch, obeyed) => {
                return Err(NotLetIn::Outlived { own: own.epoch, obeyed });
            }
            Some(own) if own.epoch == obeyed && reign.is_some_and(|id| id != own.id) => {
                return Err(NotLetIn::AnotherOfThisEpoch(obeyed));
            }
            Some(own) if own.epoch == obeyed => own.newest,
            Some(own) => own.found,
        };
        if applied > known && !is_made(Mistake::ObeyEarlierController) {
            let before_first_commit = self.reign.is_none();
            return Err(NotLetIn::KnowsMore { applied, known, before_first_commit });
        }
        Ok(())
    }
}
