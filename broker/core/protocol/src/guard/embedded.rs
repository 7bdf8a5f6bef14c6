//! The two blobs that consumers put into group messages: opaque to the protocol, read by coordinators and tools.

use super::{
    GuardError, Limits,
    schema::{Field, Kind, NEVER, Schema, field},
    walk::walk,
};
use crate::wire::Reader;
use bytes::Bytes;
use kafka_protocol::{
    messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription},
    protocol::Decodable,
};

/// Not an API: the name under which the two blobs below are known here.
const EMBEDDED: i16 = -1;
pub(super) const LAST_EMBEDDED_VERSION: i16 = 3;

const TOPIC_PARTITIONS: &[Field] = &[field("topic", Kind::String), field("partitions", Kind::Array(&Kind::Int32))];

const SUBSCRIPTION: Schema = Schema::new(
    EMBEDDED,
    0,
    LAST_EMBEDDED_VERSION,
    NEVER,
    &[
        field("topics", Kind::Array(&Kind::String)),
        field("user_data", Kind::Bytes).nullable(),
        field("owned_partitions", Kind::Structs(TOPIC_PARTITIONS)).since(1),
        field("generation_id", Kind::Int32).since(2),
        field("rack_id", Kind::String).since(3).nullable(),
    ],
);

const ASSIGNMENT: Schema = Schema::new(
    EMBEDDED,
    0,
    LAST_EMBEDDED_VERSION,
    NEVER,
    &[field("assigned_partitions", Kind::Structs(TOPIC_PARTITIONS)), field("user_data", Kind::Bytes).nullable()],
);

/// What a consumer says in JoinGroup. Bytes of a later version are read as the last known one, as Kafka reads them.
pub fn decode_subscription(blob: &Bytes) -> Result<ConsumerProtocolSubscription, GuardError> {
    decode_embedded(&SUBSCRIPTION, blob)
}

/// What a consumer is told by its leader through SyncGroup.
pub fn decode_assignment(blob: &Bytes) -> Result<ConsumerProtocolAssignment, GuardError> {
    decode_embedded(&ASSIGNMENT, blob)
}

fn decode_embedded<M: Decodable>(schema: &Schema, blob: &Bytes) -> Result<M, GuardError> {
    let malformed = |source| GuardError::Malformed { field: "version", source };
    let mut reader = Reader::new(blob);
    let version = reader.i16().map_err(malformed)?;
    if version < schema.first_version {
        return Err(GuardError::Unknown { api_key: EMBEDDED, version });
    }
    let version = version.min(schema.last_version);
    let mut body = blob.slice(reader.position()..);
    walk(schema, version, &body, Limits::default())?;
    M::decode(&mut body, version).map_err(|error| GuardError::Decode(error.to_string()))
}
