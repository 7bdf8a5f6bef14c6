//! Appends that are written and wait to be answered, in the order of their records.

use super::{
    Host,
    append::{AppendError, AppendRequest, AppendSink, Appended, RequiredAcks},
    writer::Writer,
};
use model::Offset;
use partition_log::{AppendError as Refusal, AppendOutcome};
use replication::NotServed;
use std::sync::Arc;

pub(super) struct Parked {
    target: Offset,
    appended: Appended,
    sink: Arc<dyn AppendSink>,
    index: u32,
}

impl Writer {
    /// Answers everything that waits, the same.
    pub(super) fn refuse_parked(&mut self, error: AppendError) {
        for parked in self.awaiting_commit.drain(..).chain(self.awaiting_device.drain(..)) {
            parked.sink.appended(parked.index, Err(error));
        }
    }

    /// Answers what has reached what it waits for. A duplicate whose target lies lower waits for those before it.
    pub(super) fn release_parked(&mut self, log_end: Offset) {
        let safe_end = self.flush.safe_end(log_end);
        let Ok(leader) = self.replica.leader() else {
            return self.refuse_parked(AppendError::NotServed(NotServed::NotLeader));
        };
        let high_watermark = leader.high_watermark();
        while let Some(parked) = self.awaiting_commit.pop_front_if(|parked| parked.target <= high_watermark) {
            // The in-sync set may have shrunk since the append was let in.
            let in_sync = leader.check_min_in_sync().map_err(|_| AppendError::NotEnoughReplicasAfterAppend);
            parked.sink.appended(parked.index, in_sync.map(|()| parked.appended));
        }
        while let Some(parked) = self.awaiting_device.pop_front_if(|parked| parked.target <= safe_end) {
            parked.sink.appended(parked.index, Ok(parked.appended));
        }
    }
}

/// Every success waits in order; most of them only until the positions are published, in the same step.
pub(super) fn park(
    host: &Host,
    writer: &mut Writer,
    group: Vec<AppendRequest>,
    outcomes: Vec<AppendOutcome>,
    log_start: Offset,
) {
    for (request, outcome) in group.into_iter().zip(outcomes) {
        let (base_offset, last_offset, log_append_time) = match outcome {
            AppendOutcome::Appended { base_offset, last_offset, log_append_time } => {
                (base_offset, last_offset, log_append_time)
            }
            // Kafka answers a duplicate with the timestamp it was stored with.
            AppendOutcome::Duplicate { base_offset, last_offset, timestamp } => (base_offset, last_offset, timestamp),
            AppendOutcome::Refused(error) => {
                request.sink.appended(request.index, Err(refusal(host, writer, error)));
                continue;
            }
        };
        let target = last_offset.next();
        let appended = Appended { base_offset, next_offset: target, log_append_time, log_start };
        let queue = match request.acks {
            RequiredAcks::All => &mut writer.awaiting_commit,
            RequiredAcks::None | RequiredAcks::Leader => &mut writer.awaiting_device,
        };
        queue.push_back(Parked { target, appended, sink: request.sink, index: request.index });
    }
}

/// That a batch is out of order ends many a producer. Of a leader that may not be the leader any more it is no verdict, and clients that
/// know no leader epochs come to it by the metadata of a broker that is cut off: they are to ask again who leads.
fn refusal(host: &Host, writer: &Writer, error: Refusal) -> AppendError {
    let is_outdated = error == Refusal::OutOfOrderSequence
        && writer.replica.leader().is_ok_and(|leader| host.may_be_succeeded(leader));
    if is_outdated { AppendError::NotServed(NotServed::NotLeader) } else { error.into() }
}

impl std::fmt::Debug for Parked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parked").field("target", &self.target).finish_non_exhaustive()
    }
}
