//! Makes the messages of `proto/` into Rust, with a compiler that is itself a crate.

use std::{env, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(["control_plane.proto"], ["proto"])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    // Of the same name on the wire, so in a folder of its own. Only tests use it.
    let first = PathBuf::from(env::var("OUT_DIR")?).join("first");
    fs::create_dir_all(&first)?;
    let descriptors = protox::compile(["control_plane.proto"], ["proto/recorded/first"])?;
    tonic_prost_build::configure().out_dir(first).compile_fds(descriptors)?;
    Ok(())
}
