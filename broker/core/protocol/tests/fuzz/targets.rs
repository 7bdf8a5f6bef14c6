//! What each frame is fed to.

use crate::{budget::Budget, by_hand, mutate};
use bytes::Bytes;
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};
use model::{ProducerEpoch, ProducerId, Sequence, WallTime};
use protocol::{
    codec_versions,
    compression::{Compression, compress, decompress},
    frame::{FramePrefix, read_request_header},
    guard,
    produce_request::ProduceRequest,
    record_batch::{
        BatchHeader, BatchOptions, BatchView, Batches, ControlRecord, HEADER_SIZE, HeaderData, Record, RecordData,
        RecordOutline, TimestampType, build_batch, with_crc,
    },
    samples::{self, Source},
    validation::{Origin, ProduceRules, TopicCompression, validate},
};

/// What real clients sent, size before each frame.
const RECORDED: [&[u8]; 5] = [
    include_bytes!("../golden/java-4.3.0.requests"),
    include_bytes!("../golden/librdkafka-2.16.1.requests"),
    include_bytes!("../golden/kcat-1.7.1.requests"),
    include_bytes!("../golden/kafkajs-2.2.4.requests"),
    include_bytes!("../golden/kafka-python-3.0.12.requests"),
];

/// Errors carry text and, where the environment asks for it, a backtrace.
const ERROR_COST: usize = 256 << 10;
const UNPACKED_LIMIT: usize = 64 << 10;
/// Working memory of the codecs besides what comes out: blocks of lz4 (4 MiB, twice), tables of the others.
const CODEC_COST: usize = 16 << 20;
const NOW: WallTime = WallTime(1_700_000_000_000);

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) decoded: u64,
    pub(crate) refused: u64,
    pub(crate) refused_by_codec: u64,
    pub(crate) refused_by_hand: u64,
    pub(crate) responses: u64,
    pub(crate) batches_accepted: u64,
    pub(crate) batches_refused: u64,
    pub(crate) packed: u64,
    pub(crate) blobs: u64,
}

pub(crate) struct Targets {
    budget: Budget,
    apis: Vec<(i16, i16)>,
    batches: Vec<Bytes>,
    recorded: Vec<&'static [u8]>,
}

impl Targets {
    pub(crate) fn new() -> Self {
        let versions = |key| guard::request_versions(key).expect("the key is from the table");
        let apis = guard::request_keys().flat_map(|key| versions(key).map(move |version| (key, version))).collect();
        let batches = Compression::ALL.into_iter().flat_map(valid_batches).collect();
        let recorded = RECORDED.into_iter().flat_map(frames).collect();
        Self { budget: Budget::new(), apis, batches, recorded }
    }

    /// One frame: three in four are requests.
    pub(crate) fn run(&self, source: &mut Source, counts: &mut Counts) {
        match source.below(20) {
            0..15 => self.request(source, counts),
            15 | 16 => self.response(source, counts),
            17 | 18 => self.batch(source, counts),
            _ if source.once_in(2) => self.packed(source, counts),
            _ => self.blob(source, counts),
        }
    }

    fn request(&self, source: &mut Source, counts: &mut Counts) {
        counts.requests += 1;
        let mut frame = self.valid_frame(source);
        match source.below(8) {
            0 => {}
            1 => frame = mutate::random(source),
            _ => {
                let other = self.valid_frame(source);
                mutate::spoil(&mut frame, &other, source);
            }
        }
        let frame = Bytes::from(frame);
        let prefix = FramePrefix::read(&frame);
        assert_eq!(prefix.is_ok(), frame.len() >= 8);
        let Ok((header, body)) = read_request_header(&frame) else {
            counts.refused += 1;
            return;
        };
        assert_eq!(Some(header.prefix), prefix.ok());
        self.body(header.prefix.api_key, header.prefix.api_version, body, counts);
    }

    fn valid_frame(&self, source: &mut Source) -> Vec<u8> {
        if source.once_in(4) {
            return source.pick(&self.recorded).expect("there are recorded frames").to_vec();
        }
        let &(key, version) = source.pick(&self.apis).expect("there are requests");
        if key == 0 && source.once_in(2) {
            let records = source.pick(&self.batches).expect("there are batches").clone();
            return produce_frame(version, &records);
        }
        samples::request_frame(key, version, source).expect("key and version are from the table")
    }

    fn body(&self, api_key: i16, version: i16, body: Bytes, counts: &mut Counts) {
        let walk = || guard::walk_request(api_key, version, &body);
        let walked = self.budget.check("the walk", walk, |_| 64);
        let sliced = (api_key == 0).then(|| ProduceRequest::read(body.clone(), version));
        let Ok(walked) = walked else {
            // The slicer also refuses text that is not UTF-8, but never takes what the walk refused, but for tags:
            // those it does not count.
            if let (Some(Ok(_)), Err(error)) = (&sliced, &walked) {
                assert!(
                    matches!(error, guard::GuardError::TooManyTags { .. }),
                    "slicer took what was refused: {error}"
                );
            }
            counts.refused += 1;
            return;
        };
        let api = ApiKey::try_from(api_key).expect("the table has known keys only");
        let cost = walked.decoding_cost();
        let by_hand = by_hand::read(&self.budget, api_key, version, &body, cost);
        let Some(codec_version) = codec_versions::of_request(api_key, version) else {
            match by_hand.expect("a version that the codec lacks is read by hand") {
                Some(_) => counts.decoded += 1,
                None => counts.refused_by_hand += 1,
            }
            return;
        };
        let decode = || RequestKind::decode(api, &mut body.clone(), codec_version);
        let decoded = self.budget.check("the codec", decode, |r| if r.is_ok() { cost } else { cost + ERROR_COST });
        if let Some(by_hand) = by_hand {
            let by_codec = decoded.as_ref().ok().map(|request| by_hand::digest(request, version));
            assert_eq!(by_hand, by_codec, "codec and reader disagree");
        }
        match decoded {
            Ok(RequestKind::Produce(request)) => {
                counts.decoded += 1;
                same_records(&request, &sliced.expect("Produce is sliced").expect("the codec took it"));
            }
            Ok(_) => counts.decoded += 1,
            Err(_) => {
                counts.refused_by_codec += 1;
                assert!(!matches!(sliced, Some(Ok(_))), "the slicer takes what the codec refuses");
            }
        }
        if let Ok(request) = ProduceRequest::read(body, if api_key == 0 { version } else { -1 }) {
            let partitions = request.topics().flat_map(|topic| topic.partitions().collect::<Vec<_>>());
            partitions.filter_map(|partition| partition.records).for_each(|records| self.check(&records, counts));
        }
    }

    fn response(&self, source: &mut Source, counts: &mut Counts) {
        counts.responses += 1;
        let &(key, version) = source.pick(&self.apis).expect("there are responses");
        let mut body = samples::response_body(key, version, source).expect("every request has a response");
        if !source.once_in(8) {
            let other = self.valid_frame(source);
            mutate::spoil(&mut body, &other, source);
        }
        let body = Bytes::from(body);
        let Ok(walked) = guard::walk_response(key, version, &body) else { return };
        let api = ApiKey::try_from(key).expect("the table has known keys only");
        let Some(codec_version) = codec_versions::of_response(key, version) else { return };
        let decode = || ResponseKind::decode(api, &mut body.clone(), codec_version);
        let cost = walked.decoding_cost();
        let _ = self.budget.check("the codec", decode, |r| if r.is_ok() { cost } else { cost + ERROR_COST });
    }

    fn batch(&self, source: &mut Source, counts: &mut Counts) {
        let mut bytes = source.pick(&self.batches).expect("there are batches").to_vec();
        let other = source.pick(&self.batches).expect("there are batches").clone();
        mutate::spoil(&mut bytes, &other, source);
        // A checksum that fits lets the damage through to the readers behind it.
        if let (Ok(header), false) = (BatchHeader::read(&bytes), source.once_in(4)) {
            let length = (bytes.len().saturating_sub(12)) as i32;
            let header = if source.once_in(4) { header } else { BatchHeader { length, ..header } };
            let image = with_crc(&header, &bytes[HEADER_SIZE..]).encode();
            bytes[..HEADER_SIZE].copy_from_slice(&image);
        }
        self.check(&Bytes::from(bytes), counts);
    }

    /// Everything that reads batches, on `records`.
    fn check(&self, records: &Bytes, counts: &mut Counts) {
        for batch in Batches::new(records).flatten() {
            let _ = (batch.check_crc(), batch.header.last_offset(), batch.header.last_sequence());
            assert_eq!(batch.header.encode(), batch.bytes()[..HEADER_SIZE]);
            let read = || read_all(&batch);
            self.budget.check("reading a batch", read, |_| 4 * UNPACKED_LIMIT + CODEC_COST + ERROR_COST);
            assert_eq!(outlines_of_records(&batch), outlines(&batch), "records and outlines disagree");
        }
        for rules in rules() {
            let check = || validate(records, Origin::Client, &rules, NOW);
            // A rebuilt batch may be as large as what was unpacked, twice while it grows; an issue per record.
            let bound = 16 * UNPACKED_LIMIT + 64 * records.len() + 2 * CODEC_COST + ERROR_COST;
            let outcome = self.budget.check("validation", check, |_| bound);
            match outcome {
                Ok(valid) => {
                    counts.batches_accepted += 1;
                    let written = [&valid.header.encode()[..], &valid.body()].concat();
                    let view = BatchView::read(&written).expect("what passed can be read");
                    view.check_crc().expect("what passed has a checksum that fits");
                    assert_eq!(view.bytes().len(), written.len());
                }
                Err(_) => counts.batches_refused += 1,
            }
        }
    }

    fn packed(&self, source: &mut Source, counts: &mut Counts) {
        counts.packed += 1;
        let codec = *source.pick(&Compression::ALL).expect("there are codecs");
        let mut bytes = Vec::new();
        let repeated = vec![source.next_u64() as u8; source.below(200_000)];
        compress(codec, None, &repeated, &mut bytes).expect("anything can be packed");
        if source.once_in(3) {
            bytes = mutate::random(source);
        } else {
            mutate::spoil(&mut bytes, &repeated[..repeated.len().min(50)], source);
        }
        let mut out = Vec::new();
        let unpack = || decompress(codec, &bytes, &mut out, UNPACKED_LIMIT);
        let outcome = self.budget.check("unpacking", unpack, |_| 4 * UNPACKED_LIMIT + CODEC_COST + ERROR_COST);
        assert!(outcome.is_err() || out.len() <= UNPACKED_LIMIT);
    }

    fn blob(&self, source: &mut Source, counts: &mut Counts) {
        counts.blobs += 1;
        let mut bytes = subscription();
        let other = self.valid_frame(source);
        mutate::spoil(&mut bytes, &other, source);
        let bytes = Bytes::from(bytes);
        let bound = 1024 + 512 * bytes.len() + ERROR_COST;
        let _ = self.budget.check("a subscription", || guard::decode_subscription(&bytes), |_| bound);
        let _ = self.budget.check("an assignment", || guard::decode_assignment(&bytes), |_| bound);
        let _ = ControlRecord::read(Some(&bytes), Some(&bytes));
    }
}

fn frames(mut recorded: &'static [u8]) -> Vec<&'static [u8]> {
    let mut frames = Vec::new();
    while let Some((size, rest)) = recorded.split_first_chunk() {
        let (frame, rest) = rest.split_at(u32::from_be_bytes(*size) as usize);
        frames.push(frame);
        recorded = rest;
    }
    frames
}

fn read_all(batch: &BatchView<'_>) -> usize {
    let mut scratch = Vec::new();
    let Ok(records) = batch.records(&mut scratch, UNPACKED_LIMIT) else { return 0 };
    records.flatten().map(|record| record.raw.len() + record.headers.count()).sum()
}

/// `None` where the batch cannot be read to its end.
fn outlines_of_records(batch: &BatchView<'_>) -> Option<Vec<RecordOutline>> {
    let outline = |record: Record<'_>| RecordOutline {
        offset_delta: record.offset_delta,
        timestamp: record.timestamp,
        has_key: record.key.is_some(),
    };
    let mut scratch = Vec::new();
    batch.records(&mut scratch, UNPACKED_LIMIT).ok()?.map(|record| record.ok().map(outline)).collect()
}

fn outlines(batch: &BatchView<'_>) -> Option<Vec<RecordOutline>> {
    batch.outlines(UNPACKED_LIMIT).ok()?.map(Result::ok).collect()
}

fn rules() -> [ProduceRules; 3] {
    let base = ProduceRules { decompressed_limit: UNPACKED_LIMIT, ..ProduceRules::default() };
    let fixed = |codec| TopicCompression::Fixed { codec, level: None };
    [
        base,
        ProduceRules { trust_checksum: true, compacted: true, ..base },
        ProduceRules { compression: fixed(Compression::Lz4), timestamp_type: TimestampType::LogAppendTime, ..base },
    ]
}

fn same_records(request: &kafka_protocol::messages::ProduceRequest, sliced: &ProduceRequest) {
    assert_eq!((request.acks, request.timeout_ms), (sliced.acks, sliced.timeout_ms));
    assert_eq!(request.transactional_id.as_ref().map(|id| id.as_str()), sliced.transactional_id());
    let decoded =
        request.topic_data.iter().flat_map(|topic| &topic.partition_data).map(|p| (p.index, p.records.clone()));
    let sliced = sliced.topics().flat_map(|topic| topic.partitions().map(|p| (p.index, p.records)).collect::<Vec<_>>());
    assert!(decoded.eq(sliced), "codec and slicer read different records");
}

/// A Produce frame with one partition whose records are a real batch.
fn produce_frame(version: i16, records: &Bytes) -> Vec<u8> {
    let flexible = version >= 9;
    let mut frame = [&[0, 0][..], &version.to_be_bytes(), &[0, 0, 0, 1, 0xff, 0xff]].concat();
    frame.extend(if flexible { &[0, 0][..] } else { &[0xff, 0xff][..] });
    frame.extend([0xff, 0xff, 0, 0, 0x75, 0x30]);
    frame.extend(if flexible { &[2][..] } else { &[0, 0, 0, 1][..] });
    match version {
        13.. => frame.extend([7; 16]),
        9.. => frame.extend([2, b't']),
        _ => frame.extend([0, 1, b't']),
    }
    frame.extend(if flexible { &[2][..] } else { &[0, 0, 0, 1][..] });
    frame.extend([0, 0, 0, 0]);
    if flexible {
        protocol::wire::put_unsigned_varint(&mut frame, records.len() as u32 + 1);
    } else {
        frame.extend((records.len() as u32).to_be_bytes());
    }
    frame.extend_from_slice(records);
    frame.extend(if flexible { &[0, 0, 0][..] } else { &[][..] });
    frame
}

fn valid_batches(compression: Compression) -> Vec<Bytes> {
    let headers = [HeaderData { key: b"h", value: Some(b"1") }, HeaderData { key: b"h", value: None }];
    let record = |key, value, headers| RecordData { timestamp: NOW, key, value, headers };
    let long = [b'x'; 3000];
    let sets: [&[RecordData<'_>]; 3] = [
        &[record(Some(b"k"), Some(b"v"), &headers)],
        &[record(Some(b"a"), None, &[]), record(None, Some(b"b"), &headers[..1]), record(Some(b""), Some(b""), &[])],
        &[record(Some(b"long"), Some(&long), &[]); 4],
    ];
    let options = BatchOptions {
        compression,
        producer_id: ProducerId(5),
        producer_epoch: ProducerEpoch(0),
        base_sequence: Sequence(0),
        ..BatchOptions::default()
    };
    sets.iter().map(|records| build_batch(&options, records).expect("the records are good")).collect()
}

fn subscription() -> Vec<u8> {
    let mut blob = vec![0, 3, 0, 0, 0, 1, 0, 2, b't', b'1', 0, 0, 0, 1, b'u'];
    blob.extend([0, 0, 0, 1, 0, 2, b't', b'1', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 1, b'r']);
    blob
}
