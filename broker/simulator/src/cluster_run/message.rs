//! What nodes say to each other. Every message travels alone: it may be late, lost, doubled, or overtaken.

use super::place::{Place, Positions};
use bytes::Bytes;
use controller::{
    ClusterImage, Heartbeat, IsrError,
    obeying::Obeyed,
    requests::{AlterPartitions, AlteredPartition, BrokerSession, RegisterBroker},
};
use group_coordinator::{GroupError, Reply, Request};
use model::{BrokerEpoch, BrokerId, ControllerEpoch, Incarnation, LeaderEpoch, Offset, ReignId};
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
    Member(usize),
}

#[derive(Debug, Clone)]
pub(super) enum Message {
    // Broker to controller.
    Register {
        request: RegisterBroker,
        obeyed: Obeyed,
    },
    /// In a session, which a controller has with nobody whom it does not let in: so with what is asked for below.
    Heartbeat {
        heartbeat: Heartbeat,
        obeyed: Obeyed,
    },
    Alter {
        request: AlterPartitions,
        obeyed: Obeyed,
    },
    // A broker that is to stop asks for leave, and says when it goes.
    BeginShutdown {
        session: BrokerSession,
        obeyed: Obeyed,
    },
    Departed(BrokerSession),
    // What the transport tells the controller: the broker's connection broke.
    Broken(BrokerSession),
    // Controller to broker, each with the controller's epoch.
    Registered {
        by: ControllerEpoch,
        incarnation: Incarnation,
        epoch: BrokerEpoch,
    },
    /// The broker knew of another registration than there is.
    RegisteredMeanwhile {
        by: ControllerEpoch,
        incarnation: Incarnation,
        there: BrokerEpoch,
    },
    MayStop {
        by: ControllerEpoch,
        epoch: BrokerEpoch,
    },
    /// What the transport tells the broker: the controller of this epoch is there.
    InSession(ControllerEpoch),
    Metadata {
        image: Arc<ClusterImage>,
        reign: ReignId,
    },
    Altered {
        by: ControllerEpoch,
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
    AskGroup {
        /// The member closes one on which nothing comes for too long, and with it goes what it asked there.
        connection: u64,
        request: u64,
        ask: Box<GroupAsk>,
    },
    AnswerGroup {
        request: u64,
        answer: Box<GroupAnswer>,
    },
}

#[derive(Debug, Clone)]
pub(super) enum GroupAsk {
    Decide(Request),
    FetchOffsets,
}

#[derive(Debug, Clone)]
pub(super) enum GroupAnswer {
    Reply(Reply),
    Offsets(Result<Positions, GroupError>),
}

impl Message {
    pub(super) fn is_produce(&self) -> bool {
        matches!(self, Self::Produce { .. })
    }

    /// Of the controller that says it.
    pub(super) fn controller_epoch(&self) -> Option<ControllerEpoch> {
        match self {
            Self::Registered { by, .. }
            | Self::RegisteredMeanwhile { by, .. }
            | Self::MayStop { by, .. }
            | Self::Altered { by, .. } => Some(*by),
            Self::InSession(epoch) => Some(*epoch),
            Self::Metadata { image, .. } => Some(image.controller_epoch),
            _ => None,
        }
    }

    /// Whom the broker that says it has obeyed.
    pub(super) fn obeyed(&self) -> Option<Obeyed> {
        match self {
            Self::Register { obeyed, .. }
            | Self::Heartbeat { obeyed, .. }
            | Self::Alter { obeyed, .. }
            | Self::BeginShutdown { obeyed, .. } => Some(*obeyed),
            _ => None,
        }
    }

    /// Its connection matters: nothing on it comes twice.
    pub(super) fn comes_once(&self) -> bool {
        matches!(self, Self::AskGroup { .. })
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
