//! Two operators that both think they are at work: one stands still past its lease, and goes on when another has taken over.

use anyhow::Context as _;
use e2e::{Acknowledged, AtWork, Life, Nodes, Place, Stage, operator::until_another};

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    let client = stage.place.client.clone();
    let (frozen, epoch) = (AtWork::find(&client).await?, stage.epoch().await?);
    let life = Life::of(&frozen.place, &frozen.pod).await?;
    frozen.signal("STOP").await?;
    until_another(&client, &frozen).await?;
    stage.until_taken_over(epoch).await?;
    // Something that both could decide: the new one does, the old one has not noticed yet that it is to be decided.
    let broker = stage.kill(1).await?;
    stage.load.more(20).await.context("a broker is killed while one operator stands still")?;
    frozen.signal("CONT").await?;
    life.is_over().await.context("the one that stood still ends, and is started anew")?;
    broker.is_over().await?;
    stage.until_whole(3).await?;
    stage.end().await
}
