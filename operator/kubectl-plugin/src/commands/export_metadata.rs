//! `kubectl weir export-metadata`.

use crate::{access::Access, arguments::ExportMetadata, exported, metadata, output};
use anyhow::Context as _;
use kube::ResourceExt as _;
use std::{
    fs::File,
    io::{self, Write as _},
    process::ExitCode,
};

pub(super) async fn run(access: &Access, asked: ExportMetadata) -> anyhow::Result<ExitCode> {
    // That is there when the Cluster is gone, too.
    let name = match asked.named.cluster {
        Some(name) => name,
        None => access.cluster(None).await?.name_any(),
    };
    let metadata = metadata::read(access, &name).await?;
    let text = format!("{:#}\n", exported::export(&metadata));
    match &asked.file {
        None => io::stdout().lock().write_all(text.as_bytes())?,
        Some(path) => {
            let told = || format!("write {}", path.display());
            let mut file = File::create_new(path).with_context(told)?;
            file.write_all(text.as_bytes()).with_context(told)?;
            // It may be all that is left of a cluster.
            file.sync_all().with_context(told)?;
        }
    }
    let version = metadata.image.metadata_version;
    output::note(&format!("metadata of {name}, version {version}: {} topics", metadata.image.topics.len()));
    Ok(ExitCode::SUCCESS)
}
