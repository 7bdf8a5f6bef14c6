//! How a consumer works, from Kafka's own property names.

use super::assignor::Assignor;
use crate::{client::ClientError, session::Properties};
use model::GroupId;
use std::time::Duration;

/// Where to begin without a committed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reset {
    Earliest,
    Latest,
    /// Nowhere: it is an error.
    Refuse,
}

#[derive(Debug, Clone)]
pub(crate) struct ConsumerOptions {
    pub(crate) group: Option<GroupId>,
    /// A member that keeps its place over restarts (KIP-345).
    pub(crate) instance_id: Option<String>,
    pub(crate) reset: Reset,
    pub(crate) read_committed: bool,
    /// None: offsets are committed only when asked for, and at the end.
    pub(crate) auto_commit: Option<Duration>,
    /// Let the broker make a topic that is not there, and wait for it; otherwise a missing topic is an error.
    pub(crate) create_topics: bool,
    pub(crate) assignors: Vec<Assignor>,
    pub(crate) session_timeout: Duration,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) fetch_max_wait: Duration,
    pub(crate) fetch_min_bytes: i32,
    pub(crate) fetch_max_bytes: i32,
    pub(crate) partition_max_bytes: i32,
    pub(crate) check_crcs: bool,
    pub(crate) metadata_max_age: Duration,
    pub(crate) retry_backoff: Duration,
}

impl Default for ConsumerOptions {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            group: None,
            instance_id: None,
            reset: Reset::Latest,
            read_committed: false,
            auto_commit: Some(Duration::from_secs(5)),
            create_topics: false,
            assignors: Assignor::DEFAULT.to_vec(),
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            rebalance_timeout: Duration::from_secs(300),
            fetch_max_wait: Duration::from_millis(500),
            fetch_min_bytes: 1,
            fetch_max_bytes: 50 * 1024 * 1024,
            partition_max_bytes: 1024 * 1024,
            check_crcs: true,
            metadata_max_age: Duration::from_secs(300),
            retry_backoff: Duration::from_millis(100),
        }
    }
}

/// Properties of Kafka's consumer that this one heeds.
const KNOWN: &[&str] = &[
    "allow.auto.create.topics",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "bootstrap.servers",
    "check.crcs",
    "client.id",
    "default.api.timeout.ms",
    "enable.auto.commit",
    "fetch.max.bytes",
    "fetch.max.wait.ms",
    "fetch.min.bytes",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "heartbeat.interval.ms",
    "isolation.level",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "metadata.max.age.ms",
    "partition.assignment.strategy",
    "request.timeout.ms",
    "retry.backoff.ms",
    "security.protocol",
    "session.timeout.ms",
    "socket.connection.setup.timeout.ms",
];

impl ConsumerOptions {
    /// Changes what the properties name.
    pub(crate) fn with_properties(mut self, properties: &Properties) -> Result<Self, ClientError> {
        if let Some(group) = properties.get("group.id") {
            self.group = Some(GroupId::from(group));
        }
        if let Some(id) = properties.get("group.instance.id") {
            self.instance_id = Some(id.to_owned());
        }
        if let Some(reset) = properties.get("auto.offset.reset") {
            self.reset = parse_reset(reset)?;
        }
        if let Some(level) = properties.get("isolation.level") {
            self.read_committed = parse_isolation(level)?;
        }
        if let Some(names) = properties.get("partition.assignment.strategy") {
            self.assignors = parse_assignors(names)?;
        }
        if properties.get("group.protocol").is_some_and(|protocol| !protocol.eq_ignore_ascii_case("classic")) {
            return Err(ClientError::Invalid(
                "group.protocol: this program speaks the classic protocol only".to_owned(),
            ));
        }
        let interval = properties.duration_ms("auto.commit.interval.ms")?.or(self.auto_commit);
        let enabled = properties.flag("enable.auto.commit")?.unwrap_or(self.auto_commit.is_some());
        self.auto_commit = if enabled { Some(interval.unwrap_or(Duration::from_secs(5))) } else { None };
        self.create_topics = properties.flag("allow.auto.create.topics")?.unwrap_or(self.create_topics);
        self.check_crcs = properties.flag("check.crcs")?.unwrap_or(self.check_crcs);
        self.session_timeout = properties.duration_ms("session.timeout.ms")?.unwrap_or(self.session_timeout);
        self.heartbeat_interval = properties.duration_ms("heartbeat.interval.ms")?.unwrap_or(self.heartbeat_interval);
        self.rebalance_timeout = properties.duration_ms("max.poll.interval.ms")?.unwrap_or(self.rebalance_timeout);
        self.fetch_max_wait = properties.duration_ms("fetch.max.wait.ms")?.unwrap_or(self.fetch_max_wait);
        self.fetch_min_bytes = properties.number("fetch.min.bytes")?.unwrap_or(self.fetch_min_bytes);
        self.fetch_max_bytes = properties.number("fetch.max.bytes")?.unwrap_or(self.fetch_max_bytes);
        self.partition_max_bytes = properties.number("max.partition.fetch.bytes")?.unwrap_or(self.partition_max_bytes);
        self.metadata_max_age = properties.duration_ms("metadata.max.age.ms")?.unwrap_or(self.metadata_max_age);
        self.retry_backoff = properties.duration_ms("retry.backoff.ms")?.unwrap_or(self.retry_backoff);
        Ok(self)
    }

    /// Names this consumer does not know: a warning is due.
    pub(crate) fn unknown_properties(properties: &Properties) -> Vec<String> {
        properties.names().filter(|name| !KNOWN.contains(name)).map(str::to_owned).collect()
    }
}

pub(crate) fn parse_isolation(level: &str) -> Result<bool, ClientError> {
    match level {
        "read_committed" => Ok(true),
        "read_uncommitted" => Ok(false),
        other => {
            Err(ClientError::Invalid(format!("isolation level {other}: must be read_uncommitted or read_committed")))
        }
    }
}

fn parse_reset(text: &str) -> Result<Reset, ClientError> {
    match text {
        "earliest" => Ok(Reset::Earliest),
        "latest" => Ok(Reset::Latest),
        "none" => Ok(Reset::Refuse),
        other => Err(ClientError::Invalid(format!("auto.offset.reset={other}: must be earliest, latest or none"))),
    }
}

/// Assignors this program lacks are left out as long as one remains: any one in common is enough in a group.
fn parse_assignors(names: &str) -> Result<Vec<Assignor>, ClientError> {
    let known: Vec<_> = names.split(',').filter_map(|name| Assignor::from_name(name.trim())).collect();
    if known.is_empty() {
        return Err(ClientError::Invalid(format!(
            "partition.assignment.strategy={names}: this program has range and roundrobin"
        )));
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Result<ConsumerOptions, ClientError> {
        ConsumerOptions::default().with_properties(&Properties::from_text(text))
    }

    #[test]
    fn commits_can_be_switched_off() {
        assert_eq!(options("enable.auto.commit=false\nauto.commit.interval.ms=100").expect("good").auto_commit, None);
        let options = options("auto.commit.interval.ms=100").expect("good");
        assert_eq!(options.auto_commit, Some(Duration::from_millis(100)));
    }

    #[test]
    fn of_several_assignors_those_known_here_are_proposed() {
        let java = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor,org.apache.kafka.clients.consumer.RangeAssignor";
        let assignors = options(&format!("partition.assignment.strategy={java}")).expect("range remains").assignors;
        assert_eq!(assignors, [Assignor::Range]);
        assert!(options("partition.assignment.strategy=cooperative-sticky").is_err());
    }

    #[test]
    fn wrong_values_are_named_with_what_is_allowed() {
        for (text, word) in [
            ("auto.offset.reset=first", "earliest"),
            ("isolation.level=dirty", "read_committed"),
            ("group.protocol=consumer", "classic"),
        ] {
            let error = options(text).expect_err(text).to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
