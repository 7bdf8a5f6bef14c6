//! A broker in this process, asked through the handlers of its APIs: for tests of the data path.

pub(crate) mod second_broker;

use super::{Dispatched, Piece, RequestContext, Response};
use crate::{Broker, RunningBroker, config::BrokerConfig, partitions::Partition};
use bytes::{Bytes, BytesMut};
use controller::requests::{CreateTopics, DeleteTopics, NewTopic, TopicReference};
use kafka_protocol::{
    messages::{
        BrokerId, FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse, ProduceRequest,
        ProduceResponse, ResponseHeader,
        fetch_request::{FetchPartition, FetchTopic},
        fetch_response::PartitionData,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        produce_request::{PartitionProduceData, TopicProduceData},
        produce_response::PartitionProduceResponse,
    },
    protocol::{Decodable, Encodable, HeaderVersion, Message, StrBytes},
};
use model::{PartitionIndex, TopicId, WallTime};
use protocol::record_batch::{BatchOptions, Batches, RecordData, build_batch};
use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;

pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    running: Option<RunningBroker>,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(keys: &[(&str, &str)]) -> Self {
        let mut fixture = Self { folder: tempfile::tempdir().unwrap(), running: None };
        fixture.start_again(keys).await;
        fixture
    }

    /// A clean stop, and a start on the same folder.
    pub(crate) async fn restart(&mut self) {
        self.running.take().unwrap().stop().await.unwrap();
        self.start_again(&[]).await;
    }

    pub(crate) async fn start_again(&mut self, keys: &[(&str, &str)]) {
        let config = BrokerConfig::for_tests_with(self.folder.path(), keys);
        self.running = Some(Broker::start(config).await.unwrap());
    }

    pub(crate) async fn stop(&mut self) {
        self.running.take().unwrap().stop().await.unwrap();
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.running.is_none()
    }

    /// A second broker on a copy of this one's folder as it is now: what a killed process would have left behind.
    pub(crate) async fn after_a_crash(&self) -> Self {
        let mut crashed = self.left_behind().await;
        crashed.start_again(&[]).await;
        crashed
    }

    /// The copy alone, to be damaged before it is started.
    pub(crate) async fn left_behind(&self) -> Self {
        // Nothing is written in the background from then on, so the copy is of one moment.
        self.broker().partitions.recovered().await;
        let folder = tempfile::tempdir().unwrap();
        copy_folder(self.folder.path(), folder.path());
        Self { folder, running: None }
    }

    /// The active segment of a partition whose first offset is 0.
    pub(crate) fn first_segment(&self, topic: &str, index: i32) -> PathBuf {
        self.folder.path().join(format!("{topic}-{index}/00000000000000000000.log"))
    }

    pub(crate) fn running(&self) -> &RunningBroker {
        self.running.as_ref().unwrap()
    }

    pub(crate) fn broker(&self) -> &Arc<Broker> {
        self.running().broker()
    }

    pub(crate) fn context(&self, version: i16) -> RequestContext {
        RequestContext::for_tests(Arc::clone(self.broker()), version)
    }

    pub(crate) async fn topic(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> TopicId {
        let topic = NewTopic {
            name: name.into(),
            id: TopicId(self.broker().clock.random_uuid()),
            partitions,
            replication_factor: 1,
            assignments: Vec::new(),
            configs: configs.iter().map(|(key, value)| ((*key).into(), Some((*value).into()))).collect(),
        };
        let id = topic.id;
        let created =
            self.broker().controller.create_topics(CreateTopics { topics: vec![topic], validate_only: false });
        for (_, result) in created.await.unwrap() {
            result.unwrap();
        }
        id
    }

    pub(crate) async fn delete_topic(&self, id: TopicId) {
        let request = DeleteTopics { topics: vec![TopicReference::Id(id)] };
        for deleted in self.broker().controller.delete_topics(request).await.unwrap() {
            deleted.result.unwrap();
        }
    }

    pub(crate) fn partition(&self, topic: &str, index: i32) -> Arc<Partition> {
        self.broker().partitions.get(topic, PartitionIndex(index)).unwrap()
    }

    /// Asks a handler of raw bodies; `codec` is the version the bytes are written and read in.
    pub(crate) async fn ask_raw<F, Q, R>(
        &self,
        handle: impl Fn(RequestContext, Bytes) -> F,
        version: i16,
        request: &Q,
        codec: i16,
    ) -> R
    where
        F: Future<Output = Response>,
        Q: Encodable,
        R: Decodable + HeaderVersion + Message,
    {
        decode(handle(self.context(version), encode(request, codec)).await, codec)
    }

    pub(crate) async fn produce_raw(&self, version: i16, request: &ProduceRequest) -> Response {
        match super::produce::handle(self.context(version), encode(request, version)).await {
            Dispatched::Ready(response) => response,
            Dispatched::Pending(response) => response.await,
        }
    }

    pub(crate) async fn produce_request(&self, version: i16, request: &ProduceRequest) -> ProduceResponse {
        decode(self.produce_raw(version, request).await, version)
    }

    /// One batch to one partition, acks=all.
    pub(crate) async fn produce(&self, topic: &str, index: i32, batch: Bytes) -> PartitionProduceResponse {
        let response = self.produce_request(9, &produce_request(-1, topic, index, batch)).await;
        response.responses[0].partition_responses[0].clone()
    }

    pub(crate) async fn append(&self, topic: &str, index: i32, values: &[&str]) -> i64 {
        let result = self.produce(topic, index, batch(values)).await;
        assert_eq!(result.error_code, 0, "{result:?}");
        result.base_offset
    }

    pub(crate) async fn fetch(&self, version: i16, request: &FetchRequest) -> FetchResponse {
        decode(super::fetch::handle(self.context(version), encode(request, version)).await, version)
    }

    /// One partition, no session, no waiting.
    pub(crate) async fn fetch_one(&self, topic: &str, index: i32, offset: i64) -> PartitionData {
        let response = self.fetch(12, &fetch_request(topic, &[(index, offset)])).await;
        response.responses[0].partitions[0].clone()
    }

    /// Error code and offset, as ListOffsets answers.
    pub(crate) async fn latest_offset(&self, topic: &str, index: i32) -> (i16, i64) {
        const LATEST: i64 = -1;
        let asked = ListOffsetsPartition::default().with_partition_index(index).with_timestamp(LATEST);
        let topic = ListOffsetsTopic::default().with_name(wire_name(topic)).with_partitions(vec![asked]);
        let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
        let response: ListOffsetsResponse = self.ask_raw(super::list_offsets::handle, 7, &request, 7).await;
        let found = &response.topics[0].partitions[0];
        (found.error_code, found.offset)
    }

    pub(crate) async fn values(&self, topic: &str, index: i32) -> Vec<String> {
        values(&self.fetch_one(topic, index, 0).await)
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Lets everything else run until the condition holds; one that never does fails the test.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

pub(crate) fn batch(values: &[&str]) -> Bytes {
    batch_with(&BatchOptions::default(), values)
}

pub(crate) fn batch_with(options: &BatchOptions, values: &[&str]) -> Bytes {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let timestamp = WallTime(i64::try_from(now).unwrap());
    let records: Vec<RecordData<'_>> = values
        .iter()
        .map(|value| RecordData { timestamp, key: Some(b"key"), value: Some(value.as_bytes()), headers: &[] })
        .collect();
    build_batch(options, &records).unwrap()
}

pub(crate) fn produce_request(acks: i16, topic: &str, index: i32, batch: Bytes) -> ProduceRequest {
    let partition = PartitionProduceData::default().with_index(index).with_records(Some(batch));
    let topic = TopicProduceData::default().with_name(wire_name(topic)).with_partition_data(vec![partition]);
    ProduceRequest::default().with_acks(acks).with_timeout_ms(120_000).with_topic_data(vec![topic])
}

pub(crate) fn fetch_request(topic: &str, partitions: &[(i32, i64)]) -> FetchRequest {
    let partitions = partitions.iter().map(|(index, offset)| fetch_partition(*index, *offset)).collect();
    let topic = FetchTopic::default().with_topic(wire_name(topic)).with_partitions(partitions);
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(0)
        .with_min_bytes(1)
        .with_max_bytes(50 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

pub(crate) fn fetch_partition(index: i32, offset: i64) -> FetchPartition {
    FetchPartition::default().with_partition(index).with_fetch_offset(offset).with_partition_max_bytes(1 << 20)
}

pub(crate) fn values(data: &PartitionData) -> Vec<String> {
    assert_eq!(data.error_code, 0, "{data:?}");
    let records = data.records.clone().unwrap_or_default();
    let mut values = Vec::new();
    for batch in Batches::new(&records) {
        let batch = batch.unwrap();
        batch.check_crc().unwrap();
        let mut scratch = Vec::new();
        for record in batch.records(&mut scratch, 1 << 20).unwrap() {
            values.push(String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap());
        }
    }
    values
}

pub(crate) fn wire_name(topic: &str) -> kafka_protocol::messages::TopicName {
    kafka_protocol::messages::TopicName(StrBytes::from_string(topic.to_owned()))
}

pub(crate) fn encode(request: &impl Encodable, version: i16) -> Bytes {
    let mut body = BytesMut::new();
    request.encode(&mut body, version).unwrap();
    body.freeze()
}

pub(crate) fn decode<R: Decodable + HeaderVersion + Message>(response: Response, version: i16) -> R {
    let mut frame = Bytes::from(frame(response));
    let length = u32::from_be_bytes(frame.split_to(4)[..].try_into().unwrap());
    assert_eq!(length as usize, frame.len());
    ResponseHeader::decode(&mut frame, R::header_version(version)).unwrap();
    let body = R::decode(&mut frame, version).unwrap();
    assert!(frame.is_empty(), "bytes after the response");
    body
}

fn frame(response: Response) -> Vec<u8> {
    match response {
        Response::Bytes(bytes) => bytes.to_vec(),
        Response::Pieces(pieces) => pieces.into_iter().flat_map(piece).collect(),
        other => panic!("no response: {other:?}"),
    }
}

fn piece(piece: Piece) -> Vec<u8> {
    match piece {
        Piece::Bytes(bytes) => bytes.to_vec(),
        Piece::FileExtent { file, position, length } => {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, position).unwrap();
            bytes
        }
    }
}
