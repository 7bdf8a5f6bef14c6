//! Produce (0): batches in, offsets out.
//!
//! The first stage validates every batch and queues it at its partition, in the order of the request; what remains is
//! waiting for the partitions' answers. So consecutive requests of a connection append in order and wait side by side.

mod answers;
mod checks;
mod response;
#[cfg(test)]
mod tests;

use super::{
    Dispatched, RequestContext, Response, error_codes,
    topic_words::{known_leader, not_held},
};
use crate::{
    control_plane::create_on_demand,
    partitions::{AppendRequest, Partition, RequiredAcks, Topic, Unavailable},
};
use answers::Answers;
use bytes::Bytes;
use controller::topic_name;
use kafka_protocol::ResponseError as Code;
use model::{LeaderEpoch, PartitionIndex, TopicId, TopicName};
use partition_log::PreparedBatch;
use protocol::{
    compression::Compression,
    produce_request::{ProducePartition, ProduceRequest, TopicReference},
    produce_response::{PartitionResult, RecordError, TopicResult},
    record_batch,
    validation::{ProduceError, ProduceRules, RecordIssue, RecordProblem},
};
pub(super) use response::leader_endpoints;
use response::respond;
use smallvec::SmallVec;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

/// zstd came with this version (KIP-110); older clients could not read what they see come back.
const FIRST_VERSION_WITH_ZSTD: i16 = 7;

/// Kafka's limit begins once the leader has appended. Ours spans the append, which may open a log that was idle; without
/// this a producer that allows no time would be told that its batch timed out while it is being written.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// How long the batches of a request are checked before others on this thread get their turn.
const LONGEST_TURN: Duration = Duration::from_millis(1);

/// A request under way: the answers known at once, and what the partitions still owe.
struct Pending {
    context: RequestContext,
    acks: RequiredAcks,
    topics: Vec<TopicResult>,
    /// Topic and partition of each awaited answer, as positions in `topics`.
    awaited: SmallVec<[Awaited; 1]>,
    answers: Arc<Answers>,
}

/// In the order of [`Pending::awaited`]. Requests with one batch are common: they allocate nothing for lists.
type Accepted = SmallVec<[(Arc<Partition>, PreparedBatch); 1]>;

struct Awaited {
    topic: usize,
    partition: usize,
    from: Arc<Partition>,
}

pub(crate) async fn handle(context: RequestContext, body: Bytes) -> Dispatched {
    let Ok(request) = ProduceRequest::read(body, context.version) else {
        return Dispatched::Ready(Response::Close);
    };
    let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let began = context.started;
    let deadline = began + timeout.max(LEAST_WAIT);
    let acks = match request.acks {
        -1 => Some(RequiredAcks::All),
        0 => Some(RequiredAcks::None),
        1 => Some(RequiredAcks::Leader),
        _ => None,
    };
    let mut pending = Pending {
        context,
        acks: acks.unwrap_or(RequiredAcks::Leader),
        topics: Vec::with_capacity(request.topic_count),
        awaited: SmallVec::new(),
        answers: Arc::default(),
    };
    let mut accepted = Accepted::with_capacity(request.partition_count);
    let unknown = pending.check(&request, acks.is_some(), began, &mut accepted).await;
    pending.answers.expect(accepted.len());
    for (index, (partition, batch)) in (0..).zip(accepted) {
        let sink = Arc::clone(&pending.answers);
        partition
            .append(AppendRequest { batch, acks: pending.acks, leader_epoch: LeaderEpoch::UNKNOWN, sink, index })
            .await;
    }
    if pending.answers.complete() && unknown.is_empty() {
        return Dispatched::Ready(respond(pending));
    }
    let waits_for_commit = pending.acks == RequiredAcks::All && !pending.answers.complete();
    let delayed = waits_for_commit.then(|| pending.context.broker.metrics.purgatory().produce());
    Dispatched::Pending(Box::pin(async move {
        let _delayed = delayed;
        if !unknown.is_empty() {
            // The answer is "unknown" all the same: the client comes again, and then the topic is there. Waiting keeps it from
            // asking faster than topics are made; out of time the controller goes on by itself.
            let unknown = Vec::from_iter(unknown);
            timeout_at(deadline, create_on_demand(&pending.context.broker, &unknown)).await.ok();
        }
        match pending.acks {
            RequiredAcks::All => pending.answers.wait_until(deadline).await,
            RequiredAcks::None | RequiredAcks::Leader => pending.answers.wait().await,
        }
        respond(pending)
    }))
}

impl Pending {
    /// Answers what is refused at once; the rest goes to `accepted`, in the order of `awaited`. Returns the topics to
    /// create.
    async fn check(
        &mut self,
        request: &ProduceRequest,
        acks_are_valid: bool,
        began: Instant,
        accepted: &mut Accepted,
    ) -> BTreeSet<TopicName> {
        let config = &self.context.broker.config;
        let creates = config.topics.auto_create && acks_are_valid;
        let validation = config.compressed_batch_validation;
        let mut unknown = BTreeSet::new();
        let mut transactional = false;
        let mut turn = began;
        let mut any_checked = false;
        for asked in request.topics() {
            let (name, id, topic) = self.resolve(asked.topic);
            if topic.is_none() && creates && topic_name::validate(&name).is_ok() && !topic_name::is_internal(&name) {
                unknown.insert(name.clone());
            }
            let rules = topic.as_ref().map(|topic| checks::rules(&topic.settings(), validation));
            let mut partitions = Vec::with_capacity(asked.partition_count);
            for produced in asked.partitions() {
                // Many small batches may unpack to much: other connections of this worker get their turn in between.
                if std::mem::replace(&mut any_checked, true) && turn.elapsed() > LONGEST_TURN {
                    tokio::task::yield_now().await;
                    turn = Instant::now();
                }
                let index = produced.index;
                transactional |= produced.records.as_deref().is_some_and(is_transactional);
                let checked = match (&topic, &rules) {
                    _ if !acks_are_valid => Err(failed(index, Code::InvalidRequiredAcks)),
                    (Some(topic), Some(rules)) => self.check_partition(topic, rules, produced).await,
                    _ if name.is_empty() => Err(failed(index, Code::UnknownTopicId)),
                    _ => Err(failed(index, Code::UnknownTopicOrPartition)),
                };
                partitions.push(match checked {
                    Ok((partition, batch)) => {
                        let awaited = Awaited {
                            topic: self.topics.len(),
                            partition: partitions.len(),
                            from: Arc::clone(&partition),
                        };
                        self.awaited.push(awaited);
                        accepted.push((partition, batch));
                        PartitionResult::failed(index, 0, None)
                    }
                    Err(refused) => refused,
                });
            }
            if !partitions.is_empty() {
                self.topics.push(TopicResult { topic: name, topic_id: id, partitions });
            }
        }
        if transactional {
            self.refuse_transaction(accepted);
            unknown.clear();
        }
        unknown
    }

    /// Transactions are not served yet: an open one would hold back every read_committed consumer for ever. As in Kafka
    /// a producer that may not use its transactional id, or names none, is refused with all of its request.
    fn refuse_transaction(&mut self, accepted: &mut Accepted) {
        accepted.clear();
        self.awaited.clear();
        for partition in self.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            *partition = failed(partition.index, Code::TransactionalIdAuthorizationFailed);
        }
    }

    /// The name is empty where the id is not known.
    fn resolve(&self, asked: TopicReference<'_>) -> (TopicName, TopicId, Option<Arc<Topic>>) {
        let partitions = &self.context.broker.partitions;
        match asked {
            TopicReference::Name(name) => match partitions.topic(name) {
                Some(topic) => (topic.name().clone(), topic.id(), Some(topic)),
                None => (name.into(), TopicId::ZERO, None),
            },
            TopicReference::Id(id) => match partitions.topic_by_id(id) {
                Some(topic) => (topic.name().clone(), id, Some(topic)),
                None => ("".into(), id, None),
            },
        }
    }

    async fn check_partition(
        &self,
        topic: &Topic,
        rules: &ProduceRules,
        produced: ProducePartition,
    ) -> Result<(Arc<Partition>, PreparedBatch), PartitionResult> {
        let index = produced.index;
        topic.metrics.produce_requests.add(1);
        if topic.is_internal() {
            return Err(failed(index, Code::InvalidTopicException));
        }
        let Some(partition) = topic.get(PartitionIndex(index)) else {
            let known = TopicReference::Id(topic.id());
            let code = not_held(&self.context.broker, known, PartitionIndex(index));
            let current_leader = known_leader(&self.context, known, PartitionIndex(index));
            return Err(PartitionResult { current_leader, ..failed(index, code) });
        };
        match partition.check(LeaderEpoch::UNKNOWN) {
            // A failed log is tried again by each append: that is how it heals. One in recovery takes what was queued meanwhile.
            Ok(()) | Err(Unavailable::Storage | Unavailable::Recovering) => {}
            Err(error) => {
                let refused = PartitionResult::failed(index, error_codes::unavailable(error), None);
                return Err(response::with_leader(refused, &partition));
            }
        }
        let records = produced.records.unwrap_or_default();
        let batch = self.check_batch(rules, &records).await.map_err(|error| {
            count_refusal(topic, &error, records.len());
            let refused = refused_batch(topic.name(), index, &error);
            response::with_log_start(refused, &partition, error.is_found_in_records())
        })?;
        Ok((partition, batch))
    }

    async fn check_batch(&self, rules: &ProduceRules, records: &Bytes) -> Result<PreparedBatch, Refused> {
        let valid = checks::check(&self.context.broker, rules, records).await.ok_or(Refused::Unchecked)??;
        let codec = valid.header.attributes.compression();
        if codec == Ok(Compression::Zstd) && self.context.version < FIRST_VERSION_WITH_ZSTD {
            return Err(Refused::Codec);
        }
        Ok(PreparedBatch::from(valid))
    }
}

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Invalid(#[from] ProduceError),
    #[error("produce requests before version 7 may not use zstd")]
    Codec,
    #[error("there is nobody to check the batch")]
    Unchecked,
}

impl Refused {
    /// Kafka looks at the log before it refuses these, and then tells where the log starts.
    fn is_found_in_records(&self) -> bool {
        use ProduceError as Found;
        matches!(
            self,
            Self::Invalid(
                Found::BaseOffset(_) | Found::Sequence(_) | Found::Records(_) | Found::Malformed(_) | Found::Control
            )
        )
    }
}

/// Attributes are bytes 21 and 22 of a batch, transactional is bit 4; other formats have no transactions.
fn is_transactional(records: &[u8]) -> bool {
    const TRANSACTIONAL: u8 = 1 << 4;
    records.get(16) == Some(&2) && records.get(22).is_some_and(|attributes| attributes & TRANSACTIONAL != 0)
}

fn failed(index: i32, code: Code) -> PartitionResult {
    PartitionResult::failed(index, code.code(), None)
}

/// KIP-467: names the records to blame, in Kafka's words, which people search for. Other refusals have no text.
fn refused_batch(topic: &TopicName, index: i32, refused: &Refused) -> PartitionResult {
    let error = match refused {
        Refused::Codec => return failed(index, Code::UnsupportedCompressionType),
        // Without a thread for it, or on the way out: the client comes again.
        Refused::Unchecked => return failed(index, Code::RequestTimedOut),
        Refused::Invalid(error) => error,
    };
    if let ProduceError::Corrupt(record_batch::BatchError::Magic(magic)) = error {
        let text = format!("Invalid magic found in record: {magic}");
        return PartitionResult::failed(index, error_codes::produce(error), Some(text));
    }
    let issues = error.record_issues();
    let message = |issue: &RecordIssue| match &issue.problem {
        RecordProblem::MissingKey => {
            format!("Compacted topic cannot accept message without key in topic partition {topic}-{index}.")
        }
        RecordProblem::Timestamp { timestamp, earliest, latest } => {
            let offset = issue.index;
            format!(
                "Timestamp {timestamp} of message with offset {offset} is out of range. \
                 The timestamp should be within [{earliest}, {latest}]"
            )
        }
        RecordProblem::LogAppendTime => issue.problem.to_string(),
    };
    let blame = |issue: &RecordIssue| RecordError { batch_index: issue.index, message: Some(message(issue)) };
    let record_errors: Vec<RecordError> = issues.iter().map(blame).collect();
    let error_message = (!issues.is_empty()).then(|| summary(&record_errors));
    PartitionResult { record_errors, ..PartitionResult::failed(index, error_codes::produce(error), error_message) }
}

fn summary(errors: &[RecordError]) -> String {
    let text = |error: &RecordError| {
        let message = error.message.as_deref().unwrap_or("null");
        format!("RecordError(batchIndex={}, message='{message}')", error.batch_index)
    };
    let first: Vec<String> = errors.iter().take(3).map(text).collect();
    format!(
        "One or more records have been rejected due to {} record errors in total, and only showing the first three \
         errors at most: [{}]",
        errors.len(),
        first.join(", ")
    )
}

fn count_refusal(topic: &Topic, refused: &Refused, bytes: usize) {
    let metrics = &topic.metrics;
    match refused {
        Refused::Invalid(ProduceError::TooLarge { .. } | ProduceError::UnpacksTooLarge { .. }) => {
            metrics.bytes_rejected.add(bytes as u64);
        }
        Refused::Invalid(ProduceError::Corrupt(record_batch::BatchError::Magic(_)) | ProduceError::OldMagic(_)) => {
            metrics.invalid_magic_number_records.add(1);
        }
        Refused::Invalid(ProduceError::Corrupt(_)) => metrics.invalid_message_crc_records.add(1),
        Refused::Invalid(error @ ProduceError::Records(_)) if !error.is_about_time() => {
            metrics.no_key_compacted_topic_records.add(1);
        }
        Refused::Invalid(ProduceError::BaseOffset(_) | ProduceError::Sequence(_)) => {
            metrics.invalid_offset_or_sequence_records.add(1);
        }
        Refused::Invalid(_) | Refused::Codec | Refused::Unchecked => {}
    }
}
