//! The state behind a disk in memory.

use crate::FileEntry;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

/// What a file was synced as, and what happened to it since.
#[derive(Debug, Clone, Default)]
pub(super) struct File {
    pub(super) content: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Change>,
    /// Room that it holds though it is shorter.
    reserved_to: u64,
    /// A sync failed: of what was written before, the device may lack anything, and later syncs leave it out.
    lost_writes: bool,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Debug, Clone)]
enum NameChange {
    Set(String, usize),
    Renamed(String, String, usize),
    Gone(String),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Inner {
    pub(super) files: Vec<File>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    unsynced_names: Vec<NameChange>,
    folders: BTreeSet<String>,
    pub(super) changes: u64,
    pub(super) syncs: u64,
    recalls: u64,
    pub(super) crash_at: Option<u64>,
    pub(super) seed: u64,
    pub(super) crashed: bool,
    pub(super) capacity: Option<u64>,
    pub(super) failing: Option<io::ErrorKind>,
    pub(super) fail_at: Option<(u64, io::ErrorKind)>,
}

/// What becomes of one change.
enum Fate {
    Happens,
    /// The process dies: it happens in part (0 = not at all, `u64::MAX` = wholly).
    Dies(u64),
}

impl Inner {
    pub(super) fn alive(&self) -> io::Result<()> {
        if self.crashed { Err(io::Error::other("the process is dead")) } else { Ok(()) }
    }

    fn change(&mut self) -> io::Result<Fate> {
        self.alive()?;
        let number = self.changes;
        self.changes += 1;
        if let Some(kind) = self.failing {
            return Err(kind.into());
        }
        if let Some((change, kind)) = self.fail_at
            && change == number
        {
            return Err(kind.into());
        }
        if self.crash_at != Some(number) {
            return Ok(Fate::Happens);
        }
        self.crashed = true;
        Ok(Fate::Dies(mix(self.seed ^ number)))
    }

    /// For changes that happen wholly or not at all.
    fn whole(&mut self) -> io::Result<Fate> {
        match self.change()? {
            Fate::Dies(draw) if draw % 2 == 0 => Err(io::Error::other("the process is dead")),
            fate => Ok(fate),
        }
    }

    fn end(fate: &Fate) -> io::Result<()> {
        match fate {
            Fate::Happens => Ok(()),
            Fate::Dies(_) => Err(io::Error::other("the process is dead")),
        }
    }

    pub(super) fn write(&mut self, id: usize, position: u64, mut bytes: Vec<u8>) -> io::Result<()> {
        let fate = self.change()?;
        if let Fate::Dies(draw) = fate {
            bytes.truncate(usize::try_from(draw % (bytes.len() as u64 + 1)).expect("at most the length"));
        }
        let start = usize::try_from(position).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut full = false;
        if let Some(capacity) = self.capacity {
            let growth = ((start + bytes.len()) as u64).saturating_sub(self.files[id].held());
            let free = capacity.saturating_sub(self.used());
            if growth > free {
                full = true;
                bytes.truncate(
                    bytes.len() - usize::try_from(growth - free).expect("part of the bytes").min(bytes.len()),
                );
            }
        }
        let file = &mut self.files[id];
        put_bytes(&mut file.content, start, &bytes);
        file.unsynced.push(Change::Write(start, bytes));
        if full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Self::end(&fate)
    }

    pub(super) fn used(&self) -> u64 {
        self.names.values().map(|id| self.files[*id].held()).sum()
    }

    /// Changes nothing that can be read.
    pub(super) fn reserve(&mut self, id: usize, end: u64) -> io::Result<()> {
        self.alive()?;
        let growth = end.saturating_sub(self.files[id].held());
        let is_too_much = self.capacity.is_some_and(|capacity| self.used() + growth > capacity);
        let file = &mut self.files[id];
        file.reserved_to = if is_too_much { 0 } else { file.reserved_to.max(end) };
        if is_too_much { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    pub(super) fn truncate(&mut self, id: usize, length: u64) -> io::Result<()> {
        let fate = self.whole()?;
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.files[id].content.resize(length, 0);
        self.files[id].reserved_to = 0;
        self.files[id].unsynced.push(Change::Truncate(length));
        Self::end(&fate)
    }

    pub(super) fn sync(&mut self, id: usize) -> io::Result<()> {
        let fate = self.whole();
        let crashed = self.crashed;
        let file = &mut self.files[id];
        match &fate {
            Err(_) if crashed => {}
            Err(_) => {
                file.unsynced.clear();
                file.lost_writes = true;
            }
            Ok(_) if file.lost_writes => {
                for change in file.unsynced.drain(..) {
                    change.apply_to(&mut file.synced);
                }
            }
            Ok(_) => {
                file.synced = file.content.clone();
                file.unsynced.clear();
            }
        }
        let fate = fate?;
        self.syncs += 1;
        Self::end(&fate)
    }

    pub(super) fn open(&self, path: &str) -> io::Result<usize> {
        self.alive()?;
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn is_still_open(&mut self) -> bool {
        self.recalls += 1;
        self.recalls % 2 == 1
    }

    pub(super) fn create(&mut self, path: &str) -> io::Result<usize> {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !self.folders.contains(folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let fate = self.whole()?;
        self.files.push(File::default());
        let id = self.files.len() - 1;
        self.set_name(path, id);
        Self::end(&fate).map(|()| id)
    }

    fn set_name(&mut self, path: &str, id: usize) {
        self.names.insert(path.to_owned(), id);
        self.unsynced_names.push(NameChange::Set(path.to_owned(), id));
    }

    fn drop_name(&mut self, path: &str) {
        self.names.remove(path);
        self.unsynced_names.push(NameChange::Gone(path.to_owned()));
    }

    pub(super) fn list(&self, folder: &str) -> io::Result<Vec<FileEntry>> {
        self.alive()?;
        if !self.folders.contains(folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let prefix = format!("{folder}/");
        let inside = self.names.iter().filter_map(|(path, id)| Some((path.strip_prefix(&prefix)?, *id)));
        Ok(inside
            .map(|(name, id)| FileEntry { name: name.to_owned(), length: self.files[id].content.len() as u64 })
            .collect())
    }

    /// Folders survive everything: the shell syncs the data folder when it makes one.
    pub(super) fn create_folder(&mut self, folder: &str) -> io::Result<()> {
        self.alive()?;
        self.folders.insert(folder.to_owned());
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let id = self.open(from)?;
        let fate = self.whole()?;
        self.names.remove(from);
        self.names.insert(to.to_owned(), id);
        self.unsynced_names.push(NameChange::Renamed(from.to_owned(), to.to_owned(), id));
        Self::end(&fate)
    }

    pub(super) fn remove(&mut self, path: &str) -> io::Result<()> {
        self.open(path)?;
        let fate = self.whole()?;
        self.drop_name(path);
        Self::end(&fate)
    }

    pub(super) fn sync_folder(&mut self, _folder: &str) -> io::Result<()> {
        let fate = self.whole()?;
        self.syncs += 1;
        self.synced_names = self.names.clone();
        self.unsynced_names.clear();
        Self::end(&fate)
    }

    pub(super) fn flip_bits(&mut self, path: &str, position: u64, bits: u8) {
        let place = self.names.get(path).zip(usize::try_from(position).ok());
        if let Some((id, position)) = place
            && let Some(byte) = self.files[*id].content.get_mut(position)
        {
            *byte ^= bits;
        }
    }

    pub(super) fn content(&self, path: &str) -> Option<Vec<u8>> {
        self.names.get(path).map(|id| self.files[*id].content.clone())
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    pub(super) fn put(&mut self, path: &str, content: Vec<u8>) {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.folders.insert(folder.to_owned());
        }
        self.files.push(File { synced: content.clone(), content, ..File::default() });
        let id = self.files.len() - 1;
        self.names.insert(path.to_owned(), id);
        self.synced_names.insert(path.to_owned(), id);
    }

    pub(super) fn after_process_death(&self) -> Self {
        Self {
            files: self.files.clone(),
            names: self.names.clone(),
            synced_names: self.synced_names.clone(),
            unsynced_names: self.unsynced_names.clone(),
            folders: self.folders.clone(),
            ..Self::default()
        }
    }

    /// Of unsynced name changes a prefix survives; of unsynced writes each, a part of it, or nothing, zeros filling holes.
    pub(super) fn after_machine_loss(&self, seed: u64) -> Self {
        let mut names = self.synced_names.clone();
        let survive = mix(seed) % (self.unsynced_names.len() as u64 + 1);
        for change in self.unsynced_names.iter().take(usize::try_from(survive).expect("at most the number of changes"))
        {
            match change {
                NameChange::Set(path, id) => {
                    names.insert(path.clone(), *id);
                }
                NameChange::Renamed(from, to, id) => {
                    names.remove(from);
                    names.insert(to.clone(), *id);
                }
                NameChange::Gone(path) => {
                    names.remove(path);
                }
            }
        }
        let files = self.files.iter().enumerate().map(|(id, file)| file.after_loss(mix(seed ^ id as u64))).collect();
        Self { files, synced_names: names.clone(), names, folders: self.folders.clone(), ..Self::default() }
    }
}

impl File {
    fn held(&self) -> u64 {
        self.reserved_to.max(self.content.len() as u64)
    }

    fn after_loss(&self, seed: u64) -> Self {
        let mut content = self.synced.clone();
        for (number, change) in self.unsynced.iter().enumerate() {
            let draw = mix(seed ^ (number as u64) << 8);
            match (change, draw % 4) {
                (_, 0) => {}
                (Change::Truncate(length), _) => content.resize(*length, 0),
                (Change::Write(start, bytes), 1) => {
                    let length = usize::try_from((draw >> 8) % (bytes.len() as u64 + 1)).expect("part of the bytes");
                    put_bytes(&mut content, *start, &bytes[..length]);
                }
                // The new length reached the disk, the bytes did not.
                (Change::Write(start, bytes), 2) => {
                    let length = content.len().max(start + bytes.len());
                    content.resize(length, 0);
                }
                (Change::Write(start, bytes), _) => put_bytes(&mut content, *start, bytes),
            }
        }
        Self { synced: content.clone(), content, ..Self::default() }
    }
}

impl Change {
    fn apply_to(self, content: &mut Vec<u8>) {
        match self {
            Self::Write(start, bytes) => put_bytes(content, start, &bytes),
            Self::Truncate(length) => content.resize(length, 0),
        }
    }
}

fn put_bytes(content: &mut Vec<u8>, start: usize, bytes: &[u8]) {
    let end = start + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[start..end].copy_from_slice(bytes);
}

/// SplitMix64: well spread draws from a number.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
