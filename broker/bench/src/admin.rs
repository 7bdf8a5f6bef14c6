//! What is asked of a broker around a measurement: topics made and removed, and whether it is there at all.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use kafka_protocol::{
    messages::{
        BrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, ListOffsetsRequest,
        MetadataRequest, MetadataResponse, TopicName,
        create_partitions_request::CreatePartitionsTopic,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        metadata_request::MetadataRequestTopic,
    },
    protocol::{Decodable, Request, StrBytes},
};
use protocol::frame::{FramePrefix, encode_request, response_header_version};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

const CREATE_TOPICS: i16 = 5;
const CREATE_PARTITIONS: i16 = 2;
const DELETE_TOPICS: i16 = 5;
const METADATA: i16 = 8;
const LIST_OFFSETS: i16 = 5;
/// Stands for the end of the log where a time is asked for.
const LATEST: i64 = -1;
const CLIENT: BrokerId = BrokerId(-1);
/// Ten thousand partitions take Kafka a while.
const PATIENCE: Duration = Duration::from_secs(300);
/// Partitions made by one request: Kafka's controller takes fewer than ten thousand changes at once.
const STEP: i32 = 5_000;
const LARGEST_ANSWER: usize = 64 << 20;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) struct Admin {
    stream: TcpStream,
    correlation_id: i32,
}

impl Admin {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, correlation_id: 0 })
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    pub(crate) fn call<Q: Request>(&mut self, version: i16, request: &Q) -> Result<Q::Response> {
        self.correlation_id += 1;
        let prefix = FramePrefix { api_key: Q::KEY, api_version: version, correlation_id: self.correlation_id };
        self.stream.write_all(&encode_request(prefix, Some("bench"), request)?)?;
        let mut size = [0; 4];
        self.stream.read_exact(&mut size).with_context(|| format!("wait for the answer to key {}", Q::KEY))?;
        let size = u32::from_be_bytes(size) as usize;
        ensure!((4..=LARGEST_ANSWER).contains(&size), "an answer of {size} bytes");
        let mut answer = vec![0; size];
        self.stream.read_exact(&mut answer)?;
        let header = if response_header_version(Q::KEY, version)? >= 1 { 5 } else { 4 };
        let mut body = Bytes::from(answer).slice(header..);
        Q::Response::decode(&mut body, version).with_context(|| format!("decode the answer to key {}", Q::KEY))
    }

    /// Makes a topic and waits until all of its partitions have a leader.
    pub(crate) fn create_topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Result<()> {
        self.create_replicated_topic(name, partitions.min(STEP), 1, configs)?;
        let mut made = partitions.min(STEP);
        while made < partitions {
            made = partitions.min(made + STEP);
            self.grow_topic(name, made)?;
        }
        let began = Instant::now();
        while !self.is_led(name, partitions)? {
            ensure!(began.elapsed() < PATIENCE, "topic {name} got no leaders");
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    pub(crate) fn create_replicated_topic(
        &mut self,
        name: &str,
        partitions: i32,
        replicas: i16,
        configs: &[(&str, &str)],
    ) -> Result<()> {
        let text = |text: &str| StrBytes::from_string(text.into());
        let configs = configs
            .iter()
            .map(|(key, value)| CreatableTopicConfig::default().with_name(text(key)).with_value(Some(text(value))));
        let topic = CreatableTopic::default()
            .with_name(TopicName(text(name)))
            .with_num_partitions(partitions)
            .with_replication_factor(replicas)
            .with_configs(configs.collect());
        let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(patience_ms());
        let answer = self.call(CREATE_TOPICS, &request)?;
        let error = answer.topics.first().map_or(0, |topic| topic.error_code);
        ensure!(error == 0, "the broker refused topic {name} with error {error}");
        Ok(())
    }

    /// By partition, its leader (−1: none) and how many of its replicas are in sync.
    pub(crate) fn replicas(&mut self, name: &str) -> Result<Vec<(i32, usize)>> {
        let asked = MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_string(name.into()))));
        let answer = self.metadata(Some(vec![asked]))?;
        let topic = answer.topics.first().context("an answer without the topic")?;
        let mut partitions: Vec<_> = topic.partitions.iter().collect();
        partitions.sort_by_key(|partition| partition.partition_index);
        Ok(partitions.iter().map(|partition| (partition.leader_id.0, partition.isr_nodes.len())).collect())
    }

    /// Of every partition there is, its leader (−1: none).
    pub(crate) fn leaders(&mut self) -> Result<Vec<i32>> {
        let answer = self.metadata(None)?;
        Ok(answer.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.leader_id.0).collect())
    }

    fn grow_topic(&mut self, name: &str, partitions: i32) -> Result<()> {
        let name = TopicName(StrBytes::from_string(name.into()));
        let topic = CreatePartitionsTopic::default().with_name(name).with_count(partitions).with_assignments(None);
        let request = CreatePartitionsRequest::default().with_topics(vec![topic]).with_timeout_ms(patience_ms());
        let answer = self.call(CREATE_PARTITIONS, &request)?;
        let error = answer.results.first().map_or(0, |topic| topic.error_code);
        ensure!(error == 0, "the broker refused {partitions} partitions with error {error}");
        Ok(())
    }

    pub(crate) fn delete_topic(&mut self, name: &str) -> Result<()> {
        let name = TopicName(StrBytes::from_string(name.into()));
        let request =
            DeleteTopicsRequest::default().with_topic_names(vec![name.clone()]).with_timeout_ms(patience_ms());
        match self.call(DELETE_TOPICS, &request)?.responses.first() {
            Some(response) if response.error_code != 0 => {
                bail!("the broker kept topic {} with error {}", name.as_str(), response.error_code)
            }
            _ => Ok(()),
        }
    }

    /// Metadata names leaders before they serve; so what only a leader answers is asked.
    fn is_led(&mut self, name: &str, partitions: i32) -> Result<bool> {
        Ok(self.ends(name, partitions)?.into_iter().all(|end| end.is_some()))
    }

    /// By partition, where its log ends; none where no leader says so.
    pub(crate) fn ends(&mut self, name: &str, partitions: i32) -> Result<Vec<Option<i64>>> {
        let partition = |index| ListOffsetsPartition::default().with_partition_index(index).with_timestamp(LATEST);
        let topic = ListOffsetsTopic::default()
            .with_name(TopicName(StrBytes::from_string(name.into())))
            .with_partitions((0..partitions).map(partition).collect());
        let request = ListOffsetsRequest::default().with_replica_id(CLIENT).with_topics(vec![topic]);
        let answer = self.call(LIST_OFFSETS, &request)?;
        let mut ends = vec![None; usize::try_from(partitions)?];
        for partition in answer.topics.iter().flat_map(|topic| &topic.partitions) {
            let end = ends.get_mut(usize::try_from(partition.partition_index)?).context("a partition not asked for")?;
            *end = (partition.error_code == 0).then_some(partition.offset);
        }
        Ok(ends)
    }

    /// By partition, the offset of the next record.
    pub(crate) fn end_offsets(&mut self, name: &str, partitions: i32) -> Result<Vec<i64>> {
        self.ends(name, partitions)?.into_iter().collect::<Option<_>>().context("a partition has no leader")
    }

    pub(crate) fn metadata(&mut self, topics: Option<Vec<MetadataRequestTopic>>) -> Result<MetadataResponse> {
        self.call(METADATA, &MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(false))
    }
}

fn patience_ms() -> i32 {
    i32::try_from(PATIENCE.as_millis()).unwrap_or(i32::MAX)
}

/// Whether a broker answers there, and says that it is one.
pub(crate) fn answers(address: SocketAddr) -> bool {
    let asked = Admin::connect(address).and_then(|mut admin| admin.metadata(Some(Vec::new())));
    asked.is_ok_and(|answer| !answer.brokers.is_empty())
}
