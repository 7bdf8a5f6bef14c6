//! Fetches of followers: over their own listener, up to the end of the log, and each tells how much the follower has.

use super::{
    evaluate::{Read, Rules},
    set::{Entry, FetchSet},
};
use crate::{
    api::{RequestContext, error_codes},
    partitions::{FollowingBroker, NoRecords, Offsets, Partition},
    replication_quota::Side,
};
use futures_util::future::join_all;
use kafka_protocol::{ResponseError as Code, messages::FetchRequest};
use model::{BrokerEpoch, BrokerId};
use parking_lot::Mutex;
use protocol::fetch_response::EpochEndOffset;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Consumer,
    Follower(FollowingBroker),
    /// Says that it is a follower where followers do not come.
    Stranger,
}

impl Reader {
    /// Followers come over a listener of their own: whoever else could say that it has what it has not.
    pub(super) fn of(context: &RequestContext, request: &FetchRequest) -> Self {
        let (id, epoch) = match context.version {
            15.. => (request.replica_state.replica_id, request.replica_state.replica_epoch),
            _ => (request.replica_id, -1),
        };
        if id.0 < 0 {
            return Self::Consumer;
        }
        if context.broker.config.network.replication_listener.as_ref() != Some(&context.listener) {
            return Self::Stranger;
        }
        Self::Follower(FollowingBroker { id: BrokerId(id.0), epoch: BrokerEpoch(epoch) })
    }

    pub(super) fn is_follower(self) -> bool {
        matches!(self, Self::Follower(_))
    }
}

/// A follower whose request was refused when it was noted.
pub(super) fn without_records(entry: &Entry, slot: u32, offsets: Offsets) -> Option<Read> {
    let read = Read::empty(entry, slot);
    match entry.noted {
        Some(Ok(())) => None,
        // The partition came to be while the request was under way.
        None => Some(Read { code: Code::NotLeaderOrFollower.code(), ..read }),
        Some(Err(NoRecords::Unavailable(error))) => Some(Read { code: error_codes::unavailable(error), ..read }),
        Some(Err(NoRecords::OutOfRange { log_start })) => {
            Some(Read { code: Code::OffsetOutOfRange.code(), log_start, ..read })
        }
        Some(Err(NoRecords::Diverges { epoch, end })) => Some(Read {
            diverging: Some(EpochEndOffset { epoch, end_offset: end }),
            high_watermark: offsets.high_watermark,
            last_stable: offsets.last_stable,
            log_start: offsets.log_start,
            ..read
        }),
    }
}

/// Lets the partitions take note of how far the follower is: that is what replication lives of.
pub(super) async fn note_follower(set: &Mutex<FetchSet>, broker: FollowingBroker) {
    let asked = set.lock().take_asked(broker.epoch);
    let noted = asked
        .into_iter()
        .map(|(slot, partition, asks)| async move { (slot, partition.follower_asks(broker, asks).await) });
    let noted = join_all(noted).await;
    let mut set = set.lock();
    for (slot, result) in noted {
        if result.is_err() {
            set.waiter().mark(slot);
        }
        if let Some(entry) = set.get_mut(slot) {
            entry.noted = Some(result);
        }
    }
}

/// Whether a follower that catches up has to wait with this partition (KIP-73).
pub(super) fn is_throttled(context: &RequestContext, partition: &Partition, rules: &Rules) -> bool {
    let Reader::Follower(follower) = rules.reader else { return false };
    let quota = &context.broker.replication_quota;
    quota.holds_up(Side::Leader, partition.id(), follower.id, context.broker.clock.now())
}
