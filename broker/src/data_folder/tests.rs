use super::*;
use std::os::unix::fs::PermissionsExt;

fn wanted() -> Wanted {
    Wanted {
        cluster_id: None,
        broker_id: None,
        fresh_cluster_id: ClusterId::from("fresh"),
        default_broker_id: BrokerId(1),
        controller_only: false,
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("make a folder")
}

fn refusal(path: &Path, wanted: &Wanted) -> String {
    DataFolder::open(path, wanted).expect_err("is refused").to_string()
}

#[test]
fn a_new_folder_gets_an_identity_that_the_next_start_finds() {
    let parent = folder();
    let path = parent.path().join("deep/data");
    let first = DataFolder::open(&path, &wanted()).expect("opens");
    assert!(first.is_new() && first.is_there());
    assert_eq!((first.identity().cluster_id.as_str(), first.identity().broker_id), ("fresh", BrokerId(1)));
    drop(first);
    let again = Wanted { fresh_cluster_id: ClusterId::from("other"), default_broker_id: BrokerId(9), ..wanted() };
    let second = DataFolder::open(&path, &again).expect("opens");
    assert!(!second.is_new());
    assert_eq!((second.identity().cluster_id.as_str(), second.identity().broker_id), ("fresh", BrokerId(1)));
}

#[test]
fn a_folder_in_use_is_refused_and_free_again_when_its_process_ends() {
    let parent = folder();
    let first = DataFolder::open(parent.path(), &wanted()).expect("opens");
    let message = refusal(parent.path(), &wanted());
    let process = format!("is in use by another weir-broker (process {})", std::process::id());
    assert!(message.contains(&process), "{message}");
    drop(first);
    DataFolder::open(parent.path(), &wanted()).expect("opens");
}

#[test]
fn a_folder_of_kafka_is_left_as_it_is() {
    let parent = folder();
    for name in ["orders-0", "a", "z"] {
        fs::create_dir(parent.path().join(name)).expect("make a folder");
    }
    fs::write(parent.path().join("meta.properties"), "version=1\n").expect("write a file");
    let message = refusal(parent.path(), &wanted());
    assert!(message.contains("holds data of Apache Kafka (meta.properties)"), "{message}");
    assert!(!parent.path().join(LOCK_FILE).exists(), "nothing of ours is left behind");
}

#[test]
fn a_folder_with_something_else_is_refused_and_an_empty_volume_is_not() {
    let parent = folder();
    fs::create_dir(parent.path().join("lost+found")).expect("make a folder");
    fs::write(parent.path().join(".gitignore"), "*").expect("write a file");
    fs::write(parent.path().join("weir.json.tmp"), "{").expect("write a file");
    fs::write(parent.path().join("weir.json.unfinished"), "{").expect("write a file");
    drop(DataFolder::open(parent.path(), &wanted()).expect("opens"));

    let parent = folder();
    fs::write(parent.path().join("thesis.odt"), "").expect("write a file");
    let message = refusal(parent.path(), &wanted());
    assert!(message.contains("is not empty (thesis.odt)"), "{message}");
}

#[test]
fn a_newer_format_is_refused_whatever_it_holds() {
    let parent = folder();
    fs::write(parent.path().join(IDENTITY_FILE), r#"{"format_version":2,"clusters":[]}"#).expect("write a file");
    assert!(refusal(parent.path(), &wanted()).contains("has format 2, this weir-broker knows up to 1"));
}

#[test]
fn a_damaged_identity_is_never_replaced() {
    let parent = folder();
    for text in ["", "{", r#"{"format_version":1}"#, r#"{"format_version":-1}"#] {
        fs::write(parent.path().join(IDENTITY_FILE), text).expect("write a file");
        assert!(refusal(parent.path(), &wanted()).contains("weir.json is damaged"), "{text:?}");
    }
}

#[test]
fn a_folder_of_another_broker_or_cluster_is_refused() {
    let parent = folder();
    drop(DataFolder::open(parent.path(), &wanted()).expect("opens"));
    let other = Wanted { broker_id: Some(BrokerId(2)), ..wanted() };
    assert!(refusal(parent.path(), &other).contains("belongs to broker 1, node.id is 2"));
    let other = Wanted { cluster_id: Some(ClusterId::from("mine")), ..wanted() };
    assert!(refusal(parent.path(), &other).contains("belongs to cluster fresh, not mine"));
}

#[test]
fn what_cannot_be_a_folder_is_refused() {
    let parent = folder();
    let file = parent.path().join("file");
    fs::write(&file, "").expect("write a file");
    assert!(refusal(&file, &wanted()).contains("is not a folder"));
    assert!(refusal(&file.join("data"), &wanted()).contains("cannot make it"));
}

#[test]
fn a_folder_that_may_not_be_written_is_refused() {
    let parent = folder();
    let path = parent.path().join("data");
    fs::create_dir(&path).expect("make a folder");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o555)).expect("set rights");
    // The superuser may write anyway; then there is nothing to refuse.
    if fs::write(path.join(".probe"), "").is_err() {
        assert!(refusal(&path, &wanted()).contains("cannot write to it as user "));
    }
}

#[test]
fn a_folder_that_was_deleted_is_noticed() {
    let parent = folder();
    let path = parent.path().join("data");
    let data = DataFolder::open(&path, &wanted()).expect("opens");
    fs::remove_dir_all(&path).expect("remove");
    assert!(!data.is_there());
}

#[test]
fn a_broker_does_not_take_the_folder_of_a_controller() {
    let parent = folder();
    let controller = Wanted { controller_only: true, ..wanted() };
    for _ in 0..2 {
        DataFolder::open(parent.path(), &controller).expect("opens");
        let message = refusal(parent.path(), &wanted());
        assert!(message.contains("start it with --roles controller"), "{message}");
    }
    let copied = folder();
    DataFolder::open(copied.path(), &wanted()).expect("opens");
    DataFolder::open(copied.path(), &controller).expect("opens: a controller may begin with the copy of a broker");
    refusal(copied.path(), &wanted());
}
