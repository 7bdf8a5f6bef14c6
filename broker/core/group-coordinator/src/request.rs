//! What a coordinator is asked, in domain words. The shell makes these from Kafka's messages.

use crate::{
    decision::Timer,
    errors::GroupError,
    ids::{Generation, InstanceId, MemberId},
    reply::{JoinRefusal, Reply},
};
use bytes::Bytes;
use model::{GroupId, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};
use std::sync::Arc;

/// Requests that may change something. Reads are methods of [`crate::GroupCoordinator`].
#[derive(Debug, Clone)]
pub enum Request {
    Join(JoinGroup),
    Sync(SyncGroup),
    Heartbeat(Heartbeat),
    Leave(LeaveGroup),
    CommitOffsets(CommitOffsets),
    DeleteOffsets(DeleteOffsets),
    DeleteGroup(GroupId),
}

/// What happens without anybody asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A timer set by an earlier decision is due.
    Timer(Timer),
    /// Topics are gone from the cluster: so are the offsets committed for them.
    TopicsDeleted(Vec<(TopicName, TopicId)>),
    /// Time to look for offsets that outlived `offsets.retention.minutes`.
    ExpireOffsets,
}

/// Which reply a request gets; kept by the host to refuse it when its decision cannot be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestKind {
    Join(MemberId),
    Sync,
    Heartbeat,
    Leave,
    CommitOffsets,
    DeleteOffsets,
    DeleteGroup,
}

impl Request {
    pub fn group(&self) -> &GroupId {
        match self {
            Self::Join(request) => &request.group,
            Self::Sync(request) => &request.group,
            Self::Heartbeat(request) => &request.group,
            Self::Leave(request) => &request.group,
            Self::CommitOffsets(request) => &request.group,
            Self::DeleteOffsets(request) => &request.group,
            Self::DeleteGroup(group) => group,
        }
    }

    pub fn kind(&self) -> RequestKind {
        match self {
            Self::Join(request) => RequestKind::Join(request.member.clone()),
            Self::Sync(_) => RequestKind::Sync,
            Self::Heartbeat(_) => RequestKind::Heartbeat,
            Self::Leave(_) => RequestKind::Leave,
            Self::CommitOffsets(_) => RequestKind::CommitOffsets,
            Self::DeleteOffsets(_) => RequestKind::DeleteOffsets,
            Self::DeleteGroup(_) => RequestKind::DeleteGroup,
        }
    }
}

impl RequestKind {
    pub fn refused(self, error: GroupError) -> Reply {
        match self {
            Self::Join(member) => Reply::Join(Err(JoinRefusal { error, member })),
            Self::Sync => Reply::Sync(Err(error)),
            Self::Heartbeat => Reply::Heartbeat(Err(error)),
            Self::Leave => Reply::Leave(Err(error)),
            Self::CommitOffsets => Reply::CommitOffsets(Err(error)),
            Self::DeleteOffsets => Reply::DeleteOffsets(Err(error)),
            Self::DeleteGroup => Reply::DeleteGroup(Err(error)),
        }
    }
}

/// One way of assigning that a member can take part in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberProtocol {
    pub name: Arc<str>,
    /// Opaque unless the protocol type is `consumer`: then Kafka's ConsumerProtocolSubscription.
    pub metadata: Bytes,
}

#[derive(Debug, Clone)]
pub struct JoinGroup {
    pub group: GroupId,
    pub member: MemberId,
    pub instance: Option<InstanceId>,
    pub client_id: Arc<str>,
    /// As Kafka prints a peer: a slash and the address.
    pub client_host: Arc<str>,
    /// Milliseconds as sent: out of bounds is a refusal, not a parse failure.
    pub session_timeout_ms: i32,
    /// The session timeout again where the version has no field for it (v0).
    pub rebalance_timeout_ms: i32,
    pub protocol_type: Arc<str>,
    /// In the member's order of preference.
    pub protocols: Vec<MemberProtocol>,
    /// KIP-394 (v4): a new dynamic member first gets an id and joins again with it.
    pub requires_known_member_id: bool,
    /// KIP-814 (v9): a static leader that comes back can be told to skip assigning.
    pub supports_skipping_assignment: bool,
    /// What the client says about why it joins (KIP-800).
    pub reason: Option<Arc<str>>,
    /// Unique text from the host, the end of a member id should one be needed.
    pub unique_suffix: Arc<str>,
}

#[derive(Debug, Clone)]
pub struct SyncGroup {
    pub group: GroupId,
    pub generation: Generation,
    pub member: MemberId,
    pub instance: Option<InstanceId>,
    /// KIP-559 (v5).
    pub protocol_type: Option<Arc<str>>,
    pub protocol_name: Option<Arc<str>>,
    /// Sent by the leader only.
    pub assignments: Vec<(MemberId, Bytes)>,
}

#[derive(Debug, Clone)]
pub struct Heartbeat {
    pub group: GroupId,
    pub generation: Generation,
    pub member: MemberId,
    pub instance: Option<InstanceId>,
}

#[derive(Debug, Clone)]
pub struct LeaveGroup {
    pub group: GroupId,
    pub members: Vec<LeavingMember>,
}

/// By member id, by instance id (then the member id is empty), or by both.
#[derive(Debug, Clone)]
pub struct LeavingMember {
    pub member: MemberId,
    pub instance: Option<InstanceId>,
    pub reason: Option<Arc<str>>,
}

#[derive(Debug, Clone)]
pub struct CommitOffsets {
    pub group: GroupId,
    pub generation: Generation,
    pub member: MemberId,
    pub instance: Option<InstanceId>,
    /// v2 to v4 may ask for a retention of their own; -1 asks for the broker's.
    pub retention_ms: Option<i64>,
    pub partitions: Vec<OffsetToCommit>,
    /// v9: an unknown group is answered with GROUP_ID_NOT_FOUND instead of ILLEGAL_GENERATION.
    pub group_not_found_is_known: bool,
}

#[derive(Debug, Clone)]
pub struct OffsetToCommit {
    pub topic: TopicName,
    pub topic_id: TopicId,
    pub partition: PartitionIndex,
    pub offset: Offset,
    pub leader_epoch: LeaderEpoch,
    pub metadata: Arc<str>,
}

#[derive(Debug, Clone)]
pub struct DeleteOffsets {
    pub group: GroupId,
    pub partitions: Vec<(TopicName, PartitionIndex)>,
}

/// Which offsets of a group to read.
#[derive(Debug, Clone)]
pub struct FetchOffsets {
    pub group: GroupId,
    /// `None` asks for all.
    pub topics: Option<Vec<TopicToFetch>>,
    /// KIP-447: a partition with an open transactional commit is refused.
    pub require_stable: bool,
}

#[derive(Debug, Clone)]
pub struct TopicToFetch {
    pub topic: TopicName,
    /// Set where the client asks for the topic with this id: offsets of an earlier one of the name are not its.
    pub topic_id: Option<TopicId>,
    pub partitions: Vec<PartitionIndex>,
}
