//! Java's producer.

use super::{Acknowledged, KEYS, RECORDS_PER_SECOND};
use crate::systems;
use anyhow::{Context, Result};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
};

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
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = child.stdout.take().context("read what the producer says")?;
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(partition) = acknowledged_partition(&line) {
                    acknowledged.note(partition);
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

fn acknowledged_partition(line: &str) -> Option<i32> {
    let told: serde_json::Value = serde_json::from_str(line).ok()?;
    (told["name"] == "producer_send_success").then(|| told["partition"].as_i64()?.try_into().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledged_records_tell_their_partition_and_others_do_not() {
        let sent = r#"{"timestamp":1,"name":"producer_send_success","key":"1","value":"5","topic":"t","partition":7,"offset":3}"#;
        assert_eq!(acknowledged_partition(sent), Some(7));
        assert_eq!(acknowledged_partition(&sent.replace("success", "error")), None);
        assert_eq!(acknowledged_partition("Picked up"), None);
    }
}
