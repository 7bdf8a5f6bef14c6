//! How many replicas are not in sync is reported once it has been so for a while, and of one topic after the other. A broker that is
//! lost changes this number of every topic with a replica on it, mostly until it is back a few seconds later: a thousand statuses,
//! written just when the API server has a failover to store.

use custom_resources::{Topic, TopicStatus, topic::condition};
use kube::runtime::reflector::ObjectRef;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// A broker that starts again is in sync by then.
const SETTLED: Duration = Duration::from_secs(5);
/// From one topic to the next.
const APART: Duration = Duration::from_millis(10);
/// Beyond that topics are reported side by side.
const LONGEST: Duration = Duration::from_secs(60);
/// What was not asked for so long after its time belongs to a resource that is gone.
const FORGOTTEN: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Settling(Mutex<Due>);

#[derive(Debug, Default)]
struct Due {
    by_resource: HashMap<ObjectRef<Topic>, Instant>,
    latest: Option<Instant>,
    swept: Option<Instant>,
}

impl Settling {
    /// How long to wait before this status is reported; `None`: it is reported now.
    pub(super) fn rest(
        &self,
        resource: &ObjectRef<Topic>,
        before: Option<&TopicStatus>,
        now: &TopicStatus,
    ) -> Option<Duration> {
        let mut due = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !before.is_some_and(|before| differs_in_replicas_alone(before, now)) {
            due.by_resource.remove(resource);
            return None;
        }
        let moment = Instant::now();
        due.sweep(moment);
        let at = match due.by_resource.get(resource) {
            Some(at) => *at,
            None => due.queue(resource.clone(), moment),
        };
        Some(at.saturating_duration_since(moment)).filter(|rest| !rest.is_zero())
    }
}

impl Due {
    fn queue(&mut self, resource: ObjectRef<Topic>, now: Instant) -> Instant {
        let settled = now + SETTLED;
        let turn = self.latest.map_or(settled, |latest| settled.max(latest + APART)).min(now + LONGEST);
        self.latest = Some(turn);
        self.by_resource.insert(resource, turn);
        turn
    }

    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now.duration_since(swept) > FORGOTTEN) {
            self.by_resource.retain(|_, at| now.saturating_duration_since(*at) < FORGOTTEN);
            self.swept = Some(now);
        }
    }
}

fn without_replicas(status: &TopicStatus) -> TopicStatus {
    let mut status = TopicStatus {
        under_replicated_partitions: 0,
        under_min_isr_partitions: 0,
        unhealthy_partitions: Vec::new(),
        ..status.clone()
    };
    status.conditions.retain(|known| known.type_ != condition::FULLY_REPLICATED);
    status
}

fn differs_in_replicas_alone(before: &TopicStatus, now: &TopicStatus) -> bool {
    before != now && without_replicas(before) == without_replicas(now)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            status::{Outcome, There},
            valid_topic::{ValidTopic, tests::resource},
        },
        *,
    };
    use crate::reconcilers::cluster::testing::image;
    use custom_resources::topic::ADOPT_ANNOTATION;
    use k8s_openapi::jiff::Timestamp;
    use std::sync::Arc;
    use tokio::time::advance;

    fn status(under_replicated_partitions: i32) -> TopicStatus {
        TopicStatus { partitions: 3, under_replicated_partitions, ..TopicStatus::default() }
    }

    fn named(name: &str) -> ObjectRef<Topic> {
        ObjectRef::new(name).within("shop")
    }

    fn rest_of(settling: &Settling, name: &str, now: i32) -> Option<Duration> {
        settling.rest(&named(name), Some(&status(0)), &status(now))
    }

    #[tokio::test(start_paused = true)]
    async fn replica_that_stays_out_of_sync_is_reported_once_that_has_settled() {
        let settling = Settling::default();
        assert_eq!(rest_of(&settling, "orders", 1), Some(SETTLED));
        advance(Duration::from_secs(3)).await;
        assert_eq!(rest_of(&settling, "orders", 2), Some(Duration::from_secs(2)), "the wait began with the first");
        advance(Duration::from_secs(2)).await;
        assert_eq!(rest_of(&settling, "orders", 2), None);
    }

    #[tokio::test(start_paused = true)]
    async fn replica_that_came_back_waits_anew_the_next_time() {
        let settling = Settling::default();
        rest_of(&settling, "orders", 1);
        advance(Duration::from_secs(4)).await;
        assert_eq!(rest_of(&settling, "orders", 0), None, "as it was reported");
        assert!(rest_of(&settling, "orders", 1) >= Some(SETTLED));
    }

    #[tokio::test(start_paused = true)]
    async fn everything_else_is_reported_at_once() {
        let settling = Settling::default();
        let offline = TopicStatus { offline_partitions: 1, ..status(1) };
        let orders = named("orders");
        assert_eq!(settling.rest(&orders, Some(&status(0)), &offline), None);
        assert_eq!(settling.rest(&orders, None, &status(1)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn lost_broker_settles_with_all_that_is_told_of_it() {
        let told = |image: controller::ClusterImage| {
            let mut resource = resource("{topicName: topic-0}");
            resource.metadata.annotations = Some([(ADOPT_ANNOTATION.to_owned(), "true".to_owned())].into());
            let there = There::in_image(&Arc::new(image), &ValidTopic::new(&resource).unwrap());
            Outcome::good(there).status(&resource, Timestamp::UNIX_EPOCH)
        };
        let all = [(&[0, 1][..], &[0, 1][..])];
        let mut lost = image(2, &[1], &[&[(&[0, 1], &[0])]]);
        lost.default_min_insync_replicas = 2;
        let (before, now) = (told(image(2, &[], &[&all])), told(lost));
        assert_eq!((now.under_replicated_partitions, now.unhealthy_partitions.len()), (1, 1));
        assert_eq!(Settling::default().rest(&named("orders"), Some(&before), &now), Some(SETTLED));
    }

    #[tokio::test(start_paused = true)]
    async fn many_are_reported_one_after_the_other_and_none_waits_long() {
        let settling = Settling::default();
        let rests: Vec<_> =
            (0..10_000).map(|number| rest_of(&settling, &format!("topic-{number}"), 1).unwrap()).collect();
        assert_eq!(rests[..3], [SETTLED, SETTLED + APART, SETTLED + 2 * APART]);
        assert_eq!(rests.last(), Some(&LONGEST));
    }

    #[tokio::test(start_paused = true)]
    async fn what_became_of_a_deleted_resource_takes_no_room_for_ever() {
        let settling = Settling::default();
        rest_of(&settling, "deleted", 1);
        advance(Duration::from_secs(300)).await;
        rest_of(&settling, "orders", 1);
        assert_eq!(settling.0.lock().unwrap().by_resource.len(), 1);
    }
}
