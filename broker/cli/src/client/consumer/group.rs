//! Membership of a group (the classic protocol): join, take a share, keep it with heartbeats, leave.

use super::{assignor::GroupMember, options::ConsumerOptions};
use crate::client::{
    ClientError, Cluster, Result, Topics,
    admin::{Committed, commit_request},
    connection::Connection,
    consumer_protocol::{Assignment, PROTOCOL_TYPE, Subscription},
    retry::Backoff,
    wire,
};
use kafka_protocol::{
    error::ResponseError,
    messages::{
        HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
        join_group_request::JoinGroupRequestProtocol, leave_group_request::MemberIdentity,
        sync_group_request::SyncGroupRequestAssignment,
    },
};
use model::{GroupId, TopicName, TopicPartition};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle};

/// What heartbeats learn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Member,
    /// The group shares out anew: join again.
    Rebalancing,
    /// The coordinator no longer knows this member: join as a new one.
    Unknown,
    /// Another took this place, or the group does not let this client in.
    Refused(ResponseError),
}

#[derive(Debug)]
pub(crate) struct Membership {
    cluster: Cluster,
    group: GroupId,
    options: ConsumerOptions,
    member_id: String,
    generation: i32,
    heartbeats: Option<JoinHandle<()>>,
    standing: watch::Receiver<Standing>,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.stop_heartbeats();
    }
}

impl Membership {
    pub(crate) fn new(cluster: Cluster, group: GroupId, options: ConsumerOptions) -> Self {
        let (_, standing) = watch::channel(Standing::Rebalancing);
        Self { cluster, group, options, member_id: String::new(), generation: -1, heartbeats: None, standing }
    }

    pub(crate) fn group(&self) -> &GroupId {
        &self.group
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// Ends when the standing is no longer that of a member.
    pub(crate) async fn changed(&mut self) {
        // An error means that nobody sends heartbeats any more, which a standing tells as well.
        let _ = self.standing.wait_for(|standing| *standing != Standing::Member).await;
    }

    /// Joins, again if need be, until this member has its share of the partitions.
    pub(crate) async fn join(&mut self, topics: &[TopicName]) -> Result<Vec<TopicPartition>> {
        self.stop_heartbeats();
        if self.standing() == Standing::Unknown {
            self.forget();
        }
        let mut backoff = Backoff::lasting(self.options.rebalance_timeout);
        loop {
            let error = match self.join_once(topics).await {
                Ok(partitions) => return Ok(partitions),
                Err(error) => error,
            };
            match error.code() {
                // KIP-394: the first attempt only gets an id, which join_once has noted.
                Some(ResponseError::MemberIdRequired) => continue,
                Some(ResponseError::UnknownMemberId | ResponseError::IllegalGeneration) => self.forget(),
                Some(ResponseError::RebalanceInProgress) => {}
                _ if error.is_retriable() => {}
                _ => return Err(error),
            }
            if !backoff.wait(&error).await {
                return Err(error);
            }
        }
    }

    fn forget(&mut self) {
        self.member_id.clear();
        self.generation = -1;
    }

    async fn join_once(&mut self, topics: &[TopicName]) -> Result<Vec<TopicPartition>> {
        let connection = self.cluster.group_connection(&self.group).await?;
        let subscription = Subscription { topics: topics.to_vec() }.encode();
        let protocols = self.options.assignors.iter().map(|assignor| {
            JoinGroupRequestProtocol::default()
                .with_name(wire::text(assignor.name()))
                .with_metadata(subscription.clone())
        });
        let request = JoinGroupRequest::default()
            .with_group_id(wire::group(&self.group))
            .with_session_timeout_ms(milliseconds(self.options.session_timeout))
            .with_rebalance_timeout_ms(milliseconds(self.options.rebalance_timeout))
            .with_member_id(wire::text(&self.member_id))
            .with_group_instance_id(self.instance_id())
            .with_protocol_type(wire::text(PROTOCOL_TYPE))
            .with_protocols(protocols.collect());
        // The coordinator answers when all members have come, at the latest after the rebalance timeout.
        let patience = self.options.rebalance_timeout + Duration::from_secs(5);
        let joined = connection.call(&request, patience).await?;
        if ResponseError::try_from_code(joined.error_code) == Some(ResponseError::MemberIdRequired) {
            self.member_id = joined.member_id.to_string();
        }
        self.check(joined.error_code)?;
        self.member_id = joined.member_id.to_string();
        self.generation = joined.generation_id;
        let shares = if joined.leader == joined.member_id && !joined.skip_assignment {
            self.share_out(&joined).await?
        } else {
            Vec::new()
        };
        let request = SyncGroupRequest::default()
            .with_group_id(wire::group(&self.group))
            .with_generation_id(self.generation)
            .with_member_id(wire::text(&self.member_id))
            .with_group_instance_id(self.instance_id())
            .with_protocol_type(joined.protocol_type)
            .with_protocol_name(joined.protocol_name)
            .with_assignments(shares);
        let synced = connection.call(&request, patience).await?;
        self.check(synced.error_code)?;
        self.start_heartbeats(connection);
        Ok(Assignment::decode(synced.assignment)?.partitions)
    }

    /// The leader's duty: the partitions of all topics anybody wants, divided among the members.
    async fn share_out(&self, joined: &JoinGroupResponse) -> Result<Vec<SyncGroupRequestAssignment>> {
        let chosen = joined.protocol_name.as_ref().map_or("", |name| name.as_str());
        let assignor = self.options.assignors.iter().find(|assignor| assignor.name() == chosen);
        let assignor = assignor.ok_or_else(|| {
            ClientError::Invalid(format!(
                "group {}: the coordinator chose assignor {chosen:?}, which nobody here proposed",
                self.group
            ))
        })?;
        let mut members = Vec::new();
        for member in &joined.members {
            members.push(GroupMember {
                id: member.member_id.to_string(),
                instance_id: member.group_instance_id.as_ref().map(|id| id.to_string()),
                topics: Subscription::decode(member.metadata.clone())?.topics,
            });
        }
        let wanted: BTreeSet<&TopicName> = members.iter().flat_map(|member| &member.topics).collect();
        let names: Vec<TopicName> = wanted.into_iter().cloned().collect();
        let metadata = self.cluster.metadata(Topics::Named(&names), false).await?;
        let counts: BTreeMap<TopicName, i32> = metadata
            .topics
            .into_iter()
            .filter(|(_, topic)| topic.error.is_none())
            .map(|(name, topic)| (name, i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX)))
            .collect();
        let shares = assignor.assign(members, &counts).into_iter().map(|(member, partitions)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(wire::text(&member))
                .with_assignment(Assignment { partitions }.encode())
        });
        Ok(shares.collect())
    }

    fn instance_id(&self) -> Option<kafka_protocol::protocol::StrBytes> {
        self.options.instance_id.as_deref().map(wire::text)
    }

    fn check(&self, code: i16) -> Result<()> {
        ClientError::check(code, None, format!("group {}", self.group))
    }

    fn start_heartbeats(&mut self, connection: Arc<Connection>) {
        let request = HeartbeatRequest::default()
            .with_group_id(wire::group(&self.group))
            .with_generation_id(self.generation)
            .with_member_id(wire::text(&self.member_id))
            .with_group_instance_id(self.instance_id());
        let (tell, standing) = watch::channel(Standing::Member);
        self.standing = standing;
        let beats =
            heartbeats(self.cluster.clone(), self.group.clone(), connection, request, self.options.clone(), tell);
        self.heartbeats = Some(tokio::spawn(beats));
    }

    fn stop_heartbeats(&mut self) {
        if let Some(task) = self.heartbeats.take() {
            task.abort();
        }
    }

    /// Commits as a member of the current generation.
    pub(crate) async fn commit(&self, offsets: &BTreeMap<TopicPartition, Committed>) -> Result<()> {
        let mut request = commit_request(&self.group, self.generation, &self.member_id, offsets);
        request.group_instance_id = self.instance_id();
        let first_error = |answer: &kafka_protocol::messages::OffsetCommitResponse| {
            let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
            let refused = partitions.find(|partition| partition.error_code != 0)?;
            ClientError::from_code(refused.error_code, None, format!("commit offsets of group {}", self.group))
        };
        let answer = self.cluster.call_coordinator(&self.group, &request, first_error).await?;
        first_error(&answer).map_or(Ok(()), Err)
    }

    /// Gives the share back at once. A static member stays: its place waits for it until the session times out.
    pub(crate) async fn leave(&mut self) -> Result<()> {
        self.stop_heartbeats();
        if self.member_id.is_empty() || self.options.instance_id.is_some() {
            return Ok(());
        }
        let member = MemberIdentity::default().with_member_id(wire::text(&self.member_id));
        let request = LeaveGroupRequest::default().with_group_id(wire::group(&self.group)).with_members(vec![member]);
        let answer = self
            .cluster
            .call_coordinator(&self.group, &request, |answer| ClientError::from_code(answer.error_code, None, ""))
            .await?;
        self.forget();
        self.check(answer.error_code)
    }
}

/// Ends with the first answer that says more than "go on".
async fn heartbeats(
    cluster: Cluster,
    group: GroupId,
    mut connection: Arc<Connection>,
    request: HeartbeatRequest,
    options: ConsumerOptions,
    tell: watch::Sender<Standing>,
) {
    let mut last_success = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(options.heartbeat_interval).await;
        let patience = options.session_timeout;
        let code = match connection.call(&request, patience).await {
            Ok(answer) => ResponseError::try_from_code(answer.error_code),
            Err(_) => Some(ResponseError::NotCoordinator),
        };
        let standing = match code {
            None => {
                last_success = tokio::time::Instant::now();
                continue;
            }
            Some(ResponseError::RebalanceInProgress) => Standing::Rebalancing,
            Some(
                ResponseError::UnknownMemberId | ResponseError::IllegalGeneration | ResponseError::GroupIdNotFound,
            ) => Standing::Unknown,
            Some(
                ResponseError::NotCoordinator
                | ResponseError::CoordinatorNotAvailable
                | ResponseError::CoordinatorLoadInProgress,
            ) => {
                if last_success.elapsed() < options.session_timeout {
                    if let Ok(found) = cluster.group_connection(&group).await {
                        connection = found;
                    }
                    continue;
                }
                Standing::Unknown
            }
            Some(code) => Standing::Refused(code),
        };
        // Nobody listens when the consumer has gone.
        let _ = tell.send(standing);
        return;
    }
}

fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
