//! librdkafka's producer, with the settings it has by itself.

use super::{Acknowledged, KEYS, RECORDS_PER_SECOND};
use anyhow::{Context, Result};
use rdkafka::{
    ClientConfig, ClientContext, Message,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

pub(super) struct Writer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Notes(Arc<Acknowledged>);

impl ClientContext for Notes {}

impl ProducerContext for Notes {
    type DeliveryOpaque = ();

    fn delivery(&self, delivered: &DeliveryResult<'_>, (): ()) {
        match delivered {
            Ok(message) => self.0.note(message.partition()),
            // Of the end of the measurement.
            Err((error, _)) if is_purged(error) => {}
            Err(_) => self.0.note_failed(),
        }
    }
}

fn is_purged(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight))
}

impl Writer {
    pub(super) fn start(bootstrap: &str, topic: &str, acknowledged: Arc<Acknowledged>) -> Result<Self> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap);
        let producer: ThreadedProducer<_> =
            config.create_with_context(Notes(acknowledged)).context("make a producer of librdkafka")?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, topic) = (Arc::clone(&stop), topic.to_owned());
        let thread = thread::spawn(move || write(&producer, &topic, &stopped));
        Ok(Self { stop, thread: Some(thread) })
    }
}

fn write(producer: &ThreadedProducer<Notes>, topic: &str, stop: &AtomicBool) {
    let (began, interval) = (Instant::now(), Duration::from_secs(1) / RECORDS_PER_SECOND);
    for number in 0_u32.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        thread::sleep((interval * number).saturating_sub(began.elapsed()));
        let (key, value) = ((number % KEYS).to_string(), number.to_string());
        // A full queue is part of a gap that is measured.
        let _ = producer.send(BaseRecord::to(topic).key(&key).payload(&value));
    }
    producer.purge(PurgeConfig::default().queue().inflight());
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Whether it panicked says its figure.
            let _ = thread.join();
        }
    }
}
