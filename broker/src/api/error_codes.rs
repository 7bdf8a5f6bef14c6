//! The only map from what the cores refuse to Kafka's error codes.

use crate::partitions::{AppendError, ReadError, Unavailable};
use controller::{
    ConfigError, ControllerError, ElectionError, FeatureError, ReassignmentError, TopicError, UnregisterError,
};
use group_coordinator::{CommitRefusal, GroupError};
use kafka_protocol::ResponseError as Code;
use protocol::validation::ProduceError;
use replication::NotServed;

/// Why a partition does not serve a request at all.
pub(super) fn unavailable(error: Unavailable) -> i16 {
    match error {
        Unavailable::NotServed(error) => not_served(error),
        // Clients look for the leader again, and by then the log is recovered.
        Unavailable::Recovering => Code::NotLeaderOrFollower.code(),
        Unavailable::Storage => Code::KafkaStorageError.code(),
        Unavailable::Deleted => Code::UnknownTopicOrPartition.code(),
    }
}

pub(super) fn not_served(error: NotServed) -> i16 {
    match error {
        NotServed::NotLeader | NotServed::StaleBrokerEpoch => Code::NotLeaderOrFollower.code(),
        NotServed::FencedEpoch => Code::FencedLeaderEpoch.code(),
        NotServed::UnknownEpoch | NotServed::UnknownReplica => Code::UnknownLeaderEpoch.code(),
    }
}

pub(super) fn append(error: AppendError) -> i16 {
    match error {
        AppendError::NotServed(error) => not_served(error),
        AppendError::NotEnoughReplicas => Code::NotEnoughReplicas.code(),
        AppendError::NotEnoughReplicasAfterAppend => Code::NotEnoughReplicasAfterAppend.code(),
        AppendError::Refused(error) => refused_batch(error),
        AppendError::TimedOut => Code::RequestTimedOut.code(),
        AppendError::Storage => Code::KafkaStorageError.code(),
        AppendError::Deleted => Code::UnknownTopicOrPartition.code(),
    }
}

fn refused_batch(error: partition_log::AppendError) -> i16 {
    use partition_log::AppendError as Refusal;
    match error {
        Refusal::InvalidProducerEpoch => Code::InvalidProducerEpoch.code(),
        Refusal::OutOfOrderSequence => Code::OutOfOrderSequenceNumber.code(),
        Refusal::TransactionCoordinatorFenced => Code::TransactionCoordinatorFenced.code(),
        Refusal::InvalidTransactionState => Code::InvalidTxnState.code(),
        Refusal::MessageTooLarge => Code::MessageTooLarge.code(),
        Refusal::RecordListTooLarge => Code::RecordListTooLarge.code(),
    }
}

/// Why a produced batch is refused before it is looked at in the order of its log.
pub(super) fn produce(error: &ProduceError) -> i16 {
    match error {
        ProduceError::Corrupt(_) => Code::CorruptMessage.code(),
        ProduceError::TooLarge { .. } | ProduceError::UnpacksTooLarge { .. } => Code::MessageTooLarge.code(),
        ProduceError::Records(_) if error.is_about_time() => Code::InvalidTimestamp.code(),
        ProduceError::Records(_)
        | ProduceError::NoBatch
        | ProduceError::SeveralBatches
        | ProduceError::OldMagic(_)
        | ProduceError::Malformed(_)
        | ProduceError::BaseOffset(_)
        | ProduceError::Control
        | ProduceError::DeleteHorizon
        | ProduceError::Sequence(_) => Code::InvalidRecord.code(),
    }
}

pub(super) fn read(error: ReadError) -> i16 {
    match error {
        ReadError::OutOfRange => Code::OffsetOutOfRange.code(),
        ReadError::Storage => Code::KafkaStorageError.code(),
        ReadError::Corrupt => Code::CorruptMessage.code(),
    }
}

/// Why a group request is refused.
pub(super) fn group(error: GroupError) -> i16 {
    match error {
        GroupError::InvalidGroupId => Code::InvalidGroupId.code(),
        GroupError::GroupIdNotFound => Code::GroupIdNotFound.code(),
        GroupError::CoordinatorNotAvailable => Code::CoordinatorNotAvailable.code(),
        GroupError::CoordinatorLoadInProgress => Code::CoordinatorLoadInProgress.code(),
        GroupError::NotCoordinator => Code::NotCoordinator.code(),
        GroupError::UnknownMemberId => Code::UnknownMemberId.code(),
        GroupError::MemberIdRequired => Code::MemberIdRequired.code(),
        GroupError::IllegalGeneration => Code::IllegalGeneration.code(),
        GroupError::InconsistentGroupProtocol => Code::InconsistentGroupProtocol.code(),
        GroupError::InvalidSessionTimeout => Code::InvalidSessionTimeout.code(),
        GroupError::RebalanceInProgress => Code::RebalanceInProgress.code(),
        GroupError::GroupMaxSizeReached => Code::GroupMaxSizeReached.code(),
        GroupError::FencedInstanceId => Code::FencedInstanceId.code(),
        GroupError::NonEmptyGroup => Code::NonEmptyGroup.code(),
        GroupError::GroupSubscribedToTopic => Code::GroupSubscribedToTopic.code(),
        GroupError::InvalidCommitOffsetSize => Code::InvalidCommitOffsetSize.code(),
        GroupError::UnstableOffsetCommit => Code::UnstableOffsetCommit.code(),
        GroupError::UnknownServerError => Code::UnknownServerError.code(),
    }
}

/// Why one partition of an offset commit is refused.
pub(super) fn commit_refusal(error: CommitRefusal) -> i16 {
    match error {
        CommitRefusal::OffsetMetadataTooLarge => Code::OffsetMetadataTooLarge.code(),
    }
}

/// Why a topic is not created, deleted or grown.
pub(super) fn topic(error: &TopicError) -> i16 {
    match error {
        TopicError::InvalidName(_) | TopicError::Collides { .. } => Code::InvalidTopicException.code(),
        TopicError::AlreadyExists(_) => Code::TopicAlreadyExists.code(),
        TopicError::InvalidRequest(_) => Code::InvalidRequest.code(),
        TopicError::InvalidPartitions(_) => Code::InvalidPartitions.code(),
        TopicError::InvalidReplicationFactor(_) => Code::InvalidReplicationFactor.code(),
        TopicError::InvalidReplicaAssignment(_) => Code::InvalidReplicaAssignment.code(),
        TopicError::Config(error) => config(error),
        TopicError::UnknownTopic => Code::UnknownTopicOrPartition.code(),
        TopicError::UnknownTopicId => Code::UnknownTopicId.code(),
        TopicError::DeletionDisabled => Code::TopicDeletionDisabled.code(),
        TopicError::Owned(_) => Code::PolicyViolation.code(),
    }
}

pub(super) fn config(error: &ConfigError) -> i16 {
    match error {
        ConfigError::Invalid(_) => Code::InvalidConfig.code(),
        ConfigError::InvalidRequest(_) => Code::InvalidRequest.code(),
        ConfigError::UnknownTopic(_) => Code::UnknownTopicOrPartition.code(),
        ConfigError::InvalidTopicName(_) => Code::InvalidTopicException.code(),
        ConfigError::Owned(_) => Code::PolicyViolation.code(),
    }
}

pub(super) fn election(error: &ElectionError) -> i16 {
    match error {
        ElectionError::UnknownPartition => Code::UnknownTopicOrPartition.code(),
        ElectionError::NotNeeded => Code::ElectionNotNeeded.code(),
        ElectionError::PreferredLeaderNotAvailable => Code::PreferredLeaderNotAvailable.code(),
        ElectionError::EligibleLeadersNotAvailable => Code::EligibleLeadersNotAvailable.code(),
        ElectionError::NotNamed => Code::InvalidRequest.code(),
    }
}

pub(super) fn reassignment(error: &ReassignmentError) -> i16 {
    match error {
        ReassignmentError::UnknownPartition => Code::UnknownTopicOrPartition.code(),
        ReassignmentError::InvalidAssignment(_) => Code::InvalidReplicaAssignment.code(),
        ReassignmentError::InvalidReplicationFactor(_) => Code::InvalidReplicationFactor.code(),
        ReassignmentError::NotInProgress => Code::NoReassignmentInProgress.code(),
        ReassignmentError::Owned(_) => Code::PolicyViolation.code(),
    }
}

pub(super) fn feature(error: &FeatureError) -> i16 {
    match error {
        FeatureError::InvalidUpdate(_) | FeatureError::DowngradeNotAllowed { .. } => Code::InvalidUpdateVersion.code(),
    }
}

/// Kafka forgets a broker whatever it is and has. Ours has to be gone and to hold nothing.
pub(super) fn unregistration(error: UnregisterError) -> i16 {
    match error {
        UnregisterError::Unknown => Code::BrokerIdNotRegistered.code(),
        UnregisterError::Alive | UnregisterError::HoldsReplicas => Code::InvalidRequest.code(),
    }
}

/// Why the controller decided nothing.
pub(super) fn controller(error: &ControllerError) -> Code {
    match error {
        ControllerError::StoreFailed(_) => Code::KafkaStorageError,
        // Administration clients look for the controller again.
        ControllerError::Stopped | ControllerError::Deposed => Code::NotController,
        ControllerError::DuplicateBroker(_) => Code::DuplicateBrokerRegistration,
        ControllerError::StaleBrokerEpoch | ControllerError::RegisteredMeanwhile(_) => Code::StaleBrokerEpoch,
        ControllerError::Disconnected => Code::RequestTimedOut,
        ControllerError::Malformed(_) => Code::InvalidRequest,
        ControllerError::ProducerIdsExhausted => Code::UnknownServerError,
    }
}
