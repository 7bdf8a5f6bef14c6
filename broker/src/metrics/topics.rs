//! What is counted per topic. The series without a topic label is the sum over all topics, deleted ones included.

use super::{
    exposition::{Exposition, Kind},
    instruments::Counter,
};
use model::TopicName;
use parking_lot::RwLock;
use std::{collections::BTreeMap, sync::Arc};

macro_rules! topic_metrics {
    ($($(#[$doc:meta])* $field:ident => $name:literal, $help:literal;)*) => {
        /// `kafka_server_brokertopicmetrics_*`. One per topic, shared by its partitions.
        #[derive(Debug, Default)]
        pub struct TopicMetrics {
            $($(#[$doc])* pub $field: Counter,)*
        }

        impl TopicMetrics {
            const SERIES: &[(&str, &str, fn(&Self) -> &Counter)] =
                &[$((concat!("kafka_server_brokertopicmetrics_", $name, "_total"), $help, |metrics| &metrics.$field),)*];
        }
    };
}

topic_metrics! {
    messages_in => "messagesin", "Records appended by producers";
    bytes_in => "bytesin", "Bytes of record batches appended by producers";
    /// Bytes of record batches sent to consumers.
    bytes_out => "bytesout", "Bytes of record batches sent to consumers";
    bytes_rejected => "bytesrejected", "Bytes of record batches refused for their size";
    produce_requests => "totalproducerequests", "Produce requests, counted once per partition named";
    fetch_requests => "totalfetchrequests", "Fetch requests, counted once per partition named";
    failed_produce_requests => "failedproducerequests", "Partitions of produce requests answered with an error";
    failed_fetch_requests => "failedfetchrequests", "Partitions of fetch requests answered with an error";
    no_key_compacted_topic_records => "nokeycompactedtopicrecords", "Batches refused for a record without key on a compacted topic";
    invalid_magic_number_records => "invalidmagicnumberrecords", "Batches refused for their magic number";
    invalid_message_crc_records => "invalidmessagecrcrecords", "Batches refused for their checksum";
    invalid_offset_or_sequence_records => "invalidoffsetorsequencerecords", "Batches refused for their offsets or sequences";
}

/// All topics that have counters.
#[derive(Debug, Default)]
pub(super) struct TopicTable {
    topics: RwLock<BTreeMap<TopicName, Arc<TopicMetrics>>>,
    /// What topics had counted when they were deleted, so that the totals never go down.
    deleted: TopicMetrics,
}

impl TopicTable {
    pub(super) fn get_or_create(&self, name: &TopicName) -> Arc<TopicMetrics> {
        if let Some(metrics) = self.topics.read().get(name) {
            return metrics.clone();
        }
        self.topics.write().entry(name.clone()).or_default().clone()
    }

    pub(super) fn remove(&self, name: &TopicName) {
        let removed = self.topics.write().remove(name);
        if let Some(removed) = removed {
            for (_, _, counter) in TopicMetrics::SERIES {
                counter(&self.deleted).add(counter(&removed).get());
            }
        }
    }

    pub(super) fn collect(&self, exposition: &mut Exposition) {
        let topics: Vec<_> = self.topics.read().iter().map(|(name, metrics)| (name.clone(), metrics.clone())).collect();
        for (name, help, counter) in TopicMetrics::SERIES {
            let total = topics.iter().fold(counter(&self.deleted).get(), |sum, (_, topic)| sum + counter(topic).get());
            exposition.family(name, Kind::Counter, help);
            exposition.sample(&[], total as f64);
            for (topic, metrics) in &topics {
                exposition.sample(&[("topic", topic)], counter(metrics).get() as f64);
            }
        }
    }
}
