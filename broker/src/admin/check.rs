//! `weir-broker --check`: one question to a running broker, for container health checks that have no HTTP client.

use crate::config::BrokerConfig;
use anyhow::{Context, bail};
use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

/// A broker that takes longer than this is not healthy, whatever it would say.
const LIMIT: Duration = Duration::from_secs(2);

/// Asks `/readyz` of the admin port; without one, whether the first listener takes connections, or the one for brokers.
pub fn run(config: &BrokerConfig) -> anyhow::Result<()> {
    match &config.admin_listen {
        Some(address) => ask_ready(address),
        None => {
            let first = config.network.listeners.first().map(|first| format!("{}:{}", first.host, first.port));
            let address = first.or_else(|| config.role.control_plane_listen().map(str::to_owned));
            connect(&address.unwrap_or_default()).map(drop)
        }
    }
}

fn ask_ready(address: &str) -> anyhow::Result<()> {
    let mut stream = connect(address)?;
    let ask = || -> std::io::Result<String> {
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        // The answer is a line; whatever else is at that address may send more.
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = { ask }().with_context(|| format!("ask {address} for /readyz"))?;
    match answer.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some("503") => bail!("not ready: {}", answer.lines().last().unwrap_or_default()),
        _ => bail!("what answers at {address} is not the admin port of a broker"),
    }
}

fn connect(address: &str) -> anyhow::Result<TcpStream> {
    // Every address of the machine is reached by its loopback.
    let reachable = match address.rsplit_once(':') {
        Some(("" | "0.0.0.0" | "[::]" | "::", port)) => format!("127.0.0.1:{port}"),
        _ => address.to_owned(),
    };
    let resolved = reachable.to_socket_addrs().with_context(|| format!("look up {reachable}"))?.next();
    let resolved = resolved.with_context(|| format!("look up {reachable}"))?;
    let stream = TcpStream::connect_timeout(&resolved, LIMIT).with_context(|| format!("connect to {reachable}"))?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    Ok(stream)
}
