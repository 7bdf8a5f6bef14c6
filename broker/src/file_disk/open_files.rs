//! Descriptors worth keeping: the least recently used goes when there are too many.

use parking_lot::Mutex;
use rustix::process::{Resource, getrlimit};
use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    sync::Arc,
};

/// A third of what the process may open; connections and active segments take the rest.
const SHARE_OF_LIMIT: u64 = 3;
/// Beyond this many, opening again costs less than remembering.
const MOST: usize = 8192;
const LEAST: usize = 16;

#[derive(Debug)]
pub(super) struct OpenFiles {
    limit: usize,
    set: Mutex<Set>,
}

#[derive(Debug, Default)]
struct Set {
    by_path: HashMap<Box<str>, (Arc<File>, u64)>,
    by_use: BTreeMap<u64, Box<str>>,
    clock: u64,
}

impl OpenFiles {
    pub(super) fn within_process_limit() -> Self {
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let limit = usize::try_from(descriptors / SHARE_OF_LIMIT).unwrap_or(MOST).clamp(LEAST, MOST);
        Self::with_limit(limit)
    }

    pub(super) fn with_limit(limit: usize) -> Self {
        Self { limit, set: Mutex::default() }
    }

    pub(super) fn get(&self, path: &str) -> Option<Arc<File>> {
        let mut set = self.set.lock();
        let now = set.tick();
        let (file, used) = set.by_path.get_mut(path)?;
        let file = Arc::clone(file);
        let before = std::mem::replace(used, now);
        let path = set.by_use.remove(&before)?;
        set.by_use.insert(now, path);
        Some(file)
    }

    pub(super) fn keep(&self, path: &str, file: &Arc<File>) {
        let mut set = self.set.lock();
        set.forget(path);
        while set.by_path.len() >= self.limit {
            let Some((_, oldest)) = set.by_use.pop_first() else { break };
            set.by_path.remove(&oldest);
        }
        let now = set.tick();
        set.by_path.insert(path.into(), (Arc::clone(file), now));
        set.by_use.insert(now, path.into());
    }

    pub(super) fn forget(&self, path: &str) {
        self.set.lock().forget(path);
    }

    pub(super) fn forget_folder(&self, folder: &str) {
        let mut set = self.set.lock();
        let inside = |path: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        set.by_path.retain(|path, _| !inside(path));
        set.by_use.retain(|_, path| !inside(path));
    }
}

impl Set {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn forget(&mut self, path: &str) {
        if let Some((_, used)) = self.by_path.remove(path) {
            self.by_use.remove(&used);
        }
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
    fn forgetting_a_folder_spares_its_namesakes() {
        let files = OpenFiles::with_limit(8);
        files.keep("t-1/a", &file());
        files.keep("t-10/a", &file());
        files.forget_folder("t-1");
        assert!(files.get("t-1/a").is_none());
        assert!(files.get("t-10/a").is_some());
    }
}
