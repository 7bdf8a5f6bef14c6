//! What stands at the door while there is no metadata to decide on: brokers are asked for what they know and told to wait.

use super::server::{RegistrationRefused, refuse};
use crate::wire::{ControllerMessage, Registration};
use controller::{ClusterImage, rebuild::Offer};
use model::{BrokerId, ClusterId, ControllerEpoch, MetadataVersion};
use std::{fmt, net::SocketAddr};
use tokio::sync::mpsc;
use tonic::Status;

/// Gathers what brokers know.
pub trait Recovery: fmt::Debug + Send + Sync {
    fn cluster_id(&self) -> ClusterId;

    /// Whether this broker's metadata is not here yet, or older than what it has now.
    fn wants(&self, broker: BrokerId, version: MetadataVersion) -> bool;

    fn offer(&self, offer: Offer);
}

/// Takes what the broker brings. It comes again until there is a controller.
pub(super) async fn receive(
    recovery: &dyn Recovery,
    registration: Registration,
    outgoing: &mpsc::Sender<Result<ControllerMessage, Status>>,
    peer: Option<SocketAddr>,
) {
    let refused = match take(recovery, &registration) {
        Ok(wants_metadata) => {
            let reason = "the metadata of the cluster is being rebuilt from what its brokers know".to_owned();
            RegistrationRefused { wants_metadata, ..RegistrationRefused::for_now(reason) }
        }
        Err(reason) => {
            tracing::warn!(broker_id = registration.broker_id, ?peer, %reason, "metadata of a broker refused");
            RegistrationRefused::for_now(reason)
        }
    };
    refuse(outgoing, refused, None).await;
}

/// Whether the broker is to send its metadata.
fn take(recovery: &dyn Recovery, registration: &Registration) -> Result<bool, String> {
    let own = recovery.cluster_id();
    if *registration.cluster_id != *own {
        return Err(format!("the broker's data is of cluster {}, this is {own}", registration.cluster_id));
    }
    let (broker, version) = (BrokerId(registration.broker_id), MetadataVersion(registration.applied_version));
    if !recovery.wants(broker, version) {
        return Ok(false);
    }
    let is_empty = registration.metadata_json.is_empty();
    if is_empty && version > MetadataVersion(0) {
        return Ok(true);
    }
    let image = if is_empty {
        None
    } else {
        let image: ClusterImage = serde_json::from_slice(&registration.metadata_json).map_err(|e| e.to_string())?;
        if image.cluster_id != own {
            return Err(format!("the broker's metadata is of cluster {}", image.cluster_id));
        }
        Some(image)
    };
    let (obeyed, reign) = (ControllerEpoch(registration.controller_epoch), registration.reign());
    recovery.offer(Offer { broker, obeyed, reign, image });
    Ok(false)
}
