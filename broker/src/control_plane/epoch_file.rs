//! The highest controller epoch that this broker has acted by, kept in its data folder.
//!
//! ```text
//! <data-dir>/controller-epoch: two slots of 512 bytes, one sector each
//!
//! 0        8                 16           20            512
//! +--------+-----------------+------------+-------------+
//! |WEIREPOC| epoch           | CRC-32C of | zeros       |   (numbers big-endian)
//! |        |                 | bytes 0-16 |             |
//! +--------+-----------------+------------+-------------+
//! ```
//!
//! The higher of the valid slots counts; a new epoch overwrites the other one. So no write can damage what counts, and
//! none needs room on the disk: a full one must not keep a broker from following the controller that makes room.

use crate::whole_file;
use anyhow::{Context, bail};
use crc_fast::CrcAlgorithm::Crc32Iscsi;
use model::ControllerEpoch;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::Path,
};

const FILE: &str = "controller-epoch";
const SLOT: usize = 512;
const MAGIC: &[u8; 8] = b"WEIREPOC";

#[derive(Debug)]
pub(crate) struct EpochFile {
    file: File,
    highest: ControllerEpoch,
    /// Where the highest is.
    slot: u64,
}

impl EpochFile {
    /// Reads it, or makes that of a broker that never had a controller.
    pub(crate) fn open(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => make(&path).context("make the file")?,
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        };
        let valid = (0..).zip(bytes.chunks(SLOT)).filter_map(|(slot, bytes)| Some((read_slot(bytes)?, slot)));
        let Some((highest, slot)) = valid.max() else {
            bail!(
                "{} is damaged: which controllers this broker may obey cannot be told. Restore it from a copy; or remove it, where no controller of earlier times can be running any more",
                path.display()
            );
        };
        let file = OpenOptions::new().write(true).open(&path).with_context(|| format!("open {}", path.display()))?;
        Ok(Self { file, highest, slot })
    }

    pub(crate) fn highest(&self) -> ControllerEpoch {
        self.highest
    }

    /// On the device once this returns.
    pub(crate) fn raise_to(&mut self, epoch: ControllerEpoch) -> io::Result<()> {
        if epoch <= self.highest {
            return Ok(());
        }
        let other = 1 - self.slot;
        self.file.write_all_at(&slot(epoch), other * SLOT as u64)?;
        self.file.sync_data()?;
        (self.highest, self.slot) = (epoch, other);
        Ok(())
    }
}

fn make(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = [slot(ControllerEpoch(0)), slot(ControllerEpoch(0))].concat();
    whole_file::replace(path, &bytes)?;
    Ok(bytes)
}

fn slot(epoch: ControllerEpoch) -> [u8; SLOT] {
    let mut bytes = [0; SLOT];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&epoch.0.to_be_bytes());
    let checksum = checksum(&bytes[..16]);
    bytes[16..20].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn read_slot(bytes: &[u8]) -> Option<ControllerEpoch> {
    let (content, sum) = (bytes.get(..16)?, bytes.get(16..20)?);
    let is_valid = content[..8] == *MAGIC && sum == checksum(content).to_be_bytes();
    is_valid.then(|| ControllerEpoch(i64::from_be_bytes(content[8..].try_into().expect("has 8 bytes"))))
}

fn checksum(bytes: &[u8]) -> u32 {
    u32::try_from(crc_fast::checksum(Crc32Iscsi, bytes)).expect("a CRC-32 has 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raised(epochs: &[i64]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut file = EpochFile::open(folder.path()).unwrap();
        for epoch in epochs {
            file.raise_to(ControllerEpoch(*epoch)).unwrap();
        }
        folder
    }

    fn highest(folder: &tempfile::TempDir) -> i64 {
        EpochFile::open(folder.path()).unwrap().highest().0
    }

    fn damage(folder: &tempfile::TempDir, position: usize) {
        let path = folder.path().join(FILE);
        let mut bytes = fs::read(&path).unwrap();
        bytes[position] ^= 1;
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn the_highest_epoch_outlives_the_process_and_never_sinks() {
        assert_eq!(highest(&raised(&[])), 0);
        assert_eq!(highest(&raised(&[1, 2, 9])), 9);
        assert_eq!(highest(&raised(&[5, 4])), 5);
    }

    #[test]
    fn a_write_that_was_cut_short_leaves_the_epoch_before() {
        let folder = raised(&[3, 4]);
        let newest = if fs::read(folder.path().join(FILE)).unwrap()[15] == 4 { 0 } else { SLOT };
        damage(&folder, newest + 15);
        assert_eq!(highest(&folder), 3);
    }

    #[test]
    fn a_file_without_a_valid_slot_stops_the_start() {
        let folder = raised(&[3]);
        damage(&folder, 0);
        damage(&folder, SLOT + 12);
        let error = EpochFile::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("controller-epoch is damaged"), "{error}");
    }
}
