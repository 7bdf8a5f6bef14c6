//! `kubectl weir drain`.

use super::{
    asking::{Asked, ask},
    code, refused,
};
use crate::{access::Access, arguments::Drain, metadata, output};
use controller::ClusterImage;
use custom_resources::{Cluster, request::Ask};
use kube::ResourceExt as _;
use model::BrokerId;
use std::{process::ExitCode, time::Duration};
use tokio::time::Instant;

/// Between two looks at what is left. A look reads the metadata, which is up to a few MiB.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

pub(super) async fn run(access: &Access, asked: Drain) -> anyhow::Result<ExitCode> {
    let Drain { broker, named, cancel, wait, timeout_seconds, dry_run } = asked;
    let cluster = access.cluster(named.cluster.as_deref()).await?;
    if let Some(why) = objection(&cluster, cancel) {
        return Ok(refused(why));
    }
    let request = if cancel { Ask::Undrain { broker } } else { Ask::Drain { broker } };
    let is_done = ask(access, Asked { cluster: &cluster, what: "drain", ask: request, dry_run }).await?;
    if !is_done || cancel || dry_run {
        return Ok(code(is_done));
    }
    let name = cluster.name_any();
    if !wait {
        output::note(&format!(
            "it is over when kubectl weir partitions {name} --broker {broker} lists none; \
             kubectl weir drain {broker} {name} --wait waits for it, --cancel ends it"
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let until = timeout_seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    drained(access, &name, BrokerId(broker), until).await
}

/// It would begin and never go on.
fn objection(cluster: &Cluster, cancel: bool) -> Option<&'static str> {
    (cluster.spec.paused && !cancel).then_some("spec.paused: no replica moves before that is taken back")
}

async fn drained(access: &Access, name: &str, broker: BrokerId, until: Option<Instant>) -> anyhow::Result<ExitCode> {
    let mut told = None;
    loop {
        let image = metadata::read(access, name).await?.image;
        match progress(&image, broker) {
            Progress::Over { deleted } => {
                let kept = match deleted {
                    0 => String::new(),
                    some => format!(", but {some} of deleted topics that can be brought back"),
                };
                output::note(&format!("broker {broker} has no replicas{kept}"));
                return Ok(ExitCode::SUCCESS);
            }
            Progress::Ended => return Ok(refused(&format!("broker {broker} is not to be drained any more"))),
            Progress::Left(left) => {
                if told != Some(left) {
                    output::note(&format!("{left} replicas left"));
                    told = Some(left);
                }
                if until.is_some_and(|until| Instant::now() >= until) {
                    let where_told = "the condition Reconciled of the Cluster says what is waited for";
                    return Ok(refused(&format!(
                        "{left} replicas are left, and time is up; the drain goes on: {where_told}"
                    )));
                }
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Left(usize),
    /// Replicas of deleted topics go when their time to be brought back is over.
    Over {
        deleted: usize,
    },
    /// Somebody let it be given replicas again.
    Ended,
}

fn progress(image: &ClusterImage, broker: BrokerId) -> Progress {
    let count = |partitions: &[controller::PartitionImage]| {
        partitions.iter().filter(|partition| partition.replicas.contains(&broker)).count()
    };
    let left: usize = image.topics.iter().map(|topic| count(&topic.partitions)).sum();
    if !image.hold(broker).drained {
        return Progress::Ended;
    }
    match left {
        0 => Progress::Over { deleted: image.tombstones.values().map(|one| count(&one.topic.partitions)).sum() },
        left => Progress::Left(left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{healthy_cluster, image};
    use controller::Hold;

    #[test]
    fn drain_is_over_when_no_replica_is_left() {
        let mut image = image(3, &[], &[&[(&[0, 1], &[0, 1]), (&[1, 2], &[1, 2])], &[(&[0, 2], &[0, 2])]]);
        assert_eq!(progress(&image, BrokerId(1)), Progress::Ended);
        image.holds.insert(BrokerId(1), Hold { fenced: false, drained: true });
        assert_eq!(progress(&image, BrokerId(1)), Progress::Left(2));
        let (first, second) = (image.topic("topic-0").unwrap().clone(), image.topic("topic-1").unwrap().clone());
        image.topics = std::sync::Arc::new(vec![second].into());
        assert_eq!(progress(&image, BrokerId(1)), Progress::Over { deleted: 0 });
        let tombstone = controller::Tombstone { topic: first, deleted_at: model::MetadataVersion(1) };
        image.tombstones = std::sync::Arc::new([(tombstone.topic.id, tombstone)].into());
        assert_eq!(progress(&image, BrokerId(1)), Progress::Over { deleted: 2 });
    }

    #[test]
    fn drain_that_would_not_go_on_is_refused_and_its_end_is_not() {
        let mut cluster = healthy_cluster();
        assert_eq!(objection(&cluster, false), None);
        cluster.spec.paused = true;
        assert!(objection(&cluster, false).unwrap().contains("paused"));
        assert_eq!(objection(&cluster, true), None);
    }
}
