//! How the leader of a consumer group shares partitions out. Results are those of Kafka's assignors of the same names,
//! so that the leader may be this program or a Java one.

use model::{PartitionIndex, TopicName, TopicPartition};
use std::collections::BTreeMap;

/// Both are eager: every member gives everything up before a rebalance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assignor {
    Range,
    RoundRobin,
}

/// A member as an assignor sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupMember {
    pub(crate) id: String,
    pub(crate) instance_id: Option<String>,
    /// Sorted.
    pub(crate) topics: Vec<TopicName>,
}

/// Member id → partitions.
pub(crate) type Shares = BTreeMap<String, Vec<TopicPartition>>;

impl Assignor {
    /// In the order this program proposes them. Java's default list also has "range".
    pub(crate) const DEFAULT: [Self; 2] = [Self::Range, Self::RoundRobin];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
        }
    }

    /// By protocol name or by the name of Kafka's Java class.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name.rsplit('.').next().unwrap_or(name) {
            "range" | "RangeAssignor" => Some(Self::Range),
            "roundrobin" | "RoundRobinAssignor" => Some(Self::RoundRobin),
            _ => None,
        }
    }

    /// `partitions`: how many each topic has; topics that do not exist are not in it.
    pub(crate) fn assign(self, mut members: Vec<GroupMember>, partitions: &BTreeMap<TopicName, i32>) -> Shares {
        // Static members first, by their instance ids: they keep their place when they come back with a new member id.
        members.sort_by(|a, b| order(a).cmp(&order(b)));
        let mut shares: Shares = members.iter().map(|member| (member.id.clone(), Vec::new())).collect();
        match self {
            Self::Range => range(&members, partitions, &mut shares),
            Self::RoundRobin => round_robin(&members, partitions, &mut shares),
        }
        shares
    }
}

fn order(member: &GroupMember) -> (bool, &str) {
    match &member.instance_id {
        Some(instance) => (false, instance),
        None => (true, &member.id),
    }
}

fn give(shares: &mut Shares, member: &GroupMember, topic: &TopicName, index: i32) {
    let partition = TopicPartition { topic: topic.clone(), partition: PartitionIndex(index) };
    shares.get_mut(&member.id).expect("every member has a share").push(partition);
}

/// Each topic for itself: consecutive partitions, the first members get one more where it does not come out even.
fn range(members: &[GroupMember], partitions: &BTreeMap<TopicName, i32>, shares: &mut Shares) {
    for (topic, count) in partitions {
        let takers: Vec<_> = members.iter().filter(|member| member.topics.contains(topic)).collect();
        let Ok(taker_count @ 1..) = i32::try_from(takers.len()) else { continue };
        let (each, extra) = (count / taker_count, count % taker_count);
        let mut next = 0;
        for (position, member) in (0..).zip(takers) {
            let end = next + each + i32::from(position < extra);
            (next..end).for_each(|index| give(shares, member, topic, index));
            next = end;
        }
    }
}

/// All partitions of all topics in turn, to the next member that wants the topic.
fn round_robin(members: &[GroupMember], partitions: &BTreeMap<TopicName, i32>, shares: &mut Shares) {
    let mut turn = members.iter().cycle();
    for (topic, count) in partitions {
        if !members.iter().any(|member| member.topics.contains(topic)) {
            continue;
        }
        for index in 0..*count {
            let member = turn.find(|member| member.topics.contains(topic)).expect("some member wants the topic");
            give(shares, member, topic, index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, topics: &[&str]) -> GroupMember {
        GroupMember {
            id: id.to_owned(),
            instance_id: None,
            topics: topics.iter().map(|topic| TopicName::from(*topic)).collect(),
        }
    }

    fn topics(counts: &[(&str, i32)]) -> BTreeMap<TopicName, i32> {
        counts.iter().map(|(topic, count)| (TopicName::from(*topic), *count)).collect()
    }

    fn shown(shares: &Shares) -> Vec<String> {
        let list = |partitions: &[TopicPartition]| {
            partitions.iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(" ")
        };
        shares.iter().map(|(id, partitions)| format!("{id}: {}", list(partitions))).collect()
    }

    #[test]
    fn range_gives_consecutive_partitions_and_the_rest_to_the_first() {
        let members = vec![member("c2", &["t", "u"]), member("c1", &["t", "u"])];
        let shares = Assignor::Range.assign(members, &topics(&[("t", 3), ("u", 3)]));
        assert_eq!(shown(&shares), ["c1: t-0 t-1 u-0 u-1", "c2: t-2 u-2"]);
    }

    #[test]
    fn range_shares_a_topic_only_among_those_who_want_it() {
        let members = vec![member("a", &["t"]), member("b", &["t", "u"]), member("c", &["gone"])];
        let shares = Assignor::Range.assign(members, &topics(&[("t", 2), ("u", 2)]));
        assert_eq!(shown(&shares), ["a: t-0", "b: t-1 u-0 u-1", "c: "]);
    }

    #[test]
    fn round_robin_deals_all_partitions_in_turn() {
        let members = vec![member("c0", &["t0", "t1"]), member("c1", &["t0", "t1"])];
        let shares = Assignor::RoundRobin.assign(members, &topics(&[("t0", 3), ("t1", 3)]));
        assert_eq!(shown(&shares), ["c0: t0-0 t0-2 t1-1", "c1: t0-1 t1-0 t1-2"]);
    }

    #[test]
    fn round_robin_skips_members_that_do_not_want_the_topic() {
        // The example in the documentation of Kafka's RoundRobinAssignor.
        let members = vec![member("c0", &["t0"]), member("c1", &["t0", "t1"]), member("c2", &["t0", "t1", "t2"])];
        let shares = Assignor::RoundRobin.assign(members, &topics(&[("t0", 1), ("t1", 2), ("t2", 3)]));
        assert_eq!(shown(&shares), ["c0: t0-0", "c1: t1-0", "c2: t1-1 t2-0 t2-1 t2-2"]);
    }

    #[test]
    fn static_members_keep_their_place_under_new_member_ids() {
        let named =
            |id: &str, instance: &str| GroupMember { instance_id: Some(instance.to_owned()), ..member(id, &["t"]) };
        let shares =
            Assignor::Range.assign(vec![member("a", &["t"]), named("z", "i1"), named("y", "i2")], &topics(&[("t", 3)]));
        assert_eq!(shown(&shares), ["a: t-2", "y: t-1", "z: t-0"]);
    }

    #[test]
    fn assignors_are_found_by_javas_class_names_too() {
        assert_eq!(
            Assignor::from_name("org.apache.kafka.clients.consumer.RoundRobinAssignor"),
            Some(Assignor::RoundRobin)
        );
        assert_eq!(Assignor::from_name("range"), Some(Assignor::Range));
        assert_eq!(Assignor::from_name("cooperative-sticky"), None);
    }
}
