//! Records that a client inside wrote, to be there whatever becomes of the cluster.

use crate::{BOOTSTRAP, Place, consume, produce, topic, until_found, until_topic};
use anyhow::{Context as _, ensure};
use custom_resources::Topic;

#[derive(Debug)]
pub struct Orders(Vec<String>);

impl Orders {
    pub const TOPIC: &str = "orders";
    pub const PARTITIONS: i32 = 3;

    pub async fn write(place: &Place) -> anyhow::Result<Self> {
        place.apply::<Topic>(&topic(Self::TOPIC, Self::PARTITIONS)).await?;
        until_topic(place, Self::TOPIC, Self::PARTITIONS).await?;
        let records: Vec<_> = (100..150).map(|number| format!("order-{number}")).collect();
        produce(place, BOOTSTRAP, Self::TOPIC, &records).await.context("produce inside")?;
        Ok(Self(records))
    }

    pub async fn are_there(&self, place: &Place) -> anyhow::Result<()> {
        let mut read = consume(place, BOOTSTRAP, Self::TOPIC).await.context("consume inside")?;
        // What the client says beside the records is in its log, too.
        read.retain(|line| line.starts_with("order-"));
        read.sort();
        ensure!(read == self.0, "these were read: {read:?}");
        Ok(())
    }

    /// In a cluster that was made anew.
    pub async fn are_found_again(&self, place: &Place) -> anyhow::Result<()> {
        until_found(place, BOOTSTRAP, Self::TOPIC).await?;
        self.are_there(place).await
    }
}
