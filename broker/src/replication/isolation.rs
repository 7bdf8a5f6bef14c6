//! Leaders that hear nobody step aside, as [`replication::Isolation`] says.

use super::ReplicationSetup;
use control_plane::session::SessionState;
use replication::{Isolation, IsolationStep, Silence};
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};

const LOOK: Duration = Duration::from_millis(250);

pub(super) async fn run(setup: ReplicationSetup, session: watch::Receiver<SessionState>) {
    let mut isolation = Isolation::default();
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let SessionState { lost_at, timeout } = *session.borrow();
        let silence = Silence {
            of_controller: lost_at.as_ref().map(Instant::elapsed),
            of_followers: setup.partitions.unheard_for(),
            session_timeout: timeout,
        };
        match isolation.look(silence) {
            Some(IsolationStep::StepAside) => {
                let partitions = setup.partitions.step_aside().await;
                if partitions > 0 {
                    tracing::warn!(partitions, "neither the controller nor a follower is heard, others may lead");
                }
            }
            Some(IsolationStep::Resume) => setup.partitions.resume(&setup.metadata.committed()).await,
            None => {}
        }
        // Metadata may have brought some of them back.
        setup.metadata.step_aside(setup.config.node_id, setup.partitions.left());
    }
}
