//! The two folders: nobody else may use them, and an import is in the target whole or not at all.

use anyhow::{Context, ensure};
use model::ProducerId;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Read by the broker at its start.
const IMPORTED: &str = "imported.json";

#[derive(Serialize, Deserialize)]
struct Reserved {
    next_producer_id: i64,
}

/// A data folder of weir-broker, locked as a running broker locks it.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    pub(crate) fn lock(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        ensure!(
            path.join("weir.json").exists(),
            "{shown} is no data folder of weir-broker: start the broker on it, create the topic, and stop the broker; or \
             give the folder with --data-dir"
        );
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path.join(".lock"));
        let lock = lock.with_context(|| format!("lock {shown}"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => anyhow::bail!("{shown} is in use; stop its weir-broker first"),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("lock {shown}")),
        }
    }

    pub(super) fn refuse_existing(&self, name: &str) -> anyhow::Result<()> {
        let path = self.path.join(name);
        ensure!(
            !path.exists(),
            "{} is there already and is left as it is: delete the topic and create it again to import it, while nobody \
             writes to it or reads it",
            path.display()
        );
        Ok(())
    }

    /// An empty folder beside the partitions; what an import that was ended before left of it is removed.
    pub(super) fn unfinished(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(format!(".import-{name}"));
        if path.exists() {
            fs::remove_dir_all(&path).with_context(|| format!("remove {}", path.display()))?;
        }
        fs::create_dir(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(path)
    }

    /// The broker gives producers no id below `next`.
    pub(super) fn reserve_producer_ids(&self, next: ProducerId) -> anyhow::Result<()> {
        let path = self.path.join(IMPORTED);
        let reserved = match fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice::<Reserved>(&bytes).with_context(|| format!("read {}", path.display()))?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Reserved { next_producer_id: 0 },
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        };
        let reserved = Reserved { next_producer_id: reserved.next_producer_id.max(next.0) };
        let fresh = self.path.join(format!(".{IMPORTED}"));
        let written = fs::write(&fresh, serde_json::to_vec(&reserved)?)
            .and_then(|()| File::open(&fresh)?.sync_all())
            .and_then(|()| fs::rename(&fresh, &path));
        written.with_context(|| format!("write {}", path.display()))
    }

    pub(super) fn abandon(&self, unfinished: &Path) {
        // The next import of the partition removes what cannot be removed now.
        let _ = fs::remove_dir_all(unfinished);
    }

    pub(super) fn finish(&self, unfinished: &Path, name: &str) -> anyhow::Result<()> {
        let sync = |path: &Path| File::open(path).and_then(|folder| folder.sync_all());
        sync(unfinished).with_context(|| format!("sync {}", unfinished.display()))?;
        let path = self.path.join(name);
        fs::rename(unfinished, &path).with_context(|| format!("make {}", path.display()))?;
        sync(&self.path).with_context(|| format!("sync {}", self.path.display()))
    }
}

/// Kafka marks an orderly stop in its data folder, and takes the mark away when it starts. A folder that was copied out
/// of there has no such surroundings.
pub(super) fn refuse_other_than_stopped_kafka(folder: &Path) -> anyhow::Result<()> {
    let folder = folder.canonicalize().with_context(|| format!("open {}", folder.display()))?;
    let around = folder.parent().unwrap_or(&folder);
    ensure!(
        !around.join("weir.json").exists(),
        "{} is a data folder of weir-broker, and its partitions are no Kafka's: start weir-broker on it, or copy the whole \
         of it while it is stopped",
        around.display()
    );
    let stopped = around.join(".kafka_cleanshutdown").exists() || !around.join("meta.properties").exists();
    ensure!(
        stopped,
        "Kafka is running on {}, or was not stopped in order; stop it with SIGTERM and wait for its end",
        around.display()
    );
    Ok(())
}
