//! How many brokers an eviction (`kubectl drain`, an autoscaler) may take now: one or none.
//!
//! The budget of Kubernetes counts pods that are ready, and a broker is ready while it still copies what it missed. The next one
//! would go then, and leave partitions with a single replica in sync. So one may go if
//!
//! ```text
//! every broker serves, clients reach it ([`super::settling`]), and no roll restarts one
//! for every partition p with a leader:     every usable replica of p that is not just being added is in ISR(p)
//! ```
//!
//! A pod that is not ready may always go (`unhealthyPodEvictionPolicy`), so a broker that is lost for good does not hold its node.
//! Replicas that a move adds are beside as many as there are to be, and moves take long.

use super::{
    brokers::BrokerPod,
    roll::{Roll, all_usable, led_partitions, usable_out_of_sync},
};
use controller::{ClusterImage, PartitionImage};
use k8s_openapi::{api::policy::v1::PodDisruptionBudget, apimachinery::pkg::util::intstr::IntOrString};

/// `replicas`: brokers that there are to be. `before`: what holds now, and goes on to where the controller does not decide.
pub(super) fn most(
    roll: &Roll,
    pods: &[BrokerPod],
    replicas: i32,
    before: Option<&PodDisruptionBudget>,
    image: Option<&ClusterImage>,
) -> i32 {
    let Some(image) = image else {
        let known = before.and_then(|budget| budget.spec.as_ref()?.max_unavailable.as_ref());
        return i32::from(known != Some(&IntOrString::Int(0)));
    };
    let is_copied = |partition: &PartitionImage| {
        usable_out_of_sync(image, partition).any(|id| !partition.adding_replicas.contains(&id))
    };
    let is_in_sync = led_partitions(image).all(|partition| !is_copied(partition));
    let are_reached = !pods.iter().any(|pod| pod.is_settling);
    i32::from(all_usable(image, replicas) && is_in_sync && are_reached && !matches!(roll, Roll::Restart { .. }))
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{image, pod},
        *,
    };

    const ALL: &[i32] = &[0, 1, 2];

    fn budget(max_unavailable: i32) -> PodDisruptionBudget {
        serde_yaml::from_str(&format!("{{spec: {{maxUnavailable: {max_unavailable}}}}}")).unwrap()
    }

    fn most(image: &ClusterImage) -> i32 {
        super::most(&Roll::Done, &[], 3, None, Some(image))
    }

    #[test]
    fn nobody_may_go_before_the_one_before_is_in_sync() {
        assert_eq!(most(&image(3, &[], &[&[(ALL, ALL)]])), 1);
        assert_eq!(most(&image(3, &[0], &[&[(ALL, &[1, 2])]])), 0, "broker 0 is away");
        assert_eq!(most(&image(3, &[], &[&[(ALL, &[1, 2])]])), 0, "it is back, and copies");
        assert_eq!(most(&image(2, &[], &[&[(&[0, 1], &[0, 1])]])), 0, "broker 2 was never here");
    }

    #[test]
    fn nobody_may_go_before_clients_reach_the_one_before() {
        let (good, settling) =
            (image(3, &[], &[&[(ALL, ALL)]]), BrokerPod { is_settling: true, ..pod(0, "new", true) });
        assert_eq!(super::most(&Roll::Done, &[settling, pod(1, "new", true)], 3, None, Some(&good)), 0);
        assert_eq!(super::most(&Roll::Done, &[pod(0, "new", true)], 3, None, Some(&good)), 1);
    }

    #[test]
    fn what_no_eviction_makes_worse_holds_none_up() {
        // Broker 3 is lost for good, with all that was in sync of the second.
        assert_eq!(most(&image(4, &[3], &[&[(&[0, 1, 3], &[0, 1]), (&[0, 3], &[3])]])), 1);
        let mut moving = image(4, &[], &[&[(&[0, 1, 2, 3], ALL)]]);
        let mut topic = controller::TopicImage::clone(moving.topic("topic-0").unwrap());
        topic.partitions[0].adding_replicas = vec![model::BrokerId(3)];
        moving.topics = std::sync::Arc::new(vec![std::sync::Arc::new(topic)].into());
        assert_eq!(most(&moving), 1);
    }

    #[test]
    fn nobody_may_go_beside_a_restart_and_without_a_controller_all_is_as_before() {
        let good = image(3, &[], &[&[(ALL, ALL)]]);
        let restart = Roll::Restart { pod: pod(0, "old", true), outdated: 1 };
        assert_eq!(super::most(&restart, &[], 3, Some(&budget(1)), Some(&good)), 0);
        let unknown = |before: Option<PodDisruptionBudget>| super::most(&Roll::Done, &[], 3, before.as_ref(), None);
        assert_eq!((unknown(None), unknown(Some(budget(1))), unknown(Some(budget(0)))), (1, 1, 0));
    }
}
