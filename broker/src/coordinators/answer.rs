//! Answers of a coordinator on their way to whoever asked.

use group_coordinator::{Leaving, Reply, RequestKind};
use std::fmt;
use tokio::sync::oneshot;

pub(super) enum Answer {
    Reply { reply: Reply, kind: RequestKind, to: oneshot::Sender<Reply> },
    Read(Box<dyn FnOnce() + Send>),
}

impl Answer {
    /// Whoever asked may have gone; then the answer is of no use to anybody.
    pub(super) fn leave(leaving: Leaving<Self>) {
        match leaving {
            Leaving::Answered(Self::Reply { reply, to, .. }) => drop(to.send(reply)),
            Leaving::Answered(Self::Read(deliver)) => deliver(),
            Leaving::Refused(Self::Reply { kind, to, .. }, error) => drop(to.send(kind.refused(error))),
            // A read that is dropped has no answer, which says as much.
            Leaving::Refused(Self::Read(_), _) => {}
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}
