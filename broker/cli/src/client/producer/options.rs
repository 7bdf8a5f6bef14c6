//! How a producer works, from Kafka's own property names.

use crate::{client::ClientError, session::Properties};
use protocol::compression::Compression;
use std::time::Duration;

/// Who must have a record before it counts as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acks {
    /// Nobody: the request has no answer.
    None,
    Leader,
    /// All replicas in sync.
    All,
}

#[derive(Debug, Clone)]
pub(crate) struct ProducerOptions {
    pub(crate) acks: Acks,
    pub(crate) idempotent: bool,
    pub(crate) compression: Compression,
    /// A batch is closed at this size (`batch.size`). Java's 16 KiB suit many small producers; one command that reads a
    /// file gains from larger ones.
    pub(crate) batch_bytes: usize,
    /// How long a batch waits for more records.
    pub(crate) linger: Duration,
    /// `buffer.memory`: beyond it `send` waits.
    pub(crate) buffer_bytes: usize,
    /// `max.request.size`; the default stays below the broker's `message.max.bytes`.
    pub(crate) max_request_bytes: usize,
    pub(crate) request_timeout: Duration,
    /// From the first attempt to giving a batch up (`delivery.timeout.ms`).
    pub(crate) delivery_timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) retry_backoff: Duration,
    /// How long to wait for a topic to exist (`max.block.ms`).
    pub(crate) max_block: Duration,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            idempotent: true,
            compression: Compression::None,
            batch_bytes: 256 * 1024,
            linger: Duration::ZERO,
            buffer_bytes: 32 * 1024 * 1024,
            max_request_bytes: 1024 * 1024,
            request_timeout: Duration::from_secs(30),
            delivery_timeout: Duration::from_secs(120),
            retries: u32::MAX,
            retry_backoff: Duration::from_millis(100),
            max_block: Duration::from_secs(60),
        }
    }
}

impl Acks {
    pub(crate) fn parse(text: &str) -> Result<Self, ClientError> {
        match text.trim() {
            "0" => Ok(Self::None),
            "1" => Ok(Self::Leader),
            "all" | "-1" => Ok(Self::All),
            other => Err(ClientError::Invalid(format!("acks={other}: must be 0, 1 or all (-1)"))),
        }
    }

    pub(super) fn wire(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// Properties of Kafka's producer that this one heeds.
const KNOWN: &[&str] = &[
    "acks",
    "batch.size",
    "bootstrap.servers",
    "buffer.memory",
    "client.id",
    "compression.type",
    "default.api.timeout.ms",
    "delivery.timeout.ms",
    "enable.idempotence",
    "linger.ms",
    "max.block.ms",
    "max.request.size",
    "request.timeout.ms",
    "retries",
    "retry.backoff.ms",
    "security.protocol",
    "socket.connection.setup.timeout.ms",
];

impl ProducerOptions {
    /// Changes what the properties name.
    pub(crate) fn with_properties(mut self, properties: &Properties) -> Result<Self, ClientError> {
        if let Some(acks) = properties.get("acks") {
            self.acks = Acks::parse(acks)?;
        }
        if let Some(codec) = properties.get("compression.type") {
            self.compression = parse_compression(codec)?;
        }
        self.batch_bytes = properties.number("batch.size")?.unwrap_or(self.batch_bytes);
        self.buffer_bytes = properties.number("buffer.memory")?.unwrap_or(self.buffer_bytes);
        self.max_request_bytes = properties.number("max.request.size")?.unwrap_or(self.max_request_bytes);
        self.retries = properties.number("retries")?.unwrap_or(self.retries);
        self.linger = properties.duration_ms("linger.ms")?.unwrap_or(self.linger);
        self.request_timeout = properties.duration_ms("request.timeout.ms")?.unwrap_or(self.request_timeout);
        self.delivery_timeout = properties.duration_ms("delivery.timeout.ms")?.unwrap_or(self.delivery_timeout);
        self.retry_backoff = properties.duration_ms("retry.backoff.ms")?.unwrap_or(self.retry_backoff);
        self.max_block = properties.duration_ms("max.block.ms")?.unwrap_or(self.max_block);
        let wanted = properties.flag("enable.idempotence")?;
        if wanted == Some(true) && self.acks != Acks::All {
            return Err(ClientError::Invalid("enable.idempotence=true needs acks=all".to_owned()));
        }
        self.idempotent = wanted.unwrap_or(self.idempotent) && self.acks == Acks::All;
        Ok(self)
    }

    /// Names this producer does not know: a warning is due.
    pub(crate) fn unknown_properties(properties: &Properties) -> Vec<String> {
        properties.names().filter(|name| !KNOWN.contains(name)).map(str::to_owned).collect()
    }
}

pub(crate) fn parse_compression(name: &str) -> Result<Compression, ClientError> {
    Compression::ALL
        .into_iter()
        .find(|codec| codec.name() == name.trim())
        .ok_or_else(|| ClientError::Invalid(format!("compression {name}: must be none, gzip, snappy, lz4 or zstd")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Result<ProducerOptions, ClientError> {
        ProducerOptions::default().with_properties(&Properties::from_text(text))
    }

    #[test]
    fn fewer_acks_switch_idempotence_off() {
        let options = options("acks=1").expect("good");
        assert_eq!((options.acks, options.idempotent), (Acks::Leader, false));
    }

    #[test]
    fn idempotence_without_all_acks_is_refused() {
        let error = options("acks=0\nenable.idempotence=true").expect_err("contradiction").to_string();
        assert!(error.contains("acks=all"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_named_with_what_is_allowed() {
        for (text, word) in
            [("acks=2", "0, 1 or all"), ("compression.type=brotli", "zstd"), ("batch.size=-1", "batch.size=-1")]
        {
            let error = options(text).expect_err(text).to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
