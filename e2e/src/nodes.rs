//! Nodes that are containers of this machine's Docker, as kind makes them, and what is done to them from outside.

use crate::{Place, until_so};
use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{Api, Client, ResourceExt as _, api::ListParams};
use std::{net::IpAddr, process::Command};

const CONTROL_PLANE_LABEL: &str = "node-role.kubernetes.io/control-plane";
const API_SERVER: &str = "/etc/kubernetes/manifests/kube-apiserver.yaml";
/// What Docker prints of a container.
const ADDRESS: &str = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
const API_SERVER_ASIDE: &str = "/etc/kubernetes/kube-apiserver.yaml";

/// In a node: sets `process` to the folder in /proc of the program of this name whose pod has this UID. Control groups are named
/// after the pod, with `-` or `_` in its UID.
const FIND: &str = r#"
for comm in $(grep -lxs "$1" /proc/[0-9]*/comm); do
  process=${comm%/comm}
  if tr _ - < "$process/cgroup" | grep -q "$2"; then break; fi
  process=
done
[ "$process" ] || exit 1
"#;
/// Signals it, and prints the time before that in milliseconds.
const SIGNAL: &str = r#"date +%s%3N && exec kill -s "$3" "${process#/proc/}""#;
/// Prints its resident memory in KiB.
const RESIDENT: &str = r#"sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB$/\1/p' "$process/status""#;

/// In a node: drops what a pod's address sends to these ports and from them, and what comes back. Before addresses are translated, and
/// of connections that exist too.
const CUT: &str = r#"
for port in $2; do
  for end in --sport --dport; do
    iptables -w -t raw -A PREROUTING -s "$1" -p tcp $end "$port" -j DROP
    iptables -w -t raw -A PREROUTING -d "$1" -p tcp $end "$port" -j DROP
  done
done
"#;
/// In a node: drops what a pod's address sends to these ports, and nothing of what it gets.
const MUTE: &str =
    r#"for port in $2; do iptables -w -t raw -A PREROUTING -s "$1" -p tcp --dport "$port" -j DROP; done"#;
/// In a node: drops what a pod's address is answered from these ports, and nothing of what it sends.
const DEAFEN: &str =
    r#"for port in $2; do iptables -w -t raw -A PREROUTING -d "$1" -p tcp --sport "$port" -j DROP; done"#;
/// In a node: signals every process of this name, where there is one.
const SIGNAL_ALL: &str = r#"
for comm in $(grep -lxs "$1" /proc/[0-9]*/comm); do
  process=${comm%/comm}
  kill -s "$2" "${process#/proc/}"
done
"#;
/// In a node: takes away file systems that a scenario put over volumes.
const UNCOVER: &str = r#"
while read -r from at _; do
  [ "$from" = weir-e2e ] || [ -e "$at.weir-e2e" ] || continue
  fsfreeze --unfreeze "$at" 2> /dev/null || true
  umount -l "$at"
  rm -f "$at.weir-e2e"
done < /proc/mounts
"#;
/// In a node: what it sends nowhere, as `scripts/kubernetes` has it.
const UNREACHABLE: &str = "ip route show type unreachable";
/// Nothing else has rules there.
const MEND: &str = "iptables -w -t raw -F PREROUTING";

/// The nodes there were when all was well.
#[derive(Debug, Clone)]
pub struct Nodes {
    pub names: Vec<String>,
    control_plane: String,
}

impl Nodes {
    /// `None` where they are no containers of this machine.
    pub async fn find(client: &Client) -> anyhow::Result<Option<Self>> {
        let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await.context("list nodes")?;
        let decides = |node: &&Node| node.labels().contains_key(CONTROL_PLANE_LABEL);
        let Some(control_plane) = nodes.items.iter().find(decides).map(|node| node.name_any()) else { return Ok(None) };
        let names: Vec<_> = nodes.items.iter().map(|node| node.name_any()).collect();
        let are_containers = docker(["container", "inspect"].into_iter().chain(names.iter().map(String::as_str))).await;
        Ok(are_containers.ok().map(|_| Self { names, control_plane }))
    }

    pub async fn pause(&self, node: &str) -> anyhow::Result<()> {
        docker(["pause", node]).await.map(drop)
    }

    pub async fn unpause(&self, node: &str) -> anyhow::Result<()> {
        docker(["unpause", node]).await.map(drop)
    }

    pub async fn kill(&self, node: &str) -> anyhow::Result<()> {
        docker(["kill", node]).await.map(drop)
    }

    pub async fn start(&self, node: &str) -> anyhow::Result<()> {
        docker(["start", node]).await?;
        // Routes are gone with the node. Without this one what is for a pod that is gone leaves the machine, and anything may answer.
        let routes = in_node(&self.control_plane, UNREACHABLE, &[]).await?;
        for route in routes.lines().filter(|line| !line.trim().is_empty()) {
            in_node(node, "ip route replace $1", &[route]).await?;
        }
        Ok(())
    }

    /// All that run brokers, at once; in the order in which they are to be started. A container that starts has the lowest address that is free,
    /// and Kubernetes knows each node by the one it had.
    pub async fn kill_workers(&self) -> anyhow::Result<Vec<String>> {
        let mut workers = Vec::new();
        for name in self.names.iter().filter(|name| **name != self.control_plane) {
            let told = docker(["container", "inspect", "--format", ADDRESS, name]).await?;
            let address: IpAddr = told.trim().parse().with_context(|| format!("{name} has the address {told:?}"))?;
            workers.push((address, name.clone()));
        }
        workers.sort();
        let names: Vec<_> = workers.into_iter().map(|(_, name)| name).collect();
        docker(["kill"].into_iter().chain(names.iter().map(String::as_str))).await?;
        Ok(names)
    }

    /// Takes the manifest away from which the kubelet runs it.
    pub async fn stop_api_server(&self, client: &Client) -> anyhow::Result<()> {
        docker(["exec", &self.control_plane, "mv", API_SERVER, API_SERVER_ASIDE]).await?;
        until_so("the API server is down", || async { client.apiserver_version().await.is_err() }).await
    }

    pub async fn start_api_server(&self, client: &Client) -> anyhow::Result<()> {
        docker(["exec", &self.control_plane, "mv", API_SERVER_ASIDE, API_SERVER]).await?;
        until_so("the API server answers", || async { client.apiserver_version().await.is_ok() }).await
    }

    /// It takes what is asked of it, and answers nothing.
    pub async fn pause_api_server(&self) -> anyhow::Result<()> {
        in_node(&self.control_plane, SIGNAL_ALL, &["kube-apiserver", "STOP"]).await.map(drop)
    }

    pub async fn unpause_api_server(&self) -> anyhow::Result<()> {
        in_node(&self.control_plane, SIGNAL_ALL, &["kube-apiserver", "CONT"]).await.map(drop)
    }

    /// Nothing that ends on the node is started anew.
    pub async fn stop_kubelet(&self, node: &str) -> anyhow::Result<()> {
        docker(["exec", node, "systemctl", "stop", "kubelet"]).await.map(drop)
    }

    pub async fn start_kubelet(&self, node: &str) -> anyhow::Result<()> {
        docker(["exec", node, "systemctl", "start", "kubelet"]).await.map(drop)
    }

    /// Undoes what a scenario that failed left behind.
    pub async fn mend(&self) -> anyhow::Result<()> {
        for node in &self.names {
            let state = docker(["container", "inspect", "--format", "{{.State.Status}}", node]).await?;
            match state.trim() {
                "paused" => self.unpause(node).await?,
                "running" => {}
                _ => self.start(node).await?,
            }
        }
        for node in &self.names {
            self.start_kubelet(node).await?;
            in_node(node, UNCOVER, &[]).await?;
        }
        self.unpause_api_server().await?;
        let back = format!("[ ! -e {API_SERVER_ASIDE} ] || mv {API_SERVER_ASIDE} {API_SERVER}");
        in_node(&self.control_plane, &back, &[]).await?;
        self.mend_links().await
    }

    /// Everybody reaches everybody.
    pub async fn mend_links(&self) -> anyhow::Result<()> {
        for node in &self.names {
            in_node(node, MEND, &[]).await?;
        }
        Ok(())
    }
}

/// Runs a script in a node; what it prints.
pub(crate) async fn in_node(node: &str, script: &str, arguments: &[&str]) -> anyhow::Result<String> {
    docker(["exec", node, "sh", "-c", script, "sh"].into_iter().chain(arguments.iter().copied())).await
}

/// Nothing passes between a pod and others by these ports: silence, as a network that is cut.
pub async fn cut(place: &Place, pod: &str, ports: &[u16]) -> anyhow::Result<()> {
    between(place, pod, CUT, ports).await
}

/// Nobody hears the pod at these ports of theirs, and it hears them.
pub async fn mute(place: &Place, pod: &str, ports: &[u16]) -> anyhow::Result<()> {
    between(place, pod, MUTE, ports).await
}

/// The pod hears nobody at these ports of theirs, and they hear it.
pub async fn deafen(place: &Place, pod: &str, ports: &[u16]) -> anyhow::Result<()> {
    between(place, pod, DEAFEN, ports).await
}

async fn between(place: &Place, pod: &str, script: &str, ports: &[u16]) -> anyhow::Result<()> {
    let found = place.api::<Pod>().get(pod).await.with_context(|| format!("find {pod}"))?;
    let address = found.status.as_ref().and_then(|status| status.pod_ip.clone()).context("the pod has an address")?;
    let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
    in_node(&node_of(&found)?, script, &[&address, &ports.join(" ")]).await.map(drop)
}

/// Sends a signal to a program in a pod, as the kernel of its node would. Returns when, in milliseconds of the epoch.
pub async fn signal(place: &Place, pod: &str, program: &str, signal: &str) -> anyhow::Result<u64> {
    to_program(place, pod, program, SIGNAL, &[signal]).await
}

/// Memory of a program in a pod that is resident, in KiB.
pub async fn resident_kib(place: &Place, pod: &str, program: &str) -> anyhow::Result<u64> {
    to_program(place, pod, program, RESIDENT, &[]).await
}

/// Runs a script that is about a program in a pod, in its node; the number that it prints.
async fn to_program(place: &Place, pod: &str, program: &str, script: &str, more: &[&str]) -> anyhow::Result<u64> {
    let found = place.api::<Pod>().get(pod).await.with_context(|| format!("find {pod}"))?;
    let uid = found.uid().context("the pod has a UID")?;
    let script = [FIND, script].concat();
    let printed = in_node(&node_of(&found)?, &script, &[&[program, &uid], more].concat()).await?;
    printed.trim().parse().with_context(|| format!("of {program} of {pod} this is told: {printed:?}"))
}

pub fn node_of(pod: &Pod) -> anyhow::Result<String> {
    pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).context("the pod is on no node")
}

/// What Docker's client prints.
async fn docker<'a>(arguments: impl IntoIterator<Item = &'a str>) -> anyhow::Result<String> {
    let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    run("docker", arguments).await
}

/// What a program prints that ends well.
pub async fn run(program: &'static str, arguments: Vec<String>) -> anyhow::Result<String> {
    let running = move || {
        let output = Command::new(program).args(&arguments).output().with_context(|| format!("run {program}"))?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{program} {arguments:?} ended with {}: {complaint}", output.status);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    tokio::task::spawn_blocking(running).await.context("wait for a program")?
}
