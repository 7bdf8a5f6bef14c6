//! The controller that a broker obeys, whichever kind it is.

use super::{BrokerSession, ClusterController, ControllerHandle, OwnBroker, Standalone};
use crate::{
    clock::Clock,
    config::{BrokerConfig, Role},
    metadata_cache::MetadataCache,
    running::Failure,
};
use ::control_plane::session::SessionState;
use anyhow::bail;
use model::ClusterId;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::sync::watch;

#[derive(Debug)]
pub(crate) enum OwnController {
    /// In this process, for this broker alone.
    Alone(Standalone),
    /// In another process; or in this one, where other brokers come to it as well.
    Cluster { session: BrokerSession, here: Option<ClusterController> },
}

impl OwnController {
    /// Starts or finds it, and registers this broker. Once this returns the broker acts by metadata that names it.
    pub(crate) async fn start(
        config: &BrokerConfig,
        clock: Clock,
        cluster_id: &ClusterId,
        broker: OwnBroker,
        failure: &Failure,
    ) -> anyhow::Result<Self> {
        let (address, here) = match &config.role {
            Role::Alone => {
                let controller = Standalone::start(config, cluster_id, broker).await?;
                controller.register(config).await?;
                return Ok(Self::Alone(controller));
            }
            Role::Broker { controller } => (controller.clone(), None),
            Role::BrokerAndController { listen } => {
                let metadata = MetadataCache::new(cluster_id.clone());
                let here = ClusterController::start(config, listen, cluster_id, metadata, failure.clone()).await?;
                (reachable(here.address()).to_string(), Some(here))
            }
            Role::Controller { .. } => bail!("a controller alone is no broker"),
        };
        let session = BrokerSession::start(config, address, clock, cluster_id, broker, failure.clone()).await?;
        Ok(Self::Cluster { session, here })
    }

    pub(crate) fn handle(&self) -> ControllerHandle {
        match self {
            Self::Alone(controller) => controller.handle(),
            Self::Cluster { session, .. } => session.handle(),
        }
    }

    /// Of a broker that is not alone: whether it hears its controller.
    pub(crate) fn session(&self) -> Option<watch::Receiver<SessionState>> {
        match self {
            Self::Alone(_) => None,
            Self::Cluster { session, .. } => Some(session.state()),
        }
    }

    /// Where brokers come to the controller in this process.
    pub(crate) fn control_plane_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Cluster { here: Some(controller), .. } => Some(controller.address()),
            Self::Alone(_) | Self::Cluster { here: None, .. } => None,
        }
    }

    /// Resolves once this broker may lead.
    pub(crate) async fn unfenced(&self) {
        if let Self::Cluster { session, .. } = self {
            session.unfenced().await;
        }
    }

    /// Before a stop: others lead what they can. Whether somebody was there to see to it.
    pub(crate) async fn hand_over(&self) -> bool {
        match self {
            Self::Alone(_) => false,
            Self::Cluster { session, .. } => session.hand_over().await,
        }
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        match self {
            Self::Alone(controller) => controller.stop().await?,
            Self::Cluster { session, here } => {
                session.stop().await;
                if let Some(controller) = here {
                    controller.stop().await;
                }
            }
        }
        Ok(())
    }
}

/// From this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
