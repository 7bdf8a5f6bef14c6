//! What a process says on standard output once it serves, for a person at a terminal. Everybody else has the log.

use broker::{RunningBroker, RunningController};
use std::{
    io::{self, Write},
    net::SocketAddr,
};

pub(super) fn of_broker(broker: &RunningBroker) {
    let told = broker.broker().config.network.advertised_to_clients();
    let addresses: Vec<_> = told.map(|told| format!("{}:{}", told.host, told.port)).collect();
    let bound: Vec<_> = broker.addresses().iter().map(|(name, address)| format!("{name}://{address}")).collect();
    let folder = broker.data_folder().display();
    let milliseconds = broker.age().as_millis() as u64;
    tracing::info!(listeners = bound.join(" "), data_folder = %folder, milliseconds, "broker ready");
    let admin = admin_line(broker.admin_address());
    let brokers =
        broker.control_plane_address().map(|address| line("Other brokers", &format!("--controller {address}")));
    let first = addresses.first().cloned().unwrap_or_default();
    let server = if first == "127.0.0.1:9092" || first == "localhost:9092" {
        String::new()
    } else {
        format!(" --bootstrap-server {first}")
    };
    let weir = weir_command();
    let text = format!(
        "weir-broker {version} is ready after {milliseconds} ms\n  \
           Kafka clients     {addresses}\n  \
           Data folder       {folder}\n\
         {brokers}{admin}\n\
         Next, in another terminal:\n  \
           {weir} topic create orders{server}\n  \
           echo hello | {weir} produce orders{server}\n  \
           {weir} consume orders --from-beginning{server}\n",
        version = env!("CARGO_PKG_VERSION"),
        addresses = addresses.join(" "),
        brokers = brokers.unwrap_or_default(),
    );
    print(&text);
}

pub(super) fn of_controller(controller: &RunningController) {
    let (bound, folder) = (controller.address(), controller.data_folder().display());
    let (cluster_id, milliseconds) = (controller.cluster_id(), controller.age().as_millis() as u64);
    tracing::info!(address = %bound, cluster_id, data_folder = %folder, milliseconds, "controller ready");
    // The next commands are for this machine.
    let address = if bound.ip().is_unspecified() { SocketAddr::from(([127, 0, 0, 1], bound.port())) } else { bound };
    let text = format!(
        "weir-broker {version}: the controller is ready after {milliseconds} ms\n\
         {brokers}{cluster}{data}{admin}\n\
         There is no standby: while this process is down, clients are served and no leader is elected.\n\n\
         Next, in another terminal, with an id, a folder and ports of its own for each broker:\n  \
           weir-broker --roles broker --node-id 1 --controller {address} --data-dir broker-1 \\\n    \
             --listen 127.0.0.1:9092 --admin-listen 127.0.0.1:9645\n",
        version = env!("CARGO_PKG_VERSION"),
        brokers = line("Brokers", &bound.to_string()),
        cluster = line("Cluster", cluster_id),
        data = line("Data folder", &folder.to_string()),
        admin = admin_line(controller.admin_address()),
    );
    print(&text);
}

fn line(label: &str, value: &str) -> String {
    format!("  {label:<16}  {value}\n")
}

fn admin_line(address: Option<SocketAddr>) -> String {
    address
        .map(|address| line("Metrics, health", &format!("http://{address}/metrics /readyz /livez")))
        .unwrap_or_default()
}

fn print(text: &str) {
    // A closed standard output is no reason not to serve.
    let _ = io::stdout().write_all(text.as_bytes());
}

/// How to call the command line from here: the one built beside this program where the PATH has none.
fn weir_command() -> String {
    const NAME: &str = "weir";
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join(NAME).is_file()) {
        return NAME.to_owned();
    }
    let beside = std::env::current_exe().ok().map(|program| program.with_file_name(NAME)).filter(|weir| weir.is_file());
    let Some(beside) = beside else { return NAME.to_owned() };
    let here = std::env::current_dir().unwrap_or_default();
    beside.strip_prefix(here).unwrap_or(&beside).display().to_string()
}
