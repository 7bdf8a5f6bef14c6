//! The caller's side of a controller: one async call per decision.

use controller::{
    ControllerError, Event, Heartbeat, Leaving,
    errors::{
        ConfigError, ElectionError, FeatureError, HoldError, IsrError, ReassignmentError, TopicError, UnregisterError,
    },
    requests::{
        AlterConfigs, AlterPartitions, AlteredPartition, BrokerSession, ConfigResource, CreatePartitions, CreateTopics,
        CreatedTopic, DeleteTopics, DeletedTopic, DescribedBroker, ElectLeaders, HeldBroker, HoldBroker, MoveLeaders,
        MovedLeaders, ProducerIdBlock, ReassignPartitions, RegisterBroker, Reply, Request, RestoredTopic,
        TopicReference, UpdateFeatures,
    },
};
use model::{BrokerEpoch, BrokerId, ProducerId, TopicName, TopicPartition};
use tokio::sync::{mpsc, oneshot};

/// One result per requested item; the outer error means that nothing was decided or stored.
pub type Results<K, T, E> = Result<Vec<(K, Result<T, E>)>, ControllerError>;

/// Calls waiting for the host at most; further callers wait for a place.
pub(crate) const CALL_QUEUE: usize = 1024;

/// Cheap to clone. Every call returns once its change is committed and published, or refused.
#[derive(Debug, Clone)]
pub struct ControllerHandle {
    calls: mpsc::Sender<Call>,
}

#[derive(Debug)]
pub(crate) enum Call {
    Ask {
        request: Request,
        reply: oneshot::Sender<Reply>,
    },
    /// A broker was heard, or not.
    Tell(Event),
}

macro_rules! call {
    ($self:ident, $request:expr, $variant:path) => {
        match $self.call($request).await? {
            $variant(result) => Ok(result),
            other => Err(ControllerError::Malformed(format!("an answer to another question: {other:?}"))),
        }
    };
}

impl ControllerHandle {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Call>) {
        let (calls, receiver) = mpsc::channel(CALL_QUEUE);
        (Self { calls }, receiver)
    }

    /// Every partition the broker leads has a new leader epoch afterwards.
    pub async fn register_broker(&self, request: RegisterBroker) -> Result<BrokerEpoch, ControllerError> {
        call!(self, Request::RegisterBroker(request), Reply::BrokerRegistered)
    }

    pub async fn create_topics(&self, request: CreateTopics) -> Results<TopicName, CreatedTopic, TopicError> {
        call!(self, Request::CreateTopics(request), Reply::TopicsCreated)
    }

    pub async fn delete_topics(&self, request: DeleteTopics) -> Result<Vec<DeletedTopic>, ControllerError> {
        call!(self, Request::DeleteTopics(request), Reply::TopicsDeleted)
    }

    /// Undoes deletions whose window is not over.
    pub async fn restore_topics(&self, topics: Vec<TopicReference>) -> Result<Vec<RestoredTopic>, ControllerError> {
        call!(self, Request::RestoreTopics(topics), Reply::TopicsRestored)
    }

    pub async fn create_partitions(&self, request: CreatePartitions) -> Results<TopicName, (), TopicError> {
        call!(self, Request::CreatePartitions(request), Reply::PartitionsCreated)
    }

    pub async fn alter_configs(&self, request: AlterConfigs) -> Results<ConfigResource, (), ConfigError> {
        call!(self, Request::AlterConfigs(request), Reply::ConfigsAltered)
    }

    pub async fn elect_leaders(&self, request: ElectLeaders) -> Results<TopicPartition, (), ElectionError> {
        call!(self, Request::ElectLeaders(request), Reply::LeadersElected)
    }

    pub async fn reassign_partitions(
        &self,
        request: ReassignPartitions,
    ) -> Results<TopicPartition, (), ReassignmentError> {
        call!(self, Request::ReassignPartitions(request), Reply::PartitionsReassigned)
    }

    pub async fn update_features(&self, request: UpdateFeatures) -> Results<String, (), FeatureError> {
        call!(self, Request::UpdateFeatures(request), Reply::FeaturesUpdated)
    }

    /// The next thousand ids from `least` on, never given to anybody else.
    pub async fn allocate_producer_ids(&self, least: ProducerId) -> Result<ProducerIdBlock, ControllerError> {
        call!(self, Request::AllocateProducerIds(least), Reply::ProducerIds)
    }

    /// A broker asks for leave to stop; once this returns others lead what they can.
    pub async fn begin_shutdown(&self, session: BrokerSession) -> Result<(), ControllerError> {
        self.call(Request::BeginShutdown(session)).await.map(drop)
    }

    pub async fn unregister_broker(&self, id: BrokerId) -> Result<Result<(), UnregisterError>, ControllerError> {
        call!(self, Request::UnregisterBroker(id), Reply::BrokerUnregistered)
    }

    /// A person keeps a broker from something, or lets it again.
    pub async fn hold_broker(&self, request: HoldBroker) -> Result<Result<HeldBroker, HoldError>, ControllerError> {
        call!(self, Request::HoldBroker(request), Reply::BrokerHeld)
    }

    /// Others lead what a broker leads, as far as one commit goes.
    pub async fn move_leaders(&self, request: MoveLeaders) -> Result<Result<MovedLeaders, HoldError>, ControllerError> {
        call!(self, Request::MoveLeaders(request), Reply::LeadersMoved)
    }

    /// Once this returns, no image that will be published gives a replica to a broker that leaves and had none.
    pub async fn set_leaving(&self, leaving: Leaving) -> Result<(), ControllerError> {
        self.call(Request::SetLeaving(leaving)).await.map(drop)
    }

    /// Who is alive, and how each broker is doing.
    pub async fn describe_brokers(&self) -> Result<Vec<DescribedBroker>, ControllerError> {
        call!(self, Request::DescribeBrokers, Reply::BrokersDescribed)
    }

    pub async fn alter_partitions(
        &self,
        request: AlterPartitions,
    ) -> Result<Result<Vec<AlteredPartition>, IsrError>, ControllerError> {
        call!(self, Request::AlterPartitions(request), Reply::PartitionsAltered)
    }

    /// A broker obeys a controller that took over later.
    pub async fn outlived(&self) -> Result<(), ControllerError> {
        self.tell(Event::Outlived).await
    }

    pub async fn heard(&self, heartbeat: Heartbeat) -> Result<(), ControllerError> {
        self.tell(Event::Heard(heartbeat)).await
    }

    pub async fn disconnected(&self, session: BrokerSession) -> Result<(), ControllerError> {
        self.tell(Event::Disconnected(session)).await
    }

    pub async fn departed(&self, session: BrokerSession) -> Result<(), ControllerError> {
        self.tell(Event::Departed(session)).await
    }

    /// Any request, for those who pass it on.
    pub(crate) async fn ask(&self, request: Request) -> Result<Reply, ControllerError> {
        self.call(request).await
    }

    async fn tell(&self, event: Event) -> Result<(), ControllerError> {
        self.calls.send(Call::Tell(event)).await.map_err(|_| ControllerError::Stopped)
    }

    async fn call(&self, request: Request) -> Result<Reply, ControllerError> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(Call::Ask { request, reply }).await.map_err(|_| ControllerError::Stopped)?;
        match answer.await.map_err(|_| ControllerError::Stopped)? {
            Reply::Refused(error) => Err(error),
            reply => Ok(reply),
        }
    }
}
