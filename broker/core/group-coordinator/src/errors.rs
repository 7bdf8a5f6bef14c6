//! Why a group request is refused. The shell maps each to exactly one Kafka error code.

use thiserror::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GroupError {
    #[error("group id is empty")]
    InvalidGroupId,
    #[error("group does not exist")]
    GroupIdNotFound,
    #[error("the coordinator of this group is not available")]
    CoordinatorNotAvailable,
    #[error("the coordinator is still loading its partition")]
    CoordinatorLoadInProgress,
    #[error("this broker does not coordinate the group")]
    NotCoordinator,
    #[error("member id is not known to the group")]
    UnknownMemberId,
    #[error("a member must join again with the id it was given")]
    MemberIdRequired,
    #[error("generation is not the group's current one")]
    IllegalGeneration,
    #[error("protocol type or name does not fit the group")]
    InconsistentGroupProtocol,
    #[error("session timeout is outside the broker's bounds")]
    InvalidSessionTimeout,
    #[error("group is rebalancing")]
    RebalanceInProgress,
    #[error("group has as many members as the broker allows")]
    GroupMaxSizeReached,
    #[error("another member now holds this instance id")]
    FencedInstanceId,
    #[error("group has members")]
    NonEmptyGroup,
    #[error("group is subscribed to the topic")]
    GroupSubscribedToTopic,
    #[error("the commit does not fit into one record batch")]
    InvalidCommitOffsetSize,
    #[error("an open transaction holds a commit for this partition")]
    UnstableOffsetCommit,
    #[error("the coordinator met an unexpected failure")]
    UnknownServerError,
}

/// Why one partition of an offset commit is refused while others may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CommitRefusal {
    #[error("metadata is longer than the broker allows")]
    OffsetMetadataTooLarge,
}
