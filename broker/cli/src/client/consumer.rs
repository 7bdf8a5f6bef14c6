//! Reading records: assigned by hand, all partitions of some topics, or a share of them as a member of a group.

pub(crate) mod assignor;
mod fetcher;
mod group;
pub(crate) mod options;
mod records;

pub(crate) use options::{ConsumerOptions, Reset};
pub(crate) use records::ConsumedRecord;

use super::{
    ClientError, Cluster, Result, Topics,
    admin::{OffsetSpec, committed_offsets, list_offsets},
    metadata::{Metadata, Topic},
};
use fetcher::Fetcher;
use group::{Membership, Standing};
use kafka_protocol::error::ResponseError;
use model::{Offset, TopicName, TopicPartition};
use regex::Regex;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// A topic that is not there yet is looked for this often.
const MISSING_TOPIC_INTERVAL: Duration = Duration::from_millis(500);

/// Where to begin in a partition assigned by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Offset(Offset),
    At(OffsetSpec),
}

#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// All partitions, or this member's share of them.
    Topics(Vec<TopicName>),
    /// The same with all topics whose whole name matches, also those made later. Internal topics are left out.
    Pattern(Regex),
    /// These partitions, outside any group.
    Partitions(BTreeMap<TopicPartition, Start>),
}

/// One task owns it and drives it with [`Consumer::next`].
#[derive(Debug)]
pub(crate) struct Consumer {
    cluster: Cluster,
    options: ConsumerOptions,
    source: Source,
    fetcher: Fetcher,
    membership: Option<Membership>,
    /// What was subscribed to when the share was taken: topic → number of partitions.
    seen: BTreeMap<TopicName, usize>,
    assigned: bool,
    committed: BTreeMap<TopicPartition, Offset>,
    next_commit: Instant,
    next_refresh: Instant,
}

impl Consumer {
    pub(crate) fn new(cluster: Cluster, options: ConsumerOptions, source: Source) -> Self {
        let group = options.group.clone().filter(|_| !matches!(source, Source::Partitions(_)));
        let membership = group.map(|group| Membership::new(cluster.clone(), group, options.clone()));
        let now = Instant::now();
        Self {
            fetcher: Fetcher::new(cluster.clone(), options.clone()),
            cluster,
            membership,
            source,
            seen: BTreeMap::new(),
            assigned: false,
            committed: BTreeMap::new(),
            next_commit: now + options.auto_commit.unwrap_or(Duration::MAX / 4),
            next_refresh: now,
            options,
        }
    }

    /// The next record, or `None` when there was none until then. Safe to cancel.
    pub(crate) async fn next(&mut self, until: Option<Instant>) -> Result<Option<ConsumedRecord>> {
        loop {
            self.keep_up().await?;
            if let Some(record) = self.fetcher.take()? {
                return Ok(Some(record));
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                return Ok(None);
            }
            let commit = self.membership.is_some().then_some(self.next_commit);
            let wake = [until, Some(self.next_refresh), commit].into_iter().flatten().min();
            let wake = wake.expect("there is always a next refresh");
            let standing = async {
                match &mut self.membership {
                    Some(membership) => membership.changed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                waited = self.fetcher.wait() => waited?,
                () = standing => {}
                () = tokio::time::sleep_until(wake.into()) => {}
            }
        }
    }

    /// Everything there was to read has been handed out (as far as the newest answers tell).
    pub(crate) fn is_at_end(&self) -> bool {
        self.assigned && self.fetcher.is_at_end()
    }

    /// Subscription, membership and commits up to date.
    async fn keep_up(&mut self) -> Result<()> {
        let now = Instant::now();
        if self.next_refresh <= now {
            self.refresh().await?;
        }
        match self.membership.as_ref().map(Membership::standing) {
            Some(Standing::Rebalancing | Standing::Unknown) => self.rejoin().await?,
            Some(Standing::Refused(code)) => {
                return Err(ClientError::Refused { code, message: None, subject: self.group_name() });
            }
            Some(Standing::Member) if self.next_commit <= now => {
                self.next_commit = now + self.options.auto_commit.unwrap_or(Duration::MAX / 4);
                self.commit_while_member().await?;
            }
            Some(Standing::Member) | None => {}
        }
        Ok(())
    }

    fn group_name(&self) -> String {
        self.options.group.as_ref().map_or_else(String::new, |group| format!("group {group}"))
    }

    /// Looks at the topics anew: new partitions, new topics of a pattern, topics that were missing.
    async fn refresh(&mut self) -> Result<()> {
        let topics = self.find_topics().await?;
        let counts: BTreeMap<TopicName, usize> =
            topics.iter().map(|(name, topic)| (name.clone(), topic.partitions.len())).collect();
        let missing =
            matches!(&self.source, Source::Topics(names) if names.iter().any(|name| !counts.contains_key(name)));
        let changed = counts != self.seen || !self.assigned;
        self.next_refresh =
            Instant::now() + if missing { MISSING_TOPIC_INTERVAL } else { self.options.metadata_max_age };
        if !changed {
            return Ok(());
        }
        self.seen = counts;
        if self.membership.is_some() {
            return self.rejoin().await;
        }
        self.read_all(topics).await
    }

    async fn find_topics(&self) -> Result<BTreeMap<TopicName, Topic>> {
        let metadata = match &self.source {
            Source::Topics(names) => self.cluster.metadata(Topics::Named(names), self.options.create_topics).await?,
            Source::Pattern(_) => self.cluster.metadata(Topics::All, false).await?,
            Source::Partitions(partitions) => {
                let mut names: Vec<TopicName> = partitions.keys().map(|partition| partition.topic.clone()).collect();
                names.dedup();
                self.cluster.metadata(Topics::Named(&names), self.options.create_topics).await?
            }
        };
        if !self.options.create_topics {
            self.check_present(&metadata)?;
        }
        let wanted = |name: &TopicName, topic: &Topic| match &self.source {
            Source::Pattern(pattern) => !topic.is_internal && pattern.is_match(name),
            Source::Topics(_) | Source::Partitions(_) => true,
        };
        for (name, topic) in &metadata.topics {
            if topic.error == Some(ResponseError::InvalidTopicException)
                || topic.error == Some(ResponseError::TopicAuthorizationFailed)
            {
                metadata.topic(name)?;
            }
        }
        let found =
            metadata.topics.into_iter().filter(|(_, topic)| topic.error.is_none() && !topic.partitions.is_empty());
        Ok(found.filter(|(name, topic)| wanted(name, topic)).collect())
    }

    /// A topic that is not there is worth an error only at the beginning; later it may be gone for a moment.
    fn check_present(&self, metadata: &Metadata) -> Result<()> {
        if self.assigned {
            return Ok(());
        }
        match &self.source {
            Source::Topics(names) => names.iter().try_for_each(|name| metadata.topic(name).map(|_| ())),
            Source::Partitions(partitions) => partitions.keys().try_for_each(|partition| {
                let topic = metadata.topic(&partition.topic)?;
                topic.partition(partition.partition).map(|_| ()).ok_or_else(|| {
                    let count = topic.partitions.len();
                    ClientError::Invalid(format!(
                        "topic {} has no partition {}; it has {count}, from 0 on",
                        partition.topic, partition.partition
                    ))
                })
            }),
            Source::Pattern(_) => Ok(()),
        }
    }

    /// Without a group: every partition, each from where the reset says. Partitions that appear later are read whole.
    async fn read_all(&mut self, topics: BTreeMap<TopicName, Topic>) -> Result<()> {
        if let Source::Partitions(partitions) = &self.source {
            if !self.assigned {
                let positions = start_positions(&self.cluster, partitions, self.options.read_committed).await?;
                self.fetcher.assign(positions, topics);
                self.assigned = true;
            }
            return Ok(());
        }
        let spec = if self.assigned || self.options.reset == Reset::Earliest {
            OffsetSpec::Earliest
        } else {
            OffsetSpec::Latest
        };
        let wanted: BTreeMap<_, _> =
            partitions_of(&topics).filter(|partition| !self.fetcher.reads(partition)).map(|p| (p, spec)).collect();
        let listed = list_offsets(&self.cluster, &wanted, self.options.read_committed).await?;
        let positions =
            listed.into_iter().map(|(partition, listed)| (partition, listed.offset.unwrap_or(Offset::ZERO))).collect();
        self.fetcher.add(positions, topics);
        self.assigned = true;
        Ok(())
    }

    /// Gives everything up, joins, and goes on from the committed offsets.
    async fn rejoin(&mut self) -> Result<()> {
        if self.assigned && self.options.auto_commit.is_some() {
            // Too late is no harm: the records are handed out again, perhaps to another member.
            self.commit_while_member().await?;
        }
        self.assigned = false;
        let topics = self.find_topics().await?;
        self.seen = topics.iter().map(|(name, topic)| (name.clone(), topic.partitions.len())).collect();
        self.fetcher.assign(BTreeMap::new(), BTreeMap::new());
        let names: Vec<TopicName> = match &self.source {
            Source::Topics(names) => names.clone(),
            Source::Pattern(_) | Source::Partitions(_) => topics.keys().cloned().collect(),
        };
        let Some(membership) = &mut self.membership else { return Ok(()) };
        let partitions = membership.join(&names).await?;
        let group = membership.group().clone();
        // Offsets of a transaction that is not decided yet (KIP-447) are worth waiting for.
        let committed = super::retry::retrying(self.options.rebalance_timeout, || async {
            if partitions.is_empty() {
                Ok(BTreeMap::new())
            } else {
                committed_offsets(&self.cluster, &group, Some(&partitions)).await
            }
        })
        .await?;
        let mut positions: BTreeMap<_, _> =
            committed.into_iter().map(|(partition, committed)| (partition, committed.offset)).collect();
        self.committed = positions.clone();
        let fresh: Vec<_> = partitions.into_iter().filter(|partition| !positions.contains_key(partition)).collect();
        positions.extend(reset_offsets(&self.cluster, &fresh, self.options.reset, self.options.read_committed).await?);
        self.fetcher.assign(positions, topics);
        self.assigned = true;
        Ok(())
    }

    /// Commits what was handed out. Being no longer a member is found out elsewhere.
    async fn commit_while_member(&mut self) -> Result<()> {
        match self.commit().await {
            Err(error) if error.code().is_some_and(is_about_membership) => Ok(()),
            Err(error) if error.is_retriable() => {
                crate::output::note(&format!("offsets not committed, will try again: {error}"));
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Commits the offsets after the records handed out, where they differ from what is committed.
    pub(crate) async fn commit(&mut self) -> Result<()> {
        let Some(membership) = &self.membership else { return Ok(()) };
        let consumed = self.fetcher.consumed();
        let changed: BTreeMap<_, _> = consumed
            .into_iter()
            .filter(|(partition, committed)| self.committed.get(partition) != Some(&committed.offset))
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        membership.commit(&changed).await?;
        self.committed.extend(changed.into_iter().map(|(partition, committed)| (partition, committed.offset)));
        Ok(())
    }

    /// Commits (where that is automatic) and leaves the group.
    pub(crate) async fn close(mut self) -> Result<()> {
        let committed =
            if self.assigned && self.options.auto_commit.is_some() { self.commit_while_member().await } else { Ok(()) };
        if let Some(membership) = &mut self.membership {
            membership.leave().await?;
        }
        committed
    }
}

/// The group went on without this member, or was forgotten as a whole.
fn is_about_membership(code: ResponseError) -> bool {
    matches!(
        code,
        ResponseError::RebalanceInProgress
            | ResponseError::IllegalGeneration
            | ResponseError::UnknownMemberId
            | ResponseError::GroupIdNotFound
    )
}

fn partitions_of(topics: &BTreeMap<TopicName, Topic>) -> impl Iterator<Item = TopicPartition> {
    topics.iter().flat_map(|(name, topic)| {
        topic.partitions.iter().map(|partition| TopicPartition { topic: name.clone(), partition: partition.index })
    })
}

async fn start_positions(
    cluster: &Cluster,
    partitions: &BTreeMap<TopicPartition, Start>,
    read_committed: bool,
) -> Result<BTreeMap<TopicPartition, Offset>> {
    let mut positions = BTreeMap::new();
    let mut wanted = BTreeMap::new();
    for (partition, start) in partitions {
        match start {
            Start::Offset(offset) => drop(positions.insert(partition.clone(), *offset)),
            Start::At(spec) => drop(wanted.insert(partition.clone(), *spec)),
        }
    }
    let listed = list_offsets(cluster, &wanted, read_committed).await?;
    // No record is as new as the time asked for: then from the end on.
    let later: BTreeMap<_, _> = listed
        .iter()
        .filter(|(_, listed)| listed.offset.is_none())
        .map(|(p, _)| (p.clone(), OffsetSpec::Latest))
        .collect();
    let ends = list_offsets(cluster, &later, read_committed).await?;
    let found = listed.into_iter().chain(ends).filter_map(|(partition, listed)| Some((partition, listed.offset?)));
    positions.extend(found);
    Ok(positions)
}

async fn reset_offsets(
    cluster: &Cluster,
    partitions: &[TopicPartition],
    reset: Reset,
    read_committed: bool,
) -> Result<BTreeMap<TopicPartition, Offset>> {
    let spec = match reset {
        Reset::Earliest => OffsetSpec::Earliest,
        Reset::Latest => OffsetSpec::Latest,
        Reset::Refuse => {
            return partitions.first().map_or(Ok(BTreeMap::new()), |partition| {
                Err(ClientError::Invalid(format!(
                    "partition {partition} has no committed offset, and auto.offset.reset=none"
                )))
            });
        }
    };
    let wanted = partitions.iter().map(|partition| (partition.clone(), spec)).collect();
    let listed = list_offsets(cluster, &wanted, read_committed).await?;
    Ok(listed.into_iter().map(|(partition, listed)| (partition, listed.offset.unwrap_or(Offset::ZERO))).collect())
}

/// Where to go on when `from` is out of range.
async fn reset_offset(
    cluster: &Cluster,
    partition: &TopicPartition,
    reset: Reset,
    read_committed: bool,
    from: Offset,
) -> Result<Offset> {
    if reset == Reset::Refuse {
        return Err(ClientError::Refused {
            code: ResponseError::OffsetOutOfRange,
            message: None,
            subject: format!("partition {partition}, offset {from}"),
        });
    }
    let offsets = reset_offsets(cluster, std::slice::from_ref(partition), reset, read_committed).await?;
    offsets
        .get(partition)
        .copied()
        .ok_or_else(|| ClientError::Invalid(format!("partition {partition}: no offsets to be had")))
}
