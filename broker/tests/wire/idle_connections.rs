//! Ten thousand connections that do nothing cost little memory and disturb nobody.

use crate::harness::{Client, process::BrokerProcess};
use kafka_protocol::messages::{ApiVersionsRequest, MetadataRequest};
use tokio::task::JoinSet;

const CONNECTIONS: usize = 10_000;
/// More would be a burst that overflows the listener's backlog and tests the retries of the kernel.
const AT_ONCE: usize = 40;
const LARGEST_KIB_PER_CONNECTION: f64 = 6.0;

#[tokio::test]
async fn ten_thousand_idle_connections_cost_six_kib_each_at_most() {
    rustix::process::setrlimit(rustix::process::Resource::Nofile, {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum }
    })
    .unwrap();
    let broker = BrokerProcess::start(&[]);
    let address = broker.address();
    // What the first connections allocate once is not the price of a connection.
    let mut clients = connect(address, 100).await;
    let before = broker.resident_kib();
    while clients.len() < CONNECTIONS {
        clients.extend(connect(address, AT_ONCE).await);
    }
    let mut active = Client::connect(address).await;
    assert_eq!(active.call(9, &MetadataRequest::default()).await.brokers.len(), 1);
    let per_connection = (broker.resident_kib() - before) as f64 / (CONNECTIONS - 100) as f64;
    eprintln!("{per_connection:.2} KiB per idle connection, {before} KiB before");
    assert!(per_connection <= LARGEST_KIB_PER_CONNECTION, "{per_connection:.2} KiB per idle connection");
    // All of them still work.
    for client in clients.iter_mut().step_by(97) {
        assert_eq!(client.call(0, &ApiVersionsRequest::default()).await.error_code, 0);
    }
}

/// Connections that have made one request, as a client does that then waits.
async fn connect(address: std::net::SocketAddr, count: usize) -> Vec<Client> {
    let mut connecting = JoinSet::new();
    for _ in 0..count {
        connecting.spawn(async move {
            let mut client = Client::connect(address).await;
            client.call(0, &ApiVersionsRequest::default()).await;
            client
        });
    }
    connecting.join_all().await
}
