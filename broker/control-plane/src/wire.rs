//! The generated messages, and what they are here.

#![allow(missing_debug_implementations, unreachable_pub, reason = "generated")]

use controller::requests::RegisterBroker;
use model::{BrokerId, Incarnation};

tonic::include_proto!("weir.control_plane.v1");

/// A message that says nothing sensible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the incarnation has {0} bytes, not 16")]
    Incarnation(usize),
    #[error("port {0} is above 65535")]
    Port(u32),
}

impl Registration {
    pub(crate) fn of(request: &RegisterBroker, cluster_id: &str, controller_epoch: i64) -> Self {
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
        }
    }

    pub(crate) fn request(&self) -> Result<RegisterBroker, Malformed> {
        let incarnation = <[u8; 16]>::try_from(&self.incarnation[..]);
        let incarnation = incarnation.map_err(|_| Malformed::Incarnation(self.incarnation.len()))?;
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
            serves_at_once: false,
            rack: self.rack.clone(),
            endpoints: endpoints.collect::<Result<_, _>>()?,
        })
    }
}
