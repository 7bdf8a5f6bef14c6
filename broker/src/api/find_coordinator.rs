//! FindCoordinator: which broker holds a group. One key up to v3, many from v4 (KIP-699).

use super::{RequestContext, group_words::wire_text};
use kafka_protocol::{
    ResponseError as Code,
    messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, find_coordinator_response::Coordinator},
    protocol::StrBytes,
};
use model::{PartitionIndex, TopicPartition};

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const WITH_MESSAGE: i16 = 1;
const FIRST_BATCHED: i16 = 4;

/// Kafka's own words, which clients print.
const INVALID_REQUEST: &str = "This most likely occurs because of a request being malformed by the client library or the \
                               message was sent to an incompatible broker. See the broker logs for more details.";
const NOT_AVAILABLE: &str = "The coordinator is not available.";

/// What a client that wants transactions is told. The code is the one that librdkafka, Java, kafkajs and franz-go all
/// take as final; any other is asked again, until the client's own limit: librdkafka even repeats UNSUPPORTED_VERSION.
const NO_TRANSACTIONS: &str = "This broker does not serve transactions yet: leave out transactional.id.";

struct Place {
    broker: BrokerId,
    host: StrBytes,
    port: i32,
}

struct Refusal {
    code: Code,
    message: Option<&'static str>,
}

pub(crate) async fn handle(context: &RequestContext, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    if context.version < FIRST_BATCHED {
        return single(context.version, find(context, request.key_type, &request.key).await);
    }
    let mut coordinators = Vec::with_capacity(request.coordinator_keys.len());
    for key in request.coordinator_keys {
        let found = find(context, request.key_type, &key).await;
        coordinators.push(batched(key, found));
    }
    FindCoordinatorResponse::default().with_coordinators(coordinators)
}

async fn find(context: &RequestContext, key_type: i8, key: &str) -> Result<Place, Refusal> {
    match key_type {
        GROUP => find_group(context, key).await,
        TRANSACTION => Err(Refusal { code: Code::TransactionalIdAuthorizationFailed, message: Some(NO_TRANSACTIONS) }),
        _ => Err(Refusal { code: Code::InvalidRequest, message: Some(INVALID_REQUEST) }),
    }
}

async fn find_group(context: &RequestContext, group: &str) -> Result<Place, Refusal> {
    // Kafka leaves the message out where it answers many keys.
    let message = (context.version < FIRST_BATCHED).then_some(NOT_AVAILABLE);
    let not_available = || Refusal { code: Code::CoordinatorNotAvailable, message };
    let groups = &context.broker.groups;
    if let Err(error) = groups.create_offsets_topic().await {
        tracing::warn!(%error, "offsets topic cannot be created");
        return Err(not_available());
    }
    let partition = groups.partition_of(group).ok_or_else(not_available)?;
    leader(context, partition).ok_or_else(not_available)
}

/// The leader of the group's partition, at its address on the listener that the client came in by.
fn leader(context: &RequestContext, partition: PartitionIndex) -> Option<Place> {
    let image = context.broker.metadata.current();
    let partition = TopicPartition { topic: controller::topic_name::GROUP_OFFSETS.into(), partition };
    let leader = image.partition(&partition)?.leader?;
    let endpoint = image.brokers.get(&leader)?.endpoint(context.listener.as_str())?;
    Some(Place { broker: BrokerId(leader.0), host: wire_text(&endpoint.host), port: endpoint.port.into() })
}

fn single(version: i16, found: Result<Place, Refusal>) -> FindCoordinatorResponse {
    let found = batched(StrBytes::default(), found);
    // Success has a message, too: Java's name of it.
    let message = if found.error_code == 0 { Some(StrBytes::from_static_str("NONE")) } else { found.error_message };
    FindCoordinatorResponse::default()
        .with_error_code(found.error_code)
        .with_error_message(message.filter(|_| version >= WITH_MESSAGE))
        .with_node_id(found.node_id)
        .with_host(found.host)
        .with_port(found.port)
}

fn batched(key: StrBytes, found: Result<Place, Refusal>) -> Coordinator {
    let answer = Coordinator::default().with_key(key);
    match found {
        Ok(place) => answer.with_node_id(place.broker).with_host(place.host).with_port(place.port),
        Err(refusal) => answer
            .with_node_id(BrokerId(-1))
            .with_port(-1)
            .with_error_code(refusal.code.code())
            .with_error_message(refusal.message.map(StrBytes::from_static_str)),
    }
}
