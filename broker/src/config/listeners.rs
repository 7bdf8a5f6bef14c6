//! Where the broker listens, and the addresses it tells clients.

use super::values::Values;
use std::{fmt, net::Ipv6Addr, sync::Arc};

/// The name before `://` in `listeners`, upper case as Kafka keeps it: `PLAINTEXT`, `INTERNAL`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerName(Arc<str>);

impl ListenerName {
    pub fn new(name: &str) -> Self {
        Self(name.to_ascii_uppercase().into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ListenerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ListenerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A socket to open. An empty host means every address of the machine; port 0 means any free port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    pub name: ListenerName,
    pub host: String,
    pub port: u16,
}

/// What Metadata and FindCoordinator tell a client that came in by the listener of this name.
/// Port 0 stands for the port that the listener really got; the start replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvertisedListener {
    pub name: ListenerName,
    pub host: String,
    pub port: u16,
}

impl Listener {
    pub fn plaintext(host: &str, port: u16) -> Self {
        Self { name: ListenerName::new("PLAINTEXT"), host: host.to_owned(), port }
    }
}

impl AdvertisedListener {
    pub fn plaintext(host: &str, port: u16) -> Self {
        Self { name: ListenerName::new("PLAINTEXT"), host: host.to_owned(), port }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_address(f, &self.name, &self.host, self.port)
    }
}

impl fmt::Display for AdvertisedListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_address(f, &self.name, &self.host, self.port)
    }
}

fn write_address(f: &mut fmt::Formatter<'_>, name: &ListenerName, host: &str, port: u16) -> fmt::Result {
    match host.parse::<Ipv6Addr>() {
        Ok(address) => write!(f, "{name}://[{address}]:{port}"),
        Err(_) => write!(f, "{name}://{host}:{port}"),
    }
}

/// All that has to do with listeners, checked against each other.
#[derive(Debug, Clone)]
pub(super) struct Listeners {
    pub(super) listeners: Vec<Listener>,
    pub(super) advertised: Vec<AdvertisedListener>,
    pub(super) replication: Option<ListenerName>,
    pub(super) max_connections_per_ip_overrides: Vec<(String, u32)>,
}

/// The listener by which brokers of a cluster reach each other, where the configuration names none.
const REPLICATION: &str = "REPLICATION";

/// A key about listeners that does not fit the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListenerProblem {
    pub(super) key: &'static str,
    pub(super) reason: String,
}

fn problem(key: &'static str, reason: impl Into<String>) -> ListenerProblem {
    ListenerProblem { key, reason: reason.into() }
}

impl Listeners {
    /// `host_name` is what this machine calls itself; clients are told it where a listener has no host of its own.
    /// `replaced` says that `listeners` comes from a stronger source than `advertised.listeners`: names that only the
    /// replaced listeners had are then passed over, so that an image's own file does not stop a compose file's listeners.
    /// `in_cluster`: other brokers have to reach this one, by a listener of their own.
    pub(super) fn read(
        values: &Values,
        host_name: &str,
        replaced: bool,
        in_cluster: bool,
    ) -> Result<Self, ListenerProblem> {
        let controller = ControllerListeners::read(values);
        let all = parse_all("listeners", &values.list("listeners"))?;
        let listeners: Vec<Listener> = all.into_iter().filter(|listener| !controller.has(&listener.name)).collect();
        check_bound(&listeners)?;
        check_protocols(values, &listeners)?;
        let advertised = advertised(values, &listeners, &controller, host_name, replaced)?;
        if let Some(name) = values.text("inter.broker.listener.name").map(|name| ListenerName::new(&name))
            && !listeners.iter().any(|listener| listener.name == name)
        {
            return Err(problem("inter.broker.listener.name", format!("{name} is not one of {}", names(&listeners))));
        }
        let max_connections_per_ip_overrides = overrides(values)?;
        let mut read = Self { listeners, advertised, replication: None, max_connections_per_ip_overrides };
        if in_cluster {
            read.replicate_by(values.text("inter.broker.listener.name").map(|name| ListenerName::new(&name)));
        }
        Ok(read)
    }

    /// A controller alone has none. `is_meant`: those that are set are there for this process.
    pub(super) fn of_controller(values: &Values, is_meant: bool) -> Result<Self, ListenerProblem> {
        let controller = ControllerListeners::read(values);
        let for_clients =
            |item: &String| !controller.has(&ListenerName::new(item.split("://").next().unwrap_or_default()));
        if is_meant && values.list("listeners").iter().any(for_clients) {
            let reason = "a controller alone serves no clients: leave --listen out, or add the role broker";
            return Err(problem("listeners", reason));
        }
        let none = (Vec::new(), Vec::new());
        Ok(Self {
            listeners: none.0,
            advertised: none.1,
            replication: None,
            max_connections_per_ip_overrides: overrides(values)?,
        })
    }

    /// By the listener of this name, or by one of its own that is opened for it.
    fn replicate_by(&mut self, name: Option<ListenerName>) {
        let name = name.unwrap_or_else(|| ListenerName::new(REPLICATION));
        if !self.listeners.iter().any(|listener| listener.name == name) {
            let first = (self.listeners[0].host.clone(), self.advertised[0].host.clone());
            self.listeners.push(Listener { name: name.clone(), host: first.0, port: 0 });
            self.advertised.push(AdvertisedListener { name: name.clone(), host: first.1, port: 0 });
        }
        self.replication = Some(name);
    }
}

/// Names of listeners that belong to KRaft's controller and are not opened here.
struct ControllerListeners(Vec<ListenerName>);

impl ControllerListeners {
    fn read(values: &Values) -> Self {
        let mut names: Vec<_> =
            values.list("controller.listener.names").iter().map(|name| ListenerName::new(name)).collect();
        // The name by convention, where a process has the role and its file leaves the name out.
        if names.is_empty() && values.list("process.roles").iter().any(|role| role == "controller") {
            names.push(ListenerName::new("CONTROLLER"));
        }
        Self(names)
    }

    fn has(&self, name: &ListenerName) -> bool {
        self.0.contains(name)
    }
}

fn names(listeners: &[Listener]) -> String {
    listeners.iter().map(|listener| listener.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn parse_all(key: &'static str, items: &[String]) -> Result<Vec<Listener>, ListenerProblem> {
    let listeners = items.iter().map(|item| parse(key, item)).collect::<Result<Vec<_>, _>>()?;
    for (index, listener) in listeners.iter().enumerate() {
        if listeners[..index].iter().any(|earlier| earlier.name == listener.name) {
            return Err(problem(
                key,
                format!("each listener needs a name of its own, {} is there twice", listener.name),
            ));
        }
    }
    Ok(listeners)
}

fn parse(key: &'static str, item: &str) -> Result<Listener, ListenerProblem> {
    let malformed = || problem(key, format!("\"{item}\" is not of the form NAME://HOST:PORT"));
    let (name, address) = item.split_once("://").ok_or_else(malformed)?;
    let (host, port) = address.rsplit_once(':').ok_or_else(malformed)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_host = host.chars().all(|character| character.is_ascii_alphanumeric() || "-%._:".contains(character));
    if name.is_empty() || !is_host {
        return Err(malformed());
    }
    let port = port.parse().map_err(|_| problem(key, format!("\"{item}\" needs a port from 0 to 65535")))?;
    Ok(Listener { name: ListenerName::new(name), host: host.to_owned(), port })
}

/// Two listeners may share a port only as different hosts; the system refuses what still overlaps.
fn check_bound(listeners: &[Listener]) -> Result<(), ListenerProblem> {
    if listeners.is_empty() {
        return Err(problem("listeners", "there must be a listener for clients, not only for the controller"));
    }
    for (index, listener) in listeners.iter().enumerate() {
        let same =
            |earlier: &&Listener| listener.port != 0 && earlier.port == listener.port && earlier.host == listener.host;
        if let Some(earlier) = listeners[..index].iter().find(same) {
            return Err(problem("listeners", format!("{} and {} have the same address", earlier.name, listener.name)));
        }
    }
    Ok(())
}

fn check_protocols(values: &Values, listeners: &[Listener]) -> Result<(), ListenerProblem> {
    const KEY: &str = "listener.security.protocol.map";
    let text = values.text(KEY).unwrap_or_default();
    let mut map = Vec::new();
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let (name, protocol) = item
            .rsplit_once(':')
            .ok_or_else(|| problem(KEY, format!("\"{item}\" is not of the form NAME:PROTOCOL")))?;
        map.push((ListenerName::new(name.trim()), protocol.trim().to_ascii_uppercase()));
    }
    for listener in listeners {
        match map.iter().find(|(name, _)| *name == listener.name).map(|(_, protocol)| protocol.as_str()) {
            Some("PLAINTEXT") => {}
            Some(protocol @ ("SSL" | "SASL_PLAINTEXT" | "SASL_SSL")) => {
                let reason = format!("listener {} asks for {protocol}; only PLAINTEXT is served so far", listener.name);
                return Err(problem("listeners", reason));
            }
            Some(protocol) => {
                let reason = format!("{protocol} is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL");
                return Err(problem(KEY, reason));
            }
            None => return Err(problem(KEY, format!("listener {} has no protocol, add {0}:PLAINTEXT", listener.name))),
        }
    }
    Ok(())
}

/// One address per listener, in the order of the listeners.
fn advertised(
    values: &Values,
    listeners: &[Listener],
    controller: &ControllerListeners,
    host_name: &str,
    replaced: bool,
) -> Result<Vec<AdvertisedListener>, ListenerProblem> {
    const KEY: &str = "advertised.listeners";
    let mut told = parse_all(KEY, &values.list(KEY))?;
    let is_known = |told: &Listener| listeners.iter().any(|listener| listener.name == told.name);
    told.retain(|told| !controller.has(&told.name) && (is_known(told) || !replaced));
    for told in &told {
        if is_any_address(&told.host) && !told.host.is_empty() {
            return Err(problem(KEY, format!("clients cannot connect to {}, name a host they can reach", told.host)));
        }
        if !is_known(told) {
            return Err(problem(KEY, format!("{} is not one of {}", told.name, names(listeners))));
        }
    }
    let of_listener = |listener: &Listener| {
        let Listener { name, host, port } =
            told.iter().find(|told| told.name == listener.name).unwrap_or(listener).clone();
        let host = if is_any_address(&host) { host_name.to_owned() } else { host };
        AdvertisedListener { name, host, port }
    };
    Ok(listeners.iter().map(of_listener).collect())
}

fn is_any_address(host: &str) -> bool {
    matches!(host, "" | "0.0.0.0" | "::" | "0:0:0:0:0:0:0:0")
}

fn overrides(values: &Values) -> Result<Vec<(String, u32)>, ListenerProblem> {
    const KEY: &str = "max.connections.per.ip.overrides";
    let text = values.text(KEY).unwrap_or_default();
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items
        .map(|item| {
            let (host, count) = item.rsplit_once(':')?;
            Some((host.trim().to_owned(), count.trim().parse().ok()?))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| problem(KEY, "allowed is ADDRESS:COUNT, comma separated"))
}

#[cfg(test)]
mod tests;
