//! What nodes say to each other. Every message travels alone: it may be late, lost, doubled, or overtaken.

use bytes::Bytes;
use controller::{
    ClusterImage, Heartbeat, IsrError,
    requests::{AlterPartitions, AlteredPartition, BrokerSession, RegisterBroker},
};
use model::{BrokerEpoch, BrokerId, Incarnation, LeaderEpoch, Offset, PartitionIndex};
use replication::{FetchAnswer, NextFetch};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    /// One of the processes that may be the controller.
    Controller(usize),
    Broker(i32),
    Producer,
    Consumer,
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
        partition: PartitionIndex,
        from: BrokerId,
        broker_epoch: BrokerEpoch,
        asked: NextFetch,
    },
    Fetched {
        partition: PartitionIndex,
        asked: NextFetch,
        answer: FetchAnswer,
        bytes: Bytes,
    },
    // Clients.
    AskMetadata,
    ToldMetadata(Arc<ClusterImage>),
    Produce {
        partition: PartitionIndex,
        batch: Bytes,
        /// Names the batch to its producer.
        first_number: u64,
    },
    Produced {
        partition: PartitionIndex,
        first_number: u64,
        result: Result<Offset, Refusal>,
    },
    Read {
        partition: PartitionIndex,
        offset: Offset,
        leader_epoch: LeaderEpoch,
    },
    Records {
        partition: PartitionIndex,
        offset: Offset,
        bytes: Bytes,
    },
}

/// Why a produce was not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Ask again, perhaps somebody else.
    Retry,
    /// The producer's batches are not in order here: those before have to come first.
    OutOfOrder,
}
