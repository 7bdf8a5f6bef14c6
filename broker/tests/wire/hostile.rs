//! Hostile clients for a bounded time: whatever they send, the broker lives, its memory stays bounded, and a client that
//! behaves is served as if they were not there.

mod attacks;

use crate::harness::{Client, process::BrokerProcess};
use attacks::{ATTACKS, Random};
use kafka_protocol::messages::{
    CreateTopicsRequest, ListOffsetsRequest, MetadataRequest, TopicName, create_topics_request::CreatableTopic,
};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// How long the attack lasts; `WEIR_HOSTILE_SECONDS` makes it longer.
const SECONDS: u64 = 10;
/// Attackers at the same time, one connection each.
const ATTACKERS: u64 = 64;
/// What requests may occupy, as the broker is told; one request that decodes to more than its part of that runs alone.
const REQUEST_BUDGET: u64 = 32 << 20;
const LARGEST_REQUEST: u64 = 24 << 20;
/// Beyond the budget: responses on their way, topics the attackers make, what the allocator has not returned yet.
const SLACK: u64 = 160 << 20;
/// A round trip of the good client, on a machine that is busy with the attack.
const SLOWEST_ROUND_TRIP: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_clients_harm_only_themselves() {
    let seconds = std::env::var("WEIR_HOSTILE_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let budget = format!("queued.max.request.bytes={REQUEST_BUDGET}");
    let largest = format!("socket.request.max.bytes={LARGEST_REQUEST}");
    // Frames that stop in the middle are cut within the test.
    let stall = "request.timeout.ms=1000";
    let mut broker =
        BrokerProcess::start(&["--set", &budget, "--set", &largest, "--set", stall, "--log-level", "warn"]);
    let before = broker.resident_kib();
    let mut good = Client::connect(broker.address()).await;
    create_topic(&mut good, "good").await;

    let stop = Arc::new(AtomicBool::new(false));
    let sent = Arc::new(AtomicU64::new(0));
    let mut attackers = JoinSet::new();
    for seed in 0..ATTACKERS {
        attackers.spawn(attack(broker.address(), seed, stop.clone(), sent.clone()));
    }
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut peak_kib, mut slowest, mut round_trips) = (0, Duration::ZERO, 0u64);
    while Instant::now() < end {
        let start = Instant::now();
        be_served(&mut good).await;
        slowest = slowest.max(start.elapsed());
        round_trips += 1;
        peak_kib = peak_kib.max(broker.resident_kib());
    }
    stop.store(true, Ordering::Relaxed);
    attackers.join_all().await;
    be_served(&mut good).await;
    be_served(&mut Client::connect(broker.address()).await).await;

    let sent = sent.load(Ordering::Relaxed);
    eprintln!("{sent} attacks, {round_trips} round trips, slowest {slowest:?}, memory {before} to {peak_kib} KiB");
    assert!(broker.is_running(), "the broker died");
    assert!(sent > 100, "hardly an attack: {sent}");
    assert!(slowest < SLOWEST_ROUND_TRIP, "a good client waited {slowest:?}");
    let allowed_kib = before + (REQUEST_BUDGET + SLACK) / 1024;
    assert!(peak_kib < allowed_kib, "memory rose from {before} to {peak_kib} KiB");
}

async fn create_topic(client: &mut Client, name: &'static str) {
    let topic = CreatableTopic::default()
        .with_name(TopicName(name.to_owned().into()))
        .with_num_partitions(1)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000);
    assert_eq!(client.call(5, &request).await.topics[0].error_code, 0);
}

async fn be_served(client: &mut Client) {
    use kafka_protocol::messages::{
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        metadata_request::MetadataRequestTopic,
    };
    let name = TopicName("good".to_owned().into());
    let topic = MetadataRequestTopic::default().with_name(Some(name.clone()));
    let metadata = client.call(9, &MetadataRequest::default().with_topics(Some(vec![topic]))).await;
    assert_eq!(metadata.topics[0].partitions[0].error_code, 0);
    let partition = ListOffsetsPartition::default().with_timestamp(-1);
    let topic = ListOffsetsTopic::default().with_name(name).with_partitions(vec![partition]);
    let offsets = client.call(7, &ListOffsetsRequest::default().with_topics(vec![topic])).await;
    assert_eq!(offsets.topics[0].partitions[0].error_code, 0);
}

async fn attack(address: SocketAddr, seed: u64, stop: Arc<AtomicBool>, sent: Arc<AtomicU64>) {
    let mut random = Random::new(seed);
    while !stop.load(Ordering::Relaxed) {
        let attack = ATTACKS[random.below(ATTACKS.len())];
        // An attack ends when the broker cuts it off, at the latest after this.
        let _ = tokio::time::timeout(Duration::from_millis(1500), attack(address, &mut random)).await;
        sent.fetch_add(1, Ordering::Relaxed);
    }
}
