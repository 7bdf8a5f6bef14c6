//! How followers come to have what their leader has: fetches that wait for records, and what an answer does to a log.

use super::{
    World,
    message::{Message, Node},
    network::Timer,
    partition::SimulatedPartition,
    place::Place,
    records::read,
};
use bytes::Bytes;
use model::{BrokerEpoch, BrokerId, MonotonicTime};
use replication::{FetchAnswer, FollowerRequest, FollowerStep, NextFetch, NoRecords, NotServed};
use std::time::Duration;

/// A fetch without an answer for this long is lost.
const FETCH_TIMEOUT: Duration = Duration::from_millis(500);
/// `replica.fetch.wait.max.ms`
const LONGEST_WAIT: Duration = Duration::from_millis(100);
/// When a follower that was refused may ask again.
const AFTER_REFUSAL: Duration = Duration::from_millis(101);

#[derive(Debug, Clone, Copy)]
pub(super) struct Parked {
    from: BrokerId,
    asked: NextFetch,
    until: MonotonicTime,
}

impl SimulatedPartition {
    fn records_for(&self, asked: NextFetch) -> (FetchAnswer, Bytes) {
        let Ok(leader) = self.replica.leader() else { return (FetchAnswer::NotNow, Bytes::new()) };
        let (high_watermark, log_start) = (leader.high_watermark(), self.log.log_start());
        match read(self.log.view(), asked.offset, self.log.log_end()) {
            Some(bytes) => (FetchAnswer::Records { high_watermark, log_start }, bytes),
            None => (FetchAnswer::NotNow, Bytes::new()),
        }
    }
}

impl World {
    /// The follower's next request, if it is one and none is under way.
    pub(super) fn fetch_next(&mut self, id: i32, index: Place) {
        let now = self.network.clock(Node::Broker(id));
        let Some(node) = self.brokers.get_mut(&id) else { return };
        let broker_epoch = node.epoch.unwrap_or(BrokerEpoch(-1));
        let Some(partition) = node.partitions.get_mut(&index) else { return };
        if partition.fetching.is_some_and(|(since, _)| now.since(since) < FETCH_TIMEOUT) {
            return;
        }
        let Some(follower) = partition.replica.follower_mut() else { return };
        let Some(asked) = follower.next_fetch(&partition.log, now) else { return };
        partition.fetching = Some((now, asked));
        let fetch = Message::Fetch { partition: index, from: BrokerId(id), broker_epoch, asked };
        self.network.send(Node::Broker(id), Node::Broker(asked.leader.0), fetch, &mut self.random);
    }

    pub(super) fn serve_follower(
        &mut self,
        id: i32,
        index: Place,
        from: BrokerId,
        broker_epoch: BrokerEpoch,
        asked: NextFetch,
    ) {
        self.heard_follower(id);
        if let Some((answer, bytes)) = self.answer_follower(id, index, from, broker_epoch, asked) {
            self.send_fetched(id, index, from, asked, answer, bytes);
        }
        self.publish(id, index);
        self.propose(id);
    }

    fn send_fetched(
        &mut self,
        id: i32,
        index: Place,
        to: BrokerId,
        asked: NextFetch,
        answer: FetchAnswer,
        bytes: Bytes,
    ) {
        let fetched = Message::Fetched { partition: index, asked, answer, bytes };
        self.network.send(Node::Broker(id), Node::Broker(to.0), fetched, &mut self.random);
    }

    /// Followers that wait learn of records, or that the leadership is another.
    pub(super) fn wake_followers(&mut self, id: i32, index: Place) {
        let Some(partition) = self.brokers.get_mut(&id).and_then(|node| node.partitions.get_mut(&index)) else {
            return;
        };
        for Parked { from, asked, .. } in std::mem::take(&mut partition.parked) {
            self.answer_parked(id, index, from, asked);
        }
    }

    /// Followers that waited long enough learn that there is nothing, and how much is committed.
    pub(super) fn end_waits(&mut self, id: i32) {
        let now = self.network.clock(Node::Broker(id));
        let Some(node) = self.brokers.get_mut(&id) else { return };
        let over = node.partitions.iter_mut().flat_map(|(index, partition)| {
            partition.parked.extract_if(.., |parked| parked.until <= now).map(|parked| (*index, parked))
        });
        for (index, Parked { from, asked, .. }) in over.collect::<Vec<_>>() {
            self.answer_parked(id, index, from, asked);
        }
    }

    fn answer_parked(&mut self, id: i32, index: Place, from: BrokerId, asked: NextFetch) {
        if self.is_dead(id) {
            return;
        }
        let Some(partition) = self.brokers.get_mut(&id).and_then(|node| node.partitions.get_mut(&index)) else {
            return;
        };
        let leads_on = partition.replica.leader().is_ok_and(|leader| leader.leader_epoch() == asked.leader_epoch);
        let (answer, bytes) = if leads_on { partition.records_for(asked) } else { (FetchAnswer::NotNow, Bytes::new()) };
        self.send_fetched(id, index, from, asked, answer, bytes);
    }

    /// `None`: there is nothing yet, and the follower waits.
    fn answer_follower(
        &mut self,
        id: i32,
        index: Place,
        from: BrokerId,
        broker_epoch: BrokerEpoch,
        asked: NextFetch,
    ) -> Option<(FetchAnswer, Bytes)> {
        let now = self.network.clock(Node::Broker(id));
        let refuse = |answer| Some((answer, Bytes::new()));
        let Some(node) = self.brokers.get_mut(&id) else { return refuse(FetchAnswer::NotNow) };
        let Some(partition) = node.partitions.get_mut(&index) else { return refuse(FetchAnswer::NotNow) };
        let asks = FollowerRequest {
            broker: from,
            broker_epoch,
            leader_epoch: asked.leader_epoch,
            last_fetched_epoch: asked.last_fetched_epoch,
            log_end: asked.offset,
        };
        match partition.replica.follower_asks(&partition.log, asks, now) {
            Ok(_) => {}
            Err(NoRecords::NotServed(NotServed::FencedEpoch)) => return refuse(FetchAnswer::FencedEpoch),
            Err(NoRecords::NotServed(_)) => return refuse(FetchAnswer::NotNow),
            Err(NoRecords::Diverges { epoch, end }) => return refuse(FetchAnswer::Diverging { epoch, end }),
            Err(NoRecords::OutOfRange { log_start }) => return refuse(FetchAnswer::OutOfRange { log_start }),
        }
        self.await_followers(id, index);
        let partition = self.brokers.get_mut(&id)?.partitions.get_mut(&index)?;
        if asked.offset < partition.log.log_end() {
            return Some(partition.records_for(asked));
        }
        partition.parked.retain(|parked| parked.from != from);
        partition.parked.push(Parked { from, asked, until: now + LONGEST_WAIT });
        None
    }

    pub(super) fn take_fetched(&mut self, id: i32, index: Place, asked: NextFetch, answer: FetchAnswer, bytes: &Bytes) {
        let (now, wall) = (self.network.clock(Node::Broker(id)), self.network.wall(Node::Broker(id)));
        let Some(partition) = self.brokers.get_mut(&id).and_then(|node| node.partitions.get_mut(&index)) else {
            return;
        };
        let Some(follower) = partition.replica.follower_mut() else { return };
        let end = partition.log.log_end();
        for step in follower.answered(asked, answer, &partition.log, now) {
            if let FollowerStep::TruncateTo(to) | FollowerStep::RestartAt(to) = step {
                let says = format_args!("broker {id} cuts {index} back from {end} to {to}: {answer:?}");
                self.trace.story(self.network.now, says);
            }
            if let Err(error) = step.take(&mut partition.log, bytes, wall) {
                // It only follows here, and goes on, out of sync.
                self.trace
                    .story(self.network.now, format_args!("broker {id} cannot take {step:?} of {index}: {error}"));
                follower.failed(now);
                break;
            }
        }
        partition.announced = partition.announced.max(partition.log.high_watermark());
        let is_longer = partition.log.log_end() > end;
        if is_longer {
            self.wrote(id);
        }
        let Some(partition) = self.brokers.get_mut(&id).and_then(|node| node.partitions.get_mut(&index)) else {
            return;
        };
        if partition.fetching.is_none_or(|(_, current)| current != asked) {
            // Another copy, or one that was given up: who asks again waits for a newer answer.
            return;
        }
        partition.fetching = None;
        if matches!(answer, FetchAnswer::Records { .. } | FetchAnswer::Diverging { .. }) {
            self.fetch_next(id, index);
        } else {
            self.network.set_timer(Node::Broker(id), AFTER_REFUSAL, Timer::Next);
        }
    }
}
