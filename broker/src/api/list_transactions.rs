//! ListTransactions of a broker that coordinates none.

use super::RequestContext;
use kafka_protocol::{
    ResponseError as Code,
    messages::{ListTransactionsRequest, ListTransactionsResponse},
};

/// Kafka's names; a filter that is none of them is handed back.
const STATES: [&str; 8] = [
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "PrepareEpochFence",
    "Dead",
];

pub(crate) async fn handle(_context: &RequestContext, request: ListTransactionsRequest) -> ListTransactionsResponse {
    let pattern = request.transactional_id_pattern.as_deref().unwrap_or_default();
    if regex_syntax::parse(pattern).is_err() {
        return ListTransactionsResponse::default().with_error_code(Code::InvalidRegularExpression.code());
    }
    let unknown = request.state_filters.into_iter().filter(|state| !STATES.contains(&state.as_str()));
    ListTransactionsResponse::default().with_unknown_state_filters(unknown.collect())
}
