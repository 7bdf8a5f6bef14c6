use super::*;
use crate::api::fixture::{batch_with, until};
use bytes::{Bytes, BytesMut};
use controller::{ClusterImage, MetadataChange, MetadataRecord, PartitionImage, image::BrokerRegistration};
use futures_util::FutureExt as _;
use model::{BrokerEpoch, LeaderEpoch, Offset, PartitionEpoch, ProducerEpoch, ProducerId, Sequence};
use partition_log::PreparedBatch;
use protocol::record_batch::{BatchOptions, set_base_offset, set_partition_leader_epoch};
use replication::{Assignment, FetchAnswer, NextFetch, NotServed};
use std::time::Duration;

pub(super) const ME: BrokerId = BrokerId(1);
pub(super) const OTHER: BrokerId = BrokerId(2);
const OTHERS_EPOCH: BrokerEpoch = BrokerEpoch(7);

pub(super) fn assignment(leader: BrokerId, epoch: i32, in_sync: &[BrokerId]) -> Assignment {
    Assignment {
        leader: Some(leader),
        leader_epoch: LeaderEpoch(epoch),
        partition_epoch: PartitionEpoch(epoch),
        replicas: vec![ME, OTHER],
        in_sync: in_sync.to_vec(),
        others_are_eligible: false,
        min_in_sync: 1,
        recovering: false,
    }
}

pub(super) async fn assign(partition: &Arc<Partition>, assignment: Assignment) {
    partition.exclusive(queue::Need::Device, move |partition, writer| partition.assign(writer, assignment)).await;
}

/// A batch as a leader of `epoch` has it at `offset`.
pub(super) fn stored(value: &str, offset: i64, epoch: i32) -> Bytes {
    let mut bytes = BytesMut::from(&batch(&[value])[..]);
    set_base_offset(&mut bytes, Offset(offset));
    set_partition_leader_epoch(&mut bytes, LeaderEpoch(epoch));
    bytes.freeze()
}

pub(super) fn records(high_watermark: i64) -> FetchAnswer {
    FetchAnswer::Records { high_watermark: Offset(high_watermark), log_start: Offset(0) }
}

pub(super) fn asks(following: Following) -> NextFetch {
    match following {
        Following::Asks(next) => next,
        other => panic!("it asks for nothing: {other:?}"),
    }
}

/// Metadata arrives, as it was committed.
async fn learn(broker: &Fixture, records: Vec<MetadataRecord>) {
    let broker = broker.broker();
    let before = broker.metadata.current();
    let mut after = ClusterImage::clone(&before);
    after.apply(&MetadataChange { version: before.metadata_version.next(), records }).unwrap();
    broker.partitions.apply(&before, &after).await;
    broker.metadata.publish(Arc::new(after));
}

/// Another broker is there, fenced still, and is to have replicas of all partitions of the first topic.
async fn meet_other(broker: &Fixture) {
    let known = broker.broker().metadata.current();
    let other = BrokerRegistration { id: OTHER, epoch: OTHERS_EPOCH, fenced: true, ..known.brokers[&ME].clone() };
    let topic = known.topics.iter().next().unwrap();
    let wider = topic.indexed_partitions().map(|(partition, state)| MetadataRecord::PartitionChanged {
        id: topic.id,
        partition,
        state: PartitionImage { replicas: vec![ME, OTHER], ..state.clone() },
    });
    learn(broker, std::iter::once(MetadataRecord::BrokerRegistered(other)).chain(wider).collect()).await;
}

async fn unfence_other(broker: &Fixture) {
    learn(broker, vec![MetadataRecord::BrokerUnfenced { id: OTHER, epoch: OTHERS_EPOCH }]).await;
}

/// A broker whose one partition has "a" and "b" of epoch 0 or so; the epoch.
pub(super) async fn with_two_records() -> (Fixture, Arc<Partition>, i32) {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    broker.append("orders", 0, &["b"]).await;
    let partition = broker.partition("orders", 0);
    let epoch = partition.leader_epoch().0;
    (broker, partition, epoch)
}

#[tokio::test]
async fn follower_appends_what_its_leader_has_and_learns_what_is_committed() {
    let (_broker, partition, epoch) = with_two_records().await;
    assign(&partition, assignment(OTHER, epoch + 1, &[ME, OTHER])).await;
    assert_eq!(partition.check(LeaderEpoch::UNKNOWN), Err(Unavailable::NotServed(NotServed::NotLeader)));
    let asked = asks(partition.following().await);
    assert_eq!((asked.leader, asked.offset, asked.last_fetched_epoch), (OTHER, Offset(2), LeaderEpoch(epoch)));
    let next = partition.take_answer(asked, records(2), stored("c", 2, epoch + 1)).await;
    assert_eq!(asks(next).offset, Offset(3));
    let Offsets { high_watermark, log_end, .. } = partition.offsets();
    assert_eq!((high_watermark, log_end), (Offset(2), Offset(3)));
    partition.take_answer(asks(next), records(3), Bytes::new()).await;
    assert_eq!(partition.offsets().high_watermark, Offset(3));
}

#[tokio::test]
async fn follower_cuts_back_what_its_leader_never_had() {
    let (_broker, partition, epoch) = with_two_records().await;
    assign(&partition, assignment(OTHER, epoch + 1, &[OTHER])).await;
    let asked = asks(partition.following().await);
    let diverging = FetchAnswer::Diverging { epoch: LeaderEpoch(epoch), end: Offset(1) };
    let next = asks(partition.take_answer(asked, diverging, Bytes::new()).await);
    assert_eq!((next.offset, next.last_fetched_epoch), (Offset(1), LeaderEpoch(epoch)));
    partition.take_answer(next, records(2), stored("c", 1, epoch + 1)).await;
    assert_eq!(partition.offsets().log_end, Offset(2));
}

#[tokio::test]
async fn answer_of_a_leader_that_was_replaced_is_not_taken() {
    let (_broker, partition, epoch) = with_two_records().await;
    assign(&partition, assignment(OTHER, epoch + 1, &[ME, OTHER])).await;
    let asked = asks(partition.following().await);
    assign(&partition, assignment(BrokerId(3), epoch + 2, &[ME])).await;
    partition.take_answer(asked, records(3), stored("c", 2, epoch + 1)).await;
    assert_eq!(partition.offsets().log_end, Offset(2));
}

#[tokio::test]
async fn records_of_a_later_leader_and_damaged_ones_are_unfit() {
    let batch = stored("c", 2, 5);
    assert!(check_records(&batch, LeaderEpoch(5)).is_ok());
    assert!(check_records(&batch, LeaderEpoch(4)).is_err());
    let mut damaged = BytesMut::from(&batch[..]);
    *damaged.last_mut().unwrap() ^= 1;
    assert!(check_records(&damaged, LeaderEpoch(5)).is_err());
    assert!(check_records(&batch[..batch.len() - 1], LeaderEpoch(5)).is_err());
}

#[tokio::test]
async fn append_is_acknowledged_once_the_in_sync_follower_has_it() {
    let (_broker, partition, epoch) = with_two_records().await;
    assign(&partition, assignment(ME, epoch + 1, &[ME, OTHER])).await;
    let prepared = PreparedBatch::new(batch(&["c"])).unwrap();
    let appending = partition.append_and_wait(prepared, RequiredAcks::All);
    let mut appending = std::pin::pin!(appending);
    assert!(futures_util::poll!(appending.as_mut()).is_pending());
    let follower = FollowingBroker { id: OTHER, epoch: BrokerEpoch(7) };
    let has = |log_end| FollowerAsks {
        leader_epoch: LeaderEpoch(epoch + 1),
        last_fetched_epoch: LeaderEpoch(epoch),
        log_end: Offset(log_end),
        log_start: Offset(0),
    };
    partition.follower_asks(follower, has(2)).await.unwrap();
    assert!(futures_util::poll!(appending.as_mut()).is_pending());
    let with_new = FollowerAsks { last_fetched_epoch: LeaderEpoch(epoch + 1), ..has(3) };
    partition.follower_asks(follower, with_new).await.unwrap();
    assert_eq!(appending.await.map(|appended| appended.base_offset), Ok(Offset(2)));
}

#[tokio::test]
async fn request_of_a_follower_counts_only_where_its_log_agrees() {
    let (_broker, partition, epoch) = with_two_records().await;
    assign(&partition, assignment(ME, epoch + 1, &[ME])).await;
    let follower = FollowingBroker { id: OTHER, epoch: BrokerEpoch(7) };
    let fetch = FollowerAsks {
        leader_epoch: LeaderEpoch(epoch + 1),
        last_fetched_epoch: LeaderEpoch(epoch),
        log_end: Offset(3),
        log_start: Offset(0),
    };
    let refused = partition.follower_asks(follower, fetch).await;
    assert_eq!(refused, Err(NoRecords::Diverges { epoch: LeaderEpoch(epoch), end: Offset(2) }));
    let old = FollowerAsks { leader_epoch: LeaderEpoch(epoch), log_end: Offset(2), ..fetch };
    let refused = partition.follower_asks(follower, old).await;
    assert_eq!(refused, Err(NoRecords::Unavailable(Unavailable::NotServed(NotServed::FencedEpoch))));
    let stranger = FollowingBroker { id: BrokerId(9), epoch: BrokerEpoch(7) };
    let refused = partition.follower_asks(stranger, FollowerAsks { log_end: Offset(2), ..fetch }).await;
    assert_eq!(refused, Err(NoRecords::Unavailable(Unavailable::NotServed(NotServed::UnknownReplica))));
}

#[tokio::test]
async fn follower_that_caught_up_is_proposed_and_one_that_lags_too() {
    let (broker, partition, epoch) = with_two_records().await;
    meet_other(&broker).await;
    unfence_other(&broker).await;
    assign(&partition, assignment(ME, epoch + 1, &[ME])).await;
    let follower = FollowingBroker { id: OTHER, epoch: BrokerEpoch(7) };
    let fetch = FollowerAsks {
        leader_epoch: LeaderEpoch(epoch + 1),
        last_fetched_epoch: LeaderEpoch(epoch),
        log_end: Offset(2),
        log_start: Offset(0),
    };
    partition.follower_asks(follower, fetch).await.unwrap();
    let partitions = &broker.broker().partitions;
    let made = partitions.proposals().await;
    let members: Vec<BrokerId> = made[0].1.in_sync.iter().map(|(id, _)| *id).collect();
    assert_eq!(members, [ME, OTHER]);
    let joined = Assignment { partition_epoch: PartitionEpoch(epoch + 2), ..assignment(ME, epoch + 1, &[ME, OTHER]) };
    partition.proposal_decided((LeaderEpoch(epoch + 1), PartitionEpoch(epoch + 1)), Decided::Accepted(joined));
    let prepared = PreparedBatch::new(batch(&["c"])).unwrap();
    partition.append_and_wait(prepared, RequiredAcks::Leader).await.unwrap();
    let (clock, appended_by) = (broker.broker().clock, broker.broker().clock.now());
    until("time has passed", || clock.now() > appended_by).await;
    partitions.check_lag(Duration::ZERO).await;
    let made = partitions.proposals().await;
    let members: Vec<BrokerId> = made[0].1.in_sync.iter().map(|(id, _)| *id).collect();
    assert_eq!(members, [ME]);
}

#[derive(Debug, Default)]
struct Told(parking_lot::Mutex<Vec<Change>>);

impl Watcher for Told {
    fn changed(&self, _index: u32, change: Change) {
        self.0.lock().push(change);
    }
}

#[tokio::test]
async fn whoever_keeps_what_a_follower_asked_hears_that_it_counts_no_more() {
    let (_broker, partition, epoch) = with_two_records().await;
    assign(&partition, assignment(ME, epoch + 1, &[ME, OTHER])).await;
    let told = Arc::new(Told::default());
    let watcher: Arc<dyn Watcher> = told.clone();
    let _ticket = partition.subscribe(Arc::downgrade(&watcher), 0);
    assert!(!told.0.lock().contains(&Change::Forgotten));
    let left = Assignment { partition_epoch: PartitionEpoch(epoch + 2), ..assignment(ME, epoch + 1, &[ME]) };
    assign(&partition, left).await;
    assert!(told.0.lock().contains(&Change::Forgotten));
}

/// What it said it does not say again while nothing happens.
#[tokio::test]
async fn follower_that_caught_up_while_it_was_fenced_is_proposed_once_it_is_not() {
    let (broker, partition, epoch) = with_two_records().await;
    meet_other(&broker).await;
    let follower = FollowingBroker { id: OTHER, epoch: BrokerEpoch(7) };
    let fetch = FollowerAsks {
        leader_epoch: LeaderEpoch(epoch),
        last_fetched_epoch: LeaderEpoch(epoch),
        log_end: Offset(2),
        log_start: Offset(0),
    };
    partition.follower_asks(follower, fetch).await.unwrap();
    let partitions = &broker.broker().partitions;
    assert!(partitions.proposals().now_or_never().is_none());
    unfence_other(&broker).await;
    let members: Vec<BrokerId> = partitions.proposals().await[0].1.in_sync.iter().map(|(id, _)| *id).collect();
    assert_eq!(members, [ME, OTHER]);
}

pub(super) fn other_has(leader_epoch: i32, last_fetched_epoch: i32, log_end: i64) -> (FollowingBroker, FollowerAsks) {
    let asks = FollowerAsks {
        leader_epoch: LeaderEpoch(leader_epoch),
        last_fetched_epoch: LeaderEpoch(last_fetched_epoch),
        log_end: Offset(log_end),
        log_start: Offset(0),
    };
    (FollowingBroker { id: OTHER, epoch: OTHERS_EPOCH }, asks)
}

#[tokio::test]
async fn leader_whose_full_disk_did_not_take_its_epoch_tells_a_follower_that_went_another_way() {
    let (broker, partition, epoch) = with_two_records().await;
    broker.broker().partitions.host.disk.full.store(true, Ordering::Relaxed);
    assign(&partition, assignment(ME, epoch + 2, &[ME])).await;
    assert_eq!(partition.view().unwrap().latest_epoch(), Some(LeaderEpoch(epoch)));
    let (follower, asks) = other_has(epoch + 2, epoch + 1, 1);
    let answer = partition.follower_asks(follower, asks).await;
    assert_eq!(answer, Err(NoRecords::Diverges { epoch: LeaderEpoch(epoch), end: Offset(2) }));
}

#[tokio::test]
async fn leader_that_never_had_a_record_tells_a_follower_with_records_that_they_are_of_before() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    let partition = broker.partition("orders", 0);
    let epoch = partition.leader_epoch().0;
    assign(&partition, assignment(ME, epoch + 1, &[ME])).await;
    let (follower, asks) = other_has(epoch + 1, epoch, 2);
    let answer = partition.follower_asks(follower, asks).await;
    assert_eq!(answer, Err(NoRecords::Diverges { epoch: LeaderEpoch(epoch), end: Offset(0) }));
}

/// The log is read anew, and its last record is not there.
pub(super) async fn lose_b(broker: &Fixture, partition: &Arc<Partition>) {
    let segment = broker.first_segment("orders", 0);
    let lost = partition.exclusive(queue::Need::Nothing, move |partition, writer| {
        let bytes = std::fs::read(&segment).unwrap();
        let first = protocol::record_batch::Batches::new(&bytes).next().unwrap().unwrap().header.size_in_bytes();
        std::fs::OpenOptions::new().write(true).open(&segment).unwrap().set_len(first as u64).unwrap();
        partition.distrust(writer, partition_log::Crash::Machine);
    });
    lost.await.unwrap();
    assert!(partition.ensure_open().await);
    assert_eq!(partition.view().unwrap().log_end(), Offset(1));
}

#[tokio::test]
async fn leader_that_lost_records_leads_no_more_in_its_epoch() {
    let (broker, partition, epoch) = with_two_records().await;
    assign(&partition, assignment(ME, epoch + 1, &[ME])).await;
    lose_b(&broker, &partition).await;
    let later = Assignment { partition_epoch: PartitionEpoch(epoch + 2), ..assignment(ME, epoch + 1, &[ME]) };
    assign(&partition, later).await;
    assert_eq!(partition.check(LeaderEpoch::UNKNOWN), Err(Unavailable::NotServed(NotServed::NotLeader)));
    let (follower, asks) = other_has(epoch + 1, epoch, 2);
    let refused = partition.follower_asks(follower, asks).await;
    assert_eq!(refused, Err(NoRecords::Unavailable(Unavailable::NotServed(NotServed::NotLeader))));
    assert!(broker.running().failed().await.contains("other brokers have to lead"));
    assign(&partition, assignment(ME, epoch + 2, &[ME])).await;
    assert_eq!(partition.check(LeaderEpoch::UNKNOWN), Ok(()));
}

#[tokio::test]
async fn sole_replica_that_lost_records_goes_on_with_what_it_has() {
    let (broker, partition, _) = with_two_records().await;
    lose_b(&broker, &partition).await;
    assert_eq!(broker.values("orders", 0).await, ["a"]);
    assert_eq!(partition.offsets().high_watermark, Offset(1));
    assert_eq!(broker.append("orders", 0, &["c"]).await, 1);
    assert_eq!(broker.values("orders", 0).await, ["a", "c"]);
    assert_eq!(broker.running().failed().now_or_never(), None);
}

#[tokio::test]
async fn leader_that_cannot_open_its_log_gives_up_where_another_may_lead() {
    for (in_sync, gives_up) in [(&[ME][..], false), (&[ME, OTHER], true)] {
        let broker = Fixture::start().await;
        broker.topic("orders", 1, &[]).await;
        let partition = broker.partition("orders", 0);
        std::fs::write(broker.folder.path().join("orders-0"), "where the log's folder would be").unwrap();
        assign(&partition, assignment(ME, partition.leader_epoch().0 + 1, in_sync)).await;
        assert!(!partition.ensure_open().await);
        if gives_up {
            assert!(broker.running().failed().await.contains("other brokers have to lead"));
        } else {
            tokio::task::yield_now().await;
            assert_eq!(broker.running().failed().now_or_never(), None, "alone it tries again");
        }
    }
}

/// A client that knows no leader epochs comes to the leader of before, which has not heard of the next one.
#[tokio::test]
async fn leader_whose_followers_are_silent_sends_a_producer_that_is_out_of_order_to_whoever_leads() {
    let (broker, partition, epoch) = with_two_records().await;
    let produce = |sequence, value| {
        let options = BatchOptions {
            producer_id: ProducerId(7),
            producer_epoch: ProducerEpoch(0),
            base_sequence: Sequence(sequence),
            ..BatchOptions::default()
        };
        let batch = batch_with(&options, &[value]);
        let broker = &broker;
        async move { broker.produce("orders", 0, batch).await.error_code }
    };
    let gap = || produce(3, "x");
    assert_eq!(produce(0, "c").await, 0);
    assign(&partition, assignment(ME, epoch + 1, &[ME, OTHER])).await;
    broker.broker().partitions.heard_follower();
    assert_eq!(gap().await, Code::OutOfOrderSequenceNumber.code());
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    assert_eq!(gap().await, Code::NotLeaderOrFollower.code());
    assign(&partition, assignment(ME, epoch + 2, &[ME])).await;
    assert_eq!(gap().await, Code::OutOfOrderSequenceNumber.code(), "nobody else can lead");
}
