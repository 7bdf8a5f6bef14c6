//! What a wrong, unknown or foreign configuration leads to.

use super::process::{Process, command, run, text};

#[test]
fn a_wrong_value_stops_the_start_with_key_value_range_and_source() {
    let folder = tempfile::tempdir().expect("make a folder");
    std::fs::write(folder.path().join("server.properties"), "# mine\nlog.segment.bytes=1\n").expect("write a file");
    let mut command = command(folder.path());
    command.env("KAFKA_FETCH_MAX_BYTES", "x").args(["--config", "server.properties", "--set", "num.partitions=none"]);
    let output = command.output().expect("run weir-broker");
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    for line in [
        "weir-broker: num.partitions=none (from --set): allowed is a whole number from 1 to 2147483647\n",
        "weir-broker: log.segment.bytes=1 (from server.properties line 2): allowed is a whole number from 1048576 to 2147483647\n",
        "weir-broker: fetch.max.bytes=x (from environment variable KAFKA_FETCH_MAX_BYTES): allowed is a whole number from 1024 to 2147483647\n",
        "weir-broker: weir-broker --keys lists what each key may be\n",
    ] {
        assert!(errors.contains(line), "{errors}");
    }
    assert!(!folder.path().join("data").exists(), "nothing was made");
}

#[test]
fn an_unknown_key_is_told_with_the_nearest_name_and_passed_over() {
    let folder = tempfile::tempdir().expect("make a folder");
    let (code, log) = Process::start(folder.path(), &["--set", "num.partition=3"]).stop();
    assert_eq!(code, Some(0));
    let line = log.lines().find(|line| line.contains("unknown configuration key")).expect("is told");
    assert!(
        line.contains("WARN") && line.contains("key=\"num.partition\"") && line.contains("nearest=\"num.partitions\""),
        "{line}"
    );
}

#[test]
fn a_compose_file_for_kafkas_image_starts_with_its_clients_listeners_only() {
    let folder = tempfile::tempdir().expect("make a folder");
    let mut command = command(folder.path());
    for (name, value) in [
        ("KAFKA_NODE_ID", "3"),
        ("KAFKA_PROCESS_ROLES", "broker,controller"),
        ("KAFKA_LISTENERS", "CONTROLLER://no.such.host:29093,PLAINTEXT_HOST://127.0.0.1:0,PLAINTEXT://127.0.0.1:0"),
        ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT_HOST://localhost:9092,PLAINTEXT://broker:19092"),
        ("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT"),
        ("KAFKA_CONTROLLER_QUORUM_VOTERS", "3@broker:29093"),
        ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
        ("KAFKA_INTER_BROKER_LISTENER_NAME", "PLAINTEXT"),
        ("KAFKA_LOG_DIRS", "kraft-combined-logs"),
        ("KAFKA_HEAP_OPTS", "-Xmx1g"),
        ("KAFKA_SASL_JAAS_CONFIG", "very-secret"),
        ("CLUSTER_ID", "4L6g3nShT-eMCtK--X86sw"),
        ("WEIR_ADMIN_LISTEN", "127.0.0.1:0"),
    ] {
        command.env(name, value);
    }
    let process = Process::start_command(command);
    assert!(process.greeting.contains("Kafka clients     localhost:9092 broker:19092\n"), "{}", process.greeting);
    let (code, log) = process.stop();
    assert_eq!(code, Some(0));
    assert_eq!(log.matches("controller.quorum.voters").count(), 1, "{log}");
    assert!(!log.contains("very-secret") && !log.contains("unknown configuration key"), "{log}");
    let identity = std::fs::read_to_string(folder.path().join("kraft-combined-logs/weir.json")).expect("was written");
    assert!(identity.contains("4L6g3nShT-eMCtK--X86sw") && identity.contains("\"broker_id\":3"), "{identity}");
}

#[test]
fn help_teaches_and_keys_are_listed() {
    let folder = tempfile::tempdir().expect("make a folder");
    let help = run(folder.path(), &["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for word in ["Examples:", "--data-dir", "--set", "KAFKA_LOG_RETENTION_MS", "the first of these wins"] {
        assert!(text(&help.stdout).contains(word), "{word}");
    }
    let keys = run(folder.path(), &["--keys"]);
    assert!(text(&keys.stdout).contains("log.retention.ms\n"));
    let version = run(folder.path(), &["--version"]);
    assert_eq!(text(&version.stdout), concat!("weir-broker ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_flag_that_does_not_exist_is_refused_with_a_usage_error() {
    let folder = tempfile::tempdir().expect("make a folder");
    let output = run(folder.path(), &["--datadir", "x"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--data-dir"), "the nearest flag is told");
}

#[test]
fn yaml_and_properties_mean_the_same() {
    for (name, content) in [
        ("broker.yaml", "listeners: PLAINTEXT://127.0.0.1:0\nweir.admin.listen: 127.0.0.1:0\nlog: {dirs: there}\n"),
        (
            "broker.properties",
            "listeners = PLAINTEXT://127.0.0.1:0\nweir.admin.listen: 127.0.0.1:0\nlog.dirs \\\n  there\n",
        ),
    ] {
        let folder = tempfile::tempdir().expect("make a folder");
        std::fs::write(folder.path().join(name), content).expect("write a file");
        let mut command = command(folder.path());
        command.args(["--config", name]);
        let (code, _) = Process::start_command(command).stop();
        assert_eq!(code, Some(0));
        assert!(folder.path().join("there/weir.json").exists());
    }
}

#[test]
fn logs_are_json_on_request_and_each_line_is_an_object() {
    let folder = tempfile::tempdir().expect("make a folder");
    let (_, log) = Process::start(folder.path(), &["--log-format", "json", "--set", "unknown.key.here=1"]).stop();
    let messages: Vec<String> = log
        .lines()
        .map(|line| {
            let object: serde_json::Value = serde_json::from_str(line).expect("is JSON");
            object["message"].as_str().expect("has a message").to_owned()
        })
        .collect();
    for message in ["unknown configuration key", "broker ready", "stopping", "stopped"] {
        assert!(messages.iter().any(|found| found == message), "{messages:?}");
    }
}
