//! Each broker that a roll restarts hands over what it leads first. Once all have been, every replica is in sync again and clients reach
//! the last of them ([`super::settling`]), the preferred leaders lead again, unless `auto.leader.rebalance.enable` is off. An operator that
//! takes over in between knows of no roll that is over; then it is as after any other restart: the controller looks every five minutes.

use super::{
    brokers::BrokerPod,
    plan::Plan,
    roll::{Roll, all_usable, behind},
};
use crate::{
    control_plane::settings,
    valid_cluster::{ClusterKey, ValidCluster},
};
use control_plane::ControllerHandle;
use controller::{ClusterImage, requests::ElectLeaders};
use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Clusters whose brokers this operator restarts, or did.
#[derive(Debug, Default)]
pub struct Rolled(Mutex<BTreeSet<ClusterKey>>);

impl Rolled {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<ClusterKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether leaders are to be handed back now. Says so once for a roll.
    fn is_over(&self, cluster: &ValidCluster, roll: &Roll, pods: &[BrokerPod], image: &ClusterImage) -> bool {
        match roll {
            Roll::Restart { .. } => {
                self.lock().insert(cluster.key.clone());
                false
            }
            Roll::Done if is_in_sync(cluster, image) && pods.iter().all(|pod| pod.is_ready && !pod.is_settling) => {
                self.lock().remove(&cluster.key) && settings::of(cluster).hand_back.is_some()
            }
            _ => false,
        }
    }

    pub(super) async fn hand_back(
        &self,
        cluster: &ValidCluster,
        plan: &Plan,
        image: Option<&ClusterImage>,
        controller: Option<&ControllerHandle>,
    ) {
        let (Some(image), Some(controller)) = (image, controller) else { return };
        if !self.is_over(cluster, &plan.roll, &plan.pods, image) {
            return;
        }
        match controller.elect_leaders(ElectLeaders { partitions: None, unclean: false }).await {
            Ok(elected) => {
                let partitions = elected.iter().filter(|(_, result)| result.is_ok()).count();
                tracing::info!(cluster = %cluster.key, partitions, "the roll is over, preferred leaders lead again");
            }
            Err(error) => {
                tracing::info!(cluster = %cluster.key, %error, "preferred leaders do not lead again yet");
                self.lock().insert(cluster.key.clone());
            }
        }
    }
}

fn is_in_sync(cluster: &ValidCluster, image: &ClusterImage) -> bool {
    all_usable(image, cluster.spec.replicas) && behind(image).next().is_none()
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{image, pod},
        *,
    };
    use crate::valid_cluster::tests::valid;

    const ALL: &[i32] = &[0, 1, 2];

    fn restart() -> Roll {
        Roll::Restart { pod: pod(2, "old", true), outdated: 1 }
    }

    #[test]
    fn leaders_are_handed_back_once_when_all_are_in_sync_after_a_roll() {
        let (cluster, rolled) = (valid("{storage: {size: 1Gi}}"), Rolled::default());
        let (whole, behind, away) = (
            image(3, &[], &[&[(ALL, ALL)]]),
            image(3, &[], &[&[(ALL, &[0, 1])]]),
            image(3, &[2], &[&[(ALL, &[0, 1])]]),
        );
        assert!(!rolled.is_over(&cluster, &Roll::Done, &[], &whole), "there was no roll");
        assert!(!rolled.is_over(&cluster, &restart(), &[], &whole));
        for not_yet in [&behind, &away] {
            assert!(!rolled.is_over(&cluster, &Roll::Done, &[], not_yet), "{not_yet:?}");
        }
        assert!(!rolled.is_over(&cluster, &Roll::NotKnown, &[], &whole));
        let settling = BrokerPod { is_settling: true, ..pod(2, "new", true) };
        for not_yet in [pod(2, "new", false), settling] {
            assert!(!rolled.is_over(&cluster, &Roll::Done, &[not_yet], &whole), "clients may not reach it");
        }
        assert!(rolled.is_over(&cluster, &Roll::Done, &[], &whole));
        assert!(!rolled.is_over(&cluster, &Roll::Done, &[], &whole), "once");
    }

    #[test]
    fn leaders_stay_where_they_are_if_that_is_what_the_spec_says() {
        let cluster = valid("{storage: {size: 1Gi}, config: {auto.leader.rebalance.enable: 'false'}}");
        let (rolled, whole) = (Rolled::default(), image(3, &[], &[&[(ALL, ALL)]]));
        rolled.is_over(&cluster, &restart(), &[], &whole);
        assert!(!rolled.is_over(&cluster, &Roll::Done, &[], &whole));
    }
}
