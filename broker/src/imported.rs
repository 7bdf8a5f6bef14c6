//! What `weir import` leaves beside the partitions it brought from another cluster.
//!
//! ```text
//! <data-dir>/imported.json   {"next_producer_id":5000}
//! ```
//!
//! Imported records name producers that got their ids elsewhere. A new producer with one of those ids would have its first
//! batches taken for duplicates of theirs.

use anyhow::Context;
use model::ProducerId;
use serde::Deserialize;
use std::{fs, io::ErrorKind, path::Path};

const FILE: &str = "imported.json";

#[derive(Deserialize)]
struct Imported {
    next_producer_id: i64,
}

/// The first producer id that no imported record has.
pub(crate) fn next_producer_id(data_dir: &Path) -> anyhow::Result<ProducerId> {
    let path = data_dir.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(ProducerId(0)),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    let imported: Imported = serde_json::from_str(&text).with_context(|| {
        format!("{} is damaged; restore it, or import the partitions again into a new folder", path.display())
    })?;
    Ok(ProducerId(imported.next_producer_id))
}

#[cfg(test)]
mod tests {
    use crate::api::fixture::Fixture;

    #[tokio::test]
    async fn producers_of_imported_records_share_their_ids_with_nobody() {
        let mut broker = Fixture::start().await;
        let first = broker.broker().producer_ids.next().await.unwrap().0;
        assert!(first < 5_000);
        std::fs::write(broker.folder.path().join("imported.json"), r#"{"next_producer_id":5000}"#).unwrap();
        broker.restart().await;
        assert_eq!(broker.broker().producer_ids.next().await.unwrap().0, 5_000);
        broker.restart().await;
        assert_eq!(broker.broker().producer_ids.next().await.unwrap().0, 6_000);
    }
}
