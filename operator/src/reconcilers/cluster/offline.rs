//! Partitions without a leader. Nothing is copied of them, so they neither begin to move nor count as moving, and a roll does not
//! wait for their replicas: those that are offline for good, because who had the records lost them, would hold up everything. They
//! are named where they are in the way, for only a person can give them up.

use super::roll::partitions;
use controller::{ClusterImage, PartitionImage};
use model::BrokerId;

/// So many are named; of more only the number is said.
const NAMED: usize = 3;

pub(super) fn is_offline(partition: &PartitionImage) -> bool {
    partition.leader.is_none()
}

/// How many there are of those with a replica on such a broker, and the names of some. `None`: none.
pub(super) fn offline_on(image: &ClusterImage, is_there: impl Fn(BrokerId) -> bool) -> Option<(usize, String)> {
    let is_meant =
        |partition: &PartitionImage| is_offline(partition) && partition.replicas.iter().any(|id| is_there(*id));
    let mut names = Vec::new();
    let mut count = 0;
    for (topic, index, _) in partitions(image).filter(|(.., partition)| is_meant(partition)) {
        count += 1;
        if names.len() < NAMED {
            names.push(format!("{}-{index}", topic.name));
        }
    }
    let mut told = names.join(", ");
    if count > names.len() {
        told.push_str(&format!(" and {} more", count - names.len()));
    }
    (count > 0).then_some((count, told))
}

/// For who waits until brokers have no replica.
pub(super) fn in_the_way(image: &ClusterImage, leaves: impl Fn(BrokerId) -> bool) -> Option<String> {
    let (count, names) = offline_on(image, leaves)?;
    Some(format!("; {count} partitions without a leader do not move: {names}"))
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{Members, image},
        *,
    };

    #[test]
    fn partitions_without_a_leader_are_counted_and_the_first_of_them_named() {
        let only_there: Vec<Members<'_>> = vec![(&[2], &[2]); 4];
        let image = image(3, &[2], &[&only_there, &[(&[2, 0], &[2]), (&[1], &[1])]]);
        let told = Some((5, "topic-0-0, topic-0-1, topic-0-2 and 2 more".to_owned()));
        assert_eq!(offline_on(&image, |id| id.0 == 2), told);
        assert_eq!(offline_on(&image, |id| id.0 == 0), Some((1, "topic-1-0".to_owned())));
        assert_eq!(offline_on(&image, |id| id.0 == 1), None);
    }
}
