//! What happened, in words: for people who look for the cause, and for the comparison of two runs of a seed.

use super::message::{Message, Node};
use model::{BrokerId, MonotonicTime};
use std::fmt;

/// How much of a run is written down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Detail {
    #[default]
    Nothing,
    /// Faults, lives, what the controller committed, roles, logs that are cut back, group generations.
    Story,
    /// Each message and each timer as well.
    Everything,
}

#[derive(Debug, Default)]
pub(super) struct Trace {
    detail: Detail,
    pub(super) lines: Vec<String>,
}

impl Trace {
    pub(super) fn new(detail: Detail) -> Self {
        Self { detail, lines: Vec::new() }
    }

    /// The words are made only when somebody reads them.
    pub(super) fn story(&mut self, now: MonotonicTime, says: impl fmt::Display) {
        if self.detail != Detail::Nothing {
            self.write(now, says);
        }
    }

    pub(super) fn happening(&mut self, now: MonotonicTime, says: impl fmt::Display) {
        if self.detail == Detail::Everything {
            self.write(now, says);
        }
    }

    fn write(&mut self, now: MonotonicTime, says: impl fmt::Display) {
        self.lines.push(format!("{:>12.6} {says}", now.since_start().as_secs_f64()));
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller(index) => write!(f, "controller {index}"),
            Self::Broker(id) => write!(f, "broker {id}"),
            Self::Producer => f.write_str("producer"),
            Self::Consumer => f.write_str("consumer"),
            Self::Member(index) => write!(f, "member {index}"),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register { request, obeyed } => {
                let (incarnation, log_life) = (request.incarnation, request.log_life);
                let (epoch, applied) = (obeyed.epoch, obeyed.applied);
                write!(f, "register {incarnation:?}, {log_life:?}, obeyed {epoch}, acted by {applied}")
            }
            Self::Heartbeat { heartbeat: one, obeyed } => {
                let obeyed = obeyed.epoch;
                write!(f, "heartbeat of epoch {}, acts by {}, obeyed {obeyed}", one.epoch.0, one.applied.0)
            }
            Self::Alter { request: alter, .. } => {
                write!(f, "alter of broker epoch {}:", alter.broker_epoch.0)?;
                for one in &alter.proposals {
                    let isr: Vec<i32> = one.isr.iter().map(|(BrokerId(id), _)| *id).collect();
                    let (leader, partition) = (one.leader_epoch.0, one.partition_epoch.0);
                    write!(f, " {:x}-{} to {isr:?} at {leader}/{partition}", one.topic_id.0.as_u128(), one.partition)?;
                }
                Ok(())
            }
            Self::BeginShutdown { session, .. } => write!(f, "may epoch {} stop?", session.epoch.0),
            Self::MayStop { epoch, .. } => write!(f, "epoch {} may stop", epoch.0),
            Self::Departed(session) => write!(f, "epoch {} goes", session.epoch.0),
            Self::Broken(session) => write!(f, "the connection of epoch {} broke", session.epoch.0),
            Self::InSession(epoch) => write!(f, "the connection to controller epoch {} holds", epoch.0),
            Self::RegisteredMeanwhile { there, .. } => write!(f, "registered in epoch {} already", there.0),
            Self::Registered { epoch, .. } => write!(f, "registered in epoch {}", epoch.0),
            Self::Metadata { image, .. } => {
                write!(f, "metadata {} of controller epoch {}", image.metadata_version.0, image.controller_epoch.0)
            }
            Self::Altered { results, .. } => write!(f, "altered: {results:?}"),
            Self::Fetch { partition, asked, .. } => {
                let (at, last, epoch) = (asked.offset, asked.last_fetched_epoch.0, asked.leader_epoch.0);
                write!(f, "fetch {partition} from {at} after epoch {last} in epoch {epoch}")
            }
            Self::Fetched { partition, asked, answer, bytes } => {
                write!(f, "fetched {partition} from {}: {answer:?}, {} bytes", asked.offset, bytes.len())
            }
            Self::AskMetadata => f.write_str("which metadata?"),
            Self::ToldMetadata(image) => write!(f, "metadata {}", image.metadata_version.0),
            Self::Produce { partition, first_number, .. } => write!(f, "produce {first_number} to {partition}"),
            Self::Produced { partition, first_number, result } => {
                write!(f, "produced {first_number} to {partition}: {result:?}")
            }
            Self::Read { partition, offset, leader_epoch } => {
                write!(f, "read {partition} from {offset} in epoch {}", leader_epoch.0)
            }
            Self::Records { partition, offset, bytes } => {
                write!(f, "records of {partition} from {offset}: {} bytes", bytes.len())
            }
            Self::AskGroup { connection, request, ask } => write!(f, "{connection}/{request}: {ask:?}"),
            Self::AnswerGroup { request, answer } => write!(f, "to {request}: {answer:?}"),
        }
    }
}
