use super::*;
use control_plane::{
    Published,
    store::conformance::{self, Storage},
};
use controller::MetadataChange;
use model::{MetadataVersion, ProducerId, TopicId};
use std::io::{Seek, SeekFrom};

const ID: &str = "a-cluster";

fn open(folder: &Path) -> anyhow::Result<Files> {
    Files::open(folder.join("metadata"), &ClusterId::from(ID))
}

/// A commit of one change: `next` producer ids are handed out.
fn change(files: &Files, next: i64) -> Commit {
    let record = MetadataRecord::ProducerIdsReserved { next: ProducerId(next) };
    commit_of(files, vec![record])
}

fn commit_of(files: &Files, records: Vec<MetadataRecord>) -> Commit {
    let expected = files.committed.metadata_version;
    let change = MetadataChange { version: expected.next(), records };
    let mut image = ClusterImage::clone(&files.committed);
    image.apply(&change).unwrap();
    Commit { expected, changes: vec![change], image: Arc::new(image) }
}

/// A folder with `commits` commits, and the image after each of them, the first being the empty one.
fn written(commits: i64) -> (tempfile::TempDir, Vec<Arc<ClusterImage>>) {
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path()).unwrap();
    let mut images = vec![files.committed.clone()];
    for next in 1..=commits {
        let commit = change(&files, next);
        files.commit(commit).unwrap();
        images.push(files.committed.clone());
    }
    (folder, images)
}

fn journal(folder: &Path) -> PathBuf {
    folder.join("metadata/journal")
}

fn snapshot(folder: &Path) -> PathBuf {
    folder.join("metadata/snapshot")
}

fn message(result: anyhow::Result<Files>) -> String {
    format!("{:#}", result.map(|_| ()).unwrap_err())
}

struct InFolder(tempfile::TempDir);

impl Storage for InFolder {
    type Store = MetadataFile;

    async fn open(&mut self) -> MetadataFile {
        MetadataFile::open(self.0.path(), &ClusterId::from(ID)).unwrap()
    }
}

#[tokio::test]
async fn does_what_every_store_does() {
    conformance::check(&mut InFolder(tempfile::tempdir().unwrap())).await;
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let (folder, images) = written(3);
    let mut files = open(folder.path()).unwrap();
    assert_eq!(&files.committed, images.last().unwrap());
    let commit = change(&files, 40);
    files.commit(commit).unwrap();
    assert_eq!(open(folder.path()).unwrap().committed.next_producer_id, ProducerId(40));
}

#[test]
fn a_journal_cut_at_any_byte_keeps_every_whole_commit() {
    let (folder, images) = written(4);
    let bytes = fs::read(journal(folder.path())).unwrap();
    let mut ends = vec![PREAMBLE];
    while let frame::Found::Frame { end, .. } = frame::read(&bytes, *ends.last().unwrap()) {
        ends.push(end);
    }
    assert_eq!((ends.len(), *ends.last().unwrap()), (images.len(), bytes.len()));
    for length in PREAMBLE..=bytes.len() {
        fs::write(journal(folder.path()), &bytes[..length]).unwrap();
        let mut files = open(folder.path()).unwrap();
        let whole = ends.iter().filter(|end| **end <= length).count() - 1;
        assert_eq!(files.committed, images[whole], "cut at {length}");
        assert_eq!(fs::metadata(journal(folder.path())).unwrap().len(), ends[whole] as u64, "the tail is gone");
        let commit = change(&files, 99);
        files.commit(commit).unwrap();
        assert_eq!(open(folder.path()).unwrap().committed.next_producer_id, ProducerId(99), "cut at {length}");
    }
}

#[test]
fn a_tail_of_zeros_or_noise_is_cut_off() {
    let (folder, images) = written(2);
    let bytes = fs::read(journal(folder.path())).unwrap();
    for tail in [&[0u8; 500][..], &[0xff; 33], b"{\"producer_ids_reserved\":{\"next\":7}}"] {
        fs::write(journal(folder.path()), [&bytes[..], tail].concat()).unwrap();
        assert_eq!(open(folder.path()).unwrap().committed, images[2]);
    }
}

#[test]
fn a_flipped_bit_is_never_taken_for_truth() {
    let (folder, images) = written(3);
    let path = journal(folder.path());
    let bytes = fs::read(&path).unwrap();
    let frame::Found::Frame { end: first_end, .. } = frame::read(&bytes, PREAMBLE) else { panic!() };
    let frame::Found::Frame { end: last_start, .. } = frame::read(&bytes, first_end) else { panic!() };
    for position in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        let result = open(folder.path());
        if position >= last_start {
            // Nothing follows: it looks like a write that a crash cut short.
            assert_eq!(result.unwrap().committed, images[2], "byte {position}");
        } else {
            let text = message(result);
            let expected = if position < PREAMBLE { "metadata file of Weir" } else { "committed changes follow" };
            assert!(text.contains(expected) && text.contains("journal"), "byte {position}: {text}");
            assert_eq!(fs::read(&path).unwrap(), damaged, "a refused file is left as it is");
        }
    }
}

#[test]
fn a_damaged_or_missing_snapshot_is_refused() {
    let (folder, _) = written(2);
    let path = snapshot(folder.path());
    let bytes = fs::read(&path).unwrap();
    for position in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        assert!(open(folder.path()).is_err(), "byte {position}");
    }
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        assert!(open(folder.path()).is_err(), "cut at {length}");
    }
    fs::remove_file(&path).unwrap();
    assert!(message(open(folder.path())).contains("snapshot is missing"));
}

#[test]
fn a_damaged_snapshot_is_made_again_from_the_generation_before() {
    let (folder, images) = written(3);
    let mut files = open(folder.path()).unwrap();
    files.rewrite().unwrap();
    for next in 4..=5 {
        let commit = change(&files, next);
        files.commit(commit).unwrap();
    }
    let newest = files.committed.clone();
    let bytes = fs::read(snapshot(folder.path())).unwrap();
    let kept: Vec<_> = ["snapshot", "snapshot.previous", "journal", "journal.previous"]
        .map(|name| folder.path().join("metadata").join(name))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .to_vec();
    let begin_again = |position: usize| {
        // As new files: the names of one generation may be those of another.
        for (path, content) in &kept {
            fs::remove_file(path).ok();
            fs::write(path, content).unwrap();
        }
        let mut damaged = bytes.clone();
        damaged[position] ^= 0x10;
        fs::write(snapshot(folder.path()), &damaged).unwrap();
    };
    for position in PREAMBLE + frame::HEADER..bytes.len() {
        begin_again(position);
        assert_eq!(open(folder.path()).unwrap().committed, newest, "byte {position}");
        fs::remove_file(folder.path().join("metadata/snapshot.previous")).unwrap();
        assert_eq!(open(folder.path()).unwrap().committed, newest, "the snapshot is whole again");
    }
    // What was written and not committed is not taken for what led to the snapshot.
    begin_again(bytes.len() - 1);
    let previous = folder.path().join("metadata/journal.previous");
    let uncommitted = MetadataRecord::ProducerIdsReserved { next: ProducerId(77) };
    let uncommitted = MetadataChange { version: images[3].metadata_version.next(), records: vec![uncommitted] };
    let payload = serde_json::to_vec(&[&uncommitted]).unwrap();
    let whole = fs::read(&previous).unwrap();
    fs::write(&previous, [&whole[..], &frame::encode(uncommitted.version, &payload)].concat()).unwrap();
    assert_eq!(open(folder.path()).unwrap().committed, newest);
    // Less than what led to it is refused.
    begin_again(bytes.len() - 1);
    fs::write(&previous, &whole[..whole.len() - 1]).unwrap();
    assert!(message(open(folder.path())).contains("snapshot is damaged"));
    fs::remove_file(&previous).unwrap();
    assert!(message(open(folder.path())).contains("snapshot is damaged"));
}

#[test]
fn a_missing_journal_is_refused_once_there_were_changes() {
    let (folder, _) = written(1);
    let mut files = open(folder.path()).unwrap();
    files.rewrite().unwrap();
    fs::remove_file(journal(folder.path())).unwrap();
    assert!(message(open(folder.path())).contains("journal is missing"));
}

#[test]
fn partitions_without_metadata_are_not_taken_for_a_new_cluster() {
    let (folder, images) = written(2);
    fs::create_dir(folder.path().join("orders-0")).unwrap();
    assert_eq!(open(folder.path()).unwrap().committed, images[2]);
    fs::remove_dir_all(folder.path().join("metadata")).unwrap();
    let text = message(open(folder.path()));
    assert!(text.contains("orders-0") && text.contains("metadata is missing"), "{text}");
    assert!(!folder.path().join("metadata").exists(), "nothing was made");
}

#[test]
fn a_start_that_died_before_the_first_journal_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).unwrap();
    fs::remove_file(journal(folder.path())).unwrap();
    let mut files = open(folder.path()).unwrap();
    let commit = change(&files, 5);
    files.commit(commit).unwrap();
    assert_eq!(open(folder.path()).unwrap().committed.next_producer_id, ProducerId(5));
}

#[test]
fn a_newer_format_and_another_cluster_are_refused_with_advice() {
    let (folder, _) = written(1);
    let bytes = fs::read(snapshot(folder.path())).unwrap();
    let mut newer = bytes.clone();
    newer[8..12].copy_from_slice(&(frame::FORMAT + 1).to_be_bytes());
    let checksum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &newer[..16]) as u32;
    newer[16..20].copy_from_slice(&checksum.to_be_bytes());
    fs::write(snapshot(folder.path()), &newer).unwrap();
    let text = message(open(folder.path()));
    assert!(text.contains("newer Weir") && text.contains("format 2"), "{text}");
    fs::write(snapshot(folder.path()), &bytes).unwrap();
    let other = Files::open(folder.path().join("metadata"), &ClusterId::from("other"));
    assert!(message(other).contains("mixed up"));
}

#[test]
fn a_crash_between_the_new_snapshot_and_the_new_journal_repeats_nothing() {
    let (folder, images) = written(3);
    let old_journal = fs::read(journal(folder.path())).unwrap();
    let mut files = open(folder.path()).unwrap();
    files.rewrite().unwrap();
    assert_eq!(open(folder.path()).unwrap().committed, images[3]);
    fs::write(journal(folder.path()), &old_journal).unwrap();
    let mut files = open(folder.path()).unwrap();
    assert_eq!(files.committed, images[3]);
    let commit = change(&files, 50);
    files.commit(commit).unwrap();
    assert_eq!(open(folder.path()).unwrap().committed.next_producer_id, ProducerId(50));
}

#[test]
fn a_long_journal_becomes_a_snapshot() {
    let (folder, _) = written(0);
    let mut files = open(folder.path()).unwrap();
    let filler = || MetadataRecord::BrokerConfigChanged {
        broker: None,
        changes: vec![controller::record::ConfigChange {
            name: "log.cleanup.policy".to_owned(),
            value: Some("x".repeat(1 << 20)),
        }],
    };
    let mut longest = 0;
    for _ in 0..10 {
        let commit = commit_of(&files, vec![filler()]);
        files.commit(commit).unwrap();
        longest = longest.max(files.journal.as_ref().unwrap().length);
    }
    assert!(longest < SMALL_JOURNAL_BYTES + (2 << 20), "the journal had {longest} bytes");
    assert_eq!(open(folder.path()).unwrap().committed, files.committed);
}

#[test]
fn a_stale_expectation_is_a_conflict() {
    let (folder, _) = written(1);
    let mut files = open(folder.path()).unwrap();
    let stale = change(&files, 7);
    let first = change(&files, 8);
    files.commit(first).unwrap();
    assert_eq!(files.commit(stale), Err(CommitError::Conflict));
    assert_eq!(open(folder.path()).unwrap().committed.next_producer_id, ProducerId(8));
}

#[test]
fn after_a_failed_write_the_next_commit_starts_afresh() {
    let (folder, images) = written(2);
    let mut files = open(folder.path()).unwrap();
    // A handle that cannot be written to fails as a full disk does; part of the frame may have reached the file.
    let reader = File::open(journal(folder.path())).unwrap();
    let length = files.journal.as_ref().unwrap().length;
    let scrap = OpenOptions::new().write(true).open(journal(folder.path())).unwrap();
    scrap.write_all_at(b"half a frame", length).unwrap();
    files.journal = Some(Journal { file: reader, length, reserved_to: length, is_disk_full: false });
    let lost = change(&files, 70);
    assert!(matches!(files.commit(lost), Err(CommitError::Failed(_))));
    assert_eq!(files.committed, images[2], "nothing of it is true");
    let commit = change(&files, 80);
    files.commit(commit).unwrap();
    let mut expected = ClusterImage::clone(&images[2]);
    expected.next_producer_id = ProducerId(80);
    expected.metadata_version = expected.metadata_version.next();
    assert_eq!(*open(folder.path()).unwrap().committed, expected);
}

#[test]
fn a_commit_goes_behind_the_last_frame_wherever_the_file_stands() {
    let (folder, _) = written(2);
    let mut files = open(folder.path()).unwrap();
    // Where a write that the disk cut short, and that was cut off again, leaves it.
    files.journal.as_ref().unwrap().file.try_clone().unwrap().seek(SeekFrom::End(100)).unwrap();
    let commit = change(&files, 60);
    files.commit(commit).unwrap();
    let mut files = open(folder.path()).unwrap();
    assert_eq!(files.committed.next_producer_id, ProducerId(60));
    files.rewrite().unwrap();
    files.journal.as_ref().unwrap().file.try_clone().unwrap().seek(SeekFrom::End(100)).unwrap();
    let commit = change(&files, 61);
    files.commit(commit).unwrap();
    assert_eq!(open(folder.path()).unwrap().committed.next_producer_id, ProducerId(61));
}

#[test]
fn only_what_makes_room_may_use_the_reserve() {
    let (folder, _) = written(0);
    let mut files = open(folder.path()).unwrap();
    let id = TopicId::ZERO;
    let topic = MetadataRecord::TopicCreated { id, name: "a".into(), partitions: Vec::new() };
    let create = commit_of(&files, vec![topic]);
    assert!(!may_use_reserve(&create, 100) && !may_use_reserve(&change(&files, 1), 100));
    files.commit(create).unwrap();
    assert!(may_use_reserve(&commit_of(&files, vec![MetadataRecord::TopicDeleted { id }]), 100));
    let take_over = MetadataRecord::ControllerEpochRaised(model::ControllerEpoch(1));
    assert!(may_use_reserve(&commit_of(&files, vec![take_over]), 100), "every start takes over");
}

#[test]
fn broker_is_lost_on_a_full_disk_too_whatever_others_ask_in_that_moment() {
    let asked = MetadataRecord::ProducerIdsReserved { next: ProducerId(1000) };
    let lost = MetadataRecord::BrokerFenced { id: model::BrokerId(1), epoch: model::BrokerEpoch(1) };
    let changes = vec![MetadataChange { version: MetadataVersion(1), records: vec![asked, lost] }];
    let image = Arc::new(ClusterImage::empty(ClusterId::from(ID)));
    let both = Commit { expected: MetadataVersion(0), changes, image };
    assert!(may_use_reserve(&both, LITTLE_BYTES) && !may_use_reserve(&both, LITTLE_BYTES + 1));
}

#[test]
fn the_reserve_is_behind_the_end_of_the_journal() {
    use std::os::unix::fs::MetadataExt;
    let (folder, _) = written(1);
    let files = open(folder.path()).unwrap();
    let journal = files.journal.as_ref().unwrap();
    let on_disk = fs::metadata(folder.path().join("metadata/journal")).unwrap();
    assert_eq!(on_disk.len(), journal.length, "recovery sees no zeros");
    if journal.reserved_to > journal.length {
        assert!(on_disk.blocks() * 512 >= RESERVED_BYTES, "only {} blocks", on_disk.blocks());
    }
}

#[test]
fn a_vanished_folder_fails_commits_and_a_returned_one_heals() {
    let (folder, images) = written(1);
    let mut files = open(folder.path()).unwrap();
    files.journal = None;
    let away = folder.path().join("away");
    fs::rename(folder.path().join("metadata"), &away).unwrap();
    let commit = change(&files, 9);
    assert!(matches!(files.commit(commit.clone()), Err(CommitError::Failed(_))));
    assert_eq!(files.committed, images[1]);
    fs::rename(&away, folder.path().join("metadata")).unwrap();
    files.commit(commit).unwrap();
    assert_eq!(open(folder.path()).unwrap().committed.next_producer_id, ProducerId(9));
}

#[test]
fn controller_that_starts_with_a_copy_goes_on_above_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let image = Arc::new(ClusterImage {
        metadata_version: MetadataVersion(80),
        next_producer_id: ProducerId(5),
        ..ClusterImage::empty(ClusterId::from(ID))
    });
    let copy = folder.path().join("metadata-copy");
    for _ in 0..2 {
        let published = Published { image: Arc::clone(&image), changes: Vec::new() };
        MetadataCopy::in_folder(copy.clone()).keep(published).unwrap();
    }
    assert_eq!(read_copy(&copy).unwrap().as_ref(), Some(&*image), "to the broker it is what it was");
    fs::rename(&copy, folder.path().join("metadata")).unwrap();
    for _ in 0..2 {
        let committed = open(folder.path()).unwrap().committed;
        assert_eq!((committed.metadata_version, committed.next_producer_id.0), (MetadataVersion(81), 1_000_000_005));
    }
    let mut files = open(folder.path()).unwrap();
    let commit = change(&files, 2_000_000_000);
    files.commit(commit).unwrap();
    assert_eq!(open(folder.path()).unwrap().committed.metadata_version, MetadataVersion(82));
}
