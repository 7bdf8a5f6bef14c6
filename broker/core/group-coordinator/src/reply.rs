//! What a coordinator answers, in domain words. The shell makes Kafka's messages from these.

use crate::{
    errors::{CommitRefusal, GroupError},
    group::GroupState,
    ids::{Generation, InstanceId, MemberId},
};
use bytes::Bytes;
use model::{GroupId, LeaderEpoch, Offset, PartitionIndex, TopicName};
use std::sync::Arc;

/// The answer to a [`crate::Request`], of the same name.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Join(Result<Joined, JoinRefusal>),
    Sync(Result<Synced, GroupError>),
    Heartbeat(Result<(), GroupError>),
    Leave(Result<Vec<Left>, GroupError>),
    /// One result per partition, in the order of the request.
    CommitOffsets(Result<Vec<Result<(), CommitRefusal>>, GroupError>),
    /// One result per partition, in the order of the request.
    DeleteOffsets(Result<Vec<Result<(), GroupError>>, GroupError>),
    DeleteGroup(Result<(), GroupError>),
}

/// A member is in the new generation.
#[derive(Debug, Clone, PartialEq)]
pub struct Joined {
    pub generation: Generation,
    pub protocol_type: Option<Arc<str>>,
    pub protocol_name: Option<Arc<str>>,
    pub leader: MemberId,
    pub member: MemberId,
    pub skip_assignment: bool,
    /// All members, for the leader; empty for the others.
    pub members: Vec<JoinedMember>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct JoinedMember {
    pub member: MemberId,
    pub instance: Option<InstanceId>,
    pub metadata: Bytes,
}

/// The member id goes back with a refusal: with [`GroupError::MemberIdRequired`] it is the one to use from now on.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinRefusal {
    pub error: GroupError,
    pub member: MemberId,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Synced {
    pub protocol_type: Option<Arc<str>>,
    pub protocol_name: Option<Arc<str>>,
    pub assignment: Bytes,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Left {
    pub member: MemberId,
    pub instance: Option<InstanceId>,
    pub result: Result<(), GroupError>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ListedGroup {
    pub group: GroupId,
    pub protocol_type: Arc<str>,
    pub state: GroupState,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribedGroup {
    pub group: GroupId,
    pub state: GroupState,
    pub protocol_type: Arc<str>,
    /// Empty unless the group is stable.
    pub protocol_name: Arc<str>,
    pub members: Vec<DescribedMember>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribedMember {
    pub member: MemberId,
    pub instance: Option<InstanceId>,
    pub client_id: Arc<str>,
    pub client_host: Arc<str>,
    pub metadata: Bytes,
    pub assignment: Bytes,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FetchedTopic {
    pub topic: TopicName,
    pub partitions: Vec<FetchedOffset>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FetchedOffset {
    pub partition: PartitionIndex,
    /// `Ok` with -1 where nothing was committed.
    pub offset: Offset,
    pub leader_epoch: LeaderEpoch,
    pub metadata: Arc<str>,
    pub error: Option<GroupError>,
}
