//! The one folder that holds everything a broker keeps: whose it is, and that only one process uses it.
//!
//! ```text
//! <data-dir>/
//!   .lock              held by the running process (flock); its text is the process id
//!   weir.json          identity: {"format_version":1,"cluster_id":"…","broker_id":1}
//!   metadata/          the controller's file
//!   <topic>-<n>/       one folder per partition, in Kafka's format
//! ```
//!
//! A folder is ours by its identity file. Without one only an empty folder is taken; whatever else is there was put there
//! by somebody who would not want it mixed with ours.

use crate::whole_file;
use model::{BrokerId, ClusterId};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const LOCK_FILE: &str = ".lock";
const IDENTITY_FILE: &str = "weir.json";

/// What this program writes and the newest it reads.
pub const FORMAT_VERSION: u32 = 1;

/// A killed process keeps its lock until the kernel has taken all its threads down, which a supervisor that starts the
/// next one does not wait for.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_RETRY: Duration = Duration::from_millis(5);

/// A locked folder. Dropping it releases the lock.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    identity: Identity,
    is_new: bool,
    _lock: File,
}

/// Whose data a folder holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub format_version: u32,
    pub cluster_id: ClusterId,
    pub broker_id: BrokerId,
    /// A process that was only the controller was here. A broker that took its metadata for its own would be a second one
    /// with the id of another, and without its records.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub controller_only: bool,
}

/// What the start asks of a folder.
#[derive(Debug)]
pub struct Wanted {
    /// `None` takes the cluster id of the folder, and a fresh one for a new folder.
    pub cluster_id: Option<ClusterId>,
    /// `None` takes the id of the folder.
    pub broker_id: Option<BrokerId>,
    /// What a new folder gets where nothing is asked.
    pub fresh_cluster_id: ClusterId,
    pub default_broker_id: BrokerId,
    /// The process is no broker.
    pub controller_only: bool,
}

/// Why a folder is not used. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    #[error("data folder {path}: cannot {action}{}: {error}; {advice}", by_whom(error))]
    Io { path: PathBuf, action: &'static str, error: io::Error, advice: &'static str },
    #[error("data folder {path} is not a folder; give another with --data-dir")]
    NotAFolder { path: PathBuf },
    #[error(
        "data folder {path} is in use by another weir-broker{process}; stop that one, or give another folder with --data-dir"
    )]
    InUse { path: PathBuf, process: String },
    #[error(
        "data folder {path} holds data of Apache Kafka ({witness}) and is left as it is; give another folder with --data-dir, and copy partitions into it with weir import"
    )]
    Kafka { path: PathBuf, witness: String },
    #[error(
        "data folder {path} is not empty ({witness}) and was not made by weir-broker; give an empty folder with --data-dir"
    )]
    Foreign { path: PathBuf, witness: String },
    #[error(
        "data folder {path} has format {found}, this weir-broker knows up to {FORMAT_VERSION}; start the newer version that wrote it, or give another folder with --data-dir"
    )]
    NewerFormat { path: PathBuf, found: u32 },
    #[error(
        "data folder {path}: {IDENTITY_FILE} is damaged ({reason}); restore it from a backup, it names the cluster and the broker"
    )]
    DamagedIdentity { path: PathBuf, reason: String },
    #[error(
        "data folder {path} belongs to broker {found}, node.id is {asked}; set node.id={found}, or give another folder with --data-dir"
    )]
    OtherBroker { path: PathBuf, found: BrokerId, asked: BrokerId },
    #[error(
        "data folder {path} belongs to cluster {found}, not {asked}; set that cluster id, or give another folder with --data-dir"
    )]
    OtherCluster { path: PathBuf, found: ClusterId, asked: ClusterId },
    #[error(
        "data folder {path} is that of a cluster's controller; start it with --roles controller, or give another folder with --data-dir"
    )]
    OfController { path: PathBuf },
}

impl DataFolder {
    /// Makes the folder if it is not there, locks it, and reads or writes its identity.
    pub fn open(path: &Path, wanted: &Wanted) -> Result<Self, DataFolderError> {
        let advice = "check that its parent exists and that this user may write there, or give another with --data-dir";
        match fs::metadata(path) {
            Ok(metadata) if !metadata.is_dir() => return Err(DataFolderError::NotAFolder { path: path.to_owned() }),
            Ok(_) => {}
            Err(_) => fs::create_dir_all(path).map_err(|error| failed(path, "make it", error, advice))?,
        }
        let path = path.canonicalize().map_err(|error| failed(path, "find it", error, advice))?;
        // Before the lock: a folder of somebody else must not get a file of ours.
        refuse_foreign(&path)?;
        let lock = lock(&path)?;
        let (mut identity, is_new) = match read_identity(&path)? {
            Some(identity) => (identity, false),
            None => {
                refuse_foreign(&path)?;
                let identity = Identity {
                    format_version: FORMAT_VERSION,
                    cluster_id: wanted.cluster_id.clone().unwrap_or_else(|| wanted.fresh_cluster_id.clone()),
                    broker_id: wanted.broker_id.unwrap_or(wanted.default_broker_id),
                    controller_only: wanted.controller_only,
                };
                write_identity(&path, &identity)?;
                (identity, true)
            }
        };
        check_wanted(&path, &identity, wanted)?;
        if wanted.controller_only && !identity.controller_only {
            identity.controller_only = true;
            write_identity(&path, &identity)?;
        }
        Ok(Self { path, identity, is_new, _lock: lock })
    }

    /// Absolute, without links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether this start made it.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether the folder that is at the path is still ours. A volume that was taken away or a folder that was deleted
    /// would otherwise go unnoticed: files that are open can still be written, and are lost.
    pub fn is_there(&self) -> bool {
        fs::metadata(self.path.join(IDENTITY_FILE)).is_ok()
    }
}

fn failed(path: &Path, action: &'static str, error: io::Error, advice: &'static str) -> DataFolderError {
    DataFolderError::Io { path: path.to_owned(), action, error, advice }
}

/// In a container the user is rarely the one who made the folder.
fn by_whom(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => format!(" as user {}", rustix::process::geteuid().as_raw()),
        _ => String::new(),
    }
}

fn refuse_foreign(path: &Path) -> Result<(), DataFolderError> {
    if path.join(IDENTITY_FILE).exists() {
        return Ok(());
    }
    let read = |error| failed(path, "read it", error, "check that this user may read it");
    for entry in fs::read_dir(path).map_err(read)? {
        let name = entry.map_err(read)?.file_name().to_string_lossy().into_owned();
        // Kafka writes these before any topic.
        if matches!(name.as_str(), "meta.properties" | "bootstrap.checkpoint" | "__cluster_metadata-0") {
            return Err(DataFolderError::Kafka { path: path.to_owned(), witness: name });
        }
        // Hidden files are no data, and a fresh file system has its own folder.
        if !name.starts_with('.') && name != "lost+found" && !is_unfinished_identity(&name) {
            return foreign(path, name);
        }
    }
    Ok(())
}

/// A folder with data but without its witness first in the listing is Kafka's all the same.
fn foreign(path: &Path, witness: String) -> Result<(), DataFolderError> {
    if path.join("meta.properties").exists() {
        return Err(DataFolderError::Kafka { path: path.to_owned(), witness: "meta.properties".to_owned() });
    }
    Err(DataFolderError::Foreign { path: path.to_owned(), witness })
}

fn is_unfinished_identity(name: &str) -> bool {
    // The latter from before there was one way to replace files.
    Path::new(name) == whole_file::unfinished(Path::new(IDENTITY_FILE)) || name == "weir.json.tmp"
}

fn lock(path: &Path) -> Result<File, DataFolderError> {
    const ADVICE: &str = "check that this user may write there and that the file system is not read-only";
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path.join(LOCK_FILE))
        .map_err(|error| failed(path, "write to it", error, ADVICE))?;
    match lock_within(&file, LOCK_PATIENCE) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut process = String::new();
            // Only for the message; the number may be missing while the other process starts.
            let _ = (&file).take(20).read_to_string(&mut process);
            let process = if process.is_empty() { process } else { format!(" (process {})", process.trim()) };
            return Err(DataFolderError::InUse { path: path.to_owned(), process });
        }
        Err(error) => return Err(failed(path, "lock it", error.into(), "use a file system that has locks")),
    }
    let write = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    write.map_err(|error| failed(path, "write to it", error, ADVICE))?;
    Ok(file)
}

fn lock_within(file: &File, patience: Duration) -> Result<(), rustix::io::Errno> {
    let began = Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) if began.elapsed() < patience => std::thread::sleep(LOCK_RETRY),
            outcome => return outcome,
        }
    }
}

fn read_identity(path: &Path) -> Result<Option<Identity>, DataFolderError> {
    /// Only what every format has, so that a newer one is recognised whatever else it holds.
    #[derive(Deserialize)]
    struct Format {
        format_version: u32,
    }
    let bytes = match fs::read(path.join(IDENTITY_FILE)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, "read weir.json", error, "check that this user may read it")),
    };
    let damaged = |error: serde_json::Error| DataFolderError::DamagedIdentity {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let Format { format_version: found } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if found > FORMAT_VERSION {
        return Err(DataFolderError::NewerFormat { path: path.to_owned(), found });
    }
    Ok(Some(serde_json::from_slice(&bytes).map_err(damaged)?))
}

fn write_identity(path: &Path, identity: &Identity) -> Result<(), DataFolderError> {
    let write = || -> io::Result<File> {
        let mut content = serde_json::to_vec(identity)?;
        content.push(b'\n');
        whole_file::replace(&path.join(IDENTITY_FILE), &content)
    };
    write().map(drop).map_err(|error| failed(path, "write to it", error, "check the space and the rights of this user"))
}

fn check_wanted(path: &Path, identity: &Identity, wanted: &Wanted) -> Result<(), DataFolderError> {
    if let Some(asked) = wanted.broker_id.filter(|asked| *asked != identity.broker_id) {
        return Err(DataFolderError::OtherBroker { path: path.to_owned(), found: identity.broker_id, asked });
    }
    if let Some(asked) = wanted.cluster_id.clone().filter(|asked| *asked != identity.cluster_id) {
        return Err(DataFolderError::OtherCluster { path: path.to_owned(), found: identity.cluster_id.clone(), asked });
    }
    if identity.controller_only && !wanted.controller_only {
        return Err(DataFolderError::OfController { path: path.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
