//! What the core asks of its host: records to append, replies to send, timers to set.

use crate::{group::ClassicGroup, ids::MemberId, records::Record, reply::Reply};
use model::{GroupId, MonotonicTime, WallTime};
use std::time::Duration;

/// The moment of a decision, in both kinds of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For timeouts.
    pub monotonic: MonotonicTime,
    /// For timestamps that outlive the process.
    pub wall: WallTime,
}

/// Names one waiting request; chosen by the host, handed back with the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyTo(pub u64);

/// Something that must happen later unless cancelled. The host fires it back as [`crate::Event::Timer`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A member was not heard of for its session timeout, or never joined with the id it was given.
    Session { group: GroupId, member: MemberId },
    /// The join phase of a rebalance has lasted long enough.
    JoinPhase { group: GroupId },
    /// The sync phase of a rebalance has lasted long enough.
    SyncPhase { group: GroupId },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimerChange {
    /// Replaces a timer of the same name.
    Arm {
        timer: Timer,
        after: Duration,
    },
    Cancel(Timer),
}

/// Something worth counting or logging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    RebalanceStarted { group: GroupId, reason: String },
    GenerationStarted { group: GroupId, generation: i32, members: usize },
    GroupStabilized { group: GroupId, generation: i32 },
    MemberRemoved { group: GroupId, member: MemberId, reason: &'static str },
    GroupRemoved { group: GroupId },
    OffsetsCommitted { group: GroupId, count: usize },
    OffsetsExpired { group: GroupId, count: usize },
    OffsetsDeleted { group: GroupId, count: usize },
}

/// The outcome of one request. Nothing of it has happened until the records are appended and
/// [`crate::GroupCoordinator::accept`] took it.
#[derive(Debug, Default)]
#[must_use]
pub struct Decision {
    /// To be appended together, in this order, as one batch.
    pub records: Vec<Record>,
    /// To be sent once the records, and all records before them, are committed.
    pub replies: Vec<(ReplyTo, Reply)>,
    /// To be set once the records are appended.
    pub timers: Vec<TimerChange>,
    pub facts: Vec<Fact>,
    /// Groups as they stand after this decision; `None` removes one.
    pub(crate) groups: Vec<(GroupId, Option<ClassicGroup>)>,
}

impl Decision {
    pub(crate) fn reply(to: ReplyTo, reply: Reply) -> Self {
        Self { replies: vec![(to, reply)], ..Self::default() }
    }
}
