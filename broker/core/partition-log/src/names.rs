//! File names of a log, as Kafka has them.

use model::Offset;

pub(crate) const LOG: &str = ".log";
pub(crate) const INDEX: &str = ".index";
pub(crate) const TIME_INDEX: &str = ".timeindex";
pub(crate) const TRANSACTION_INDEX: &str = ".txnindex";
pub(crate) const SNAPSHOT: &str = ".snapshot";
pub(crate) const LEADER_EPOCHS: &str = "leader-epoch-checkpoint";
pub(crate) const PARTITION_METADATA: &str = "partition.metadata";
/// Waits for its removal.
pub(crate) const DELETED: &str = ".deleted";
/// A compaction in progress; worthless after a crash.
pub(crate) const CLEANED: &str = ".cleaned";
/// A finished compaction on its way in; taken over after a crash.
pub(crate) const SWAP: &str = ".swap";
/// A small file being written.
pub(crate) const TEMPORARY: &str = ".tmp";

/// What belongs to one segment, the records last: whoever sees the records sees the rest.
pub(crate) const SEGMENT_SUFFIXES: [&str; 4] = [INDEX, TIME_INDEX, TRANSACTION_INDEX, LOG];

/// Digits of a name.
const DIGITS: usize = 20;

/// `00000000000000000042.log`
pub(crate) fn file_name(offset: Offset, suffix: &str) -> String {
    with_name(String::with_capacity(DIGITS + suffix.len()), offset, suffix)
}

/// The file of that name in a folder.
pub(crate) fn path(folder: &str, offset: Offset, suffix: &str) -> String {
    let mut path = String::with_capacity(folder.len() + 1 + DIGITS + suffix.len());
    path.push_str(folder);
    path.push('/');
    with_name(path, offset, suffix)
}

/// Made for every read, so not by a formatter, which writes zeros one by one.
fn with_name(mut path: String, offset: Offset, suffix: &str) -> String {
    let mut digits = [b'0'; DIGITS];
    let mut rest = offset.0.unsigned_abs();
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    path.extend(digits.map(char::from));
    path.push_str(suffix);
    path
}

/// The offset of a name with exactly this suffix.
pub(crate) fn offset_of(name: &str, suffix: &str) -> Option<Offset> {
    let digits = name.strip_suffix(suffix)?;
    if digits.len() != DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(Offset)
}
