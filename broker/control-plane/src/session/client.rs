//! The broker's side of its session: it stays registered, acts by the metadata it is sent, and asks.
//!
//! A session that breaks is opened again at once, then more and more slowly. Calls that wait for an answer then fail:
//! whether the controller decided them nobody knows.

mod applier;
mod reaching;

use super::{ASKED_AT_ONCE, LARGEST_MESSAGE, admission::show_token};
use crate::{
    handle::{Call, ControllerHandle},
    wire::{
        Answer, Ask, BrokerMessage, ControllerMessage, Departure, Heartbeat, Refused, Registration,
        broker_message::Kind as Sent, controller_message::Kind,
    },
};
pub use applier::Obeys;
use applier::{Applier, Unreadable, Work};
use controller::{
    BrokerCondition, ClusterImage, ControllerError, obeying,
    requests::{NO_REGISTRATION, RegisterBroker, Reply},
};
use model::{BrokerEpoch, ClusterId, ControllerEpoch, MetadataVersion};
use prost::Message as _;
use reaching::{CONNECT_LIMIT, answer, connect, read_token};
pub use reaching::{SessionError, TokenFile, describe};
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};
use tokio::{
    sync::{
        mpsc::{self, OwnedPermit, error::TrySendError},
        oneshot, watch,
    },
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

const FIRST_RETRY: Duration = Duration::from_millis(50);
const LONGEST_RETRY: Duration = Duration::from_secs(1);
/// Half of the tries reach one of two operators: within the session timeout there are enough of them.
const LONGEST_RETRY_ELSEWHERE: Duration = Duration::from_millis(200);
/// Messages that wait for the connection.
const OUTGOING: usize = 64;
/// Heartbeats within one session timeout.
const HEARTBEATS: u32 = 6;

/// Where the controller is and who the broker is.
#[derive(Debug, Clone)]
pub struct Registrar {
    /// HOST:PORT of the controller.
    pub controller: String,
    /// What the broker shows to be let in.
    pub token: Option<TokenFile>,
    pub cluster_id: ClusterId,
    pub registration: RegisterBroker,
    /// The highest that this broker has ever acted by.
    pub highest_epoch: ControllerEpoch,
    /// The newest metadata that it acted by before it started, as far as it kept that.
    pub kept_version: MetadataVersion,
    pub known: Arc<dyn KnownMetadata>,
    /// Longest time between two heartbeats; there are several in each session timeout.
    pub heartbeat_interval: Duration,
    pub condition: Arc<dyn Condition>,
    /// How long calls wait for a session, in which another controller may take over; then they fail until there is one.
    pub call_patience: Duration,
}

/// How the broker is doing, asked for each heartbeat. The controller epoch is the session's own matter.
pub trait Condition: fmt::Debug + Send + Sync {
    /// `None` while others had better lead: the broker is silent then, and fenced once it has been so for the session timeout.
    fn now(&self) -> Option<BrokerCondition>;
}

/// For a controller that lost its own.
pub trait KnownMetadata: fmt::Debug + Send + Sync {
    /// What the broker acts by, or kept from before it started. May read the disk.
    fn newest(&self) -> Option<Arc<ClusterImage>>;
}

/// Whether a session is open.
#[derive(Debug, Clone, Copy)]
pub struct SessionState {
    /// `None` while it is.
    pub lost_at: Option<Instant>,
    /// After this the controller takes a silent broker for lost.
    pub timeout: Duration,
}

/// A controller in another process. Dropping it ends the session without a word.
#[derive(Debug)]
pub struct RemoteController {
    handle: ControllerHandle,
    state: watch::Receiver<SessionState>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl RemoteController {
    /// Registers and returns once the broker acts by the metadata that has it registered. `publisher` gets every image.
    pub async fn start<P: Obeys>(registrar: Registrar, publisher: P) -> Result<Self, SessionError> {
        let (handle, calls) = ControllerHandle::new();
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        let own = (registrar.registration.id, registrar.registration.incarnation);
        let (applier, work) = Applier::new(publisher, own);
        let (applied, unreadable) = (applier.applied(), applier.unreadable());
        let applying = tokio::spawn(applier.run());
        let (tell_state, state) =
            watch::channel(SessionState { lost_at: Some(Instant::now()), timeout: Duration::MAX });
        let mut client = Client {
            state: tell_state,
            registrar,
            calls,
            work,
            applied,
            unreadable,
            waiting: BTreeMap::new(),
            last_ask: 0,
            is_registered: false,
            brings_metadata: false,
            reign: Vec::new(),
            obeyed_reign: Vec::new(),
            registered_as: NO_REGISTRATION,
            last_session: Instant::now(),
            ready: Some(ready),
        };
        let task = tokio::spawn(async move {
            client.run(stopped).await;
            drop(client);
            // What was sent is acted by before the end.
            let _ = applying.await;
        });
        match is_ready.await {
            Ok(Ok(())) => Ok(Self { handle, state, stop, task }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(SessionError::Ended),
        }
    }

    pub fn handle(&self) -> ControllerHandle {
        self.handle.clone()
    }

    pub fn state(&self) -> watch::Receiver<SessionState> {
        self.state.clone()
    }

    /// Says that the broker goes, and goes.
    pub async fn stop(self) {
        // A task that ended on its own has dropped its side.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

struct Client {
    state: watch::Sender<SessionState>,
    registrar: Registrar,
    calls: mpsc::Receiver<Call>,
    work: mpsc::Sender<Work>,
    applied: watch::Receiver<u64>,
    unreadable: watch::Receiver<Option<Unreadable>>,
    waiting: BTreeMap<u64, oneshot::Sender<Reply>>,
    last_ask: u64,
    is_registered: bool,
    /// The controller asked for it.
    brings_metadata: bool,
    /// Of the controller of this session, and of the one whose epoch is the highest that was obeyed.
    reign: Vec<u8>,
    obeyed_reign: Vec<u8>,
    /// The registration of this broker that there is, as a controller told.
    registered_as: BrokerEpoch,
    /// When the last session ended.
    last_session: Instant,
    ready: Option<oneshot::Sender<Result<(), SessionError>>>,
}

impl Client {
    async fn run(&mut self, mut stopped: oneshot::Receiver<()>) {
        let (mut retry, mut was_told) = (FIRST_RETRY, false);
        loop {
            let began = Instant::now();
            let ended = self.session(&mut stopped).await;
            if std::mem::take(&mut self.is_registered) {
                self.last_session = Instant::now();
                self.state.send_modify(|state| state.lost_at = Some(self.last_session));
            } else if self.last_session.elapsed() > self.registrar.call_patience {
                self.refuse_calls();
            }
            for (_, waiting) in std::mem::take(&mut self.waiting) {
                // The caller may have gone with its connection.
                let _ = waiting.send(Reply::Refused(ControllerError::Disconnected));
            }
            let Err(error) = ended else { return };
            if error.is_final()
                && let Some(ready) = self.ready.take()
            {
                let _ = ready.send(Err(error));
                return;
            }
            if matches!(error, SessionError::RegisteredMeanwhile(_)) && !std::mem::replace(&mut was_told, true) {
                continue;
            }
            was_told = false;
            if matches!(error, SessionError::Unreadable { is_last: true, .. }) {
                tracing::error!(%error, "this broker comes to no controller any more");
                return;
            }
            if began.elapsed() > LONGEST_RETRY {
                retry = FIRST_RETRY;
            }
            tracing::warn!(%error, "no session with the controller, trying again");
            // Of several processes at the address one decides: the next try may reach it.
            let longest = if error.is_another() { LONGEST_RETRY_ELSEWHERE } else { LONGEST_RETRY };
            retry = retry.min(longest);
            tokio::select! {
                () = sleep(retry) => {}
                _ = &mut stopped => return,
            }
            retry = (retry * 2).min(longest);
        }
    }

    /// One session, until the broker stops (`Ok`) or something breaks.
    async fn session(&mut self, stopped: &mut oneshot::Receiver<()>) -> Result<(), SessionError> {
        // What ended an earlier one does not end this one, which begins with an image.
        self.unreadable.mark_unchanged();
        let Registrar { controller, token, cluster_id, registration, highest_epoch, .. } = &self.registrar;
        let token = read_token(token.as_ref()).await?;
        let mut client = tokio::select! {
            client = connect(controller) => client?,
            _ = &mut *stopped => return Ok(()),
        };
        let (outgoing, messages) = mpsc::channel(OUTGOING);
        let applied = self.registrar.kept_version.0.max(*self.applied.borrow());
        let mut registration = Registration::of(registration, cluster_id, highest_epoch.0, applied);
        registration.reign.clone_from(&self.obeyed_reign);
        registration.follows = Some(self.registered_as.0);
        if std::mem::take(&mut self.brings_metadata) {
            registration.metadata_json = known_metadata(Arc::clone(&self.registrar.known)).await?;
            check_size(registration.encoded_len()).inspect_err(
                |error| tracing::error!(%error, broker_id = registration.broker_id, "metadata of this broker cannot be sent"),
            )?;
        }
        // There is room for the first.
        let _ = outgoing.try_send(BrokerMessage { kind: Some(Sent::Registration(registration)) });
        let mut call = tonic::Request::new(ReceiverStream::new(messages));
        show_token(&mut call, token.as_deref());
        let mut incoming = answer(controller, client.session(call)).await?;
        let session_timeout = self.registered(&mut incoming).await?;
        self.is_registered = true;
        self.state.send_replace(SessionState { lost_at: None, timeout: session_timeout });
        let longest = self.registrar.heartbeat_interval.max(Duration::from_millis(1));
        let mut heartbeats = interval(longest.min(session_timeout / HEARTBEATS));
        heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let message = tokio::select! {
                biased;
                stop = &mut *stopped => {
                    if stop.is_err() {
                        return Ok(());
                    }
                    let _ = outgoing.send(BrokerMessage { kind: Some(Sent::Departure(Departure {})) }).await;
                    drop(outgoing);
                    // The controller ends the stream once it has read the farewell.
                    let _ = tokio::time::timeout(CONNECT_LIMIT, incoming.message()).await;
                    return Ok(());
                }
                Ok(()) = self.unreadable.changed() => return Err(self.unreadable()),
                _ = heartbeats.tick() => self.heartbeat(),
                // What was applied is told at once: the controller may wait for it.
                Ok(()) = self.applied.changed() => self.heartbeat(),
                message = incoming.message() => {
                    let message = message?.ok_or(SessionError::Ended)?;
                    self.take(message).await?;
                    continue;
                }
                Some((room, call)) = next_call(outgoing.clone(), &mut self.calls), if self.waiting.len() < ASKED_AT_ONCE => {
                    if let Some(message) = self.ask(call) {
                        room.send(message);
                    }
                    continue;
                }
            };
            // Without room the controller reads nothing now, perhaps because what it sends is not read: that goes on, and the
            // next heartbeat says as much.
            if let Some(message) = message
                && let Err(TrySendError::Closed(_)) = outgoing.try_send(message)
            {
                return Err(SessionError::Ended);
            }
        }
    }

    fn unreadable(&self) -> SessionError {
        match self.unreadable.borrow().clone() {
            Some(Unreadable { reason, is_last }) => SessionError::Unreadable { reason, is_last },
            None => SessionError::Ended,
        }
    }

    fn refuse_calls(&mut self) {
        while let Ok(call) = self.calls.try_recv() {
            if let Call::Ask { reply, .. } = call {
                // The caller may have gone with its connection.
                let _ = reply.send(Reply::Refused(ControllerError::Disconnected));
            }
        }
    }

    async fn registered(&mut self, incoming: &mut Streaming<ControllerMessage>) -> Result<Duration, SessionError> {
        let message = incoming.message().await?.ok_or(SessionError::Ended)?;
        self.check_epoch(&message)?;
        match message.kind {
            Some(Kind::Registered(registered)) => {
                self.reign = registered.reign;
                self.registered_as = BrokerEpoch(registered.broker_epoch);
                Ok(Duration::from_millis(registered.session_timeout_ms.max(100).into()))
            }
            Some(Kind::Refused(Refused { reason, retriable: false, .. })) => Err(SessionError::Refused(reason)),
            Some(Kind::Refused(Refused { registered_epoch: Some(epoch), .. })) => {
                self.registered_as = BrokerEpoch(epoch);
                Err(SessionError::RegisteredMeanwhile(epoch))
            }
            Some(Kind::Refused(Refused { reason, wants_metadata, .. })) => {
                self.brings_metadata = wants_metadata;
                Err(SessionError::NotNow(reason))
            }
            _ => Err(SessionError::Malformed("a session begins with an answer to the registration".to_owned())),
        }
    }

    /// Whoever says it may be outlived. A refusal without an epoch is nobody's: there is no controller yet.
    fn check_epoch(&self, message: &ControllerMessage) -> Result<(), SessionError> {
        let (found, known) = (message.controller_epoch, self.registrar.highest_epoch);
        let is_nobodys = found == 0 && matches!(message.kind, Some(Kind::Refused(_)));
        if !is_nobodys && obeying::is_of_before(ControllerEpoch(found), known) {
            return Err(SessionError::OldController { found, known: known.0 });
        }
        Ok(())
    }

    fn heartbeat(&mut self) -> Option<BrokerMessage> {
        let applied_version = *self.applied.borrow_and_update();
        if applied_version > 0
            && let Some(ready) = self.ready.take()
        {
            let _ = ready.send(Ok(()));
        }
        let controller_epoch = self.registrar.highest_epoch;
        let condition = BrokerCondition { controller_epoch, ..self.registrar.condition.now()? };
        Some(BrokerMessage { kind: Some(Sent::Heartbeat(Heartbeat::of(applied_version, condition))) })
    }

    fn ask(&mut self, call: Call) -> Option<BrokerMessage> {
        // Events about brokers are the controller's own.
        let Call::Ask { request, reply } = call else { return None };
        match serde_json::to_vec(&request) {
            Ok(request_json) => {
                self.last_ask += 1;
                self.waiting.insert(self.last_ask, reply);
                Some(BrokerMessage { kind: Some(Sent::Ask(Ask { id: self.last_ask, request_json })) })
            }
            Err(error) => {
                let _ = reply.send(Reply::Refused(ControllerError::Malformed(error.to_string())));
                None
            }
        }
    }

    async fn take(&mut self, message: ControllerMessage) -> Result<(), SessionError> {
        self.check_epoch(&message)?;
        self.registrar.highest_epoch = ControllerEpoch(message.controller_epoch);
        self.obeyed_reign.clone_from(&self.reign);
        let work = match message.kind {
            Some(Kind::Snapshot(snapshot)) => Work::Snapshot(snapshot.image_json),
            Some(Kind::Changes(changes)) => Work::Changes(changes.change_json),
            Some(Kind::Answer(Answer { id, reply_json })) => match self.waiting.remove(&id) {
                Some(waiting) => Work::Answer { reply_json, waiting },
                None => return Ok(()),
            },
            Some(Kind::Refused(refused)) => return Err(SessionError::Malformed(refused.reason)),
            // What a later version says.
            Some(Kind::Registered(_)) | None => return Ok(()),
        };
        self.work.send(work).await.map_err(|_| self.unreadable())
    }
}

/// Taken only once there is room for it.
async fn next_call(
    outgoing: mpsc::Sender<BrokerMessage>,
    calls: &mut mpsc::Receiver<Call>,
) -> Option<(OwnedPermit<BrokerMessage>, Call)> {
    let room = outgoing.reserve_owned().await.ok()?;
    Some((room, calls.recv().await?))
}

/// Of a registration. The message around it is a few bytes larger.
fn check_size(bytes: usize) -> Result<(), SessionError> {
    const AROUND: usize = 16;
    if bytes + AROUND > LARGEST_MESSAGE { Err(SessionError::TooLarge(bytes)) } else { Ok(()) }
}

async fn known_metadata(known: Arc<dyn KnownMetadata>) -> Result<Vec<u8>, SessionError> {
    let json = tokio::task::spawn_blocking(move || known.newest().map(|image| serde_json::to_vec(&*image)).transpose());
    match json.await {
        Ok(Ok(json)) => Ok(json.unwrap_or_default()),
        Ok(Err(error)) => Err(SessionError::Malformed(error.to_string())),
        // The runtime ends.
        Err(_) => Err(SessionError::Ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_that_no_controller_takes_is_not_sent() {
        let largest = Registration { metadata_json: vec![0; LARGEST_MESSAGE - 64], ..Registration::default() };
        assert!(check_size(largest.encoded_len()).is_ok());
        let message = BrokerMessage { kind: Some(Sent::Registration(largest)) };
        assert!(message.encoded_len() <= LARGEST_MESSAGE, "what is sent is taken");
        let error = check_size(LARGEST_MESSAGE).unwrap_err();
        assert!(error.to_string().contains("restore it from a backup"), "{error}");
    }
}
