//! Folders that a start finds and the metadata does not give to this broker: something was decided while it was away.
//!
//! | the folder says (`partition.metadata`) | and then |
//! |---|---|
//! | a topic that others hold this partition of | it was moved away, so it is removed |
//! | a topic, or a partition of it, that the metadata does not know | it is moved aside (`…-stray`) and kept for a person to decide about |
//! | a topic whose deletion can be undone, and it could not be moved | it stays, see [`super::buried`] |
//! | nothing | it stays: somebody put it there for a topic to be made |

use super::{Partitions, manifest_file::Known, opening::aside};
use controller::{ClusterImage, TopicImage};
use model::PartitionIndex;
use std::{collections::HashMap, sync::Arc};

impl Partitions {
    /// Once, after the first image was applied.
    pub(super) async fn put_strays_aside(&self, known: &Known, image: &ClusterImage) {
        let topics: HashMap<String, Arc<TopicImage>> =
            image.topics.iter().map(|topic| (topic.id.to_string(), Arc::clone(topic))).collect();
        let candidates: Vec<String> = known.folders().filter(|folder| self.is_unclaimed(folder)).cloned().collect();
        if candidates.is_empty() {
            return;
        }
        let (disk, clock) = (self.host.disk.clone(), self.host.clock);
        let sorted = self.host.pool.run(move || {
            let (mut moved, mut doomed) = (Vec::new(), Vec::new());
            for folder in candidates {
                let Some(id) = partition_log::stored_topic_id(&disk, &folder) else { continue };
                let is_elsewhere = topics.get(&id).is_some_and(|topic| is_of(topic, &folder));
                let fate = if is_elsewhere { "delete" } else { "stray" };
                let aside = aside(&folder, clock.random_uuid(), fate);
                match disk.rename_folder(&folder, &aside) {
                    Ok(()) if fate == "delete" => {
                        tracing::info!(%folder, "partition was moved to other brokers while this one was away");
                        moved.push(folder);
                        doomed.push(aside);
                    }
                    Ok(()) => {
                        tracing::warn!(%folder, topic_id = id, moved_to = aside, "folder of a topic that is not known");
                        moved.push(folder);
                    }
                    Err(error) => tracing::warn!(%folder, %error, "folder of no partition of this broker stays"),
                }
            }
            (moved, doomed)
        });
        let (moved, doomed) = sorted.await.unwrap_or_default();
        for folder in &moved {
            self.host.manifest.remove(folder);
        }
        self.host.remove_folders_after(doomed, std::time::Duration::ZERO);
    }

    fn is_unclaimed(&self, folder: &str) -> bool {
        let Some((topic, index)) = folder.rsplit_once('-') else { return false };
        let Ok(index) = index.parse() else { return false };
        self.get(topic, PartitionIndex(index)).is_none() && self.host.looked_for_in(folder).is_none()
    }
}

/// Metadata that lost what was decided last may lack partitions that were added.
fn is_of(topic: &TopicImage, folder: &str) -> bool {
    let Some((name, index)) = folder.rsplit_once('-') else { return false };
    name == &*topic.name && index.parse().is_ok_and(|index| topic.partition(PartitionIndex(index)).is_some())
}
