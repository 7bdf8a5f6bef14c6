//! The life of this broker's logs: random bytes in `<data-dir>/log-life` that stay the same as long as the logs have all they
//! ever had. The controller lets a broker that comes back lead only what it cannot have lost.

use crate::whole_file;
use anyhow::Context;
use model::LogLife;
use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
};
use uuid::Uuid;

const FILE: &str = "log-life";

/// Behind the life's id in the file, until the controller has heard it.
const BEGAN_EMPTY: &str = "began-empty";

/// The logs at the start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) are_whole: bool,
    pub(super) are_none: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    /// `None` where none can be written: then the broker is taken for one that may have lost anything.
    pub(super) id: Option<LogLife>,
    /// Nothing was there when it began, not even a life before: the disk is another one.
    pub(super) began_empty: bool,
}

/// The life before, if the logs are whole; otherwise a `fresh` one, on the device when this returns.
pub(super) fn of(data_dir: &Path, found: Found, fresh: Uuid) -> anyhow::Result<Life> {
    let path = data_dir.join(FILE);
    let before = fs::read_to_string(&path).ok().and_then(|text| read(&text));
    if let Some(before) = before.filter(|_| found.are_whole) {
        return Ok(before);
    }
    let began_empty = found.are_none && before.is_none_or(|before| before.began_empty);
    let id = match write(&path, fresh, began_empty) {
        Ok(()) => Some(LogLife(fresh)),
        Err(error) => {
            tracing::warn!(%error, "the life of the logs cannot be written, other replicas are preferred to those here");
            end(data_dir)
                .with_context(|| format!("remove {}, which speaks of logs that are not whole", path.display()))?;
            None
        }
    };
    Ok(Life { id, began_empty })
}

/// The controller knows of this life, and what it began with: what gets lost from here on is another matter.
pub(super) fn has_registered(data_dir: &Path, life: Life) -> io::Result<()> {
    match life {
        Life { id: Some(LogLife(id)), began_empty: true } => write(&data_dir.join(FILE), id, false),
        _ => Ok(()),
    }
}

fn write(path: &Path, id: Uuid, began_empty: bool) -> io::Result<()> {
    let text = if began_empty { format!("{id} {BEGAN_EMPTY}\n") } else { format!("{id}\n") };
    whole_file::replace(path, text.as_bytes()).map(drop)
}

fn read(text: &str) -> Option<Life> {
    let mut words = text.split_whitespace();
    let id = Uuid::parse_str(words.next()?).ok()?;
    Some(Life { id: Some(LogLife(id)), began_empty: words.next() == Some(BEGAN_EMPTY) })
}

/// Something of the logs was lost while the broker runs: the next start must not claim otherwise.
pub(crate) fn end(data_dir: &Path) -> io::Result<()> {
    let path = data_dir.join(FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => whole_file::sync_folder_of(&path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(folder: &Path, are_whole: bool, fresh: u128) -> Option<u128> {
        let found = Found { are_whole, are_none: false };
        let life = of(folder, found, Uuid::from_u128(fresh)).unwrap();
        assert!(!life.began_empty);
        life.id.map(|life| life.0.as_u128())
    }

    #[test]
    fn life_goes_on_while_the_logs_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(life(folder.path(), true, 1), Some(1), "there was none before");
        assert_eq!(life(folder.path(), true, 2), Some(1));
        assert_eq!(life(folder.path(), false, 3), Some(3));
        assert_eq!(life(folder.path(), true, 4), Some(3));
        end(folder.path()).unwrap();
        assert_eq!(life(folder.path(), true, 5), Some(5));
    }

    #[test]
    fn damaged_file_claims_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "not a life").unwrap();
        assert_eq!(life(folder.path(), true, 7), Some(7));
    }

    #[test]
    fn life_that_cannot_be_written_is_unknown_and_the_one_before_is_over() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(life(folder.path(), true, 1), Some(1));
        // In the way of the temporary file.
        fs::create_dir(folder.path().join("log-life.unfinished")).unwrap();
        assert_eq!(life(folder.path(), false, 2), None);
        fs::remove_dir(folder.path().join("log-life.unfinished")).unwrap();
        assert_eq!(life(folder.path(), true, 3), Some(3));
    }

    #[test]
    fn life_that_began_with_an_empty_disk_says_so_until_the_controller_has_heard_it() {
        let folder = tempfile::tempdir().unwrap();
        let began_empty = |are_whole, are_none, fresh| {
            let life = of(folder.path(), Found { are_whole, are_none }, Uuid::from_u128(fresh)).unwrap();
            (life.id.unwrap().0.as_u128(), life.began_empty)
        };
        assert_eq!(began_empty(false, true, 1), (1, true));
        assert_eq!(began_empty(false, true, 2), (2, true), "the controller may not have heard of the one before");
        assert_eq!(began_empty(true, false, 3), (2, true));
        has_registered(folder.path(), Life { id: Some(LogLife(Uuid::from_u128(2))), began_empty: true }).unwrap();
        assert_eq!(began_empty(true, true, 3), (2, false), "it holds nothing yet");
        assert_eq!(began_empty(false, true, 4), (4, false), "there was a life before");
    }
}
