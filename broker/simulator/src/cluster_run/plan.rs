//! Which faults a run has, and when: drawn from its seed before it begins, so that a run can be repeated without some of them.

use crate::random::Random;
use std::{fmt, time::Duration};

/// Far more than fit into the time with faults.
const PLANNED: usize = 150;

/// One fault of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// After the fault before.
    pub wait: Duration,
    pub fault: Fault,
    /// What the fault draws from: the same whichever others there are.
    pub seed: u64,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    // Processes.
    CrashBroker,
    CrashAllBrokers,
    PauseBroker,
    // The network.
    CutBrokers,
    CutController,
    BadWeather,
    SlowLink,
    // Disks.
    LoseMachine,
    TearWrite,
    FillDisk,
    FlipBits,
    SlowDisk,
    // Clocks.
    JumpClock,
    // The controller and its store.
    CrashController,
    CrashControllerAtStep,
    SecondController,
    BadStore,
    RollBackStore,
    // What people ask for.
    StopBroker,
    Reassign,
    CancelReassignment,
    ChangeMinimum,
    // Clients.
    CutClient,
    RestartMember,
    PauseMember,
    LetMemberLeave,
    // Schemes.
    KillTheSuccessor,
    HideAJoining,
    LoseTheLastInSync,
    ElectAfterAnOldJoining,
    ElectWhoWasToLeave,
    KillTheLeaderOfACutBackLog,
    IsolateALeader,
    /// Links, weather, disks and the store are as they should be.
    Heal,
}

/// How often each comes.
const ODDS: &[(Fault, u64)] = &[
    (Fault::CrashBroker, 3),
    (Fault::CrashAllBrokers, 1),
    (Fault::PauseBroker, 2),
    (Fault::CutBrokers, 1),
    (Fault::CutController, 1),
    (Fault::BadWeather, 1),
    (Fault::SlowLink, 1),
    (Fault::LoseMachine, 1),
    (Fault::TearWrite, 2),
    (Fault::FillDisk, 1),
    (Fault::FlipBits, 1),
    (Fault::SlowDisk, 1),
    (Fault::JumpClock, 1),
    (Fault::CrashController, 1),
    (Fault::CrashControllerAtStep, 2),
    (Fault::SecondController, 1),
    (Fault::BadStore, 1),
    (Fault::RollBackStore, 1),
    (Fault::StopBroker, 2),
    (Fault::Reassign, 2),
    (Fault::CancelReassignment, 1),
    (Fault::ChangeMinimum, 1),
    (Fault::CutClient, 1),
    (Fault::RestartMember, 2),
    (Fault::PauseMember, 2),
    (Fault::LetMemberLeave, 2),
    (Fault::KillTheSuccessor, 1),
    (Fault::HideAJoining, 1),
    (Fault::LoseTheLastInSync, 1),
    (Fault::ElectAfterAnOldJoining, 1),
    (Fault::ElectWhoWasToLeave, 1),
    (Fault::KillTheLeaderOfACutBackLog, 1),
    (Fault::IsolateALeader, 1),
    (Fault::Heal, 5),
];

pub(super) fn of_seed(seed: u64) -> Vec<Planned> {
    // Another stream than the run's own.
    let mut random = Random::new(!seed);
    let all = ODDS.iter().map(|(_, odds)| odds).sum();
    let planned = (0..PLANNED).map(|_| {
        let wait = Duration::from_millis(20 + random.below(1500));
        let mut draw = random.below(all);
        let fault = ODDS.iter().find_map(|(fault, odds)| match draw.checked_sub(*odds) {
            Some(rest) => {
                draw = rest;
                None
            }
            None => Some(*fault),
        });
        Planned { wait, fault: fault.unwrap_or(Fault::Heal), seed: random.draw() }
    });
    planned.collect()
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {:?} {:?} ({:016x})", self.wait, self.fault, self.seed)
    }
}
