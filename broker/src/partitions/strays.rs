//! Folders that a start finds and the metadata does not give to this broker: something was decided while it was away.
//!
//! | the folder says (`partition.metadata`) | and then |
//! |---|---|
//! | a topic that others hold this partition of | it was moved away, so it is removed |
//! | a topic that the metadata does not know | it is moved aside (`…-stray`) and kept for a person to decide about |
//! | nothing | it stays: somebody put it there for a topic to be made |

use super::{Partitions, manifest_file::Known, opening::aside};
use controller::ClusterImage;
use model::{PartitionIndex, TopicName};
use std::collections::HashMap;

impl Partitions {
    /// Once, after the first image was applied.
    pub(super) async fn put_strays_aside(&self, known: &Known, image: &ClusterImage) {
        let names: HashMap<String, TopicName> =
            image.topics.iter().map(|topic| (topic.id.to_string(), topic.name.clone())).collect();
        let candidates: Vec<String> = known.folders().filter(|folder| self.is_unclaimed(folder)).cloned().collect();
        if candidates.is_empty() {
            return;
        }
        let (disk, clock) = (self.host.disk.clone(), self.host.clock);
        let sorted = self.host.pool.run(move || {
            let mut doomed = Vec::new();
            for folder in candidates {
                let Some(id) = partition_log::stored_topic_id(&disk, &folder) else { continue };
                let is_elsewhere = names.get(&id).is_some_and(|name| topic_of(&folder) == Some(&**name));
                let fate = if is_elsewhere { "delete" } else { "stray" };
                let aside = aside(&folder, clock.random_uuid(), fate);
                match disk.rename_folder(&folder, &aside) {
                    Ok(()) if fate == "delete" => {
                        tracing::info!(%folder, "partition was moved to other brokers while this one was away");
                        doomed.push((folder, aside));
                    }
                    Ok(()) => {
                        tracing::warn!(%folder, topic_id = id, moved_to = aside, "folder of a topic that is not known");
                    }
                    Err(error) => tracing::warn!(%folder, %error, "folder of no partition of this broker stays"),
                }
            }
            doomed
        });
        let doomed = sorted.await.unwrap_or_default();
        for (folder, _) in &doomed {
            self.host.manifest.remove(folder);
        }
        let folders = doomed.into_iter().map(|(_, aside)| aside).collect();
        self.host.remove_folders_after(folders, std::time::Duration::ZERO);
    }

    fn is_unclaimed(&self, folder: &str) -> bool {
        let Some((topic, index)) = folder.rsplit_once('-') else { return false };
        let Ok(index) = index.parse() else { return false };
        self.get(topic, PartitionIndex(index)).is_none()
    }
}

fn topic_of(folder: &str) -> Option<&str> {
    folder.rsplit_once('-').map(|(topic, _)| topic)
}
