//! InitProducerId for idempotent producers. Transactions are not served yet.

use super::RequestContext;
use kafka_protocol::{
    ResponseError as Code,
    messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId as WireProducerId},
};

pub(crate) async fn handle(context: &RequestContext, request: InitProducerIdRequest) -> InitProducerIdResponse {
    if let Some(transactional_id) = &request.transactional_id {
        return refuse(if transactional_id.is_empty() { Code::InvalidRequest } else { NO_TRANSACTIONS });
    }
    // A producer gives both to go on with its id under a new epoch, or neither (KIP-360).
    let (id_given, epoch_given) = (request.producer_id.0 != -1, request.producer_epoch != -1);
    if context.version >= 3 && id_given != epoch_given {
        return refuse(Code::InvalidRequest);
    }
    // Without a transactional id nobody else can have the same producer id, so a fresh one fences as well as a new epoch.
    match context.broker.producer_ids.next().await {
        Ok(id) => InitProducerIdResponse::default().with_producer_id(WireProducerId(id.0)).with_producer_epoch(0),
        Err(error) => {
            tracing::warn!(%error, "no producer ids");
            // What Kafka answers while it has no block: every client tries again.
            refuse(Code::CoordinatorLoadInProgress)
        }
    }
}

/// The one code that every client takes as final and shows to the user. librdkafka retries almost every other one for
/// ever (`rd_kafka_idemp_check_error` knows five final codes); the Java client and kafkajs give up on any code that is
/// not about a coordinator, and name this one "Transactional Id authorization failed".
const NO_TRANSACTIONS: Code = Code::TransactionalIdAuthorizationFailed;

fn refuse(code: Code) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_error_code(code.code())
        .with_producer_id(WireProducerId(-1))
        .with_producer_epoch(-1)
}
