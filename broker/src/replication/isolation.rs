//! A leader that hears neither the controller nor any follower steps aside.
//!
//! Others lead by then, most likely, and clients that ask here would wait in vain: what followers do not fetch is not committed.
//! Without a controller alone nothing changes: followers go on to fetch, and leaders to lead.

use super::ReplicationSetup;
use control_plane::session::SessionState;
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

const LOOK: Duration = Duration::from_millis(250);

pub(super) async fn run(setup: ReplicationSetup, session: watch::Receiver<SessionState>) {
    let mut aside = Vec::new();
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let SessionState { lost_at, timeout } = *session.borrow();
        match lost_at {
            Some(lost_at) if lost_at.elapsed() > timeout && setup.partitions.unheard_for() > timeout => {
                let stepped = setup.partitions.step_aside().await;
                if !stepped.is_empty() {
                    let partitions = stepped.len();
                    tracing::warn!(partitions, "neither the controller nor a follower is heard, others may lead");
                }
                aside.extend(stepped);
            }
            None if !aside.is_empty() => {
                setup.partitions.resume(std::mem::take(&mut aside), &setup.metadata.current()).await;
            }
            Some(_) | None => {}
        }
    }
}
