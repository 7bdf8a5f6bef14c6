//! Small files that are replaced as a whole.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Old or new content, never a mixture, whenever the machine stops: written beside it, forced to disk, renamed over it.
/// Answers the file.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<File> {
    let unfinished = unfinished(path);
    let mut file = File::create(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    sync_folder_of(path)?;
    Ok(file)
}

/// What a replacement that a crash cut short leaves behind.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    name.into()
}

/// Names that were given and taken in the folder of this file are durable afterwards.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_leaves_the_old_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        replace(&path, b"old and longer").unwrap();
        fs::create_dir(unfinished(&path)).unwrap();
        assert!(replace(&path, b"new").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old and longer");
        fs::remove_dir(unfinished(&path)).unwrap();
        fs::write(unfinished(&path), b"left by a crash, and longer than the new content").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(!unfinished(&path).exists());
    }
}
