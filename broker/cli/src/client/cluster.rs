//! A cluster as this client sees it: the bootstrap list, the connections, the newest metadata.

use super::{
    address::Address,
    connection::Connection,
    error::{ClientError, Result},
    metadata::Metadata,
    retry::{Backoff, retrying},
    wire,
};
use kafka_protocol::{
    error::ResponseError,
    messages::{FindCoordinatorRequest, MetadataRequest, metadata_request::MetadataRequestTopic},
    protocol::Request,
};
use model::{BrokerId, GroupId, TopicName};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

#[derive(Debug, Clone)]
pub(crate) struct ClientOptions {
    pub(crate) bootstrap: Vec<Address>,
    pub(crate) client_id: String,
    /// One connection attempt.
    pub(crate) connect_timeout: Duration,
    /// One request.
    pub(crate) request_timeout: Duration,
    /// A request with all its repetitions.
    pub(crate) patience: Duration,
}

/// A broker answers one request of a connection at a time, so a fetch that waits for data must not stand before a
/// heartbeat: each kind of work has its own connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    Requests,
    Fetching,
    Group,
}

/// Cheap to clone; all clones share connections and metadata.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: ClientOptions,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    brokers: BTreeMap<BrokerId, Address>,
    controller: Option<BrokerId>,
    connections: BTreeMap<(Address, Purpose), Arc<Connection>>,
}

impl Cluster {
    /// Reaches a first broker and learns the others. Says at once when none can be reached.
    pub(crate) async fn connect(options: ClientOptions) -> Result<Self> {
        let cluster = Self { shared: Arc::new(Shared { options, known: Mutex::default() }) };
        cluster.bootstrap().await?;
        cluster.metadata(Topics::None, false).await?;
        Ok(cluster)
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.shared.options
    }

    fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        // Nothing panics while holding the lock; the data is good even if something did.
        look(&mut self.shared.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// An open connection to any address of the bootstrap list.
    async fn bootstrap(&self) -> Result<Arc<Connection>> {
        let addresses = &self.shared.options.bootstrap;
        let mut causes = Vec::new();
        for address in addresses {
            match self.connection(address, Purpose::Requests).await {
                Ok(connection) => return Ok(connection),
                Err(ClientError::Connection { cause, .. }) => causes.push(cause),
                Err(error @ ClientError::Unsupported { .. }) => return Err(error),
                Err(error) => causes.push(error.to_string()),
            }
        }
        causes.dedup();
        let bootstrap = addresses.iter().map(Address::to_string).collect::<Vec<_>>().join(",");
        Err(ClientError::Unreachable { bootstrap, cause: causes.join("; ") })
    }

    async fn connection(&self, address: &Address, purpose: Purpose) -> Result<Arc<Connection>> {
        let key = (address.clone(), purpose);
        if let Some(open) =
            self.known(|known| known.connections.get(&key).filter(|connection| connection.is_open()).cloned())
        {
            return Ok(open);
        }
        let options = &self.shared.options;
        let connection = Arc::new(Connection::open(address, &options.client_id, options.connect_timeout).await?);
        self.known(|known| known.connections.insert(key, connection.clone()));
        Ok(connection)
    }

    /// A connection to any broker that can be reached: known ones first, then the bootstrap list.
    pub(crate) async fn any(&self) -> Result<Arc<Connection>> {
        for address in self.known(|known| known.brokers.values().cloned().collect::<Vec<_>>()) {
            if let Ok(connection) = self.connection(&address, Purpose::Requests).await {
                return Ok(connection);
            }
        }
        self.bootstrap().await
    }

    pub(crate) async fn broker(&self, id: BrokerId, purpose: Purpose) -> Result<Arc<Connection>> {
        let address = self.known(|known| known.brokers.get(&id).cloned()).ok_or(ClientError::UnknownBroker(id))?;
        self.connection(&address, purpose).await
    }

    async fn controller(&self) -> Result<Arc<Connection>> {
        match self.known(|known| known.controller) {
            Some(id) => self.broker(id, Purpose::Requests).await,
            None => self.any().await,
        }
    }

    pub(crate) fn brokers(&self) -> BTreeMap<BrokerId, Address> {
        self.known(|known| known.brokers.clone())
    }

    /// Asks any broker, again while errors may pass. For requests that every broker answers alike.
    pub(crate) async fn call_any<R: Request>(&self, request: &R) -> Result<R::Response> {
        let options = self.options();
        retrying(options.patience, || async {
            let connection = self.any().await?;
            connection.call(request, options.request_timeout).await
        })
        .await
    }

    /// Asks the controller. `refusal` finds an error in the answer; errors that may pass lead to another attempt with
    /// fresh metadata.
    pub(crate) async fn call_controller<R: Request>(
        &self,
        request: &R,
        refusal: impl Fn(&R::Response) -> Option<ClientError>,
    ) -> Result<R::Response> {
        let mut backoff = Backoff::lasting(self.options().patience);
        loop {
            let outcome = match self.controller().await {
                Ok(connection) => connection.call(request, self.options().request_timeout).await,
                Err(error) => Err(error),
            };
            let error = match misplaced(&outcome, &refusal) {
                Some(error) => error,
                None => return outcome,
            };
            if !backoff.wait(&error).await {
                return Err(error);
            }
            self.metadata(Topics::None, false).await?;
        }
    }

    /// Where a group is coordinated.
    pub(crate) async fn find_coordinator(&self, group: &GroupId) -> Result<(BrokerId, Address)> {
        retrying(self.options().patience, || async {
            let request =
                FindCoordinatorRequest::default().with_key_type(0).with_coordinator_keys(vec![wire::text(group)]);
            let connection = self.any().await?;
            let answer = connection.call(&request, self.options().request_timeout).await?;
            let subject = || format!("group {group}");
            let found = answer.coordinators.into_iter().next().ok_or_else(|| ClientError::Malformed {
                address: connection.address().clone(),
                what: "FindCoordinator",
                cause: "no coordinator in it".to_owned(),
            })?;
            ClientError::check(found.error_code, found.error_message.as_deref(), subject())?;
            let address = Address::new(found.host.as_str(), u16::try_from(found.port).unwrap_or(0));
            let id = BrokerId(found.node_id.0);
            self.known(|known| known.brokers.insert(id, address.clone()));
            Ok((id, address))
        })
        .await
    }

    /// Asks the coordinator of a group; looks for it again when it has moved.
    pub(crate) async fn call_coordinator<R: Request>(
        &self,
        group: &GroupId,
        request: &R,
        refusal: impl Fn(&R::Response) -> Option<ClientError>,
    ) -> Result<R::Response> {
        let mut backoff = Backoff::lasting(self.options().patience);
        loop {
            let (_, address) = self.find_coordinator(group).await?;
            let outcome = match self.connection(&address, Purpose::Requests).await {
                Ok(connection) => connection.call(request, self.options().request_timeout).await,
                Err(error) => Err(error),
            };
            let error = match misplaced(&outcome, &refusal) {
                Some(error) => error,
                None => return outcome,
            };
            if !backoff.wait(&error).await {
                return Err(error);
            }
        }
    }

    /// A connection to a group's coordinator that carries nothing else.
    pub(crate) async fn group_connection(&self, group: &GroupId) -> Result<Arc<Connection>> {
        let (_, address) = self.find_coordinator(group).await?;
        self.connection(&address, Purpose::Group).await
    }

    /// Fresh metadata of the topics asked for; remembers the brokers.
    pub(crate) async fn metadata(&self, topics: Topics<'_>, create: bool) -> Result<Metadata> {
        let wanted = match topics {
            Topics::All => None,
            Topics::None => Some(Vec::new()),
            Topics::Named(names) => Some(
                names.iter().map(|name| MetadataRequestTopic::default().with_name(Some(wire::topic(name)))).collect(),
            ),
        };
        let request = MetadataRequest::default().with_topics(wanted).with_allow_auto_topic_creation(create);
        let metadata = Metadata::from_wire(self.call_any(&request).await?);
        self.known(|known| {
            known.brokers = metadata.brokers.values().map(|broker| (broker.id, broker.address.clone())).collect();
            known.controller = metadata.controller;
        });
        Ok(metadata)
    }
}

/// Which topics to ask the metadata of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Topics<'a> {
    All,
    None,
    Named(&'a [TopicName]),
}

/// Why the request is worth another try at another place: the broker is gone, or says that it is not the one to ask.
fn misplaced<A>(outcome: &Result<A>, refusal: impl Fn(&A) -> Option<ClientError>) -> Option<ClientError> {
    match outcome {
        Ok(answer) => refusal(answer).filter(is_about_place),
        Err(error @ ClientError::Connection { .. }) => Some(error.clone()),
        Err(_) => None,
    }
}

/// The request went to a broker that is not, or not yet, the one to ask.
fn is_about_place(error: &ClientError) -> bool {
    matches!(
        error.code(),
        Some(
            ResponseError::NotController
                | ResponseError::NotCoordinator
                | ResponseError::CoordinatorNotAvailable
                | ResponseError::CoordinatorLoadInProgress
        )
    )
}
