//! GroupMetadataValue.
//!
//! ```text
//! group   protocol type, generation, protocol?, leader?, 2+: state timestamp, members[]
//! member  id, 3+: instance?, client id, client host, 1+: rebalance timeout, session timeout, subscription, assignment
//! 4       the same as 3, flexible
//! ```

use super::{GroupMetadata, RecordError, RecordedMember, expect_end, writing};
use crate::ids::{Generation, InstanceId, MemberId};
use bytes::Bytes;
use model::WallTime;
use protocol::wire::{Reader, WireError};

const WITH_REBALANCE_TIMEOUT: i16 = 1;
const WITH_STATE_TIMESTAMP: i16 = 2;
const WITH_INSTANCE: i16 = 3;
const FLEXIBLE: i16 = 4;
const WRITTEN: i16 = WITH_INSTANCE;

pub(super) fn encode(value: &GroupMetadata) -> Result<Vec<u8>, RecordError> {
    let mut out = Vec::new();
    writing::put_i16(&mut out, WRITTEN);
    writing::put_string(&mut out, &value.protocol_type)?;
    writing::put_i32(&mut out, value.generation.0);
    writing::put_nullable_string(&mut out, value.protocol.as_deref())?;
    writing::put_nullable_string(&mut out, value.leader.as_deref())?;
    writing::put_i64(&mut out, value.current_state_timestamp.unwrap_or(WallTime::NONE).0);
    writing::put_count(&mut out, value.members.len())?;
    for member in &value.members {
        writing::put_string(&mut out, &member.member)?;
        writing::put_nullable_string(&mut out, member.instance.as_deref())?;
        writing::put_string(&mut out, &member.client_id)?;
        writing::put_string(&mut out, &member.client_host)?;
        writing::put_i32(&mut out, member.rebalance_timeout_ms);
        writing::put_i32(&mut out, member.session_timeout_ms);
        writing::put_bytes(&mut out, &member.subscription)?;
        writing::put_bytes(&mut out, &member.assignment)?;
    }
    Ok(out)
}

pub(super) fn decode(bytes: &[u8]) -> Result<GroupMetadata, RecordError> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?;
    if !(0..=FLEXIBLE).contains(&version) {
        return Err(RecordError::ValueVersion(version));
    }
    let flexible = version >= FLEXIBLE;
    let protocol_type = reader.string(flexible)?.into();
    let generation = Generation(reader.i32()?);
    let protocol = reader.nullable_string(flexible)?.map(Into::into);
    let leader = reader.nullable_string(flexible)?.map(MemberId::from);
    let since = if version >= WITH_STATE_TIMESTAMP { WallTime(reader.i64()?) } else { WallTime::NONE };
    let count = reader.array_count(flexible)?.ok_or(WireError::Null)?;
    // Nothing is reserved for what the count claims: each member must be there to be kept.
    let mut members = Vec::new();
    for _ in 0..count {
        members.push(decode_member(&mut reader, version)?);
    }
    reader.skip_tags(flexible)?;
    expect_end(&reader)?;
    let current_state_timestamp = (since != WallTime::NONE).then_some(since);
    Ok(GroupMetadata { protocol_type, generation, protocol, leader, current_state_timestamp, members })
}

fn decode_member(reader: &mut Reader<'_>, version: i16) -> Result<RecordedMember, RecordError> {
    let flexible = version >= FLEXIBLE;
    let member = MemberId::from(reader.string(flexible)?);
    let instance =
        if version >= WITH_INSTANCE { reader.nullable_string(flexible)?.map(InstanceId::from) } else { None };
    let client_id = reader.string(flexible)?.into();
    let client_host = reader.string(flexible)?.into();
    let rebalance_timeout_ms = if version >= WITH_REBALANCE_TIMEOUT { reader.i32()? } else { -1 };
    let session_timeout_ms = reader.i32()?;
    let subscription = copy_bytes(reader, flexible)?;
    let assignment = copy_bytes(reader, flexible)?;
    reader.skip_tags(flexible)?;
    // What old records do not say is the session timeout.
    let rebalance_timeout_ms = if rebalance_timeout_ms == -1 { session_timeout_ms } else { rebalance_timeout_ms };
    Ok(RecordedMember {
        member,
        instance,
        client_id,
        client_host,
        rebalance_timeout_ms,
        session_timeout_ms,
        subscription,
        assignment,
    })
}

/// Copied, because a group lives much longer than the buffer its record was read into.
fn copy_bytes(reader: &mut Reader<'_>, flexible: bool) -> Result<Bytes, RecordError> {
    Ok(Bytes::copy_from_slice(reader.nullable_bytes(flexible)?.ok_or(WireError::Null)?))
}
