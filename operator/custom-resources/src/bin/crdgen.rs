//! Writes the definitions of all kinds into a folder, one file per kind: `crdgen FOLDER`.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("name the folder to write to")?);
    for definition in custom_resources::definitions() {
        let name = definition.metadata.name.as_deref().ok_or("a definition has a name")?;
        let yaml = serde_yaml::to_string(&definition)?;
        let path = folder.join(format!("{name}.yaml"));
        fs::write(path, format!("# Generated from operator/custom-resources by `make generate`.\n{yaml}"))?;
    }
    Ok(())
}
