//! From options to a connected cluster, the same for all commands.

use crate::client::{ClientError, ClientOptions, Cluster, address::Address};
use std::{collections::BTreeMap, time::Duration};

/// Where to connect when nothing is said.
pub(crate) const DEFAULT_BOOTSTRAP: &str = "localhost:9092";

/// Names the cluster for all commands of a shell.
pub(crate) const BOOTSTRAP_VARIABLE: &str = "WEIR_BOOTSTRAP_SERVER";

/// A broker on the same network answers a connection attempt within milliseconds; a wrong address should not cost more.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Kafka's `request.timeout.ms`.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Kafka's `default.api.timeout.ms`.
const PATIENCE: Duration = Duration::from_secs(60);

/// Client properties as Kafka names them: from a file, from the command line, later ones win.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Properties(BTreeMap<String, String>);

impl Properties {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// `key=value` arguments; a value may hold `=`.
    pub(crate) fn from_arguments<'a>(arguments: impl IntoIterator<Item = &'a String>) -> Result<Self, ClientError> {
        let mut properties = Self::default();
        for argument in arguments {
            let (name, value) = argument
                .split_once('=')
                .filter(|(name, _)| !name.trim().is_empty())
                .ok_or_else(|| ClientError::Invalid(format!("{argument}: not a property; write name=value")))?;
            properties.set(name.trim(), value);
        }
        Ok(properties)
    }

    /// The lines of a `.properties` file: `name=value` or `name: value`, `#` and `!` start comments.
    pub(crate) fn from_text(text: &str) -> Self {
        let mut properties = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '!'])) {
            let (name, value) = line.split_once(['=', ':']).unwrap_or((line, ""));
            properties.set(name.trim(), value.trim());
        }
        properties
    }

    pub(crate) fn from_file(path: &str) -> Result<Self, ClientError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| ClientError::Invalid(format!("read {path}: {error}")))?;
        Ok(Self::from_text(&text))
    }

    /// A number, or what is wrong with the text.
    pub(crate) fn number<N: std::str::FromStr>(&self, name: &str) -> Result<Option<N>, ClientError> {
        self.get(name)
            .map(|text| {
                text.trim()
                    .parse()
                    .map_err(|_| ClientError::Invalid(format!("{name}={text}: not a number in the allowed range")))
            })
            .transpose()
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, ClientError> {
        self.get(name)
            .map(|text| match text.trim().to_ascii_lowercase().as_str() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(ClientError::Invalid(format!("{name}={text}: must be true or false"))),
            })
            .transpose()
    }

    pub(crate) fn duration_ms(&self, name: &str) -> Result<Option<Duration>, ClientError> {
        Ok(self.number(name)?.map(Duration::from_millis))
    }
}

/// Options of a client: `bootstrap` if given, else of the properties, else of the environment, else localhost.
pub(crate) fn client_options(
    bootstrap: Option<&str>,
    client_id: &str,
    properties: &Properties,
) -> Result<ClientOptions, ClientError> {
    refuse_security(properties)?;
    let variable = std::env::var(BOOTSTRAP_VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let bootstrap =
        bootstrap.or(properties.get("bootstrap.servers")).or(variable.as_deref()).unwrap_or(DEFAULT_BOOTSTRAP);
    Ok(ClientOptions {
        bootstrap: Address::parse_list(bootstrap)?,
        client_id: properties.get("client.id").unwrap_or(client_id).to_owned(),
        connect_timeout: properties.duration_ms("socket.connection.setup.timeout.ms")?.unwrap_or(CONNECT_TIMEOUT),
        request_timeout: properties.duration_ms("request.timeout.ms")?.unwrap_or(REQUEST_TIMEOUT),
        patience: properties.duration_ms("default.api.timeout.ms")?.unwrap_or(PATIENCE),
    })
}

/// Better no connection than one in the clear that was meant to be protected.
fn refuse_security(properties: &Properties) -> Result<(), ClientError> {
    match properties.get("security.protocol") {
        None | Some("PLAINTEXT") => Ok(()),
        Some(other) => Err(ClientError::Invalid(format!(
            "security.protocol={other}: this program speaks PLAINTEXT only so far; use a plaintext listener"
        ))),
    }
}

pub(crate) async fn connect(options: ClientOptions) -> Result<Cluster, ClientError> {
    Cluster::connect(options).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_as_kafka_writes_them() {
        let properties =
            Properties::from_text("# comment\nclient.id = me\n\nfetch.min.bytes:2\n! other comment\nflag\n");
        assert_eq!(properties.get("client.id"), Some("me"));
        assert_eq!(properties.number("fetch.min.bytes").expect("a number"), Some(2));
        assert_eq!(properties.get("flag"), Some(""));
    }

    #[test]
    fn a_property_value_may_hold_the_separator() {
        let properties = Properties::from_arguments(&["key.separator==".to_owned()]).expect("name and value");
        assert_eq!(properties.get("key.separator"), Some("="));
        let error = Properties::from_arguments(&["novalue".to_owned()]).expect_err("no =").to_string();
        assert!(error.contains("novalue") && error.contains("name=value"), "{error}");
    }

    #[test]
    fn a_protected_connection_is_refused_rather_than_made_in_the_clear() {
        let properties = Properties::from_text("security.protocol=SASL_SSL");
        let error = client_options(Some("h:1"), "c", &properties).expect_err("not spoken").to_string();
        assert!(error.contains("SASL_SSL"), "{error}");
    }

    #[test]
    fn timeouts_come_from_kafkas_properties() {
        let properties = Properties::from_text("request.timeout.ms=1500\nclient.id=c1");
        let options = client_options(Some("h:1"), "c", &properties).expect("good options");
        assert_eq!((options.request_timeout, options.client_id.as_str()), (Duration::from_millis(1500), "c1"));
    }
}
