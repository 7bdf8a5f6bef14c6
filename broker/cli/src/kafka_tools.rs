//! Tools of Apache Kafka by their names, with their flags and their output (as of 4.3.0).
//!
//! Scripts, tutorials and health checks were written for those tools; here they find the same words. What differs on
//! purpose: groups and partitions are printed in order (Java's maps have none), errors carry no stack trace, a broker
//! that cannot be reached is reported at once, a consumer without `--group` reads without joining a group of its own,
//! and Ctrl-C ends with exit code 0.

mod broker_api_versions;
mod configs;
mod console_consumer;
mod console_producer;
mod consumer_groups;
mod flags;
mod formatter;
mod get_offsets;
mod group_tables;
mod line_reader;
mod topic_description;
mod topics;

use crate::{
    client::{ClientError, admin::Admin, codes},
    output::{Format, Out, note},
    session::{self, Properties},
    time_text, writing,
};
use flags::{Given, Usage};
use std::process::ExitCode;

/// The release whose flags and formats these are.
const KAFKA_VERSION: &str = "4.3.0";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Topics,
    ConsoleProducer,
    ConsoleConsumer,
    ConsumerGroups,
    Configs,
    GetOffsets,
    BrokerApiVersions,
}

impl Tool {
    /// With or without `.sh`.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name.strip_suffix(".sh").unwrap_or(name) {
            "kafka-topics" => Self::Topics,
            "kafka-console-producer" => Self::ConsoleProducer,
            "kafka-console-consumer" => Self::ConsoleConsumer,
            "kafka-consumer-groups" => Self::ConsumerGroups,
            "kafka-configs" => Self::Configs,
            "kafka-get-offsets" => Self::GetOffsets,
            "kafka-broker-api-versions" => Self::BrokerApiVersions,
            _ => return None,
        })
    }

    fn flags(self) -> &'static flags::Flags {
        match self {
            Self::Topics => &topics::FLAGS,
            Self::ConsoleProducer => &console_producer::FLAGS,
            Self::ConsoleConsumer => &console_consumer::FLAGS,
            Self::ConsumerGroups => &consumer_groups::FLAGS,
            Self::Configs => &configs::FLAGS,
            Self::GetOffsets => &get_offsets::FLAGS,
            Self::BrokerApiVersions => &broker_api_versions::FLAGS,
        }
    }
}

pub(crate) async fn run(tool: Tool, arguments: Vec<String>) -> anyhow::Result<ExitCode> {
    let flags = tool.flags();
    match run_with_flags(tool, flags, &arguments).await {
        Err(error) if error.is::<Usage>() => {
            note(&error.to_string());
            note(&flags.help());
            Ok(ExitCode::FAILURE)
        }
        outcome => outcome,
    }
}

async fn run_with_flags(tool: Tool, flags: &'static flags::Flags, arguments: &[String]) -> anyhow::Result<ExitCode> {
    let given = flags.parse(arguments)?;
    if arguments.is_empty() || given.has("help") {
        note(flags.about);
        note(&flags.help());
        return Ok(if arguments.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    if given.has("version") {
        let mut out = Out::new(Format::Table);
        out.line(&format!("{KAFKA_VERSION} (weir {})", env!("CARGO_PKG_VERSION")))?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    match tool {
        Tool::Topics => topics::run(&given).await,
        Tool::ConsoleProducer => console_producer::run(&given).await,
        Tool::ConsoleConsumer => console_consumer::run(&given).await,
        Tool::ConsumerGroups => consumer_groups::run(&given).await,
        Tool::Configs => configs::run(&given).await,
        Tool::GetOffsets => get_offsets::run(&given).await,
        Tool::BrokerApiVersions => broker_api_versions::run(&given).await,
    }
}

/// Older spellings of flags: they work with a warning, but not together with the newer one. Each tool has its words.
struct Deprecation {
    warning: fn(older: &str, newer: &str) -> String,
    names_newer_first: bool,
}

impl Deprecation {
    /// Which of two spellings of a flag was used.
    fn used(&self, given: &Given, newer: &'static str, older: &'static str) -> anyhow::Result<&'static str> {
        if !given.has(older) {
            return Ok(newer);
        }
        if given.has(newer) {
            let (first, second) = if self.names_newer_first { (newer, older) } else { (older, newer) };
            return Err(Usage(format!("Options --{first} and --{second} cannot be specified together.")).into());
        }
        // Among the records, as Kafka's tools do it.
        let mut out = Out::new(Format::Table);
        out.line(&(self.warning)(older, newer))?;
        out.flush()?;
        Ok(older)
    }

    /// The file of one flag, then the `name=value` arguments of another; both as newer and older spelling.
    fn properties(
        &self,
        given: &Given,
        [file, argument]: [(&'static str, &'static str); 2],
    ) -> anyhow::Result<Properties> {
        let file = self.used(given, file.0, file.1)?;
        let argument = self.used(given, argument.0, argument.1)?;
        let mut properties = given.value(file).map(Properties::from_file).transpose()?.unwrap_or_default();
        properties.extend(Properties::from_arguments(given.values(argument))?);
        Ok(properties)
    }
}

/// An error as Java prints an exception: its class, then its message.
fn exception_text(error: &ClientError) -> String {
    match error.code() {
        Some(code) => format!("{}: {}", codes::exception(code), error.kafka_message()),
        None if matches!(error, ClientError::Invalid(_)) => format!("java.lang.IllegalArgumentException: {error}"),
        None => format!("org.apache.kafka.common.KafkaException: {error}"),
    }
}

/// A connection as the flags `--bootstrap-server` and `--command-config` say.
async fn connect(given: &Given) -> anyhow::Result<Admin> {
    let properties = given.value("command-config").map(Properties::from_file).transpose()?.unwrap_or_default();
    let options = session::client_options(given.value("bootstrap-server"), "adminclient-1", &properties)?;
    Ok(Admin::new(session::connect(options).await?))
}

/// A line as Kafka's tools log it to standard error.
fn log(level: &str, text: &str, class: &str) {
    let time = time_text::format(writing::now());
    let time = time.trim_end_matches('Z').replace('T', " ").replace('.', ",");
    note(&format!("[{time}] {level} {text} ({class})"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_known_with_and_without_suffix() {
        assert_eq!(Tool::from_name("kafka-topics"), Some(Tool::Topics));
        assert_eq!(Tool::from_name("kafka-console-consumer.sh"), Some(Tool::ConsoleConsumer));
        assert_eq!(Tool::from_name("topic"), None);
    }

    #[test]
    fn both_spellings_of_a_flag_at_once_are_refused() {
        let arguments = ["--property", "a=b", "--formatter-property", "a=b"].map(str::to_owned);
        let given = console_consumer::FLAGS.parse(&arguments).expect("known flags");
        let error = console_consumer::DEPRECATION.used(&given, "formatter-property", "property").expect_err("both");
        assert_eq!(error.to_string(), "Options --property and --formatter-property cannot be specified together.");
    }
}
