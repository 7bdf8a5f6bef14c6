//! Where partitions begin and end, and which offset a time has.

use super::Admin;
use crate::client::{ClientError, Cluster, Purpose, Result, Topics, metadata::Metadata, retry::Backoff, wire};
use kafka_protocol::{
    error::ResponseError,
    messages::{
        BrokerId as WireBrokerId, ListOffsetsRequest,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    },
};
use model::{BrokerId, Offset, TopicName, TopicPartition, WallTime};
use std::collections::BTreeMap;

/// Which offset of a partition is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OffsetSpec {
    Earliest,
    /// The end: the high watermark, or the last stable offset for read_committed.
    Latest,
    /// The record with the latest timestamp (KIP-734).
    MaxTimestamp,
    /// The first record at or after a time.
    At(WallTime),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListedOffset {
    /// None where no record is as new as the time asked for.
    pub(crate) offset: Option<Offset>,
    pub(crate) leader_epoch: i32,
}

impl OffsetSpec {
    fn timestamp(self) -> i64 {
        match self {
            Self::Earliest => -2,
            Self::Latest => -1,
            Self::MaxTimestamp => -3,
            Self::At(time) => time.as_ms().max(0),
        }
    }
}

impl Admin {
    /// Offsets of partitions, asked of their leaders.
    pub(crate) async fn list_offsets(
        &self,
        wanted: &BTreeMap<TopicPartition, OffsetSpec>,
        read_committed: bool,
    ) -> Result<BTreeMap<TopicPartition, ListedOffset>> {
        list_offsets(&self.cluster, wanted, read_committed).await
    }

    /// One spec for many partitions.
    pub(crate) async fn list_offsets_of(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
        spec: OffsetSpec,
    ) -> Result<BTreeMap<TopicPartition, ListedOffset>> {
        let wanted = partitions.into_iter().map(|partition| (partition, spec)).collect();
        self.list_offsets(&wanted, false).await
    }
}

/// Asks the leader of each partition; partitions whose leader moves are asked again until the client's patience ends.
pub(crate) async fn list_offsets(
    cluster: &Cluster,
    wanted: &BTreeMap<TopicPartition, OffsetSpec>,
    read_committed: bool,
) -> Result<BTreeMap<TopicPartition, ListedOffset>> {
    let mut found = BTreeMap::new();
    let mut backoff = Backoff::lasting(cluster.options().patience);
    while found.len() < wanted.len() {
        let left: BTreeMap<_, _> = wanted.iter().filter(|(partition, _)| !found.contains_key(*partition)).collect();
        let mut topics: Vec<TopicName> = left.keys().map(|partition| partition.topic.clone()).collect();
        topics.dedup();
        let metadata = cluster.metadata(Topics::Named(&topics), false).await?;
        let mut failure = None;
        for (leader, partitions) in by_leader(&metadata, left)? {
            match ask_leader(cluster, leader, partitions, read_committed).await {
                Ok((offsets, refused)) => {
                    found.extend(offsets);
                    failure = failure.or(refused);
                }
                Err(error) if error.is_retriable() => failure = Some(error),
                Err(error) => return Err(error),
            }
        }
        if let Some(error) = failure
            && !backoff.wait(&error).await
        {
            return Err(error);
        }
    }
    Ok(found)
}

type Wanted<'a> = Vec<(&'a TopicPartition, OffsetSpec)>;

fn by_leader<'a>(
    metadata: &Metadata,
    wanted: BTreeMap<&'a TopicPartition, &OffsetSpec>,
) -> Result<BTreeMap<Option<BrokerId>, Wanted<'a>>> {
    let mut leaders = BTreeMap::<_, Wanted<'a>>::new();
    for (partition, spec) in wanted {
        let known = metadata.topic(&partition.topic)?.partition(partition.partition);
        let known = known.ok_or_else(|| ClientError::Refused {
            code: ResponseError::UnknownTopicOrPartition,
            message: None,
            subject: format!("partition {partition}"),
        })?;
        leaders.entry(known.leader).or_default().push((partition, *spec));
    }
    Ok(leaders)
}

type Answered = (Vec<(TopicPartition, ListedOffset)>, Option<ClientError>);

/// Offsets found and, where some partitions could not be answered yet, one of the reasons.
async fn ask_leader(
    cluster: &Cluster,
    leader: Option<BrokerId>,
    wanted: Wanted<'_>,
    read_committed: bool,
) -> Result<Answered> {
    let refused = |code, partition: &TopicPartition| ClientError::Refused {
        code,
        message: None,
        subject: format!("partition {partition}"),
    };
    let Some(leader) = leader else {
        return Ok((
            Vec::new(),
            wanted.first().map(|(partition, _)| refused(ResponseError::LeaderNotAvailable, partition)),
        ));
    };
    let connection = cluster.broker(leader, Purpose::Requests).await?;
    let items = wanted.into_iter().map(|(partition, spec)| (partition.clone(), spec.timestamp()));
    let topics = wire::by_topic(items).into_iter().map(|(topic, partitions)| {
        let partitions = partitions.into_iter().map(|(index, timestamp)| {
            ListOffsetsPartition::default()
                .with_partition_index(index)
                .with_current_leader_epoch(-1)
                .with_timestamp(timestamp)
        });
        ListOffsetsTopic::default().with_name(wire::topic(&topic)).with_partitions(partitions.collect())
    });
    let request = ListOffsetsRequest::default()
        .with_replica_id(WireBrokerId(-1))
        .with_isolation_level(i8::from(read_committed))
        .with_topics(topics.collect());
    let answer = connection.call(&request, cluster.options().request_timeout).await?;
    let mut offsets = Vec::new();
    let mut failure = None;
    for topic in answer.topics {
        for partition in topic.partitions {
            let name = TopicPartition::new(topic.name.as_str(), partition.partition_index);
            match ResponseError::try_from_code(partition.error_code) {
                None => {
                    let offset = (partition.offset >= 0).then_some(Offset(partition.offset));
                    offsets.push((name, ListedOffset { offset, leader_epoch: partition.leader_epoch }));
                }
                Some(code) => {
                    let error = refused(code, &name);
                    if !error.is_retriable() {
                        return Err(error);
                    }
                    failure = Some(error);
                }
            }
        }
    }
    Ok((offsets, failure))
}
