//! Objects in memory, for tests.

use super::ObjectsStorage;
use crate::store::{CommitError, MetadataObjects, ObjectError, ShardName, StoredRoot};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

/// Handles share what they hold.
#[derive(Debug, Clone, Default)]
pub struct MemoryObjects(Arc<Mutex<Held>>);

/// [`MemoryObjects`] that outlive whoever opened them.
#[derive(Debug, Default)]
pub struct InMemory(MemoryObjects);

#[derive(Debug, Default)]
struct Held {
    root: Option<String>,
    revision: u64,
    shards: BTreeMap<ShardName, String>,
}

impl MemoryObjects {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().expect("nobody panics with the lock held")
    }
}

impl ObjectsStorage for InMemory {
    type Objects = MemoryObjects;

    async fn open(&mut self) -> MemoryObjects {
        self.0.clone()
    }
}

impl MetadataObjects for MemoryObjects {
    type Revision = u64;

    async fn read_root(&self) -> Result<Option<StoredRoot<u64>>, ObjectError> {
        let held = self.held();
        Ok(held.root.clone().map(|text| StoredRoot { revision: held.revision, text }))
    }

    async fn write_root(&self, replaces: Option<&u64>, text: &str) -> Result<u64, CommitError> {
        let mut held = self.held();
        if replaces.copied() != held.root.as_ref().map(|_| held.revision) {
            return Err(CommitError::Conflict);
        }
        held.root = Some(text.to_owned());
        held.revision += 1;
        Ok(held.revision)
    }

    async fn read_shard(&self, name: ShardName) -> Result<Option<String>, ObjectError> {
        Ok(self.held().shards.get(&name).cloned())
    }

    async fn create_shard(&self, name: ShardName, text: &str) -> Result<(), ObjectError> {
        self.held().shards.entry(name).or_insert_with(|| text.to_owned());
        Ok(())
    }

    async fn delete_shard(&self, name: ShardName) -> Result<(), ObjectError> {
        self.held().shards.remove(&name);
        Ok(())
    }

    async fn list_shards(&self) -> Result<Vec<ShardName>, ObjectError> {
        Ok(self.held().shards.keys().copied().collect())
    }
}
