//! Apache Kafka as its own start script runs it: the flags of `kafka-run-class.sh` and the heap of
//! `kafka-server-start.sh`.

use super::LISTEN_BACKLOG;
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

const HEAP: &str = "1g";
const JVM: [&str; 6] = [
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];
const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qg";
/// The controller's port lies so far above the clients'.
const CONTROLLER: u16 = 1000;

/// The class path of Kafka's jars, fetched from Maven Central by the script of the client tests where they are missing.
pub(crate) fn fetch(project: &Path) -> Result<String> {
    let project = project.canonicalize().context("find the project")?;
    let output = Command::new(project.join("broker/tests/clients/kafka"))
        .arg("classpath")
        .env("BUILD", project.join("build/clients"))
        .stderr(Stdio::inherit())
        .output()
        .context("run the script that fetches Apache Kafka")?;
    ensure!(output.status.success(), "Apache Kafka could not be fetched");
    let classpath = String::from_utf8(output.stdout).context("read the class path")?;
    Ok(classpath.trim().to_owned())
}

pub(super) fn command(classpath: &str, address: SocketAddr, folder: &Path) -> Result<Command> {
    command_of(classpath, &configuration(address, folder), folder)
}

/// One of a cluster; each is a voter too, as Kafka's own examples have it.
pub(super) fn member_command(
    classpath: &str,
    id: usize,
    voters: &[SocketAddr],
    address: SocketAddr,
    folder: &Path,
) -> Result<Command> {
    command_of(classpath, &member_configuration(id, voters, address, folder), folder)
}

fn command_of(classpath: &str, configuration: &str, folder: &Path) -> Result<Command> {
    let properties = folder.join("server.properties");
    if !properties.exists() {
        fs::write(&properties, configuration).context("write the configuration of Kafka")?;
        let mut format = java(classpath);
        let arguments = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"];
        let status = format.args(arguments).arg(&properties).stdout(Stdio::null()).status();
        ensure!(status.context("start java")?.success(), "Kafka's data folder could not be formatted");
    }
    let mut command = java(classpath);
    command.args([format!("-Xms{HEAP}"), format!("-Xmx{HEAP}")]).args(JVM).arg("kafka.Kafka").arg(properties);
    Ok(command)
}

/// A Java machine with Kafka's classes.
pub(crate) fn java(classpath: &str) -> Command {
    let mut command = Command::new("java");
    command.args(["-cp", classpath]);
    // The class path ends in `/*`; beside the jars is the configuration of their log.
    if let Some(jars) = classpath.strip_suffix('*') {
        command.arg(format!("-Dlog4j2.configurationFile={jars}log4j2.yaml"));
    }
    command
}

fn configuration(address: SocketAddr, folder: &Path) -> String {
    let controller = SocketAddr::new(address.ip(), address.port() + CONTROLLER);
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@{controller}\n\
         controller.listener.names=CONTROLLER\n\
         listeners=PLAINTEXT://{address},CONTROLLER://{controller}\n\
         advertised.listeners=PLAINTEXT://{address}\n\
         socket.listen.backlog.size={LISTEN_BACKLOG}\n\
         log.dirs={}\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n",
        folder.join("data").display()
    )
}

fn member_configuration(id: usize, voters: &[SocketAddr], address: SocketAddr, folder: &Path) -> String {
    let own = voters[id - 1];
    let voters: Vec<_> = (1..).zip(voters).map(|(id, voter)| format!("{id}@{voter}")).collect();
    format!(
        "process.roles=broker,controller\n\
         node.id={id}\n\
         controller.quorum.voters={}\n\
         controller.listener.names=CONTROLLER\n\
         listeners=PLAINTEXT://{address},CONTROLLER://{own}\n\
         advertised.listeners=PLAINTEXT://{address}\n\
         log.dirs={}\n\
         offsets.topic.replication.factor=3\n",
        voters.join(","),
        folder.join("data").display()
    )
}
