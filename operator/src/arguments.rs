//! The command line of `weir-operator`.

use crate::{reconcilers::cluster::observe::Scope, valid_cluster::Defaults};
use clap::{Parser, ValueEnum};
use std::{collections::BTreeSet, net::SocketAddr};

/// Runs Weir on Kubernetes: makes brokers of Cluster resources and topics of Topic resources, and is the controller of every
/// cluster.
#[derive(Debug, Clone, Parser)]
#[command(name = "weir-operator", version)]
pub struct Arguments {
    /// Namespace of this operator: its lease is there
    #[arg(long, env = "POD_NAMESPACE")]
    pub namespace: String,

    /// Name of the lease: one of the operators with it is at work
    #[arg(long, default_value = "weir-operator")]
    pub lease: String,

    /// Name of this operator among its replicas
    #[arg(long, env = "POD_NAME")]
    pub identity: String,

    /// Namespaces to look after, separated by commas; without it all
    #[arg(long, env = "WEIR_WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,

    /// Image of brokers whose Cluster names none
    #[arg(long, env = "WEIR_BROKER_IMAGE")]
    pub broker_image: String,

    /// HOST:PORT at which brokers reach this operator: its Service
    #[arg(long, env = "WEIR_CONTROL_PLANE")]
    pub control_plane: String,

    /// Where brokers are waited for
    #[arg(long, default_value = "0.0.0.0:9090")]
    pub control_plane_listen: SocketAddr,

    /// Where /livez, /readyz and /metrics are served
    #[arg(long, default_value = "0.0.0.0:8080")]
    pub admin_listen: SocketAddr,

    /// How log lines are written to standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// What is logged: error, warn, info, debug or trace, or per module: info,operator=debug
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log_level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl Arguments {
    pub fn scopes(&self) -> Vec<Scope> {
        let named: Vec<_> =
            self.watch_namespaces.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
        match named[..] {
            [] => vec![Scope::All],
            _ => {
                // Each once: what is counted is counted once.
                let named: BTreeSet<_> = named.into_iter().collect();
                named.into_iter().map(|name| Scope::Namespace(name.to_owned())).collect()
            }
        }
    }

    pub fn defaults(&self) -> Defaults {
        Defaults { broker_image: self.broker_image.clone(), control_plane: self.control_plane.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(more: &[&str]) -> Arguments {
        let needed = ["weir-operator", "--namespace=w", "--identity=a", "--broker-image=b", "--control-plane=c:1"];
        Arguments::try_parse_from(needed.iter().chain(more)).unwrap()
    }

    #[test]
    fn namespaces_are_all_or_those_that_are_named() {
        assert_eq!(parse(&[]).scopes(), [Scope::All]);
        assert_eq!(parse(&["--watch-namespaces="]).scopes(), [Scope::All], "as a chart gives an empty list");
        let two = [Scope::Namespace("a".to_owned()), Scope::Namespace("b".to_owned())];
        assert_eq!(parse(&["--watch-namespaces=a, b,a"]).scopes(), two);
    }
}
