//! Leaders that hear nobody step aside, as [`replication::Isolation`] says.

use super::ReplicationSetup;
use crate::partitions::Partition;
use control_plane::session::SessionState;
use model::TopicPartition;
use replication::{Isolation, IsolationStep, Silence};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};

const LOOK: Duration = Duration::from_millis(250);

pub(super) async fn run(setup: ReplicationSetup, session: watch::Receiver<SessionState>) {
    let mut isolation = Isolation::default();
    let mut aside = Vec::new();
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
            Some(IsolationStep::StepAside) => step_aside(&setup, &mut aside).await,
            Some(IsolationStep::Resume) => {
                setup.partitions.resume(std::mem::take(&mut aside), &setup.metadata.committed()).await;
                setup.metadata.come_back();
            }
            None => {}
        }
    }
}

/// `aside` is what was left before.
async fn step_aside(setup: &ReplicationSetup, aside: &mut Vec<Arc<Partition>>) {
    let stepped = setup.partitions.step_aside().await;
    if stepped.is_empty() {
        return;
    }
    let partitions = stepped.len();
    tracing::warn!(partitions, "neither the controller nor a follower is heard, others may lead");
    aside.extend(stepped);
    let left: Vec<TopicPartition> = aside.iter().map(|partition| partition.id().clone()).collect();
    setup.metadata.step_aside(setup.config.node_id, &left);
}
