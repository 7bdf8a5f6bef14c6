//! The command line of `weir-broker`.

use super::{
    definitions::{Definition, Effect},
    layers::{FlagValue, Sources},
};
use clap::Parser;
use std::{fmt::Write, path::PathBuf};

const EXAMPLES: &str = "\
Examples:
  weir-broker                                   serve 127.0.0.1:9092, data in ./data
  weir-broker --data-dir /var/lib/weir --listen 0.0.0.0:9092 \\
              --set advertised.listeners=PLAINTEXT://kafka.example.org:9092
  weir-broker --config server.properties --set log.retention.ms=3600000
  KAFKA_NUM_PARTITIONS=6 weir-broker --set auto.create.topics.enable=false

  A cluster of several brokers; each process has its own folder, ports and --node-id:
  weir-broker --roles controller --data-dir controller --control-plane-listen 127.0.0.1:9090
  weir-broker --roles broker --node-id 1 --controller 127.0.0.1:9090 --data-dir broker-1 \\
              --listen 127.0.0.1:9092 --admin-listen 127.0.0.1:9645

Configuration:
  Keys are those of Apache Kafka; --keys lists them.
  Of several places that set a key, the first of these wins:
    1. --set KEY=VALUE; of two for one key the last
    2. flags of their own: --listen is listeners, --data-dir is log.dirs, --roles is
       process.roles, --node-id is node.id, and --controller, --control-plane-listen,
       --admin-listen, --log-format, --log-level are weir.controller and so on
    3. the environment, named as for Kafka's container image: KAFKA_LOG_RETENTION_MS is
       log.retention.ms (_ is a dot, __ an underscore, ___ a hyphen), CLUSTER_ID the id of a
       new cluster, WEIR_ADMIN_LISTEN is weir.admin.listen
    4. the file of --config: YAML if it ends in .yaml or .yml, else Java's .properties
    5. Kafka's default
  A value that is not allowed stops the start. An unknown key is told, with the nearest
  known one, and passed over.

Stop it with Ctrl-C or SIGTERM: it finishes what it has, and starts again without checking
its files. A second signal ends it at once.";

/// A message broker that speaks the protocol of Apache Kafka.
#[derive(Debug, Parser)]
#[command(name = "weir-broker", version, after_help = EXAMPLES)]
pub struct Arguments {
    /// Folder that holds everything the broker keeps; made if it is not there [default: ./data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,

    /// Address for clients of Kafka's protocol; an empty host is every address of the machine [default: 127.0.0.1:9092]
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,

    /// What this process is in its cluster: broker, controller, or both [default: a broker that is alone]
    #[arg(long, value_name = "ROLE,…")]
    pub roles: Option<String>,

    /// Id of this broker, different from every other of its cluster [default: that of the data folder, 1 in a new one]
    #[arg(long, value_name = "N")]
    pub node_id: Option<String>,

    /// Where the controller of the cluster is, for --roles broker
    #[arg(long, value_name = "HOST:PORT")]
    pub controller: Option<String>,

    /// Where the controller in this process waits for the brokers of the cluster, for --roles controller or for both
    #[arg(long, value_name = "HOST:PORT")]
    pub control_plane_listen: Option<String>,

    /// File with configuration: Kafka's .properties, or YAML
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// One key of the configuration; may be given many times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,

    /// Address of /livez, /readyz and /metrics, or none [default: 127.0.0.1:9644]
    #[arg(long, value_name = "HOST:PORT|none")]
    pub admin_listen: Option<String>,

    /// How log lines are written to standard error: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,

    /// What is logged, as error, warn, info, debug or trace, or per module: info,broker::server=debug. RUST_LOG does the
    /// same [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,

    /// List every key with its default and what it may be, and exit
    #[arg(long)]
    pub keys: bool,

    /// Ask the process that runs with this configuration whether it is ready, and exit with 0 if so: for health checks
    #[arg(long)]
    pub check: bool,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("it must be KEY=VALUE, as in num.partitions=3".to_owned()),
    }
}

impl Arguments {
    /// What there is to read, together with the environment of the process.
    pub fn into_sources(self, environment: Vec<(String, String)>) -> Sources {
        let rust_log = environment.iter().find(|(name, value)| name == "RUST_LOG" && !value.is_empty());
        let log_level = self.log_level.map(|level| ("--log-level", level));
        let log_level = log_level.or_else(|| Some(("RUST_LOG", rust_log?.1.clone())));
        let flags = [
            self.data_dir.map(|value| ("--data-dir", "log.dirs", value)),
            self.listen.map(|address| ("--listen", "listeners", format!("PLAINTEXT://{address}"))),
            self.roles.map(|value| ("--roles", "process.roles", value)),
            self.node_id.map(|value| ("--node-id", "node.id", value)),
            self.controller.map(|value| ("--controller", "weir.controller", value)),
            self.control_plane_listen.map(|value| ("--control-plane-listen", "weir.control.plane.listen", value)),
            self.admin_listen.map(|value| ("--admin-listen", "weir.admin.listen", value)),
            self.log_format.map(|value| ("--log-format", "weir.log.format", value)),
            log_level.map(|(flag, value)| (flag, "weir.log.level", value)),
        ];
        let flags = flags.into_iter().flatten().map(|(flag, key, value)| FlagValue { flag, key, value });
        Sources { file: self.config, environment, flags: flags.collect(), set: self.set }
    }
}

/// The text of `--keys`: keys with an effect, then those that are only accepted.
pub fn list_keys() -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for definition in Definition::all().iter().filter(|definition| definition.effect == Effect::Used) {
        let default = definition.default.unwrap_or("none");
        let allowed = definition.allowed_text();
        let _ =
            writeln!(text, "{}\n    {}\n    default {default}; {allowed}", definition.name, definition.documentation);
    }
    let _ = writeln!(text, "\nAccepted without effect:");
    for definition in
        Definition::all().iter().filter(|definition| definition.shown && definition.effect != Effect::Used)
    {
        let _ = writeln!(text, "{}\n    {}", definition.name, definition.documentation);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Role, load};

    fn parse(arguments: &[&str], environment: &[(&str, &str)]) -> Sources {
        let arguments = std::iter::once("weir-broker").chain(arguments.iter().copied());
        let environment = environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Arguments::try_parse_from(arguments).expect("is a command line").into_sources(environment)
    }

    #[test]
    fn flags_stand_for_keys() {
        let sources = parse(
            &[
                "--data-dir",
                "/d",
                "--listen",
                ":9092",
                "--admin-listen",
                "none",
                "--log-format=json",
                "--log-level=debug",
            ],
            &[("RUST_LOG", "trace")],
        );
        let loaded = load(sources).expect("is good");
        assert_eq!(loaded.config.data_dir, PathBuf::from("/d"));
        assert_eq!(loaded.config.network.listeners[0].to_string(), "PLAINTEXT://:9092");
        assert_eq!(loaded.config.admin_listen, None);
        assert_eq!((loaded.log_format.as_str(), loaded.log_level.as_str()), ("json", "debug"));
    }

    #[test]
    fn flags_make_a_broker_of_a_cluster() {
        let sources = parse(&["--roles", "broker", "--node-id", "7", "--controller", "c:9090"], &[]);
        let config = load(sources).expect("is good").config;
        assert_eq!((config.node_id.0, config.role), (7, Role::Broker { controller: "c:9090".into() }));
        let sources = parse(&["--roles=controller", "--control-plane-listen", ":9090"], &[]);
        assert_eq!(load(sources).expect("is good").config.role, Role::Controller { listen: ":9090".into() });
    }

    #[test]
    fn rust_log_is_heard_where_no_flag_says_otherwise() {
        assert_eq!(load(parse(&[], &[("RUST_LOG", "trace")])).expect("is good").log_level, "trace");
    }

    #[test]
    fn a_value_may_hold_an_equals_sign() {
        let sources = parse(&["--set", "max.connections.per.ip.overrides=a:1", "--set", "broker.rack=x=y"], &[]);
        assert_eq!(load(sources).expect("is good").config.rack.as_deref(), Some("x=y"));
        assert!(Arguments::try_parse_from(["weir-broker", "--set", "num.partitions"]).is_err());
    }

    #[test]
    fn every_key_with_an_effect_is_listed_with_its_range() {
        let text = list_keys();
        assert!(text.contains("\nnum.partitions\n    Partitions of a topic that is created without a count.\n    default 1; a whole number from 1 to 2147483647\n"), "{text}");
    }
}
