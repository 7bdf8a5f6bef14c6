//! `kafka-broker-api-versions`: often the health check of a container.

use super::{
    connect,
    flags::{Flags, Given, plain, with},
};
use crate::{
    client::{Purpose, Topics},
    output::{Format, Out},
};
use kafka_protocol::messages::ApiKey;
use std::process::ExitCode;

pub(super) static FLAGS: Flags = Flags {
    about: "Shows which versions of each API the brokers offer.",
    flags: &[
        with("bootstrap-server", "String: server to connect to", "REQUIRED: brokers to connect to"),
        with("command-config", "String: config file", "A file of client properties"),
        plain("help", "Print this"),
        plain("version", "Print the version"),
    ],
};

pub(super) async fn run(given: &Given) -> anyhow::Result<ExitCode> {
    given.require("bootstrap-server")?;
    let admin = connect(given).await?;
    let metadata = admin.cluster.metadata(Topics::None, false).await?;
    let mut out = Out::new(Format::Table);
    for broker in metadata.brokers.values() {
        let connection = admin.cluster.broker(broker.id, Purpose::Requests).await?;
        let rack = broker.rack.as_deref().unwrap_or("null");
        out.line(&format!("{} (id: {} rack: {rack} isFenced: false) -> (", broker.address, broker.id))?;
        let lines: Vec<String> = connection.offered().iter().map(|(key, range)| line(*key, *range)).collect();
        out.line(&lines.join(",\n"))?;
        out.line(")")?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn line(key: i16, (min, max): (i16, i16)) -> String {
    let versions = if min == max { min.to_string() } else { format!("{min} to {max}") };
    let Ok(api) = ApiKey::try_from(key) else {
        return format!("\tUNKNOWN({key}): {versions} [unusable: node too new]");
    };
    let known = api.valid_versions();
    let usable = known.max.min(max);
    if usable >= known.min.max(min) {
        format!("\t{api:?}({key}): {versions} [usable: {usable}]")
    } else {
        format!("\t{api:?}({key}): {versions} [unusable: node too {}]", if max < known.min { "old" } else { "new" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apis_are_listed_as_by_kafka() {
        assert_eq!(line(3, (0, 13)), "\tMetadata(3): 0 to 13 [usable: 13]");
        assert_eq!(line(75, (0, 0)), "\tDescribeTopicPartitions(75): 0 [usable: 0]");
        assert_eq!(line(999, (0, 1)), "\tUNKNOWN(999): 0 to 1 [unusable: node too new]");
    }
}
