//! Whose folder it is, and who may use it.

use super::process::{Process, run, text};
use std::fs;

const ANY_PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin-listen", "none"];

fn refused(folder: &std::path::Path, data_dir: &str) -> String {
    let mut arguments = ANY_PORTS.to_vec();
    arguments.extend(["--data-dir", data_dir]);
    let output = run(folder, &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    text(&output.stderr).lines().last().expect("says why").to_owned()
}

#[test]
fn a_second_broker_on_a_folder_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().expect("make a folder");
    let first = Process::start(folder.path(), &[]);
    let message = refused(folder.path(), "data");
    assert!(message.contains("is in use by another weir-broker (process "), "{message}");
    assert!(first.get("/readyz").ends_with("ready\n"));
}

#[test]
fn a_folder_of_kafka_or_of_somebody_else_is_refused() {
    let folder = tempfile::tempdir().expect("make a folder");
    fs::create_dir_all(folder.path().join("kafka/orders-0")).expect("make a folder");
    fs::write(folder.path().join("kafka/meta.properties"), "version=1\n").expect("write a file");
    assert!(refused(folder.path(), "kafka").contains("holds data of Apache Kafka"));
    fs::create_dir_all(folder.path().join("photos")).expect("make a folder");
    fs::write(folder.path().join("photos/1.jpg"), "").expect("write a file");
    assert!(refused(folder.path(), "photos").contains("is not empty (1.jpg)"));
    fs::create_dir_all(folder.path().join("later")).expect("make a folder");
    fs::write(folder.path().join("later/weir.json"), r#"{"format_version":99}"#).expect("write a file");
    assert!(refused(folder.path(), "later").contains("has format 99"));
}

#[test]
fn a_folder_that_is_taken_away_ends_the_process_with_an_error() {
    let folder = tempfile::tempdir().expect("make a folder");
    let process = Process::start(folder.path(), &[]);
    fs::rename(folder.path().join("data"), folder.path().join("elsewhere")).expect("take the folder away");
    let (code, log) = process.wait();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("is gone"), "{log}");
}
