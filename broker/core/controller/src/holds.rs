//! What a person keeps a broker from until a person lets it again: by hand, whatever the broker does meanwhile.
//!
//! | | fenced | drained |
//! |---|---|---|
//! | leads, joins ISRs | no | yes |
//! | is given new replicas | no | no |
//! | replicas that it has | stay | are to move: whoever plans moves does it |
//! | ends | by hand | by hand |
//!
//! A hold is kept beside the registrations, not in them: a broker that registers again, and a controller that takes over,
//! find it as it was. It is part of the stored format, and made only from level 1 of [`crate::features::BROKER_HOLDS`] on.

use crate::{
    image::{BrokerRegistration, ClusterImage},
    leaving::Leaving,
};
use model::BrokerId;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// It is fenced and stays so.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fenced: bool,
    /// It is to hold no replica.
    #[serde(default, skip_serializing_if = "is_false")]
    pub drained: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Hold {
    pub const NONE: Self = Self { fenced: false, drained: false };
}

impl ClusterImage {
    pub fn hold(&self, broker: BrokerId) -> Hold {
        self.holds.get(&broker).copied().unwrap_or_default()
    }

    /// Brokers that may lead and are to be given new replicas.
    pub fn brokers_with_room(&self, leaving: Leaving) -> impl Iterator<Item = &BrokerRegistration> {
        let has_room = |id| self.hold(id) == Hold::NONE;
        self.staying_brokers(leaving).filter(move |broker| broker.is_usable() && has_room(broker.id))
    }
}
