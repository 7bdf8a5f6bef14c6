//! Where the reader of a log went another way (KIP-320, KIP-595).

use crate::OwnLog;
use model::{LeaderEpoch, Offset};

/// The last epoch that a reader of `epoch` up to `offset` can share with this log, and where it ended here; `None` if it
/// has read nothing that is not here. A reader without an epoch has read nothing.
pub fn divergence(log: &impl OwnLog, epoch: LeaderEpoch, offset: Offset) -> Option<(LeaderEpoch, Offset)> {
    if epoch == LeaderEpoch::UNKNOWN {
        return None;
    }
    let (known, end) = log.end_of_epoch(epoch)?;
    (known < epoch || end < offset).then_some((known, end))
}
