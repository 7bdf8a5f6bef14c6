//! Where brokers listen.

use super::error::{ClientError, Result};
use std::fmt;

/// Host and port of a broker, as clients name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Kafka's port where an address names none.
const DEFAULT_PORT: u16 = 9092;

impl Address {
    pub(crate) fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// Reads `host`, `host:port`, `[::1]:port`, with or without a leading `PLAINTEXT://`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let bad = || ClientError::BadAddress { text: text.to_owned() };
        let bare = text.trim();
        let bare = bare.strip_prefix("PLAINTEXT://").unwrap_or(bare);
        let (host, port) = match bare.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, port.parse().map_err(|_| bad())?)
            }
            _ => (bare, DEFAULT_PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains(['/', ' ']) {
            return Err(bad());
        }
        Ok(Self::new(host, port))
    }

    /// Reads a bootstrap list: addresses separated by commas.
    pub(crate) fn parse_list(text: &str) -> Result<Vec<Self>> {
        let list = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(Self::parse)
            .collect::<Result<Vec<_>>>()?;
        if list.is_empty() { Err(ClientError::BadAddress { text: text.to_owned() }) } else { Ok(list) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, host, port) in [
            ("localhost:9092", "localhost", 9092),
            ("localhost", "localhost", 9092),
            (" 10.0.0.1:9095 ", "10.0.0.1", 9095),
            ("[::1]:9093", "::1", 9093),
            ("PLAINTEXT://broker-0:19092", "broker-0", 19092),
        ] {
            assert_eq!(Address::parse(text).expect(text), Address::new(host, port), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_and_named() {
        for text in ["", "localhost:port", "http://x/y:1", ":9092", "localhost:70000"] {
            let error = Address::parse_list(text).expect_err(text).to_string();
            assert!(error.contains("HOST:PORT"), "{text}: {error}");
        }
    }

    #[test]
    fn a_list_is_split_at_commas() {
        let list = Address::parse_list("a:1, b:2,").expect("two addresses");
        assert_eq!(list, [Address::new("a", 1), Address::new("b", 2)]);
    }

    #[test]
    fn an_ipv6_address_is_printed_in_brackets() {
        assert_eq!(Address::new("::1", 9092).to_string(), "[::1]:9092");
    }
}
