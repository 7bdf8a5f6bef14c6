//! A broker that leads is killed while hundreds of topics are being made: others lead as soon as ever, and all topics are made.

use anyhow::Context as _;
use custom_resources::Topic;
use e2e::{Acknowledged, Nodes, Place, Stage, leader_of_most, topic, until_topic};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

const TOPICS: usize = 300;
const AT_ONCE: usize = 16;

fn name(number: usize) -> String {
    format!("storm-{number}")
}

async fn apply(place: &Place, number: usize) -> anyhow::Result<()> {
    place.apply::<Topic>(&topic(&name(number), 1)).await.map(drop)
}

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    let broker = leader_of_most(&mut stage, |_| true).await?;
    let applying = stream::iter((0..TOPICS).map(|number| apply(&place, number))).buffer_unordered(AT_ONCE);
    let failing = async {
        until_topic(&place, &name(0), 1).await.context("the storm begins")?;
        let life = stage.kill(broker).await?;
        stage.load.more(20).await.context("others lead")?;
        anyhow::Ok(life)
    };
    let ((), life) = tokio::try_join!(applying.try_collect::<()>(), failing)?;
    life.is_over().await?;
    let ready = stream::iter((0..TOPICS).map(|number| {
        let place = place.clone();
        async move { until_topic(&place, &name(number), 1).await.map(drop) }
    }));
    ready.buffer_unordered(AT_ONCE).try_collect::<()>().await.context("all topics are made")?;
    stage.until_whole(3).await?;
    stage.end().await
}
