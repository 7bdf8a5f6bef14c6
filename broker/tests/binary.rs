//! `weir-broker` as a person or a container runtime meets it: flags, messages, exit codes, signals.

mod binary {
    mod cluster;
    mod configuration;
    mod data_folder;
    mod life;
    pub(crate) mod process;
}
