//! The proof that the runs can fail: known mistakes, made on purpose, are found.

use super::*;
use model::mistakes::{Mistake, make};

/// The first seed of `seeds` that finds the mistake, and what it finds.
fn found(mistake: Mistake, seeds: u64) -> Option<(u64, String)> {
    make(Some(mistake));
    let broken = |seed| run(Setup::of_seed(seed)).broken.into_iter().next().map(|broken| (seed, broken));
    let found = (0..seeds).find_map(broken);
    make(None);
    found
}

macro_rules! is_found {
    ($($name:ident: $mistake:ident within $seeds:literal;)*) => {$(
        #[test]
        fn $name() {
            let found = found(Mistake::$mistake, $seeds);
            println!("{:?}: {found:?}", Mistake::$mistake);
            assert!(found.is_some(), "{:?} goes unnoticed in {} runs", Mistake::$mistake, $seeds);
        }
    )*};
}

is_found! {
    commit_below_the_minimum: CommitBelowMinimum within 200;
    joining_member_not_counted: CountJoinedOnly within 200;
    epochs_without_records_kept: KeepEmptyEpochs within 50;
    outdated_answer_taken: TakeOutdatedAnswer within 200;
    cut_back_to_the_high_watermark: TruncateToHighWatermark within 200;
    leaving_member_not_counted: CountNotLeaving within 200;
    refused_joining_forgotten: ForgetRefusedJoin within 200;
    proposal_from_an_old_state_accepted: AcceptOldPartitionEpoch within 200;
    member_of_an_earlier_life_accepted: AcceptEarlierLife within 200;
    commit_at_append: CommitAtAppend within 50;
    join_before_caught_up: JoinBeforeCaughtUp within 50;
    replaced_leader_leads_on: LeadWhenReplaced within 50;
    election_outside_the_isr: ElectOutsideIsr within 50;
    two_leaders_in_one_epoch: KeepLeaderEpoch within 50;
    empty_isr: EmptyIsr within 50;
    isr_kept_at_registration: KeepIsrAtRegistration within 200;
    leader_epoch_reused: ReuseLeaderEpoch within 200;
    eligible_replicas_forgotten: ForgetEligible within 200;
    eligible_replicas_released_unasked: ReleaseUnasked within 400;
    lost_log_trusted: TrustLostLog within 200;
    published_before_commit: PublishBeforeCommit within 50;
    role_of_an_earlier_life_taken: LeadBeforeRegistered within 200;
    producers_forgotten: ForgetProducers within 50;
    offsets_answered_before_stored: AnswerBeforeStored within 50;
    uncommitted_served: ServeUncommitted within 50;
    controller_of_before_obeyed: ObeyEarlierController within 200;
    older_metadata_acted_by: AcceptOlderMetadata within 50;
    damaged_records_served: ServeDamaged within 200;
    end_after_a_crash_believed: BelieveTail within 200;
    group_loaded_in_part: LoadKnownCommitted within 200;
    commit_of_a_zombie_accepted: CommitOfAnyone within 50;
    assignments_kept: KeepAssignments within 50;
    generation_forgotten: ForgetGeneration within 50;
}
