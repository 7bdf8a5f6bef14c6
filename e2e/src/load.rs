//! Producers and groups on this machine, which come through the nodes' ports and go on whatever a scenario does. What they were
//! told is compared with what the cluster holds: `broker/tests/clients/cluster/driven.py`.

use crate::{Place, scenario::BOOTSTRAP_SERVICE};
use anyhow::{Context as _, bail};
use k8s_openapi::api::core::v1::{Node, Service};
use kube::{Api, api::ListParams};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    env,
    fs::{File, create_dir_all},
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

const PROGRAM: &str = "../broker/tests/clients/cluster/driven.py";
const LOGS: &str = "../build/e2e";

/// By client, what a partition each had to wait for longest, in milliseconds.
pub type Gaps = BTreeMap<String, Vec<u64>>;

/// Acknowledged records by client, all of which are where they were said to be.
pub type Acknowledged = BTreeMap<String, u64>;

/// Those that `scripts/e2e` prepared.
pub fn clients() -> Vec<&'static str> {
    let others = [("java", "JAVA_LOAD"), ("kafkajs", "KAFKAJS_LOAD")];
    let prepared = others.into_iter().filter(|(_, variable)| env::var_os(variable).is_some());
    ["librdkafka"].into_iter().chain(prepared.map(|(client, _)| client)).collect()
}

#[derive(Debug)]
pub struct Load {
    /// Away while it is asked something.
    process: Option<Process>,
}

impl Load {
    /// The topics of these clients are there already.
    /// Clients give up a broker that is silent for `gives_up_ms`.
    pub async fn start(place: &Place, clients: &[&str], gives_up_ms: u64) -> anyhow::Result<Self> {
        let python = env::var_os("LOAD_PYTHON").context("LOAD_PYTHON is not set: scripts/e2e prepares the clients")?;
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(PROGRAM);
        let mut command = Command::new(python);
        command.arg(program).arg(bootstrap(place).await?).args(clients);
        command.env("LOAD_GIVES_UP_MS", gives_up_ms.to_string()).stderr(log(&place.namespace)?);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("start the load")?;
        let input = child.stdin.take().context("the load has an input")?;
        let output = BufReader::new(child.stdout.take().context("the load has an output")?);
        Ok(Self { process: Some(Process { child, input, output }) })
    }

    /// Each partition has this many acknowledgements more.
    pub async fn more(&mut self, records: u32) -> anyhow::Result<()> {
        self.ask(format!("more {records}")).await.map(drop)
    }

    /// Each partition has an acknowledgement later than in this many seconds.
    pub async fn through(&mut self, seconds: u32) -> anyhow::Result<()> {
        self.ask(format!("through {seconds}")).await.map(drop)
    }

    /// Nothing is out of sync, as brokers tell.
    pub async fn in_sync(&mut self) -> anyhow::Result<()> {
        self.ask("in-sync".to_owned()).await.map(drop)
    }

    /// How many partitions of the load each broker leads.
    pub async fn leaders(&mut self) -> anyhow::Result<BTreeMap<i32, u32>> {
        let told = self.ask("leaders".to_owned()).await?;
        let by_name: BTreeMap<String, u32> = serde_json::from_value(told).context("read who leads")?;
        by_name.into_iter().map(|(id, count)| Ok((id.parse().context("read a broker's id")?, count))).collect()
    }

    /// From here on gaps count. Each partition is written to before and after.
    pub async fn mark(&mut self) -> anyhow::Result<()> {
        self.ask("mark".to_owned()).await?;
        self.more(3).await
    }

    pub async fn gaps(&mut self) -> anyhow::Result<Gaps> {
        let told = self.ask("gaps".to_owned()).await?;
        serde_json::from_value(told).context("read the gaps")
    }

    /// The longest gap of librdkafka's producer, in milliseconds. Of the others it says as much about them.
    pub async fn longest_gap(&mut self) -> anyhow::Result<u64> {
        let gaps = self.gaps().await?;
        gaps.get("librdkafka").and_then(|gaps| gaps.iter().max()).copied().context("nothing was acknowledged")
    }

    /// The producers end, everything is read back and compared with what they were told.
    pub async fn finish(mut self) -> anyhow::Result<Acknowledged> {
        let told = self.ask("finish".to_owned()).await?;
        serde_json::from_value(told).context("read what was acknowledged")
    }

    async fn ask(&mut self, question: String) -> anyhow::Result<Value> {
        let mut process = self.process.take().context("the load has ended")?;
        let asking = move || (process.ask(&question), process);
        let (answer, process) = tokio::task::spawn_blocking(asking).await.context("wait for the load")?;
        self.process = Some(process);
        answer
    }
}

/// What clients complain of: the suite keeps it beside what else it keeps of a scenario.
fn log(namespace: &str) -> anyhow::Result<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(LOGS);
    create_dir_all(&folder).context("make the folder for logs")?;
    File::create(folder.join(format!("{namespace}-clients.log"))).context("make a log")
}

#[derive(Debug)]
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn ask(&mut self, question: &str) -> anyhow::Result<Value> {
        writeln!(self.input, "{question}").context("ask the load")?;
        let mut line = String::new();
        self.output.read_line(&mut line).context("hear the load")?;
        let mut answer: Value = serde_json::from_str(&line).with_context(|| format!("the load answered {line:?}"))?;
        match answer.get("failed") {
            Some(why) => bail!("load: {question}: {why}"),
            None => Ok(answer["told"].take()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Its clients end with its output.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port for bootstrap, of every node: one of them may be down.
async fn bootstrap(place: &Place) -> anyhow::Result<String> {
    let service = place.api::<Service>().get(BOOTSTRAP_SERVICE).await.context("find the bootstrap service")?;
    let ports = service.spec.and_then(|spec| spec.ports).unwrap_or_default();
    let port = ports.first().and_then(|port| port.node_port).context("the service has a port on nodes")?;
    let nodes = Api::<Node>::all(place.client.clone()).list(&ListParams::default()).await.context("list nodes")?;
    let hosts: Vec<_> = nodes.items.iter().filter_map(address).map(|host| format!("{host}:{port}")).collect();
    Ok(hosts.join(","))
}

fn address(node: &Node) -> Option<&str> {
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    let of_type = |wanted: &str| addresses.iter().find(|address| address.type_ == wanted);
    of_type("ExternalIP").or_else(|| of_type("InternalIP")).map(|address| address.address.as_str())
}
