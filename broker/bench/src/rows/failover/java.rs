//! Java's producer.

use super::{Acknowledged, KEYS, RECORDS_PER_SECOND};
use crate::systems;
use anyhow::{Context, Result};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
};

/// `VerifiableProducer` switches off what a producer has by itself.
const DEFAULTS: &str = "retries=2147483647\nenable.idempotence=true\n";

/// Kafka's `VerifiableProducer`, which tells of each record when it was acknowledged.
pub(super) struct Writer {
    child: Child,
}

impl Writer {
    pub(super) fn start(bootstrap: &str, topic: &str, acknowledged: Arc<Acknowledged>) -> Result<Self> {
        let classpath = systems::fetch_kafka(Path::new("."))?;
        let mut command: Command = systems::java(&classpath);
        command.args(["-Xmx256M", "org.apache.kafka.tools.VerifiableProducer"]);
        command.args(["--bootstrap-server", bootstrap, "--topic", topic, "--acks", "-1"]);
        command.args(["--throughput", &RECORDS_PER_SECOND.to_string(), "--repeating-keys", &KEYS.to_string()]);
        command.args(["--command-config", "/dev/stdin"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut input = child.stdin.take().context("tell the producer its settings")?;
        input.write_all(DEFAULTS.as_bytes()).context("tell the producer its settings")?;
        drop(input);
        let output = child.stdout.take().context("read what the producer says")?;
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                match told(&line) {
                    Some(Told::Acknowledged(partition)) => acknowledged.note(partition),
                    Some(Told::Failed) => acknowledged.note_failed(),
                    None => {}
                }
            }
        });
        Ok(Self { child })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// A record of this partition.
    Acknowledged(i32),
    Failed,
}

fn told(line: &str) -> Option<Told> {
    let told: serde_json::Value = serde_json::from_str(line).ok()?;
    match told["name"].as_str()? {
        "producer_send_success" => Some(Told::Acknowledged(told["partition"].as_i64()?.try_into().ok()?)),
        "producer_send_error" => Some(Told::Failed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledged_records_tell_their_partition_and_failed_ones_count() {
        let sent = r#"{"timestamp":1,"name":"producer_send_success","key":"1","value":"5","topic":"t","partition":7,"offset":3}"#;
        assert_eq!(told(sent), Some(Told::Acknowledged(7)));
        assert_eq!(told(&sent.replace("success", "error")), Some(Told::Failed));
        assert_eq!(told(&sent.replace("producer_send_success", "shutdown_complete")), None);
        assert_eq!(told("Picked up"), None);
    }
}
