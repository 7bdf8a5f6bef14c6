//! The generated messages, and what they are here.

#![allow(missing_debug_implementations, unreachable_pub, reason = "generated")]

use controller::{
    BrokerCondition,
    requests::{BrokerSession, RegisterBroker},
};
use model::{BrokerEpoch, BrokerId, ControllerEpoch, Incarnation, LogLife, MetadataVersion, ReignId};

tonic::include_proto!("weir.control_plane.v1");

/// Of one broker: a listener each. Every image has the endpoints of all brokers.
const ENDPOINTS_LIMIT: usize = 64;
/// A name in the DNS has 255.
const TEXT_BYTES_LIMIT: usize = 1024;
const VERSION_BYTES_LIMIT: usize = 64;

/// A message that says nothing sensible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the incarnation has {0} bytes, not 16")]
    Incarnation(usize),
    #[error("the life of the log has {0} bytes, neither 16 nor none")]
    LogLife(usize),
    #[error("port {0} is above 65535")]
    Port(u32),
    #[error("{0} endpoints, the limit is {ENDPOINTS_LIMIT}")]
    Endpoints(usize),
    #[error("a rack, listener or host of {0} bytes, the limit is {TEXT_BYTES_LIMIT}")]
    Text(usize),
}

impl Registration {
    pub(crate) fn of(request: &RegisterBroker, cluster_id: &str, controller_epoch: i64, applied_version: u64) -> Self {
        let endpoints = request.endpoints.iter().map(|endpoint| Endpoint {
            listener: endpoint.listener.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port.into(),
        });
        Self {
            broker_id: request.id.0,
            incarnation: request.incarnation.0.as_bytes().to_vec(),
            cluster_id: cluster_id.to_owned(),
            rack: request.rack.clone(),
            endpoints: endpoints.collect(),
            controller_epoch,
            log_life: request.log_life.map(|life| life.0.as_bytes().to_vec()).unwrap_or_default(),
            applied_version,
            metadata_json: Vec::new(),
            reign: Vec::new(),
            follows: request.follows.map(|epoch| epoch.0),
            software_version: env!("CARGO_PKG_VERSION").to_owned(),
            began_empty: request.began_empty,
        }
    }

    /// `None`: the broker does not know, or is of before the field was there.
    pub(crate) fn reign(&self) -> Option<ReignId> {
        let id = <[u8; 16]>::try_from(&self.reign[..]).ok()?;
        Some(ReignId(uuid::Uuid::from_bytes(id)))
    }

    /// `None`: the broker does not say, or says what no version is.
    pub(crate) fn software_version(&self) -> Option<&str> {
        let is_one = |version: &&str| {
            let is_part = |letter: char| letter.is_ascii_alphanumeric() || ".-+".contains(letter);
            (1..=VERSION_BYTES_LIMIT).contains(&version.len()) && version.chars().all(is_part)
        };
        Some(&*self.software_version).filter(is_one)
    }

    pub(crate) fn request(&self) -> Result<RegisterBroker, Malformed> {
        let incarnation = <[u8; 16]>::try_from(&self.incarnation[..]);
        let incarnation = incarnation.map_err(|_| Malformed::Incarnation(self.incarnation.len()))?;
        // Brokers of before the field was there send none.
        let log_life = match <[u8; 16]>::try_from(&self.log_life[..]) {
            Ok(life) => Some(LogLife(uuid::Uuid::from_bytes(life))),
            Err(_) if self.log_life.is_empty() => None,
            Err(_) => return Err(Malformed::LogLife(self.log_life.len())),
        };
        if self.endpoints.len() > ENDPOINTS_LIMIT {
            return Err(Malformed::Endpoints(self.endpoints.len()));
        }
        let texts = self.endpoints.iter().flat_map(|endpoint| [&endpoint.listener, &endpoint.host]).chain(&self.rack);
        if let Some(bytes) = texts.map(String::len).find(|bytes| *bytes > TEXT_BYTES_LIMIT) {
            return Err(Malformed::Text(bytes));
        }
        let endpoints = self.endpoints.iter().map(|endpoint| {
            Ok(controller::Endpoint {
                listener: endpoint.listener.clone(),
                host: endpoint.host.clone(),
                port: u16::try_from(endpoint.port).map_err(|_| Malformed::Port(endpoint.port))?,
            })
        });
        Ok(RegisterBroker {
            id: BrokerId(self.broker_id),
            incarnation: Incarnation(uuid::Uuid::from_bytes(incarnation)),
            log_life,
            began_empty: self.began_empty,
            serves_at_once: false,
            rack: self.rack.clone(),
            endpoints: endpoints.collect::<Result<_, _>>()?,
            follows: self.follows.map(BrokerEpoch),
        })
    }
}

impl Heartbeat {
    pub(crate) fn of(applied_version: u64, condition: BrokerCondition) -> Self {
        let BrokerCondition { controller_epoch, free_bytes, total_bytes, logs, logs_to_recover } = condition;
        let controller_epoch = controller_epoch.0;
        Self { applied_version, controller_epoch, free_bytes, total_bytes, logs, logs_to_recover }
    }

    pub(crate) fn heartbeat(&self, broker: BrokerSession) -> controller::Heartbeat {
        controller::Heartbeat {
            id: broker.id,
            epoch: broker.epoch,
            applied: MetadataVersion(self.applied_version),
            condition: BrokerCondition {
                controller_epoch: ControllerEpoch(self.controller_epoch),
                free_bytes: self.free_bytes,
                total_bytes: self.total_bytes,
                logs: self.logs,
                logs_to_recover: self.logs_to_recover,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    fn request(log_life: Option<LogLife>) -> RegisterBroker {
        RegisterBroker {
            id: BrokerId(3),
            incarnation: Incarnation(uuid::Uuid::from_u128(5)),
            log_life,
            serves_at_once: false,
            rack: None,
            endpoints: Vec::new(),
            began_empty: false,
            follows: None,
        }
    }

    #[test]
    fn life_of_the_log_arrives_as_it_was_sent() {
        for log_life in [None, Some(LogLife(uuid::Uuid::from_u128(6)))] {
            for began_empty in [false, true] {
                let sent = RegisterBroker { began_empty, ..request(log_life) };
                let bytes = Registration::of(&sent, "cluster", 1, 0).encode_to_vec();
                let arrived = Registration::decode(&bytes[..]).unwrap().request().unwrap();
                assert_eq!((arrived.log_life, arrived.began_empty), (log_life, began_empty));
            }
        }
    }

    #[test]
    fn registration_of_before_the_field_says_nothing_of_the_log() {
        let bytes =
            b"\x08\x03\x12\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x1a\x07cluster\x30\x01";
        let arrived = Registration::decode(&bytes[..]).unwrap().request().unwrap();
        assert_eq!((arrived.id, arrived.incarnation, arrived.log_life), (BrokerId(3), request(None).incarnation, None));
    }

    #[test]
    fn life_of_the_log_of_another_length_is_refused() {
        let short = Registration { log_life: vec![1; 15], ..Registration::of(&request(None), "cluster", 1, 0) };
        assert_eq!(short.request().unwrap_err(), Malformed::LogLife(15));
    }

    #[test]
    fn version_of_the_program_is_what_looks_like_one() {
        let said = |version: &str| {
            let software_version = version.to_owned();
            let sent = Registration { software_version, ..Registration::of(&request(None), "cluster", 1, 0) };
            sent.software_version().map(str::to_owned)
        };
        for version in ["0.1.0", "1.2.3-rc.1+build5"] {
            assert_eq!(said(version).as_deref(), Some(version));
        }
        for no_version in ["", "0.1\n", "<b>", &"1".repeat(VERSION_BYTES_LIMIT + 1)] {
            assert_eq!(said(no_version), None);
        }
        let own = Registration::of(&request(None), "cluster", 1, 0);
        assert_eq!(own.software_version(), Some(env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn registration_that_every_image_would_have_to_carry_is_bounded() {
        let endpoint = |host: usize| Endpoint { listener: "PLAINTEXT".to_owned(), host: "h".repeat(host), port: 9092 };
        let asked = |endpoints: Vec<Endpoint>, rack: usize| {
            let rack = Some("r".repeat(rack));
            Registration { endpoints, rack, ..Registration::of(&request(None), "cluster", 1, 0) }.request().map(drop)
        };
        assert_eq!(asked(vec![endpoint(TEXT_BYTES_LIMIT); ENDPOINTS_LIMIT], TEXT_BYTES_LIMIT), Ok(()));
        assert_eq!(asked(vec![endpoint(1); ENDPOINTS_LIMIT + 1], 1), Err(Malformed::Endpoints(ENDPOINTS_LIMIT + 1)));
        assert_eq!(asked(vec![endpoint(TEXT_BYTES_LIMIT + 1)], 1), Err(Malformed::Text(TEXT_BYTES_LIMIT + 1)));
        assert_eq!(asked(Vec::new(), TEXT_BYTES_LIMIT + 1), Err(Malformed::Text(TEXT_BYTES_LIMIT + 1)));
    }
}
