//! Pods of brokers that people delete: with time to hand over, and at once.

use anyhow::ensure;
use e2e::{Acknowledged, Place, SESSION_TIMEOUT_MS, Stage};
use kube::api::DeleteParams;

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    let at_once = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    for (broker, parameters) in [(0, DeleteParams::default()), (1, DeleteParams::default()), (2, at_once)] {
        stage.load.mark().await?;
        let life = stage.delete_pod(broker, &parameters).await?;
        stage.load.more(20).await?;
        let gap = stage.load.longest_gap().await?;
        ensure!(gap < SESSION_TIMEOUT_MS, "without broker {broker} a partition waited for {gap} ms");
        life.is_over().await?;
        stage.until_whole(3).await?;
    }
    stage.end().await
}
