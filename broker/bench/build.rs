//! Builds `rdkafka_performance`, librdkafka's own load tool, from the source that the package `rdkafka-sys` carries.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "librdkafka")]
    performance_tool();
}

#[cfg(feature = "librdkafka")]
fn performance_tool() {
    use std::{env, path::PathBuf};
    // The package builds in a copy of its source and tells where.
    let library = PathBuf::from(env::var_os("DEP_RDKAFKA_ROOT").expect("rdkafka-sys tells its folder"));
    let tool = PathBuf::from(env::var_os("OUT_DIR").expect("cargo gives a folder")).join("rdkafka_performance");
    let mut compile = cc::Build::new().get_compiler().to_command();
    compile.arg("-O2").arg("-w").arg("-I").arg(library.join("src")).arg("-o").arg(&tool);
    compile.arg(library.join("examples/rdkafka_performance.c")).arg(library.join("src/librdkafka.a"));
    compile.args(["-lm", "-ldl", "-lpthread", "-lrt"]);
    let status = compile.status().expect("a C compiler starts");
    assert!(status.success(), "rdkafka_performance does not compile");
    println!("cargo:rustc-env=RDKAFKA_PERFORMANCE={}", tool.display());
}
