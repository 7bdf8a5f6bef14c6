//! What Kafka's error codes mean to a person: their names, Kafka's own short message, and what to do.

use kafka_protocol::error::ResponseError;

/// Code, class of the exception in Kafka's Java client, message of that exception when the broker sends none.
/// Kafka's tools print both, and scripts look for them.
const MESSAGES: &[(i16, &str, &str)] = &[
    (-1, "UnknownServerException", "The server experienced an unexpected error when processing the request."),
    (
        1,
        "OffsetOutOfRangeException",
        "The requested offset is not within the range of offsets maintained by the server.",
    ),
    (
        2,
        "CorruptRecordException",
        "This message has failed its CRC checksum, exceeds the valid size, has a null key for a compacted topic, or is otherwise corrupt.",
    ),
    (3, "UnknownTopicOrPartitionException", "This server does not host this topic-partition."),
    (
        5,
        "LeaderNotAvailableException",
        "There is no leader for this topic-partition as we are in the middle of a leadership election.",
    ),
    (
        6,
        "NotLeaderOrFollowerException",
        "For requests intended only for the leader, this error indicates that the broker is not the current leader. For requests intended for any replica, this error indicates that the broker is not a replica of the topic partition.",
    ),
    (7, "TimeoutException", "The request timed out."),
    (
        10,
        "RecordTooLargeException",
        "The request included a message larger than the max message size the server will accept.",
    ),
    (13, "NetworkException", "The server disconnected before a response was received."),
    (14, "CoordinatorLoadInProgressException", "The coordinator is loading and hence can't process requests."),
    (15, "CoordinatorNotAvailableException", "The coordinator is not available."),
    (16, "NotCoordinatorException", "This is not the correct coordinator."),
    (17, "InvalidTopicException", "The request attempted to perform an operation on an invalid topic."),
    (19, "NotEnoughReplicasException", "Messages are rejected since there are fewer in-sync replicas than required."),
    (
        20,
        "NotEnoughReplicasAfterAppendException",
        "Messages are written to the log, but to fewer in-sync replicas than required.",
    ),
    (22, "IllegalGenerationException", "Specified group generation id is not valid."),
    (
        23,
        "InconsistentGroupProtocolException",
        "The group member's supported protocols are incompatible with those of existing members or first group member tried to join with empty protocol type or empty protocol list.",
    ),
    (24, "InvalidGroupIdException", "The group id is invalid."),
    (25, "UnknownMemberIdException", "The coordinator is not aware of this member."),
    (
        26,
        "InvalidSessionTimeoutException",
        "The session timeout is not within the range allowed by the broker (as configured by group.min.session.timeout.ms and group.max.session.timeout.ms).",
    ),
    (27, "RebalanceInProgressException", "The group is rebalancing, so a rejoin is needed."),
    (29, "TopicAuthorizationException", "Topic authorization failed."),
    (30, "GroupAuthorizationException", "Group authorization failed."),
    (31, "ClusterAuthorizationException", "Cluster authorization failed."),
    (32, "InvalidTimestampException", "The timestamp of the message is out of acceptable range."),
    (35, "UnsupportedVersionException", "The version of API is not supported."),
    (36, "TopicExistsException", "Topic with this name already exists."),
    (37, "InvalidPartitionsException", "Number of partitions is below 1."),
    (
        38,
        "InvalidReplicationFactorException",
        "Replication factor is below 1 or larger than the number of available brokers.",
    ),
    (39, "InvalidReplicaAssignmentException", "Replica assignment is invalid."),
    (40, "InvalidConfigurationException", "Configuration is invalid."),
    (41, "NotControllerException", "This is not the correct controller for this cluster."),
    (
        42,
        "InvalidRequestException",
        "This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker. See the broker logs for more details.",
    ),
    (44, "PolicyViolationException", "Request parameters do not satisfy the configured policy."),
    (45, "OutOfOrderSequenceException", "The broker received an out of order sequence number."),
    (47, "InvalidProducerEpochException", "Producer attempted to produce with an old epoch."),
    (53, "TransactionalIdAuthorizationException", "Transactional Id authorization failed."),
    (56, "KafkaStorageException", "Disk error when trying to access log file on the disk."),
    (60, "ReassignmentInProgressException", "A partition reassignment is in progress."),
    (68, "GroupNotEmptyException", "The group is not empty."),
    (69, "GroupIdNotFoundException", "The group id does not exist."),
    (
        72,
        "ListenerNotFoundException",
        "There is no listener on the leader broker that matches the listener on which metadata request was processed.",
    ),
    (73, "TopicDeletionDisabledException", "Topic deletion is disabled."),
    (74, "FencedLeaderEpochException", "The leader epoch in the request is older than the epoch on the broker."),
    (75, "UnknownLeaderEpochException", "The leader epoch in the request is newer than the epoch on the broker."),
    (
        76,
        "UnsupportedCompressionTypeException",
        "The requesting client does not support the compression type of given partition.",
    ),
    (
        78,
        "OffsetNotAvailableException",
        "The leader high watermark has not caught up from a recent leader election so the offsets cannot be guaranteed to be monotonically increasing.",
    ),
    (
        79,
        "MemberIdRequiredException",
        "The group member needs to have a valid member id before actually entering a consumer group.",
    ),
    (81, "GroupMaxSizeReachedException", "The group has reached its maximum size."),
    (
        82,
        "FencedInstanceIdException",
        "The broker rejected this static consumer since another consumer with the same group.instance.id has registered with a different member.id.",
    ),
    (
        86,
        "GroupSubscribedToTopicException",
        "Deleting offsets of a topic is forbidden while the consumer group is actively subscribed to it.",
    ),
    (87, "InvalidRecordException", "This record has failed the validation on broker and hence will be rejected."),
    (88, "UnstableOffsetCommitException", "There are unstable offsets that need to be cleared."),
    (89, "ThrottlingQuotaExceededException", "The throttling quota has been exceeded."),
    (100, "UnknownTopicIdException", "This server does not host this topic ID."),
];

/// Codes that a client waits out although kafka-protocol's table calls them final.
const RETRIABLE_HERE: &[ResponseError] =
    &[ResponseError::UnknownTopicId, ResponseError::InconsistentTopicId, ResponseError::ConcurrentTransactions];

pub(crate) fn is_retriable(code: ResponseError) -> bool {
    code.is_retriable() || RETRIABLE_HERE.contains(&code)
}

/// Kafka's name of a code: `UNKNOWN_TOPIC_OR_PARTITION`.
pub(crate) fn name(code: ResponseError) -> String {
    match code {
        ResponseError::Unknown(number) => format!("error code {number}"),
        // The one name that Kafka spells unlike all others.
        ResponseError::InvalidTopicException => "INVALID_TOPIC_EXCEPTION".to_owned(),
        known => upper_snake(&known.to_string()),
    }
}

/// Class of the exception that Kafka's Java tools print for a code.
pub(crate) fn exception(code: ResponseError) -> String {
    let class = entry(code).map_or_else(|| format!("{code}Exception"), |(class, _)| class.to_owned());
    let package =
        if class == "InvalidRecordException" { "org.apache.kafka.common" } else { "org.apache.kafka.common.errors" };
    format!("{package}.{class}")
}

pub(crate) fn default_message(code: ResponseError) -> &'static str {
    entry(code).map_or("The broker refused the request.", |(_, message)| message)
}

/// What a person can do about a refusal, where there is something to say.
pub(crate) fn advice(code: ResponseError) -> Option<&'static str> {
    Some(match code {
        ResponseError::UnknownTopicOrPartition => {
            "See what there is with `weir topic list`; make it with `weir topic create NAME`."
        }
        ResponseError::TopicAlreadyExists => "Choose another name, or pass --if-not-exists.",
        ResponseError::InvalidReplicationFactor => {
            "A cluster cannot keep more copies than it has brokers: pass a smaller --replication-factor."
        }
        ResponseError::NonEmptyGroup => {
            "Stop the members of the group first (`weir group describe NAME --members` shows them)."
        }
        ResponseError::GroupIdNotFound => "See the groups with `weir group list`.",
        ResponseError::MessageTooLarge => {
            "Raise the limit (the topic's with `weir topic alter NAME --config max.message.bytes=N`, this program's with \
             `-X max.request.size=N`), or send smaller records."
        }
        ResponseError::NotEnoughReplicas => "Wait until enough replicas are in sync, or lower min.insync.replicas.",
        ResponseError::KafkaStorageError => "Look at the broker's disk: is it full or gone?",
        _ => return None,
    })
}

fn entry(code: ResponseError) -> Option<(&'static str, &'static str)> {
    let wanted = code.code();
    MESSAGES.iter().find(|(code, _, _)| *code == wanted).map(|(_, class, message)| (*class, *message))
}

fn upper_snake(camel: &str) -> String {
    let mut name = String::with_capacity(camel.len() + 8);
    for (at, letter) in camel.char_indices() {
        if letter.is_uppercase() && at > 0 {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kafkas() {
        assert_eq!(name(ResponseError::UnknownTopicOrPartition), "UNKNOWN_TOPIC_OR_PARTITION");
        assert_eq!(name(ResponseError::InvalidTopicException), "INVALID_TOPIC_EXCEPTION");
        assert_eq!(name(ResponseError::Unknown(999)), "error code 999");
    }

    #[test]
    fn exceptions_are_named_as_javas_tools_print_them() {
        assert_eq!(exception(ResponseError::NonEmptyGroup), "org.apache.kafka.common.errors.GroupNotEmptyException");
        assert_eq!(exception(ResponseError::InvalidRecord), "org.apache.kafka.common.InvalidRecordException");
        assert_eq!(
            exception(ResponseError::FencedMemberEpoch),
            "org.apache.kafka.common.errors.FencedMemberEpochException"
        );
    }

    #[test]
    fn codes_of_moving_leaders_are_tried_again_and_final_ones_are_not() {
        for code in
            [ResponseError::NotLeaderOrFollower, ResponseError::CoordinatorLoadInProgress, ResponseError::NotController]
        {
            assert!(is_retriable(code), "{code}");
        }
        for code in [ResponseError::TopicAlreadyExists, ResponseError::MessageTooLarge, ResponseError::Unknown(999)] {
            assert!(!is_retriable(code), "{code}");
        }
    }
}
