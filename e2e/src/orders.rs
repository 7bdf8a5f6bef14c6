//! Records that a client inside wrote, to be there whatever becomes of the cluster.

use crate::{BOOTSTRAP, Place, cluster_id, consume, produce, topic, topic_id, until_found, until_topic, until_whole};
use anyhow::{Context as _, ensure};
use custom_resources::Topic;

#[derive(Debug)]
pub struct Orders {
    records: Vec<String>,
    /// Of the cluster and of the topic.
    ids: [Option<String>; 2],
}

impl Orders {
    pub const TOPIC: &str = "orders";
    pub const PARTITIONS: i32 = 3;

    /// Into a cluster of three brokers.
    pub async fn write(place: &Place) -> anyhow::Result<Self> {
        place.apply::<Topic>(&topic(Self::TOPIC, Self::PARTITIONS)).await?;
        let records: Vec<_> = (100..150).map(|number| format!("order-{number}")).collect();
        let ids = ids(place).await?;
        produce(place, BOOTSTRAP, Self::TOPIC, &records).await.context("produce inside")?;
        Ok(Self { records, ids })
    }

    pub async fn are_there(&self, place: &Place) -> anyhow::Result<()> {
        let mut read = consume(place, BOOTSTRAP, Self::TOPIC).await.context("consume inside")?;
        // What the client says beside the records is in its log, too.
        read.retain(|line| line.starts_with("order-"));
        read.sort();
        ensure!(read == self.records, "these were read: {read:?}");
        Ok(())
    }

    /// In a cluster that was made anew.
    pub async fn are_found_again(&self, place: &Place) -> anyhow::Result<()> {
        until_found(place, BOOTSTRAP, Self::TOPIC).await?;
        self.are_there(place).await
    }

    /// The same, and both the cluster and the topic are those that there were.
    pub async fn are_of_the_same_cluster(&self, place: &Place) -> anyhow::Result<()> {
        let ids = ids(place).await?;
        ensure!(ids == self.ids, "cluster and topic are others: {ids:?} after {:?}", self.ids);
        self.are_found_again(place).await
    }
}

async fn ids(place: &Place) -> anyhow::Result<[Option<String>; 2]> {
    let cluster = until_whole(place, 3).await?;
    let topic = until_topic(place, Orders::TOPIC, Orders::PARTITIONS).await?;
    Ok([cluster_id(&cluster), topic_id(&topic)])
}
