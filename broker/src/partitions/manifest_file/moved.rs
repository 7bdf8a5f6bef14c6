//! Logs whose topic was deleted or restored after the last checkpoint: their entries are under the folders of before.

use super::{super::buried::parse, Entries};
use crate::file_disk::FileDisk;
use model::PartitionIndex;
use partition_log::ListedLog;
use std::collections::{BTreeSet, HashMap};

pub(super) fn follow(entries: &mut Entries, folders: &BTreeSet<String>, disk: &FileDisk) {
    let mut moved: Vec<(String, String)> = Vec::new();
    let rest = folders.iter().filter(|folder| !entries.contains_key(*folder));
    let buried: HashMap<_, &String> = rest.filter_map(|folder| Some((parse(folder)?, folder))).collect();
    if !buried.is_empty() {
        let now_in = |from: &str, entry: &ListedLog| buried.get(&(entry.topic?, index_of(from)?)).copied();
        moved.extend(entries.iter().filter_map(|(from, entry)| Some((from.clone(), now_in(from, entry)?.clone()))));
    }
    let gone = entries.keys().filter(|folder| !folders.contains(*folder));
    let restored: HashMap<_, &String> =
        gone.filter_map(|folder| parse(folder).map(|(topic, index)| ((topic.to_string(), index), folder))).collect();
    let indexes: BTreeSet<PartitionIndex> = restored.keys().map(|(_, index)| *index).collect();
    for folder in folders {
        if let Some(index) = index_of(folder).filter(|index| indexes.contains(index))
            && let Some(topic) = partition_log::stored_topic_id(disk, folder)
            && let Some(from) = restored.get(&(topic, index))
        {
            moved.push(((*from).clone(), folder.clone()));
        }
    }
    // All of them first: one may have the folder of another now.
    let found: Vec<_> = moved.into_iter().filter_map(|(from, to)| Some((to, entries.remove(&from)?))).collect();
    for (to, mut entry) in found {
        entry.log.folder.clone_from(&to);
        entries.insert(to, entry);
    }
}

/// Of the folder of a log that is served.
fn index_of(folder: &str) -> Option<PartitionIndex> {
    folder.rsplit_once('-')?.1.parse().ok().map(PartitionIndex)
}
