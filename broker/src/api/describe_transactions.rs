//! DescribeTransactions of a broker that coordinates none: Kafka's answer before its first transaction.

use super::RequestContext;
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        DescribeTransactionsRequest, DescribeTransactionsResponse, describe_transactions_response::TransactionState,
    },
};

pub(crate) async fn handle(
    _context: &RequestContext,
    request: DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let unknown = request.transactional_ids.into_iter().map(|id| {
        let code = if id.is_empty() { Code::InvalidRequest } else { Code::NotCoordinator };
        TransactionState::default().with_transactional_id(id).with_error_code(code.code())
    });
    DescribeTransactionsResponse::default().with_transaction_states(unknown.collect())
}
