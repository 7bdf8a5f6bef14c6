//! `kubectl weir partitions`.

use crate::{
    access::Access,
    arguments::{Format, Partitions},
    metadata, output,
    partition_list::{Filter, PartitionList},
};
use anyhow::bail;
use kube::ResourceExt as _;
use std::process::ExitCode;

pub(super) async fn run(access: &Access, format: Format, asked: Partitions) -> anyhow::Result<ExitCode> {
    let name = access.cluster(asked.named.cluster.as_deref()).await?.name_any();
    let image = metadata::read(access, &name).await?.image;
    if let Some(topic) = asked.topic.as_deref().filter(|topic| image.topic(topic).is_none()) {
        bail!("there is no topic {topic}; kubectl weir topics {name} lists them");
    }
    let filter = Filter { topic: asked.topic, broker: asked.broker, unhealthy: asked.unhealthy };
    output::show(format, &PartitionList::new(&image, &filter), PartitionList::text)?;
    Ok(ExitCode::SUCCESS)
}
