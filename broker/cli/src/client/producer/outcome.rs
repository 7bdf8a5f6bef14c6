//! What becomes of batches: confirmed, tried again, cut in two, or given up.

use super::{
    Producer,
    batch::{Batch, NewRecord},
    send::{Sent, SentPartition},
};
use crate::client::{ClientError, codes};
use kafka_protocol::error::ResponseError;
use model::{Offset, TopicPartition};
use std::time::Instant;

/// The end of one batch.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) partition: TopicPartition,
    pub(crate) records: Vec<NewRecord>,
    pub(crate) outcome: Result<Delivered, ClientError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// None where the broker does not say (acks=0, or a repetition of what it already had).
    pub(crate) base_offset: Option<Offset>,
}

/// What to do with a batch after an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Delivered(Delivered),
    Again,
    Split,
    GiveUp,
}

impl Producer {
    /// Takes the answer of a leader, or the lack of one.
    pub(super) fn settle(&mut self, sent: Sent) {
        self.busy.remove(&sent.leader);
        let failure = sent.outcome.as_ref().err().cloned();
        let mut answers = sent.outcome.unwrap_or_default();
        for partition in sent.partitions {
            let answer = match &failure {
                Some(error) => Err(error.clone()),
                None => answers.remove(&partition).unwrap_or_else(|| Err(silent(&partition))),
            };
            self.settle_partition(partition, answer);
        }
    }

    fn settle_partition(&mut self, partition: TopicPartition, answer: SentPartition) {
        let queue = self.partitions.get_mut(&partition).expect("requests are made from queues");
        queue.in_flight = false;
        let Some(mut batch) = queue.batches.pop_front() else { return };
        batch.attempts += 1;
        let out_of_time =
            batch.since.elapsed() >= self.options.delivery_timeout || batch.attempts > self.options.retries;
        match judge(&answer, &batch, out_of_time) {
            Verdict::Delivered(delivered) => {
                self.trouble.is_over();
                // None when the producer got a new id meanwhile: numbers start at zero then.
                queue.next_sequence = queue.next_sequence.map(|sequence| sequence.plus(batch.record_count()));
                self.finish(partition, batch, Ok(delivered));
            }
            Verdict::Again => {
                queue.batches.push_front(batch);
                if let Err(error) = &answer {
                    self.trouble.goes_on(error);
                }
                self.paused_until = Some(Instant::now() + self.options.retry_backoff);
                if let Some(topic) = self.topics.get_mut(&partition.topic) {
                    topic.stale = true;
                }
            }
            Verdict::Split => {
                let (earlier, later) = batch.split();
                queue.batches.push_front(later);
                queue.batches.push_front(earlier);
            }
            Verdict::GiveUp => {
                let error = answer.err().unwrap_or_else(|| silent(&partition));
                // It may or may not have been written: whoever numbers on from here would leave a gap or a duplicate.
                if error.is_retriable() || lost_track(&error) {
                    self.identity = None;
                }
                self.finish(partition, batch, Err(error));
            }
        }
    }

    pub(super) fn finish(&mut self, partition: TopicPartition, batch: Batch, outcome: Result<Delivered, ClientError>) {
        self.buffered_bytes -= batch.size;
        self.reports.push(Report { partition, records: batch.records, outcome });
    }
}

fn judge(answer: &SentPartition, batch: &Batch, out_of_time: bool) -> Verdict {
    let error = match answer {
        Ok(delivered) => return Verdict::Delivered(*delivered),
        Err(error) => error,
    };
    match error.code() {
        // The broker has it already, from an attempt whose answer was lost.
        Some(ResponseError::DuplicateSequenceNumber) => Verdict::Delivered(Delivered { base_offset: None }),
        Some(ResponseError::MessageTooLarge) if batch.records.len() > 1 => Verdict::Split,
        // A corrupt batch would be corrupt again: it was made once and kept.
        Some(ResponseError::CorruptMessage) => Verdict::GiveUp,
        _ if error.is_retriable() && !out_of_time => Verdict::Again,
        _ => Verdict::GiveUp,
    }
}

/// The broker and we no longer agree on the numbers of this producer.
fn lost_track(error: &ClientError) -> bool {
    matches!(
        error.code(),
        Some(
            ResponseError::OutOfOrderSequenceNumber
                | ResponseError::UnknownProducerId
                | ResponseError::InvalidProducerEpoch
        )
    )
}

fn silent(partition: &TopicPartition) -> ClientError {
    ClientError::Invalid(format!("the broker's answer does not mention partition {partition}"))
}

impl Report {
    /// Kafka's name of what went wrong, for tools that print it.
    pub(crate) fn exception(&self) -> Option<String> {
        let error = self.outcome.as_ref().err()?;
        let class = error.code().map_or_else(|| "org.apache.kafka.common.KafkaException".to_owned(), codes::exception);
        Some(format!("{class}: {}", error.kafka_message()))
    }
}

#[cfg(test)]
mod tests;
