//! Brokers that do not serve when a topic is to be made. One that is placed without them has none of them for a preferred leader, for good;
//! and in a cluster that was applied with its topics they come a moment later. So it is waited for them, until nobody has come or gone for
//! a while ([`super::absences`]).

use controller::{ClusterImage, Leaving};
use model::BrokerId;
use std::collections::BTreeSet;

/// Those that are to stay and do not serve. `None`: there are none.
pub(super) fn away(image: &ClusterImage, leaving: Leaving) -> Option<BTreeSet<BrokerId>> {
    let wanted = (0..leaving.from.map_or(0, |end| end.0)).map(BrokerId);
    let away: BTreeSet<_> = wanted.filter(|id| !image.is_usable(*id)).collect();
    (!away.is_empty()).then_some(away)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        reconcilers::{
            cluster::testing::image,
            topic::absences::{Absences, LASTS},
        },
        valid_cluster::ClusterKey,
    };
    use std::time::Duration;
    use tokio::time::advance;

    const THREE: Leaving = Leaving { from: Some(BrokerId(3)) };

    fn events() -> ClusterKey {
        ClusterKey { namespace: "shop".to_owned(), name: "events".to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn brokers_of_a_new_cluster_are_waited_for_while_they_come() {
        let (absences, cluster) = (Absences::default(), events());
        let slow = Duration::from_secs(9);
        for there in [0, 1, 2] {
            assert_eq!(absences.rest(&cluster, away(&image(there, &[], &[]), THREE)), Some(LASTS));
            advance(slow).await;
            assert_eq!(absences.rest(&cluster, away(&image(there, &[], &[]), THREE)), Some(LASTS - slow));
        }
        assert_eq!(
            absences.rest(&cluster, away(&image(3, &[2], &[]), THREE)),
            Some(LASTS - slow),
            "it registered, and does not serve"
        );
        assert_eq!(absences.rest(&cluster, away(&image(3, &[], &[]), THREE)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_come_holds_up_topics_once_and_another_one_again() {
        let (absences, cluster) = (Absences::default(), events());
        assert_eq!(absences.rest(&cluster, away(&image(3, &[2], &[]), THREE)), Some(LASTS));
        advance(LASTS).await;
        assert_eq!(absences.rest(&cluster, away(&image(3, &[2], &[]), THREE)), None);
        advance(LASTS).await;
        assert_eq!(absences.rest(&cluster, away(&image(3, &[2], &[]), THREE)), None);
        assert_eq!(absences.rest(&cluster, away(&image(3, &[1], &[]), THREE)), Some(LASTS));
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_are_to_go_are_not_waited_for() {
        let (absences, cluster) = (Absences::default(), events());
        let two = Leaving { from: Some(BrokerId(2)) };
        assert_eq!(absences.rest(&cluster, away(&image(3, &[2], &[]), two)), None);
        assert_eq!(
            absences.rest(&cluster, away(&image(3, &[2], &[]), Leaving::NOBODY)),
            None,
            "nobody says how many there are to be"
        );
    }
}
