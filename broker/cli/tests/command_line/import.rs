//! Partitions of Apache Kafka, copied in without a broker.

use crate::support::weir;
use std::fs;
use tempfile::TempDir;

#[test]
fn what_is_imported_before_a_folder_fails_is_told() {
    let (ours, kafka) = (TempDir::new().expect("make a folder"), TempDir::new().expect("make a folder"));
    fs::write(ours.path().join("weir.json"), "{}").expect("write a file");
    let folders = ["orders-0", "orders-2", "orders-x"].map(|name| {
        let folder = kafka.path().join(name);
        fs::create_dir(&folder).expect("make a folder");
        fs::write(folder.join("00000000000000000007.log"), "").expect("write a file");
        folder.display().to_string()
    });
    let [first, second, wrong] = folders.each_ref().map(String::as_str);
    let into = ["--data-dir", ours.path().to_str().expect("text")];
    let import = |folders: &[&str]| weir(&[&["import"], folders, &into].concat());

    let failed = import(&[first, wrong, second]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.stdout.contains("orders          0") && !failed.stdout.contains("orders          2"), "{failed:?}");
    assert!(failed.stderr.contains(&format!("to be left out when this is repeated: {first};")), "{failed:?}");
    assert!(failed.stderr.contains("orders-x: not the folder of a partition"), "{failed:?}");

    let rest = import(&[second]).ok();
    assert!(
        rest.ends_with("1 partition imported; create what is not there yet: orders with at least 3 partitions\n"),
        "{rest}"
    );
}
