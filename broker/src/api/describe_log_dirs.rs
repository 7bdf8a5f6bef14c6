//! DescribeLogDirs (35): what is on disk, and how much room is left.

use super::RequestContext;
use crate::partitions::{Partition, Topic};
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        DescribeLogDirsRequest, DescribeLogDirsResponse, TopicName,
        describe_log_dirs_response::{
            DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic as DescribedTopic,
        },
    },
    protocol::StrBytes,
};
use model::PartitionIndex;
use std::{path::Path, sync::Arc};

/// Capacity of the volume came with this version (KIP-827).
const FIRST_VERSION_WITH_CAPACITY: i16 = 4;
const UNKNOWN_BYTES: i64 = -1;

pub(crate) async fn handle(context: &RequestContext, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let partitions = &context.broker.partitions;
    let topics = match request.topics {
        None => partitions.topics().iter().map(|topic| described(topic, &topic.held())).collect(),
        Some(asked) => {
            let held = asked.iter().filter_map(|asked| {
                let topic = partitions.topic(&asked.topic)?;
                let held: Vec<_> =
                    asked.partitions.iter().filter_map(|index| topic.get(PartitionIndex(*index))).collect();
                Some(described(&topic, &held))
            });
            held.filter(|topic| !topic.partitions.is_empty()).collect()
        }
    };
    let data_dir = context.broker.config.data_dir.clone();
    let path = StrBytes::from_string(data_dir.display().to_string());
    let capacity = partitions.disk_pool().run(move || capacity(&data_dir)).await.flatten();
    let code = if capacity.is_some() { 0 } else { Code::KafkaStorageError.code() };
    let result = DescribeLogDirsResult::default().with_log_dir(path).with_error_code(code).with_topics(topics);
    let (total, usable) = capacity.unwrap_or((UNKNOWN_BYTES, UNKNOWN_BYTES));
    let result = match context.version {
        FIRST_VERSION_WITH_CAPACITY.. => result.with_total_bytes(total).with_usable_bytes(usable),
        _ => result,
    };
    DescribeLogDirsResponse::default().with_results(vec![result])
}

fn described(topic: &Topic, partitions: &[Arc<Partition>]) -> DescribedTopic {
    let partition = |held: &Arc<Partition>| {
        DescribeLogDirsPartition::default()
            .with_partition_index(held.id().partition.0)
            .with_partition_size(held.size())
            .with_offset_lag(0)
            .with_is_future_key(false)
    };
    DescribedTopic::default()
        .with_name(TopicName(StrBytes::from_string(topic.name().to_string())))
        .with_partitions(partitions.iter().map(partition).collect())
}

/// Size of the volume and what is free of it for us; `None` if the folder is gone.
fn capacity(folder: &Path) -> Option<(i64, i64)> {
    let volume = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(volume.f_frsize)).unwrap_or(i64::MAX);
    Some((bytes(volume.f_blocks), bytes(volume.f_bavail)))
}

#[cfg(test)]
mod tests;
