//! From sources to a checked [`BrokerConfig`], or to all that is wrong with them.

use super::{
    BrokerConfig, CleanerConfig, CompressedBatchValidation, FetchConfig, GroupConfig, LogConfig, NetworkConfig,
    OffsetsConfig, ProducerConfig, ReplicationConfig, TopicConfig,
    cluster::{ClusterConfig, Role},
    definitions::{Definition, Effect},
    layers::{self, Origin, Setting, Sources},
    listeners::{ListenerProblem, Listeners},
    nearest::nearest,
    values::Values,
};
use model::BrokerId;
use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};
use tracing::level_filters::LevelFilter;

/// A configuration that can be run, and what the person who wrote it should know.
#[derive(Debug)]
pub struct LoadedConfig {
    pub config: BrokerConfig,
    pub notices: Vec<Notice>,
    pub log_format: String,
    pub log_level: String,
}

/// Something that does not stop the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// No such key.
    Unknown { key: String, origin: Origin, nearest: Option<&'static str> },
    /// Keys that only KRaft has.
    KraftOnly { keys: Vec<String> },
    /// Keys that change nothing here.
    WithoutEffect { keys: Vec<String> },
    /// Somebody asked for access control, and there is none: worth more than a line among others.
    NoAccessControl { key: String },
    /// `controller.quorum.voters` names other brokers; this one serves alone.
    Alone { voters: usize },
}

/// Why the process does not start: every problem, not only the first.
#[derive(Debug)]
pub struct ConfigError {
    problems: Vec<String>,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

/// Reads, merges and checks.
pub fn load(sources: Sources) -> Result<LoadedConfig, ConfigError> {
    let settings = layers::merge(sources).map_err(|error| ConfigError { problems: vec![format!("{error:#}")] })?;
    let mut problems = Vec::new();
    let mut values = Values::default();
    for (key, setting) in &settings {
        let Some(definition) = Definition::find(key) else { continue };
        match definition.parse(&setting.value) {
            Ok(value) => {
                values.set.insert(definition.name, value);
            }
            Err(refusal) => problems.push(describe_problem(definition.name, Some(setting), &refusal.to_string())),
        }
    }
    if problems.is_empty() {
        check_together(&values, &settings, &mut problems);
    }
    // After a wrong value the role may look like another; its listeners are checked all the same.
    let role = if problems.is_empty() { Role::read(&values) } else { Ok(Role::Alone) };
    let role = role.unwrap_or_else(|problem| {
        problems.push(describe_problem(problem.key, settings.get(problem.key), problem.reason));
        Role::Alone
    });
    values.defaults = role.defaults();
    let listeners = match read_listeners(&role, &values, &settings) {
        Ok(listeners) if problems.is_empty() => listeners,
        Ok(_) => return Err(ConfigError { problems }),
        Err(problem) => {
            problems.push(describe_problem(problem.key, settings.get(problem.key), &problem.reason));
            return Err(ConfigError { problems });
        }
    };
    Ok(LoadedConfig {
        notices: notices(&settings, &values, &role),
        log_format: values.text("weir.log.format").unwrap_or_default(),
        log_level: values.text("weir.log.level").unwrap_or_default(),
        config: build(&values, role, listeners, &settings),
    })
}

fn read_listeners(
    role: &Role,
    values: &Values,
    settings: &BTreeMap<String, Setting>,
) -> Result<Listeners, ListenerProblem> {
    if role.is_broker() {
        let replaced = layers::is_stronger(settings, "listeners", "advertised.listeners");
        return Listeners::read(values, &host_name(), replaced, role.has_other_brokers());
    }
    // A file for several processes may name those of its brokers.
    let is_meant = values.is_set("listeners") && !layers::is_stronger(settings, "process.roles", "listeners");
    Listeners::of_controller(values, is_meant)
}

/// `key=value (from --set): reason`, with secrets left out.
fn describe_problem(key: &str, setting: Option<&Setting>, reason: &str) -> String {
    match setting {
        Some(Setting { value, origin }) if may_show(key) => format!("{key}={value} (from {origin}): {reason}"),
        Some(Setting { origin, .. }) => format!("{key}=[hidden] (from {origin}): {reason}"),
        None => format!("{key} (not set): {reason}"),
    }
}

fn may_show(key: &str) -> bool {
    Definition::find(key).is_some_and(|definition| !definition.is_sensitive())
}

fn check_together(values: &Values, settings: &BTreeMap<String, Setting>, problems: &mut Vec<String>) {
    let mut refuse = |key: &str, reason: &str| problems.push(describe_problem(key, settings.get(key), reason));
    let folders = values.list(data_folder_key(values));
    if folders.len() != 1 || folders[0].is_empty() {
        refuse(data_folder_key(values), "exactly one folder is allowed");
    }
    if values.number::<i64>("node.id") < 0 {
        refuse("node.id", "allowed is a whole number from 0 to 2147483647");
    }
    let (min, max): (u32, u32) =
        (values.number("group.min.session.timeout.ms"), values.number("group.max.session.timeout.ms"));
    if min > max {
        refuse("group.min.session.timeout.ms", &format!("allowed is at most group.max.session.timeout.ms, {max}"));
    }
    let admin = values.text("weir.admin.listen").unwrap_or_default();
    if admin != "none" && admin.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
        refuse("weir.admin.listen", "allowed is HOST:PORT, or none");
    }
    if !are_log_levels(&values.text("weir.log.level").unwrap_or_default()) {
        refuse(
            "weir.log.level",
            "allowed is error, warn, info, debug, trace or off, also per module as in info,broker::server=debug",
        );
    }
    let queued: i64 = values.number("queued.max.request.bytes");
    let request: i64 = values.number("socket.request.max.bytes");
    if queued >= 0 && queued <= request {
        refuse("queued.max.request.bytes", &format!("allowed is -1, or more than socket.request.max.bytes, {request}"));
    }
}

/// A word that is no level would be taken as a module, and nothing else be logged.
fn are_log_levels(text: &str) -> bool {
    text.split(',').all(|part| part.rsplit('=').next().is_some_and(|level| level.trim().parse::<LevelFilter>().is_ok()))
}

fn data_folder_key(values: &Values) -> &'static str {
    if values.is_set("log.dirs") { "log.dirs" } else { "log.dir" }
}

fn build(values: &Values, role: Role, listeners: Listeners, settings: &BTreeMap<String, Setting>) -> BrokerConfig {
    let static_values = settings.iter().filter_map(|(key, setting)| {
        let definition = Definition::find(key)?;
        // That a secret is set may be told; the secret itself goes no further than this.
        let value = if definition.is_sensitive() { "" } else { setting.value.trim() };
        Some((key.clone(), value.to_owned()))
    });
    BrokerConfig {
        data_dir: values.list(data_folder_key(values)).pop().map(PathBuf::from).unwrap_or_default(),
        role,
        cluster: ClusterConfig::read(values),
        node_id: BrokerId(values.number("node.id")),
        cluster_id: values.text("weir.cluster.id").map(Into::into),
        rack: values.text("broker.rack").filter(|rack| !rack.is_empty()),
        admin_listen: values.text("weir.admin.listen").filter(|address| address != "none"),
        partition_metrics: values.boolean("weir.metrics.partitions"),
        compressed_batch_validation: CompressedBatchValidation::read(values),
        network: NetworkConfig::read(values, listeners),
        topics: TopicConfig::read(values),
        log: LogConfig::read(values),
        cleaner: CleanerConfig::read(values),
        fetch: FetchConfig::read(values),
        groups: GroupConfig::read(values),
        offsets: OffsetsConfig::read(values),
        producers: ProducerConfig::read(values),
        replication: ReplicationConfig::read(values),
        static_values: Arc::new(static_values.collect()),
        defaults: values.defaults,
    }
}

fn notices(settings: &BTreeMap<String, Setting>, values: &Values, role: &Role) -> Vec<Notice> {
    let mut notices = Vec::new();
    let (mut kraft, mut without) = (Vec::new(), Vec::new());
    for (key, setting) in settings {
        match Definition::find(key).map(|definition| definition.effect) {
            Some(Effect::Used) => {}
            Some(Effect::KraftOnly) => kraft.push(key.clone()),
            Some(Effect::None | Effect::Removed) if !asks_for_access_control(key, values) => without.push(key.clone()),
            Some(Effect::None | Effect::Removed) => notices.push(Notice::NoAccessControl { key: key.clone() }),
            // Kafka passes keys of one listener on as `listener.name.NAME.KEY`, and takes any key of a plug-in.
            None if key.starts_with("listener.name.") => without.push(key.clone()),
            None => notices.push(Notice::Unknown {
                key: key.clone(),
                origin: setting.origin.clone(),
                nearest: nearest(key, Definition::all().iter().map(|definition| definition.name)),
            }),
        }
    }
    if !kraft.is_empty() {
        notices.push(Notice::KraftOnly { keys: kraft });
    }
    if !without.is_empty() {
        notices.push(Notice::WithoutEffect { keys: without });
    }
    let voters = values.list("controller.quorum.voters").len();
    if voters > 1 && *role == Role::Alone {
        notices.push(Notice::Alone { voters });
    }
    notices
}

fn asks_for_access_control(key: &str, values: &Values) -> bool {
    key == "authorizer.class.name" && values.text(key).is_some_and(|class| !class.is_empty())
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_str().ok().filter(|name| !name.is_empty()).unwrap_or("localhost").to_owned()
}
