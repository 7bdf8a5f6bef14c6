//! What nodes say to each other. Every message travels alone: it may be late, lost, doubled, or overtaken.

use super::{group::Positions, place::Place};
use bytes::Bytes;
use controller::{
    ClusterImage, Heartbeat, IsrError,
    requests::{AlterPartitions, AlteredPartition, BrokerSession, RegisterBroker},
};
use model::{BrokerEpoch, BrokerId, Incarnation, LeaderEpoch, MonotonicTime, Offset};
use replication::{FetchAnswer, NextFetch};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    /// One of the processes that may be the controller.
    Controller(usize),
    Broker(i32),
    Producer,
    Consumer,
    /// Of a consumer group.
    Member,
}

#[derive(Debug, Clone)]
pub(super) enum Message {
    // Broker to controller.
    Register(RegisterBroker),
    Heartbeat(Heartbeat),
    Alter(AlterPartitions),
    // What the transport tells the controller: the broker's connection broke.
    Broken(BrokerSession),
    // Controller to broker.
    Registered {
        incarnation: Incarnation,
        epoch: BrokerEpoch,
    },
    Metadata(Arc<ClusterImage>),
    Altered {
        request: AlterPartitions,
        results: Result<Vec<AlteredPartition>, IsrError>,
    },
    // Broker to broker.
    Fetch {
        partition: Place,
        from: BrokerId,
        broker_epoch: BrokerEpoch,
        asked: NextFetch,
    },
    Fetched {
        partition: Place,
        asked: NextFetch,
        answer: FetchAnswer,
        bytes: Bytes,
    },
    // Clients.
    AskMetadata,
    ToldMetadata(Arc<ClusterImage>),
    Produce {
        partition: Place,
        batch: Bytes,
        /// Names the batch to its producer.
        first_number: u64,
    },
    Produced {
        partition: Place,
        first_number: u64,
        result: Result<Offset, Refusal>,
    },
    Read {
        partition: Place,
        offset: Offset,
        leader_epoch: LeaderEpoch,
    },
    Records {
        partition: Place,
        offset: Offset,
        bytes: Bytes,
    },
    CommitOffsets {
        request: u64,
        sent_at: MonotonicTime,
        positions: Positions,
    },
    CommittedOffsets {
        request: u64,
    },
    FetchOffsets {
        request: u64,
    },
    FetchedOffsets {
        request: u64,
        positions: Positions,
    },
}

impl Message {
    /// A later one of the kind makes the earlier meaningless, so its connection matters: nothing on it comes twice, or after
    /// what was sent later.
    pub(super) fn keeps_its_place(&self) -> bool {
        matches!(self, Self::CommitOffsets { .. } | Self::FetchOffsets { .. })
    }
}

/// Why a produce was not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Ask again, perhaps somebody else.
    Retry,
    /// The producer's batches are not in order here: those before have to come first.
    OutOfOrder,
}
