//! Known mistakes of replicated logs and controllers, for the simulator to show that it would find them.
//!
//! Without the feature `mistakes`, which only the simulator's tests turn on, [`is_made`] is the constant `false` and the
//! code it guards is not there.

/// One wrong turn, named after what the code does instead of the right thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// A follower cuts its log back to the high watermark and not by epochs.
    TruncateToHighWatermark,
    /// A follower keeps the epochs of leaderships that appended nothing.
    KeepEmptyEpochs,
    /// A follower takes an answer for what it asked before its log or leader changed.
    TakeOutdatedAnswer,
    /// The leader's own append is enough for the high watermark.
    CommitAtAppend,
    /// The high watermark rises while too few replicas are in sync.
    CommitBelowMinimum,
    /// A follower joins the ISR before it has what is committed.
    JoinBeforeCaughtUp,
    /// A member counts only once the controller has said that it joined.
    CountJoinedOnly,
    /// A member that is to leave counts no more before the controller has agreed.
    CountNotLeaving,
    /// A refused joining is forgotten, though a copy of it may still be committed.
    ForgetRefusedJoin,
    /// A leader that was replaced leads on.
    LeadWhenReplaced,
    /// Any living replica may be elected.
    ElectOutsideIsr,
    /// Another leader in the same epoch.
    KeepLeaderEpoch,
    /// The last member leaves the ISR like any other.
    EmptyIsr,
    /// A proposal from an older state of the partition is accepted.
    AcceptOldPartitionEpoch,
    /// A proposal may name a member of an earlier life.
    AcceptEarlierLife,
    /// A broker that came back unnoticed stays in the ISRs of the life before.
    KeepIsrAtRegistration,
    /// A broker that comes back unnoticed leads on, in the epoch in which its life before led.
    ReuseLeaderEpoch,
    /// Who leaves an ISR is forgotten, and its last member trusted even when it lost its log.
    ForgetEligible,
    /// With enough in sync replicas are eligible no more, whether or not the leader is there to make use of it.
    ReleaseUnasked,
    /// A broker is taken for one that kept its log, whatever happened to it.
    TrustLostLog,
    /// Metadata is shown to brokers before it is stored.
    PublishBeforeCommit,
    /// Brokers obey a controller of before, and it lets them in.
    ObeyEarlierController,
    /// A broker acts by whatever metadata comes last.
    AcceptOlderMetadata,
    /// A broker takes a role that was given to its life before.
    LeadBeforeRegistered,
    /// A new leader does not know the producers of the one before.
    ForgetProducers,
    /// What a coordinator decided is answered before its record is committed.
    AnswerBeforeStored,
    /// Consumers read up to the end of the log.
    ServeUncommitted,
    /// What is read from a disk is believed.
    ServeDamaged,
    /// What a crash left at the end of a log is believed if it looks like batches.
    BelieveTail,
    /// A coordinator that takes over counts only what it already knew to be committed.
    LoadKnownCommitted,
    /// Whoever has a generation commits, whatever member it is and of whichever generation.
    CommitOfAnyone,
    /// Members that the group's leader leaves out keep what they had.
    KeepAssignments,
    /// A coordinator that takes over counts generations from the beginning.
    ForgetGeneration,
}

#[cfg(feature = "mistakes")]
mod switch {
    use super::Mistake;
    use std::cell::Cell;

    thread_local! {
        static MADE: Cell<Option<Mistake>> = const { Cell::new(None) };
    }

    pub fn is_made(mistake: Mistake) -> bool {
        MADE.get() == Some(mistake)
    }

    /// From here on this thread makes the mistake, or none.
    pub fn make(mistake: Option<Mistake>) {
        MADE.set(mistake);
    }
}

#[cfg(feature = "mistakes")]
pub use switch::{is_made, make};

#[cfg(not(feature = "mistakes"))]
pub const fn is_made(_mistake: Mistake) -> bool {
    false
}
