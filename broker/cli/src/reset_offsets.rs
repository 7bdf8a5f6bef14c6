//! Where a group's offsets would go: planned first, carried out by whoever asked.

use crate::client::{
    ClientError, Result, Topics,
    admin::{Admin, OffsetSpec},
};
use kafka_protocol::error::ResponseError;
use model::{GroupId, Offset, TopicName, TopicPartition, WallTime};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Earliest,
    Latest,
    /// Where they are; partitions without an offset go to the end.
    Current,
    Offset(i64),
    ShiftBy(i64),
    /// The first record at or after a time; the end where there is none.
    At(WallTime),
    /// As a file says.
    Listed(BTreeMap<TopicPartition, i64>),
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) offsets: BTreeMap<TopicPartition, Offset>,
    pub(crate) notices: Vec<Notice>,
}

/// What differs from what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The offset asked for lies before the first or after the last record.
    Clamped { partition: TopicPartition, asked: i64, to: Offset },
    /// No record is as new as the time asked for.
    NothingSoNew { partition: TopicPartition },
}

/// The state of a group that has members, whose offsets nobody else may set; `None` where there are none.
pub(crate) async fn active_state(admin: &Admin, group: &GroupId) -> Result<Option<String>> {
    match admin.describe_group(group).await {
        Ok(description) => Ok(Some(description.state).filter(|state| state != "Empty" && state != "Dead")),
        Err(error) if error.code() == Some(ResponseError::GroupIdNotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `partitions` is the scope; a list from a file is its own.
pub(crate) async fn plan(
    admin: &Admin,
    group: &GroupId,
    partitions: &[TopicPartition],
    target: &Target,
) -> Result<Plan> {
    check_existing(admin, partitions).await?;
    let own = |partitions: &[TopicPartition]| partitions.to_vec();
    match target {
        Target::Earliest => listed(admin, own(partitions), OffsetSpec::Earliest).await.map(Plan::of),
        Target::Latest => listed(admin, own(partitions), OffsetSpec::Latest).await.map(Plan::of),
        Target::Offset(offset) => {
            clamped(admin, partitions.iter().map(|partition| (partition.clone(), *offset)).collect()).await
        }
        Target::Listed(asked) => {
            check_existing(admin, &asked.keys().cloned().collect::<Vec<_>>()).await?;
            clamped(admin, asked.clone()).await
        }
        Target::ShiftBy(by) => {
            let committed = admin.committed_offsets(group).await?;
            let mut asked = BTreeMap::new();
            for partition in partitions {
                let from = committed.get(partition).ok_or_else(|| {
                    ClientError::Invalid(format!(
                        "Cannot shift offset for partition {partition} since there is no current committed offset"
                    ))
                })?;
                asked.insert(partition.clone(), from.offset.0.saturating_add(*by));
            }
            clamped(admin, asked).await
        }
        Target::Current => {
            let committed = admin.committed_offsets(group).await?;
            let (with, without): (Vec<_>, Vec<_>) =
                own(partitions).into_iter().partition(|partition| committed.contains_key(partition));
            let mut offsets = listed(admin, without, OffsetSpec::Latest).await?;
            offsets.extend(
                with.into_iter().filter_map(|partition| Some((partition.clone(), committed.get(&partition)?.offset))),
            );
            Ok(Plan::of(offsets))
        }
        Target::At(time) => at_time(admin, own(partitions), *time).await,
    }
}

impl Plan {
    fn of(offsets: BTreeMap<TopicPartition, Offset>) -> Self {
        Self { offsets, notices: Vec::new() }
    }
}

/// `topic`, or `topic:0,2` for some partitions of it.
pub(crate) fn parse_scope(text: &str) -> Result<(String, Option<Vec<i32>>)> {
    let Some((topic, partitions)) = text.split_once(':') else { return Ok((text.to_owned(), None)) };
    if topic.is_empty() || partitions.is_empty() || partitions.contains(':') {
        return Err(ClientError::Invalid(format!("Invalid topic arg '{text}', expected topic name and partitions")));
    }
    let indexes = partitions.split(',').map(|index| {
        index
            .trim()
            .parse()
            .map_err(|_| ClientError::Invalid(format!("Invalid partition '{index}' specified in topic arg '{text}'")))
    });
    Ok((topic.to_owned(), Some(indexes.collect::<Result<_>>()?)))
}

/// The partitions that such texts name, all of a topic where none are.
pub(crate) async fn scope(admin: &Admin, texts: &[String]) -> Result<Vec<TopicPartition>> {
    let mut partitions = Vec::new();
    for text in texts {
        let (topic, indexes) = parse_scope(text)?;
        let topic = TopicName::from(topic);
        if let Some(indexes) = indexes {
            partitions.extend(indexes.into_iter().map(|index| TopicPartition::new(topic.clone(), index)));
            continue;
        }
        let metadata = admin.cluster.metadata(Topics::Named(std::slice::from_ref(&topic)), false).await?;
        let all = &metadata.topic(&topic)?.partitions;
        partitions
            .extend(all.iter().map(|partition| TopicPartition { topic: topic.clone(), partition: partition.index }));
    }
    Ok(partitions)
}

async fn check_existing(admin: &Admin, partitions: &[TopicPartition]) -> Result<()> {
    let mut topics: Vec<TopicName> = partitions.iter().map(|partition| partition.topic.clone()).collect();
    topics.sort();
    topics.dedup();
    let metadata = admin.cluster.metadata(Topics::Named(&topics), false).await?;
    let mut missing = Vec::new();
    for partition in partitions {
        if metadata.topic(&partition.topic)?.partition(partition.partition).is_none() {
            missing.push(partition.to_string());
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(ClientError::Refused {
        code: ResponseError::UnknownTopicOrPartition,
        message: Some(format!("The partitions \"{}\" do not exist", missing.join(","))),
        subject: String::new(),
    })
}

async fn listed(
    admin: &Admin,
    partitions: Vec<TopicPartition>,
    spec: OffsetSpec,
) -> Result<BTreeMap<TopicPartition, Offset>> {
    let listed = admin.list_offsets_of(partitions, spec).await?;
    Ok(listed.into_iter().filter_map(|(partition, listed)| Some((partition, listed.offset?))).collect())
}

async fn at_time(admin: &Admin, partitions: Vec<TopicPartition>, time: WallTime) -> Result<Plan> {
    let found = admin.list_offsets_of(partitions, OffsetSpec::At(time)).await?;
    let (with, without): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, listed)| listed.offset.is_some());
    let without: Vec<TopicPartition> = without.into_iter().map(|(partition, _)| partition).collect();
    let notices = without.iter().map(|partition| Notice::NothingSoNew { partition: partition.clone() }).collect();
    let mut offsets = listed(admin, without, OffsetSpec::Latest).await?;
    offsets.extend(with.into_iter().filter_map(|(partition, listed)| Some((partition, listed.offset?))));
    Ok(Plan { offsets, notices })
}

/// Offsets outside a partition move to its nearer end.
async fn clamped(admin: &Admin, asked: BTreeMap<TopicPartition, i64>) -> Result<Plan> {
    let starts = listed(admin, asked.keys().cloned().collect(), OffsetSpec::Earliest).await?;
    let ends = listed(admin, asked.keys().cloned().collect(), OffsetSpec::Latest).await?;
    Ok(clamp(asked, &starts, &ends))
}

fn clamp(
    asked: BTreeMap<TopicPartition, i64>,
    starts: &BTreeMap<TopicPartition, Offset>,
    ends: &BTreeMap<TopicPartition, Offset>,
) -> Plan {
    let mut plan = Plan::default();
    for (partition, offset) in asked {
        let start = starts.get(&partition).map_or(0, |start| start.0);
        let end = ends.get(&partition).map_or(i64::MAX, |end| end.0);
        let to = Offset(offset.max(start).min(end));
        if to.0 != offset {
            plan.notices.push(Notice::Clamped { partition: partition.clone(), asked: offset, to });
        }
        plan.offsets.insert(partition, to);
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_topic_or_some_of_its_partitions() {
        assert_eq!(parse_scope("t").expect("a topic"), ("t".to_owned(), None));
        assert_eq!(parse_scope("t:0,2").expect("partitions"), ("t".to_owned(), Some(vec![0, 2])));
        for text in ["t:", ":1", "t:1:2", "t:x"] {
            assert!(parse_scope(text).is_err(), "{text}");
        }
    }

    #[test]
    fn offsets_outside_a_partition_move_to_its_nearer_end() {
        let at = |offset| BTreeMap::from([(TopicPartition::new("t", 0), Offset(offset))]);
        let plan = |offset| clamp(BTreeMap::from([(TopicPartition::new("t", 0), offset)]), &at(10), &at(20));
        assert_eq!(plan(15), Plan { offsets: at(15), notices: vec![] });
        for (asked, to) in [(5, 10), (200, 20)] {
            let notice = Notice::Clamped { partition: TopicPartition::new("t", 0), asked, to: Offset(to) };
            assert_eq!(plan(asked), Plan { offsets: at(to), notices: vec![notice] });
        }
    }
}
