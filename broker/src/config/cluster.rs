//! What a process is in its cluster, and how its brokers and their controller keep in touch.

use super::values::Values;
use controller::topic_config::Defaults;
use std::{path::PathBuf, time::Duration};

/// `process.roles` with the addresses that each role needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A broker that is its own controller and has no others beside it.
    Alone,
    /// A broker of the cluster whose controller is at `weir.controller`.
    Broker { controller: String },
    /// The controller of a cluster: brokers come to it at `weir.control.plane.listen`.
    Controller { listen: String },
    /// The controller of a cluster, and one of its brokers.
    BrokerAndController { listen: String },
}

/// A key that does not fit the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoleProblem {
    pub(super) key: &'static str,
    pub(super) reason: &'static str,
}

/// Where a record can be on other brokers, it is unless somebody says otherwise. `default.replication.factor` is then what
/// there are brokers for, if that is less: see [`TopicConfig`](super::TopicConfig).
const CLUSTER_DEFAULTS: Defaults = &[("default.replication.factor", "3"), ("min.insync.replicas", "2")];

const ROLES: &str = "process.roles";
const CONTROLLER: &str = "weir.controller";
const LISTEN: &str = "weir.control.plane.listen";

impl Role {
    pub(super) fn read(values: &Values) -> Result<Self, RoleProblem> {
        let problem = |key, reason| Err(RoleProblem { key, reason });
        let (controller, listen) = (values.text(CONTROLLER), values.text(LISTEN));
        if controller.as_deref().is_some_and(|address| !is_address(address, false)) {
            return problem(CONTROLLER, "allowed is HOST:PORT, where the controller of the cluster listens");
        }
        if listen.as_deref().is_some_and(|address| !is_address(address, true)) {
            return problem(LISTEN, "allowed is HOST:PORT; an empty host is every address of the machine");
        }
        let roles = values.list(ROLES);
        let has = |role| !values.is_set(ROLES) || roles.iter().any(|one| one == role);
        match (has("broker"), has("controller"), controller, listen) {
            (true, true, None, None) => Ok(Self::Alone),
            (true, true, None, Some(listen)) => Ok(Self::BrokerAndController { listen }),
            (true, true, Some(_), _) => {
                problem(CONTROLLER, "without roles a process is its own controller: add --roles broker to use this one")
            }
            (true, false, None, _) => problem(
                ROLES,
                "a broker alone in its process needs a controller: add --controller HOST:PORT (weir.controller), or leave the roles out for a broker that is its own",
            ),
            (true, false, Some(_), Some(_)) => {
                problem(LISTEN, "brokers come to controllers only: leave it out, or add the role controller")
            }
            (true, false, Some(_), None) if !values.is_set("node.id") => {
                problem("node.id", "each broker of a cluster has an id of its own: add --node-id N")
            }
            (true, false, Some(controller), None) => Ok(Self::Broker { controller }),
            (false, true, Some(_), _) => {
                problem(CONTROLLER, "this process is the controller: leave it out, or give the role broker")
            }
            (false, true, None, None) => problem(
                ROLES,
                "brokers must be able to come to this controller: add --control-plane-listen HOST:PORT (weir.control.plane.listen)",
            ),
            (false, true, None, Some(listen)) => Ok(Self::Controller { listen }),
            (false, false, ..) => problem(ROLES, "allowed is broker, controller, or both"),
        }
    }

    pub fn is_broker(&self) -> bool {
        !matches!(self, Self::Controller { .. })
    }

    /// Where brokers come to the controller in this process.
    pub fn control_plane_listen(&self) -> Option<&str> {
        match self {
            Self::Controller { listen } | Self::BrokerAndController { listen } => Some(listen),
            Self::Alone | Self::Broker { .. } => None,
        }
    }

    /// Defaults of a process of this kind that are not those of one alone.
    pub fn defaults(&self) -> Defaults {
        if self.has_other_brokers() { CLUSTER_DEFAULTS } else { &[] }
    }

    /// Whether other brokers may be in the cluster.
    pub fn has_other_brokers(&self) -> bool {
        *self != Self::Alone
    }
}

fn is_address(address: &str, may_be_any: bool) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    match port.parse::<u16>() {
        Ok(0) => may_be_any,
        Ok(_) => may_be_any || !host.is_empty(),
        Err(_) => false,
    }
}

/// Sessions between brokers and their controller, and who leads.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// `broker.session.timeout.ms`: the controller fences a broker that is silent for longer.
    pub session_timeout: Duration,
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `leader.imbalance.check.interval.seconds`, unless `auto.leader.rebalance.enable` is off.
    pub hand_back_interval: Option<Duration>,
    /// `controlled.shutdown.enable`.
    pub controlled_shutdown: bool,
    /// `weir.stop.linger.ms`.
    pub stop_linger: Duration,
    /// `weir.controller.token.file`.
    pub controller_token_file: Option<PathBuf>,
}

impl ClusterConfig {
    pub(super) fn read(values: &Values) -> Self {
        let interval = Duration::from_secs(values.number("leader.imbalance.check.interval.seconds"));
        Self {
            session_timeout: Duration::from_millis(values.number("broker.session.timeout.ms")),
            heartbeat_interval: Duration::from_millis(values.number("broker.heartbeat.interval.ms")),
            hand_back_interval: values.boolean("auto.leader.rebalance.enable").then_some(interval),
            controlled_shutdown: values.boolean("controlled.shutdown.enable"),
            stop_linger: Duration::from_millis(values.number("weir.stop.linger.ms")),
            controller_token_file: values.text("weir.controller.token.file").map(PathBuf::from),
        }
    }
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self::read(&Values::default())
    }
}
