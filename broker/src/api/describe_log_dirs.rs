//! DescribeLogDirs (35): what is on disk, and how much room is left.

use super::{
    RequestContext, Response,
    error_counts::{self, ErrorCodes},
    row,
};
use crate::partitions::{Partition, Topic};
use bytes::Bytes;
use kafka_protocol::{
    ResponseError as Code,
    messages::{ApiKey, DescribeLogDirsRequest},
};
use model::PartitionIndex;
use protocol::describe_log_dirs_response::{DescribeLogDirsResponse, LogDir, LogDirPartition, LogDirTopic};
use std::{path::Path, sync::Arc};

const UNKNOWN_BYTES: i64 = -1;

pub(crate) async fn handle(context: RequestContext, body: Bytes) -> Response {
    let Some(request) = row::decode(&context, body) else { return Response::Close };
    let response = answer(&context, request).await;
    error_counts::count(ApiKey::DescribeLogDirs, &context, |each| response.each_error(each));
    Response::Bytes(response.encode(context.version, context.correlation_id))
}

async fn answer(context: &RequestContext, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
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
    let path = data_dir.display().to_string();
    let capacity = partitions.disk_pool().run(move || capacity(&data_dir)).await.flatten();
    let error_code = if capacity.is_some() { 0 } else { Code::KafkaStorageError.code() };
    let (total_bytes, usable_bytes) = capacity.unwrap_or((UNKNOWN_BYTES, UNKNOWN_BYTES));
    let log_dir = LogDir { error_code, path, topics, total_bytes, usable_bytes, is_cordoned: false };
    DescribeLogDirsResponse { error_code: 0, results: vec![log_dir] }
}

fn described(topic: &Topic, partitions: &[Arc<Partition>]) -> LogDirTopic {
    let partition = |held: &Arc<Partition>| LogDirPartition {
        index: held.id().partition,
        size: held.size(),
        offset_lag: 0,
        is_future: false,
    };
    LogDirTopic { name: topic.name().clone(), partitions: partitions.iter().map(partition).collect() }
}

/// Size of the volume and what is free of it for us; `None` if the folder is gone.
fn capacity(folder: &Path) -> Option<(i64, i64)> {
    let volume = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(volume.f_frsize)).unwrap_or(i64::MAX);
    Some((bytes(volume.f_blocks), bytes(volume.f_bavail)))
}

#[cfg(test)]
mod tests;
