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

/// The life before, if the logs `are_whole`; otherwise a `fresh` one, on the device when this returns. `None` where no life
/// can be written: then the broker is taken for one that may have lost anything.
pub(super) fn of(data_dir: &Path, are_whole: bool, fresh: Uuid) -> anyhow::Result<Option<LogLife>> {
    let path = data_dir.join(FILE);
    let before = fs::read_to_string(&path).ok().and_then(|text| Uuid::parse_str(text.trim()).ok());
    if let Some(before) = before.filter(|_| are_whole) {
        return Ok(Some(LogLife(before)));
    }
    match whole_file::replace(&path, format!("{fresh}\n").as_bytes()) {
        Ok(_) => Ok(Some(LogLife(fresh))),
        Err(error) => {
            tracing::warn!(%error, "the life of the logs cannot be written, other replicas are preferred to those here");
            end(data_dir)
                .with_context(|| format!("remove {}, which speaks of logs that are not whole", path.display()))?;
            Ok(None)
        }
    }
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
        of(folder, are_whole, Uuid::from_u128(fresh)).unwrap().map(|life| life.0.as_u128())
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
}
