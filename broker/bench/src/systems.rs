//! What is measured: our broker, the floor, Apache Kafka, or a broker that somebody else runs.

mod cluster;
mod kafka;
mod server;

pub(crate) use cluster::{Cluster, NODES};
pub(crate) use kafka::{fetch as fetch_kafka, java};
pub(crate) use server::Server;

use crate::admin;
use anyhow::{Context, Result, bail};
use cluster::Member;
use serde::Serialize;
use std::{
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
};

/// For every system: where a burst of connections finds no room, each waits a second or more for its turn.
pub(crate) const LISTEN_BACKLOG: u32 = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Ours,
    Floor,
    Kafka,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Ours, Self::Floor, Self::Kafka];

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Floor => "floor",
            Self::Kafka => "Kafka",
        }
    }
}

/// How a system is started.
#[derive(Debug, Clone)]
pub(crate) enum Program {
    Weir {
        binary: PathBuf,
    },
    Floor,
    Kafka {
        classpath: String,
    },
    /// One process of a cluster of it.
    Member {
        program: Box<Program>,
        member: Member,
    },
}

impl Program {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Weir { .. } => Kind::Ours,
            Self::Floor => Kind::Floor,
            Self::Kafka { .. } => Kind::Kafka,
            Self::Member { program, .. } => program.kind(),
        }
    }

    fn command(&self, address: SocketAddr, folder: &Path) -> Result<Command> {
        match self {
            Self::Weir { binary } => {
                let mut command = Command::new(binary);
                let listen = address.to_string();
                command.env_clear().args(["--listen", &listen, "--admin-listen", "none", "--data-dir"]).arg(folder);
                command.arg("--set").arg(format!("socket.listen.backlog.size={LISTEN_BACKLOG}"));
                Ok(command)
            }
            Self::Floor => {
                let mut command = Command::new(std::env::current_exe().context("find this program")?);
                command.args(["floor", "--listen", &address.to_string(), "--data-dir"]).arg(folder);
                Ok(command)
            }
            Self::Kafka { classpath } => kafka::command(classpath, address, folder),
            Self::Member { program, member } => member_command(program, member, address, folder),
        }
    }

    /// Whether it does its work already.
    fn is_ready(&self, address: SocketAddr) -> bool {
        match self {
            Self::Floor => TcpStream::connect(address).is_ok(),
            Self::Member { member: Member::Controller, .. } => TcpStream::connect(address).is_ok(),
            Self::Weir { .. } | Self::Kafka { .. } | Self::Member { .. } => admin::answers(address),
        }
    }
}

fn member_command(program: &Program, member: &Member, address: SocketAddr, folder: &Path) -> Result<Command> {
    match (program, member) {
        (Program::Weir { binary }, Member::Controller) => {
            let mut command = Command::new(binary);
            command.env_clear().args(["--roles", "controller", "--control-plane-listen", &address.to_string()]);
            command.args(["--admin-listen", "none", "--data-dir"]).arg(folder);
            Ok(command)
        }
        (Program::Weir { .. }, Member::Broker { id, controller }) => {
            let mut command = program.command(address, folder)?;
            command.args(["--roles", "broker", "--node-id", &id.to_string(), "--controller", &controller.to_string()]);
            Ok(command)
        }
        (Program::Kafka { classpath }, Member::Kafka { id, voters }) => {
            kafka::member_command(classpath, *id, voters, address, folder)
        }
        _ => bail!("there are no such clusters"),
    }
}
