//! The controller's side of the sessions.

use super::{
    LARGEST_MESSAGE, REQUESTS_AT_ONCE,
    admission::{Admission, Directory, Doubt, Found, NotAdmitted, token_of},
    newest::SessionNumber,
    ownership::{Owners, take_out},
    recovery,
    updates::{State, Updates},
};
use crate::{
    handle::ControllerHandle,
    wire::{
        self, Answer, Ask, BrokerMessage, ControllerMessage, DescribeRequest, DescribeResponse, Refused, Registered,
        Registration, Snapshot, broker_message, control_plane_server, controller_message::Kind,
    },
};
use controller::{
    ControllerError,
    obeying::{NotLetIn, Obeyed, Standing},
    requests::{BrokerSession, Reply, Request},
};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use model::{BrokerEpoch, BrokerId, ClusterId, ControllerEpoch, MetadataVersion};
use std::{net::SocketAddr, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_stream::{Stream, wrappers::ReceiverStream, wrappers::TcpListenerStream};
use tonic::{Code, Request as Call, Response, Status, Streaming, transport::Server};

/// A broker says at once who it is.
const REGISTRATION_LIMIT: Duration = Duration::from_secs(10);
/// With all that it knows: the largest message over a link of 100 Mbit/s.
const RECOVERY_LIMIT: Duration = Duration::from_secs(60);
/// Messages that wait for a slow broker; then its session waits too, and its metadata is sent together.
const OUTGOING: usize = 16;

/// Serves brokers on behalf of one controller. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ControlPlaneServer {
    pub cluster_id: ClusterId,
    pub controller: ControllerHandle,
    pub updates: Updates,
    pub session_timeout: Duration,
    /// What the store held when the controller took over.
    pub loaded_version: MetadataVersion,
    /// `None`: a broker is taken as it says it is.
    pub admission: Option<Arc<dyn Admission>>,
    /// `None`: clients may change every topic.
    pub owners: Option<Arc<dyn Owners>>,
}

impl ControlPlaneServer {
    /// Serves whoever comes until the future is dropped.
    pub async fn serve(self, listener: TcpListener) -> Result<(), tonic::transport::Error> {
        ControlPlane(self).serve(listener).await
    }
}

/// Serves the brokers of every controller in a directory.
#[derive(Debug, Clone)]
pub struct ControlPlane<D>(pub D);

impl<D: Directory> ControlPlane<D> {
    /// Serves until the future is dropped.
    pub async fn serve(self, listener: TcpListener) -> Result<(), tonic::transport::Error> {
        self.serve_up_to(LARGEST_MESSAGE, listener).await
    }

    pub(super) async fn serve_up_to(
        self,
        largest: usize,
        listener: TcpListener,
    ) -> Result<(), tonic::transport::Error> {
        let service = control_plane_server::ControlPlaneServer::new(self).max_decoding_message_size(largest);
        // A node that is gone without a word holds its connection no longer than this.
        let server = Server::builder().http2_keepalive_interval(Some(Duration::from_secs(10))).tcp_nodelay(true);
        server.clone().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)).await
    }
}

type Outgoing = Pin<Box<dyn Stream<Item = Result<ControllerMessage, Status>> + Send>>;

#[tonic::async_trait]
impl<D: Directory> control_plane_server::ControlPlane for ControlPlane<D> {
    type SessionStream = Outgoing;

    async fn describe(&self, call: Call<DescribeRequest>) -> Result<Response<DescribeResponse>, Status> {
        let cluster_id = match self.0.find(token_of(&call))? {
            Found::Controller(server) => server.cluster_id,
            Found::Recovery(recovery) => recovery.cluster_id(),
        };
        Ok(Response::new(DescribeResponse { cluster_id: cluster_id.to_string() }))
    }

    async fn session(&self, call: Call<Streaming<BrokerMessage>>) -> Result<Response<Outgoing>, Status> {
        let peer = call.remote_addr();
        let found = self.0.find(token_of(&call))?;
        let (outgoing, messages) = mpsc::channel(OUTGOING);
        tokio::spawn(serve_broker(found, call.into_inner(), outgoing, peer));
        Ok(Response::new(Box::pin(ReceiverStream::new(messages))))
    }
}

struct Session {
    server: ControlPlaneServer,
    number: SessionNumber,
    broker: BrokerSession,
    outgoing: mpsc::Sender<Result<ControllerMessage, Status>>,
    updates: watch::Receiver<State>,
    /// What was sent to the broker.
    version: Option<MetadataVersion>,
}

/// The broker does not take messages any more.
struct Gone;

async fn serve_broker(
    found: Found,
    mut incoming: Streaming<BrokerMessage>,
    outgoing: mpsc::Sender<Result<ControllerMessage, Status>>,
    peer: Option<SocketAddr>,
) {
    let limit = match &found {
        Found::Controller(_) => REGISTRATION_LIMIT,
        Found::Recovery(_) => RECOVERY_LIMIT,
    };
    let by = || match &found {
        Found::Controller(server) => server.updates.controller_epoch(),
        Found::Recovery(_) => None,
    };
    let first = timeout(limit, incoming.message()).await;
    let registration = match first {
        Ok(Ok(Some(BrokerMessage { kind: Some(broker_message::Kind::Registration(registration)) }))) => registration,
        Ok(Ok(Some(_))) => {
            let refused = RegistrationRefused::for_good("a session begins with a registration".to_owned());
            return refuse(&outgoing, refused, by()).await;
        }
        Ok(Ok(None)) => return,
        Ok(Err(error)) => return refuse(&outgoing, not_taken(&error, peer), by()).await,
        Err(_) => {
            tracing::warn!(?peer, ?limit, "a broker came and did not say in time who it is");
            let reason = format!("no registration arrived within {} s", limit.as_secs());
            return refuse(&outgoing, RegistrationRefused::for_now(reason), by()).await;
        }
    };
    match found {
        Found::Controller(server) => server.serve_registered(registration, incoming, outgoing, peer).await,
        Found::Recovery(recovery) => recovery::receive(&*recovery, registration, &outgoing, peer).await,
    }
}

/// A stream that merely broke is the network's matter.
fn not_taken(error: &Status, peer: Option<SocketAddr>) -> RegistrationRefused {
    if error.code() == Code::OutOfRange {
        tracing::error!(
            %error,
            ?peer,
            "the metadata that a broker brings is larger than what is taken; it cannot be rebuilt from this broker, restore it from a backup"
        );
    } else {
        tracing::debug!(%error, ?peer, "a broker's registration did not arrive");
    }
    RegistrationRefused::for_now(format!("the registration cannot be taken: {}", error.message()))
}

impl ControlPlaneServer {
    async fn serve_registered(
        self,
        registration: Registration,
        mut incoming: Streaming<BrokerMessage>,
        outgoing: mpsc::Sender<Result<ControllerMessage, Status>>,
        peer: Option<SocketAddr>,
    ) {
        let number = self.updates.newest().next();
        let mut updates = self.updates.subscribe();
        // What there is already, too: a broker that comes back as it was changes nothing that would tell it.
        updates.mark_changed();
        let broker = match self.register(&registration).await {
            Ok(broker) => broker,
            Err(refused) => {
                let reason = &refused.reason;
                if refused.registered_epoch.is_some() {
                    tracing::debug!(broker_id = registration.broker_id, ?peer, %reason, "the broker registers again");
                } else {
                    tracing::warn!(broker_id = registration.broker_id, ?peer, %reason, "registration refused");
                }
                return refuse(&outgoing, refused, self.updates.controller_epoch()).await;
            }
        };
        let software_version = registration.software_version().map(str::to_owned);
        self.updates.newest().let_in(broker.id, number, software_version);
        tracing::info!(broker_id = %broker.id, broker_epoch = broker.epoch.0, ?peer, "broker registered");
        let mut session = Session { server: self, number, broker, outgoing, updates, version: None };
        let departed = session.run(&mut incoming).await;
        let Session { server, broker, .. } = session;
        let was_newest = server.updates.newest().ended(broker.id, number, departed);
        // A controller that has stopped waits for nobody.
        let _ = if departed {
            server.controller.departed(broker).await
        } else if was_newest {
            server.controller.disconnected(broker).await
        } else {
            Ok(())
        };
        tracing::info!(broker_id = %broker.id, departed, "broker's session ended");
    }

    async fn register(&self, registration: &Registration) -> Result<BrokerSession, RegistrationRefused> {
        let fatal = RegistrationRefused::for_good;
        if *registration.cluster_id != *self.cluster_id {
            return Err(fatal(format!(
                "the broker's data is of cluster {}, this is the controller of {}",
                registration.cluster_id, self.cluster_id
            )));
        }
        self.let_in(registration).await.map_err(|not_let_in| RegistrationRefused::for_now(not_let_in.to_string()))?;
        let mut request = registration.request().map_err(|error| fatal(error.to_string()))?;
        let id = request.id;
        if let Some(admission) = &self.admission {
            request = admission.admit(request).await.map_err(|refusal| match refusal {
                NotAdmitted::NotNow(reason) => RegistrationRefused::for_now(reason),
                never => fatal(never.to_string()),
            })?;
        }
        match self.controller.register_broker(request).await {
            Ok(epoch) => Ok(BrokerSession { id, epoch }),
            Err(error) => {
                let registered_epoch = match error {
                    ControllerError::RegisteredMeanwhile(epoch) => Some(epoch),
                    _ => None,
                };
                Err(RegistrationRefused { registered_epoch, ..RegistrationRefused::for_now(error.to_string()) })
            }
        }
    }
}

impl ControlPlaneServer {
    fn standing(&self) -> Standing {
        Standing { reign: self.updates.reign(), loaded: self.loaded_version }
    }

    async fn let_in(&self, registration: &Registration) -> Result<(), NotLetIn> {
        let obeyed = Obeyed {
            epoch: ControllerEpoch(registration.controller_epoch),
            reign: registration.reign(),
            applied: MetadataVersion(registration.applied_version),
        };
        let let_in = self.standing().let_in(obeyed);
        match let_in {
            Ok(()) | Err(NotLetIn::KnowsMore { before_first_commit: true, .. }) => {}
            Err(not_let_in) => self.doubt(registration, not_let_in.proves_that_the_store_went_back()),
        }
        if let Err(NotLetIn::Outlived { .. }) = let_in {
            // If it has ended meanwhile, so much the better.
            let _ = self.controller.outlived().await;
        }
        let_in
    }

    /// What is not somebody else's to decide.
    async fn ask(&self, mut request: Request) -> Result<Reply, ControllerError> {
        let refusals = match (&self.owners, self.updates.image()) {
            (Some(owners), Some(image)) => take_out(&mut request, &image, &**owners).await?,
            _ => None,
        };
        let reply = self.controller.ask(request).await?;
        Ok(match refusals {
            Some(refusals) => refusals.join(reply),
            None => reply,
        })
    }

    fn doubt(&self, registration: &Registration, is_proof: bool) {
        let (broker, applied) = (BrokerId(registration.broker_id), MetadataVersion(registration.applied_version));
        if let Some(admission) = &self.admission {
            admission.doubt(Doubt { broker, applied, is_proof });
        }
    }
}

pub(super) struct RegistrationRefused {
    pub(super) reason: String,
    pub(super) retriable: bool,
    pub(super) wants_metadata: bool,
    /// The registration that there is, where the broker knew of another.
    pub(super) registered_epoch: Option<BrokerEpoch>,
}

impl RegistrationRefused {
    fn for_good(reason: String) -> Self {
        Self { reason, retriable: false, wants_metadata: false, registered_epoch: None }
    }

    pub(super) fn for_now(reason: String) -> Self {
        Self { reason, retriable: true, wants_metadata: false, registered_epoch: None }
    }
}

/// `by` whom, if there is a controller that has committed anything.
pub(super) async fn refuse(
    outgoing: &mpsc::Sender<Result<ControllerMessage, Status>>,
    RegistrationRefused { reason, retriable, wants_metadata, registered_epoch }: RegistrationRefused,
    by: Option<ControllerEpoch>,
) {
    let registered_epoch = registered_epoch.map(|epoch| epoch.0);
    let refused = Refused { reason, retriable, wants_metadata, registered_epoch };
    let controller_epoch = by.map_or(0, |epoch| epoch.0);
    let message = ControllerMessage { controller_epoch, kind: Some(Kind::Refused(refused)) };
    // It may be gone already.
    let _ = outgoing.send(Ok(message)).await;
}

impl Session {
    /// Until the broker departs (`true`) or its stream ends.
    async fn run(&mut self, incoming: &mut Streaming<BrokerMessage>) -> bool {
        let timeout_ms = u32::try_from(self.server.session_timeout.as_millis()).unwrap_or(u32::MAX);
        let registered = Registered {
            broker_epoch: self.broker.epoch.0,
            session_timeout_ms: timeout_ms,
            reign: self.server.updates.reign_id().0.as_bytes().to_vec(),
        };
        if self.send(Kind::Registered(registered)).await.is_err() {
            return false;
        }
        let mut answers = FuturesUnordered::new();
        loop {
            let sent = tokio::select! {
                changed = self.updates.changed() => match changed {
                    Ok(()) if !self.updates.borrow().is_closed => self.send_updates().await,
                    Ok(()) | Err(_) => return false,
                },
                Some((id, reply)) = answers.next() => self.answer(id, &reply).await,
                message = incoming.message(), if answers.len() < REQUESTS_AT_ONCE => match message {
                    Ok(Some(BrokerMessage { kind })) => match kind {
                        Some(broker_message::Kind::Heartbeat(heartbeat)) => self.heard(&heartbeat).await,
                        Some(broker_message::Kind::Ask(ask)) => {
                            answers.push(decide(self.server.clone(), self.broker, ask));
                            Ok(())
                        }
                        Some(broker_message::Kind::Departure(_)) => return true,
                        // A second registration, or what a later version says.
                        Some(broker_message::Kind::Registration(_)) | None => Ok(()),
                    },
                    Ok(None) | Err(_) => return false,
                },
            };
            if sent.is_err() {
                return false;
            }
        }
    }

    async fn heard(&mut self, said: &wire::Heartbeat) -> Result<(), Gone> {
        let heartbeat = said.heartbeat(self.broker);
        self.server.updates.newest().heard(heartbeat.id, self.number);
        let obeyed = heartbeat.condition.controller_epoch;
        if self.server.standing().is_outlived_by(obeyed) {
            tracing::warn!(broker_id = %heartbeat.id, obeyed = obeyed.0, "broker obeys a later controller, its session ends");
            self.server.controller.outlived().await.map_err(|_| Gone)?;
            return Err(Gone);
        }
        self.server.controller.heard(heartbeat).await.map_err(|_| Gone)
    }

    /// What the answer rests on goes first.
    async fn answer(&mut self, id: u64, reply: &Reply) -> Result<(), Gone> {
        self.send_updates().await?;
        let reply_json = serde_json::to_vec(reply).map_err(|_| Gone)?;
        self.send(Kind::Answer(Answer { id, reply_json })).await
    }

    async fn send_updates(&mut self) -> Result<(), Gone> {
        let update = {
            let state = self.updates.borrow_and_update();
            let Some(image) = &state.image else { return Ok(()) };
            let newest = image.metadata_version;
            state.since(self.version).map(|update| (newest, update))
        };
        let (newest, update) = update.map_err(|error| {
            tracing::error!(%error, "metadata cannot be written as JSON");
            Gone
        })?;
        self.version = self.version.max(Some(newest));
        if let Some(Kind::Snapshot(Snapshot { image_json })) = &update
            && image_json.len() > LARGEST_MESSAGE
        {
            let (bytes, limit) = (image_json.len(), LARGEST_MESSAGE);
            tracing::error!(
                broker_id = %self.broker.id,
                bytes,
                limit,
                "the metadata is larger than what brokers take; delete topics, partitions or large configs"
            );
        }
        match update {
            Some(update) => self.send(update).await,
            None => Ok(()),
        }
    }

    async fn send(&mut self, kind: Kind) -> Result<(), Gone> {
        let image = self.updates.borrow().image.clone();
        let controller_epoch = image.map_or(0, |image| image.controller_epoch.0);
        let message = ControllerMessage { controller_epoch, kind: Some(kind) };
        self.outgoing.send(Ok(message)).await.map_err(|_| Gone)
    }
}

async fn decide(server: ControlPlaneServer, broker: BrokerSession, ask: Ask) -> (u64, Reply) {
    let request = serde_json::from_slice::<Request>(&ask.request_json);
    let reply = match request {
        Ok(request) if speaks_for_itself(&request, broker) => server.ask(request).await,
        Ok(_) => Err(ControllerError::Malformed("the request speaks for another broker".to_owned())),
        Err(error) => Err(ControllerError::Malformed(error.to_string())),
    };
    (ask.id, reply.unwrap_or_else(Reply::Refused))
}

/// What only a broker itself may say.
fn speaks_for_itself(request: &Request, broker: BrokerSession) -> bool {
    match request {
        // By hand: no API of Kafka's asks for it.
        Request::RegisterBroker(_) | Request::HoldBroker(_) | Request::MoveLeaders(_) | Request::SetLeaving(_) => false,
        Request::BeginShutdown(session) => *session == broker,
        Request::AlterPartitions(alter) => alter.broker == broker.id,
        _ => true,
    }
}
