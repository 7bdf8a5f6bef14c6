//! Prints the documents that come from tables of the code: `reference configuration` and `reference protocol`.
//! `scripts/generate` keeps them in `docs/`.

use anyhow::bail;
use broker::{
    config::{Definition, Effect},
    served_apis,
};
use controller::topic_config;
use std::{fmt::Write, io::Write as _, ops::RangeInclusive};

fn main() -> anyhow::Result<()> {
    let text = match std::env::args().nth(1).as_deref() {
        Some("configuration") => configuration()?,
        Some("protocol") => protocol()?,
        _ => bail!("usage: reference configuration|protocol"),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

const CONFIGURATION: &str = "\
# Configuration

Generated from the code by `make generate`.

Keys, types, defaults and ranges are those of Apache Kafka 4.3; where a default is not, its line says so. Of several places that set a key, the first of these wins:

1. `--set KEY=VALUE` (of two for one key the last)
2. flags of their own: `--data-dir` is `log.dirs`, `--listen` is `listeners`, `--roles` is `process.roles`, `--node-id` is
   `node.id`, `--controller` is `weir.controller`, `--control-plane-listen` is `weir.control.plane.listen`, `--admin-listen` is
   `weir.admin.listen`, `--log-format` is `weir.log.format`, `--log-level` (or `RUST_LOG`) is `weir.log.level`
3. the environment, named as for Kafka's container image: `KAFKA_LOG_RETENTION_MS` is `log.retention.ms` (`_` is a dot,
   `__` an underscore, `___` a hyphen), `CLUSTER_ID` the id of a new cluster, `WEIR_ADMIN_LISTEN` is `weir.admin.listen`
4. the file of `--config`: YAML if it ends in `.yaml` or `.yml` (flat or nested keys), else Java's `.properties`
5. the default

A value that is not allowed stops the start and is told with its key, what is allowed, and where it came from. An unknown
key is told with the nearest known one and passed over. Listeners of KRaft's controller are not opened.

\"At run time\" means: `kafka-configs --alter` (or `weir`) changes it for new and existing topics that do not set it
themselves; every other key is read at the start.
";

fn configuration() -> Result<String, std::fmt::Error> {
    let mut text = CONFIGURATION.to_owned();
    write!(text, "\n## Broker\n\n| Key | Default | Allowed | At run time | |\n|---|---|---|---|---|\n")?;
    for key in Definition::all().iter().filter(|key| key.effect == Effect::Used) {
        let changes = if is_default_of_topics(key.name) && !key.is_read_only() { "yes" } else { "" };
        let (name, doc) = (key.name, key.documentation);
        writeln!(text, "| `{name}` | {} | {} | {changes} | {doc} |", code(key.default), key.allowed_text())?;
    }
    write!(text, "\n## Topic\n\n| Key | Default | Broker key behind it | |\n|---|---|---|---|\n")?;
    for key in topic_config::definitions() {
        let behind: Vec<_> = key.synonyms.iter().map(|synonym| format!("`{}`", synonym.name)).collect();
        writeln!(text, "| `{}` | {} | {} | {} |", key.name, code(Some(key.default)), behind.join(", "), key.doc)?;
    }
    for (title, effects) in [
        ("Accepted without effect", &[Effect::None][..]),
        ("Only of KRaft, without effect", &[Effect::KraftOnly]),
        ("No longer keys of Kafka 4, without effect", &[Effect::Removed]),
    ] {
        write!(text, "\n## {title}\n\n| Key | |\n|---|---|\n")?;
        for key in Definition::all().iter().filter(|key| effects.contains(&key.effect)) {
            writeln!(text, "| `{}` | {} |", key.name, key.documentation)?;
        }
    }
    Ok(text)
}

fn is_default_of_topics(name: &str) -> bool {
    topic_config::definitions().iter().any(|topic| topic.synonyms.iter().any(|synonym| synonym.name == name))
}

fn code(default: Option<&str>) -> String {
    match default {
        None => "none".to_owned(),
        Some("") => "empty".to_owned(),
        Some(text) => format!("`{text}`"),
    }
}

const PROTOCOL: &str = "\
# Protocol

Generated from the code by `make generate`.

The APIs of Kafka's protocol that the broker serves, by key. \"Advertised\" is what ApiVersions tells clients where it
differs from what is served: some clients need to see versions that nobody sends any more.

| Key | API | Versions | Advertised |
|---|---|---|---|
";

fn protocol() -> Result<String, std::fmt::Error> {
    let mut text = PROTOCOL.to_owned();
    for api in served_apis() {
        let advertised = if api.advertised == api.served { String::new() } else { versions(&api.advertised) };
        writeln!(text, "| {} | {} | {} | {advertised} |", api.key, api.name, versions(&api.served))?;
    }
    Ok(text)
}

fn versions(range: &RangeInclusive<i16>) -> String {
    match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}–{last}"),
    }
}
