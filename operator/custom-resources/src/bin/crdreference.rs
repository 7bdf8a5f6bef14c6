//! Prints the reference of the resources that people write: `crdreference > docs/custom-resources.md`.

use std::{
    error::Error,
    io::{self, Write as _},
};

fn main() -> Result<(), Box<dyn Error>> {
    Ok(io::stdout().write_all(custom_resources::reference::page()?.as_bytes())?)
}
