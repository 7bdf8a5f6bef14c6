//! The descriptors of the data folder: a bounded set of open files, from which the one not used for longest goes first.
//!
//! The set is the only one to hold a file for longer than one read or write. A log remembers its active segment by a
//! [`Remembered`], which costs an append no lock and keeps nothing open.

use parking_lot::Mutex;
use rustix::process::{Resource, getrlimit};
use std::{
    collections::BTreeMap,
    fs::File,
    ops::Bound,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// Files of logs may take half of what the process may open. What they do not use is for connections, but for
/// [`kept_from_sockets`].
const SHARE_OF_LIMIT: u64 = 2;
/// Beyond this many, opening again costs less than remembering.
const MOST: usize = 16 << 10;
const LEAST: usize = 16;
/// Descriptors that are given up at once when the process has none left: each failure costs a system call.
const GIVEN_UP_AT_ONCE: usize = 8;

#[derive(Debug)]
pub(super) struct OpenFiles {
    limit: AtomicUsize,
    set: Mutex<Set>,
}

/// An open file that was in the set; it may have left it since.
#[derive(Debug)]
pub(crate) struct Remembered {
    file: Weak<File>,
    used: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Set {
    by_path: BTreeMap<Arc<str>, Entry>,
    /// Oldest first. Whoever was used since it was put here is spared once.
    by_age: BTreeMap<u64, Arc<str>>,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    file: Arc<File>,
    used: Arc<AtomicBool>,
    age: u64,
}

impl Remembered {
    pub(super) fn file(&self) -> Option<Arc<File>> {
        let file = self.file.upgrade()?;
        mark(&self.used);
        Some(file)
    }
}

/// Written only if it changes: many processors read it.
fn mark(used: &AtomicBool) {
    if !used.load(Ordering::Relaxed) {
        used.store(true, Ordering::Relaxed);
    }
}

fn process_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How many connections leave the logs, and what the process needs besides, descriptors to work with.
pub(crate) fn most_connections() -> usize {
    let limit = usize::try_from(process_limit()).unwrap_or(usize::MAX);
    limit.saturating_sub(kept_from_sockets(limit)).max(1)
}

fn kept_from_sockets(limit: usize) -> usize {
    (limit / 4).clamp(64, 512)
}

impl OpenFiles {
    pub(super) fn within_process_limit() -> Self {
        Self::with_limit(usize::try_from(process_limit() / SHARE_OF_LIMIT).unwrap_or(MOST).clamp(LEAST, MOST))
    }

    pub(super) fn with_limit(limit: usize) -> Self {
        Self { limit: limit.into(), set: Mutex::default() }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    pub(super) fn get(&self, path: &str) -> Option<Arc<File>> {
        let set = self.set.lock();
        let entry = set.by_path.get(path)?;
        mark(&entry.used);
        Some(Arc::clone(&entry.file))
    }

    pub(super) fn keep(&self, path: &str, file: &Arc<File>) -> Remembered {
        let mut surplus = Vec::new();
        let mut set = self.set.lock();
        let known = set.by_path.get(path).filter(|entry| Arc::ptr_eq(&entry.file, file));
        let used = known.map(|entry| Arc::clone(&entry.used));
        let used = used.unwrap_or_else(|| {
            surplus.extend(set.forget(path));
            while set.by_path.len() >= self.limit() {
                surplus.extend(set.give_up_one());
            }
            set.insert(path.into(), Arc::clone(file))
        });
        drop(set);
        // Closing a file may take a moment: not under the lock.
        drop(surplus);
        Remembered { file: Arc::downgrade(file), used }
    }

    /// Makes room for other descriptors of the process. False if there is nothing to give up.
    pub(super) fn give_up_some(&self) -> bool {
        let mut set = self.set.lock();
        let given_up: Vec<_> = (0..GIVEN_UP_AT_ONCE).map_while(|_| set.give_up_one()).collect();
        drop(set);
        !given_up.is_empty()
    }

    pub(super) fn forget(&self, path: &str) {
        let forgotten = self.set.lock().forget(path);
        drop(forgotten);
    }

    pub(super) fn forget_folder(&self, folder: &str) {
        let mut set = self.set.lock();
        let prefix = format!("{folder}/");
        let from_there = set.by_path.range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded));
        let inside: Vec<_> =
            from_there.map(|(path, _)| path).take_while(|path| path.starts_with(&prefix)).cloned().collect();
        let forgotten: Vec<_> = inside.iter().map(|path| set.forget(path)).collect();
        drop(set);
        drop(forgotten);
    }
}

impl Set {
    fn insert(&mut self, path: Arc<str>, file: Arc<File>) -> Arc<AtomicBool> {
        let used = Arc::<AtomicBool>::default();
        let age = self.tick();
        self.by_age.insert(age, Arc::clone(&path));
        self.by_path.insert(path, Entry { file, used: Arc::clone(&used), age });
        used
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn forget(&mut self, path: &str) -> Option<Arc<File>> {
        let entry = self.by_path.remove(path)?;
        self.by_age.remove(&entry.age);
        Some(entry.file)
    }

    /// Takes out the oldest that was not used since it was last looked at. Each one is spared at most once in a call, so
    /// it ends whatever others use meanwhile.
    fn give_up_one(&mut self) -> Option<Arc<File>> {
        for _ in 0..self.by_age.len() {
            let (_, path) = self.by_age.pop_first()?;
            let now = self.tick();
            let Some(entry) = self.by_path.get_mut(&path) else { continue };
            if !entry.used.swap(false, Ordering::Relaxed) {
                return self.by_path.remove(&path).map(|entry| entry.file);
            }
            entry.age = now;
            self.by_age.insert(now, path);
        }
        let (_, path) = self.by_age.pop_first()?;
        self.by_path.remove(&path).map(|entry| entry.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Arc<File> {
        Arc::new(tempfile::tempfile().unwrap())
    }

    #[test]
    fn least_recently_used_goes_first() {
        let files = OpenFiles::with_limit(2);
        files.keep("t-0/a", &file());
        files.keep("t-0/b", &file());
        assert!(files.get("t-0/a").is_some());
        files.keep("t-0/c", &file());
        assert!(files.get("t-0/a").is_some());
        assert!(files.get("t-0/b").is_none());
    }

    #[test]
    fn remembered_file_is_not_held_open_and_its_use_counts() {
        let files = OpenFiles::with_limit(2);
        let hot = files.keep("t-0/hot", &file());
        let cold = files.keep("t-0/cold", &file());
        for other in ["t-0/a", "t-0/b", "t-0/c"] {
            assert!(hot.file().is_some());
            files.keep(other, &file());
        }
        assert!(hot.file().is_some());
        assert!(cold.file().is_none());
        while files.give_up_some() {}
        assert!(hot.file().is_none());
    }

    #[test]
    fn set_of_files_in_use_gives_up_the_oldest() {
        let files = OpenFiles::with_limit(8);
        let kept: Vec<_> = (0..8).map(|number| files.keep(&format!("t-0/{number}"), &file())).collect();
        for _ in 0..4 {
            assert_eq!(kept.iter().filter(|kept| kept.file().is_some()).count(), 8);
        }
        files.keep("t-0/one more", &file());
        assert!(kept[0].file().is_none());
        assert_eq!(kept.iter().filter(|kept| kept.file().is_some()).count(), 7);
    }

    #[test]
    fn connections_leave_a_share_of_the_descriptors() {
        assert_eq!([200, 256, 1024, 1 << 20].map(kept_from_sockets), [64, 64, 256, 512]);
    }

    #[test]
    fn forgetting_a_folder_spares_its_namesakes() {
        let files = OpenFiles::with_limit(8);
        for path in ["t-0/a", "t-1/a", "t-1/b", "t-10/a"] {
            files.keep(path, &file());
        }
        files.forget_folder("t-1");
        assert!(files.get("t-1/a").is_none() && files.get("t-1/b").is_none());
        assert!(files.get("t-0/a").is_some() && files.get("t-10/a").is_some());
    }
}
