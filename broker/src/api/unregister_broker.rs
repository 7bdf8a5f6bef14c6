//! UnregisterBroker: a broker that is gone for good is forgotten (KIP-631).

use super::{RequestContext, error_codes, topic_words::text};
use kafka_protocol::messages::{UnregisterBrokerRequest, UnregisterBrokerResponse};
use model::BrokerId;

pub(crate) async fn handle(context: &RequestContext, request: UnregisterBrokerRequest) -> UnregisterBrokerResponse {
    let response = UnregisterBrokerResponse::default().with_error_message(None);
    let refused = |code: i16, why: String| response.clone().with_error_code(code).with_error_message(Some(text(why)));
    match context.broker.controller.unregister_broker(BrokerId(request.broker_id.0)).await {
        Ok(Ok(())) => response,
        Ok(Err(error)) => refused(error_codes::unregistration(error), error.to_string()),
        Err(error) => refused(error_codes::controller(&error).code(), error.to_string()),
    }
}
