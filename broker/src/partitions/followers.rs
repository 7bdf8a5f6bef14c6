//! The leader's side of replication: what followers told by their requests counts for the ISR and the high watermark, and
//! what the leader has to propose about the ISR goes to whoever asks the controller.

use super::{
    AppendError, Host, Partitions,
    apply::assignment,
    partition::{Partition, State, Unavailable},
    position::Position,
    queue::Need,
    watch::Change,
    writer::Writer,
};
use controller::{ClusterImage, PartitionImage};
use model::{BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionEpoch, PartitionIndex, TopicId};
use replication::{AFTER_REFUSAL, Assignment, FollowerRequest, Leader, NotServed, Proposal, ProposalRefused};
use std::{sync::Arc, time::Duration};

/// A broker that follows, in one of its lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FollowingBroker {
    pub(crate) id: BrokerId,
    /// −1 where it does not know it yet.
    pub(crate) epoch: BrokerEpoch,
}

/// Its request for one partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FollowerAsks {
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) last_fetched_epoch: LeaderEpoch,
    /// It has everything before.
    pub(crate) log_end: Offset,
    pub(crate) log_start: Offset,
}

/// Why a follower gets no records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRecords {
    Unavailable(Unavailable),
    Diverges { epoch: LeaderEpoch, end: Offset },
    OutOfRange { log_start: Offset },
}

impl From<replication::NoRecords> for NoRecords {
    fn from(refused: replication::NoRecords) -> Self {
        match refused {
            replication::NoRecords::NotServed(error) => Self::Unavailable(error.into()),
            replication::NoRecords::Diverges { epoch, end } => Self::Diverges { epoch, end },
            replication::NoRecords::OutOfRange { log_start } => Self::OutOfRange { log_start },
        }
    }
}

/// What became of a proposal.
#[derive(Debug)]
pub(crate) enum Decided {
    Accepted(Assignment),
    Refused(ProposalRefused),
    /// Nobody knows.
    Lost,
}

/// Twice what a follower waits for records at its leader, unless it is configured to wait for longer.
const UNHEARD: Duration = Duration::from_secs(1);

impl Host {
    fn unheard_for(&self) -> Duration {
        self.clock.now().since(*self.heard.lock())
    }

    /// Another broker may lead by now, and know of producers what this leader does not.
    pub(super) fn may_be_succeeded(&self, leader: &Leader) -> bool {
        leader.others_may_lead() && self.unheard_for() >= UNHEARD
    }
}

impl Partitions {
    /// Waits for proposals and takes all there are.
    pub(crate) async fn proposals(&self) -> Vec<(Arc<Partition>, Proposal)> {
        self.host.proposals.take().await
    }

    /// Followers that caught up before the controller would have them in sync may join now: what they said they say but once.
    /// Those that it would no longer have are not waited for.
    pub(super) fn reconsider_followers(&self, before: &ClusterImage, after: &ClusterImage) {
        let has_turned = |id: &BrokerId| after.is_usable(*id) != before.is_usable(*id);
        if !before.brokers.keys().chain(after.brokers.keys()).any(has_turned) {
            return;
        }
        for topic in after.topics.iter() {
            let waits = |one: &PartitionImage| {
                one.leader == Some(self.host.me)
                    && one.replicas.iter().any(|id| has_turned(id) && !one.isr.contains(id))
            };
            let Some(held) = self.topic_by_id(topic.id) else { continue };
            for (index, _) in topic.indexed_partitions().filter(|(_, one)| waits(one)) {
                if let Some(partition) = held.get(index) {
                    partition.queue_job(Need::Nothing, |partition, writer| partition.propose(writer));
                }
            }
        }
    }

    /// A follower of anything asked.
    pub(crate) fn heard_follower(&self) {
        *self.host.heard.lock() = self.host.clock.now();
    }

    /// For how long none did.
    pub(crate) fn unheard_for(&self) -> Duration {
        self.host.unheard_for()
    }

    /// Leaves all leaderships that may be left, to come back to with [`Partitions::resume`]. So many were.
    pub(crate) async fn step_aside(&self) -> usize {
        let mut stepped = Vec::new();
        for partition in self.all().into_iter().filter(|partition| partition.leads()) {
            let steps = partition.exclusive(Need::Nothing, |partition, writer| partition.step_aside(writer));
            if steps.await == Some(true) {
                stepped.push(partition);
            }
        }
        let count = stepped.len();
        self.host.aside.lock().extend(stepped);
        count
    }

    /// What this broker stepped aside from, and does not lead again.
    pub(crate) fn left(&self) -> Vec<(TopicId, PartitionIndex)> {
        let mut aside = self.host.aside.lock();
        aside.retain(|partition| !partition.leads());
        aside.iter().map(|partition| (partition.topic().id, partition.id().partition)).collect()
    }

    /// What of that the metadata still gives to this broker is served again.
    pub(crate) async fn resume(&self, image: &ClusterImage) {
        let aside = std::mem::take(&mut *self.host.aside.lock());
        for partition in aside {
            let Some(known) = image.partition(partition.id()) else { continue };
            let assignment = assignment(known, &partition.settings());
            let assigned =
                partition.exclusive(Need::LogAndDevice, move |partition, writer| partition.assign(writer, assignment));
            assigned.await;
        }
    }

    /// Proposes that members which did not keep up for `lag_max` leave.
    pub(crate) async fn check_lag(&self, lag_max: Duration) {
        for partition in self.all().into_iter().filter(|partition| partition.leads()) {
            let checked = partition.exclusive(Need::Nothing, move |partition, writer| {
                if let Ok(leader) = writer.replica.leader_mut()
                    && leader.has_followers()
                {
                    leader.check_lag(lag_max, partition.host.clock.now());
                    partition.propose(writer);
                }
            });
            checked.await;
        }
    }
}

impl Partition {
    /// Takes note of what a follower has. What is refused here counts for nothing.
    pub(crate) async fn follower_asks(
        self: &Arc<Self>,
        broker: FollowingBroker,
        asks: FollowerAsks,
    ) -> Result<(), NoRecords> {
        let mut need = Need::Nothing;
        loop {
            let noted = self.exclusive(need, move |partition, writer| partition.note(writer, broker, asks)).await;
            match noted {
                Some(Some(result)) => return result,
                // Its epochs are on the disk.
                Some(None) if need == Need::Nothing => need = Need::Log,
                Some(None) | None => return Err(NoRecords::Unavailable(Unavailable::Storage)),
            }
        }
    }

    /// `None` where the log must be open for an answer.
    fn note(
        self: &Arc<Self>,
        writer: &mut Writer,
        broker: FollowingBroker,
        asks: FollowerAsks,
    ) -> Option<Result<(), NoRecords>> {
        let refused = |error| Some(Err(NoRecords::Unavailable(error)));
        match self.state() {
            State::Serving => {}
            State::Recovering => return refused(Unavailable::Recovering),
            State::Failed => return refused(Unavailable::Storage),
            State::Deleted => return refused(Unavailable::Deleted),
        }
        let position = Position::of(self, &writer.log);
        if !position.knows_end_of(asks.last_fetched_epoch) {
            return None;
        }
        let request = FollowerRequest {
            broker: broker.id,
            broker_epoch: broker.epoch,
            leader_epoch: asks.leader_epoch,
            last_fetched_epoch: asks.last_fetched_epoch,
            log_end: asks.log_end,
        };
        let noted = writer.replica.follower_asks(&position, request, self.host.clock.now());
        Some(noted.map_err(NoRecords::from).map(|risen| {
            let starts_anew =
                writer.replica.leader_mut().map(|leader| leader.follower_starts_at(broker.id, asks.log_start));
            if starts_anew == Ok(true) {
                self.watchers.tell(Change::LogStart);
            }
            writer.high_watermark_rose(risen);
            self.propose(writer);
            self.show_follower_logs(writer);
        }))
    }

    fn step_aside(self: &Arc<Self>, writer: &mut Writer) -> bool {
        if !writer.replica.step_aside() {
            return false;
        }
        self.set_leader(None, self.leader_epoch());
        writer.refuse_parked(AppendError::NotServed(NotServed::NotLeader));
        self.watchers.tell(Change::State);
        true
    }

    /// After whatever may have given the leader something to propose.
    pub(super) fn propose(self: &Arc<Self>, writer: &mut Writer) {
        let brokers = self.host.brokers.load();
        let is_usable = |id: BrokerId, epoch| brokers.get(&id).is_some_and(|broker| broker.is_usable_as(epoch));
        let Ok(leader) = writer.replica.leader_mut() else { return };
        if leader.takes_word_again() {
            self.watchers.tell(Change::Forgotten);
        }
        let now = self.host.clock.now();
        let risen = leader.await_followers(is_usable, self.host.lag_max, now);
        if let Some(proposal) = leader.next_proposal(is_usable, now) {
            self.host.proposals.add((Arc::clone(self), proposal));
        }
        writer.high_watermark_rose(risen);
    }

    /// The answer to a proposal that was made from the state `from`.
    pub(crate) fn proposal_decided(self: &Arc<Self>, from: (LeaderEpoch, PartitionEpoch), decided: Decided) {
        self.queue_job(Need::Nothing, move |partition, writer| {
            let now = partition.host.clock.now();
            let Ok(leader) = writer.replica.leader_mut() else { return };
            if leader.leader_epoch() != from.0 {
                return;
            }
            match decided {
                Decided::Accepted(assignment) => {
                    let risen = leader.proposal_accepted(assignment, now);
                    writer.high_watermark_rose(risen);
                }
                Decided::Refused(refused) => {
                    leader.proposal_refused(from.1, refused, now);
                    partition.propose_later();
                }
                Decided::Lost => leader.proposal_lost(),
            }
            partition.propose(writer);
        });
    }

    fn propose_later(self: &Arc<Self>) {
        let partition = Arc::downgrade(self);
        self.host.runtime.spawn(async move {
            tokio::time::sleep(AFTER_REFUSAL).await;
            if let Some(partition) = partition.upgrade() {
                partition.queue_job(Need::Nothing, |partition, writer| partition.propose(writer));
            }
        });
    }
}
