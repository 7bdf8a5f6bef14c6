//! OffsetCommitValue.
//!
//! ```text
//! 0  offset, metadata, commit timestamp
//! 1  offset, metadata, commit timestamp, expire timestamp
//! 2  offset, metadata, commit timestamp
//! 3  offset, leader epoch, metadata, commit timestamp
//! 4  as 3, flexible; tag 0: topic id (KIP-848 era)
//! ```

use super::{RecordError, expect_end, writing};
use crate::offsets::CommittedOffset;
use model::{LeaderEpoch, Offset, TopicId, WallTime};
use protocol::wire::{Reader, put_unsigned_varint};

const WITH_EXPIRY: i16 = 1;
const WITH_LEADER_EPOCH: i16 = 3;
const FLEXIBLE: i16 = 4;
const TOPIC_ID_TAG: u32 = 0;
const TOPIC_ID_SIZE: u32 = 16;

pub(super) fn encode(value: &CommittedOffset) -> Result<Vec<u8>, RecordError> {
    let mut out = Vec::with_capacity(64 + value.metadata.len());
    if let Some(expire) = value.expire_timestamp {
        // Only version 1 has a place for it; the leader epoch is lost, as in Kafka.
        writing::put_i16(&mut out, WITH_EXPIRY);
        writing::put_i64(&mut out, value.offset.0);
        writing::put_string(&mut out, &value.metadata)?;
        writing::put_i64(&mut out, value.commit_timestamp.0);
        writing::put_i64(&mut out, expire.0);
        return Ok(out);
    }
    writing::put_i16(&mut out, FLEXIBLE);
    writing::put_i64(&mut out, value.offset.0);
    writing::put_i32(&mut out, value.leader_epoch.0);
    writing::put_compact_string(&mut out, &value.metadata)?;
    writing::put_i64(&mut out, value.commit_timestamp.0);
    if value.topic_id.is_zero() {
        put_unsigned_varint(&mut out, 0);
    } else {
        put_unsigned_varint(&mut out, 1);
        put_unsigned_varint(&mut out, TOPIC_ID_TAG);
        put_unsigned_varint(&mut out, TOPIC_ID_SIZE);
        out.extend_from_slice(value.topic_id.0.as_bytes());
    }
    Ok(out)
}

pub(super) fn decode(bytes: &[u8]) -> Result<CommittedOffset, RecordError> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?;
    if !(0..=FLEXIBLE).contains(&version) {
        return Err(RecordError::ValueVersion(version));
    }
    let flexible = version >= FLEXIBLE;
    let offset = Offset(reader.i64()?);
    let leader_epoch = if version >= WITH_LEADER_EPOCH { LeaderEpoch(reader.i32()?) } else { LeaderEpoch::UNKNOWN };
    let metadata = reader.string(flexible)?.into();
    let commit_timestamp = WallTime(reader.i64()?);
    let expire = if version == WITH_EXPIRY { WallTime(reader.i64()?) } else { WallTime::NONE };
    let topic_id = if flexible { read_topic_id(&mut reader)? } else { TopicId::ZERO };
    expect_end(&reader)?;
    let expire_timestamp = (expire != WallTime::NONE).then_some(expire);
    Ok(CommittedOffset { offset, leader_epoch, metadata, commit_timestamp, expire_timestamp, topic_id })
}

fn read_topic_id(reader: &mut Reader<'_>) -> Result<TopicId, RecordError> {
    let mut topic_id = TopicId::ZERO;
    for _ in 0..reader.unsigned_varint()? {
        let tag = reader.unsigned_varint()?;
        let size = reader.unsigned_varint()?;
        let value = reader.take(size as usize)?;
        if tag == TOPIC_ID_TAG {
            topic_id = TopicId(uuid::Uuid::from_bytes(Reader::new(value).uuid()?));
        }
    }
    Ok(topic_id)
}
