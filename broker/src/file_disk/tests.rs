use super::*;
use parking_lot::{Condvar, Mutex};

/// What becomes of calls of one kind: writes, or syncs.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    state: Mutex<CallState>,
    goes_on: Condvar,
}

#[derive(Debug, Default)]
struct CallState {
    hangs_next: bool,
    hangs: bool,
    fails: bool,
}

impl Calls {
    pub(crate) fn hang_next(&self) {
        self.state.lock().hangs_next = true;
    }

    pub(crate) fn one_hangs(&self) -> bool {
        self.state.lock().hangs
    }

    /// The one that hangs, and all later ones.
    pub(crate) fn go_on(&self, fail: bool) {
        let mut state = self.state.lock();
        (state.hangs, state.fails) = (false, fail);
        self.goes_on.notify_all();
    }

    pub(super) fn begin(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        if std::mem::take(&mut state.hangs_next) {
            state.hangs = true;
            self.goes_on.wait_while(&mut state, |state| state.hangs);
        }
        if state.fails { Err(Errno::IO.into()) } else { Ok(()) }
    }
}

fn disk() -> (tempfile::TempDir, FileDisk) {
    let folder = tempfile::tempdir().unwrap();
    let disk = FileDisk::new(folder.path());
    disk.create_folder("t-0").unwrap();
    (folder, disk)
}

#[test]
fn many_pieces_are_written_one_after_the_other() {
    let (_folder, disk) = disk();
    let file = disk.create("t-0/a").unwrap();
    let pieces: Vec<Vec<u8>> = (0..3000u32).map(|piece| piece.to_le_bytes().to_vec()).collect();
    let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    file.write_at(4, &slices).unwrap();
    let mut read = vec![0; 12_000];
    assert_eq!(file.read_at(4, &mut read).unwrap(), 12_000);
    assert_eq!(read, pieces.concat());
}

#[test]
fn rest_of_a_short_write_lands_where_it_belongs() {
    let (_folder, disk) = disk();
    let file = disk.create("t-0/a").unwrap();
    file.file.write_all_at(b"abc", 0).unwrap();
    let pieces = [IoSlice::new(b"ab"), IoSlice::new(b"cde"), IoSlice::new(b"f")];
    write_rest(&file.file, &pieces, 0, 3).unwrap();
    let mut read = [0; 6];
    file.read_at(0, &mut read).unwrap();
    assert_eq!(&read, b"abcdef");
}

#[test]
fn created_anew_is_not_served_from_the_old_descriptor() {
    let (_folder, disk) = disk();
    disk.create("t-0/a").unwrap().write_at(0, &[IoSlice::new(b"old")]).unwrap();
    let old = disk.open("t-0/a").unwrap();
    disk.rename("t-0/a", "t-0/b").unwrap();
    disk.create("t-0/a").unwrap();
    assert_eq!(disk.open("t-0/a").unwrap().length().unwrap(), 0);
    assert_eq!(old.length().unwrap(), 3, "open handles stay usable");
}

#[test]
fn preallocation_keeps_the_length_and_truncation_gives_it_back() {
    let (_folder, disk) = disk();
    let file = disk.create("t-0/a").unwrap();
    file.write_at(0, &[IoSlice::new(&[1; 100])]).unwrap();
    file.preallocate(0, 1 << 20).unwrap();
    assert_eq!(file.length().unwrap(), 100);
    file.truncate(100).unwrap();
    assert_eq!(file.length().unwrap(), 100);
    use std::os::unix::fs::MetadataExt;
    assert!(file.file.metadata().unwrap().blocks() < 1024, "reserved blocks were given back");
}

#[test]
fn missing_file_is_not_found() {
    let (_folder, disk) = disk();
    assert_eq!(disk.open("t-0/none").unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(disk.list("none-0").unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn process_without_a_descriptor_closes_files_and_tries_again() {
    let (_folder, disk) = disk();
    let paths: Vec<String> = (0..16).map(|number| format!("t-0/{number}.log")).collect();
    let remembered: Vec<_> = paths.iter().map(|path| disk.remember(path, &disk.create(path).unwrap())).collect();
    let open = || remembered.iter().filter(|file| disk.recall(file).is_some()).count();
    let none_left = || io::Error::from(Errno::MFILE);
    assert_eq!(open(), 16);
    let failures = std::cell::Cell::new(1);
    disk.with_descriptor(|| if failures.replace(0) > 0 { Err(none_left()) } else { Ok(()) }).unwrap();
    assert!((1..16).contains(&open()), "{} files open", open());
    let error = disk.with_descriptor(|| Err::<(), _>(none_left())).unwrap_err();
    assert_eq!((Errno::from_io_error(&error), open()), (Some(Errno::MFILE), 0));
    disk.open(&paths[0]).unwrap();
}
