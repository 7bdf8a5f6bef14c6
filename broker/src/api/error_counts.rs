//! Which error codes a response carries, for the metrics: the same ones that Kafka counts.

use super::RequestContext;
use kafka_protocol::messages::*;
use protocol::describe_log_dirs_response::DescribeLogDirsResponse;

pub(crate) trait ErrorCodes {
    /// Hands over every code of the response, success included.
    fn each_error(&self, each: &mut dyn FnMut(i16));
}

/// Counts what a response carries; to be called once it is made.
pub(super) fn count(api: ApiKey, context: &RequestContext, visit: impl FnOnce(&mut dyn FnMut(i16))) {
    if let Some(metrics) = context.broker.metrics.request(api as i16) {
        metrics.errors.count(visit);
    }
}

/// `[a.b]` is the code of each `b` of each `a` of the response, `[]` that of the response itself.
macro_rules! error_codes {
    ($($response:ident: $([$($list:ident).*])*;)*) => {$(
        impl ErrorCodes for $response {
            fn each_error(&self, each: &mut dyn FnMut(i16)) {
                $(error_codes!(@ each, self, $($list)*);)*
            }
        }
    )*};
    (@ $each:ident, $at:expr,) => { $each($at.error_code) };
    (@ $each:ident, $at:expr, $list:ident $($rest:ident)*) => {
        for inner in &$at.$list {
            error_codes!(@ $each, inner, $($rest)*);
        }
    };
}

error_codes! {
    AlterConfigsResponse: [responses];
    AlterPartitionReassignmentsResponse: [] [responses.partitions];
    ApiVersionsResponse: [];
    CreatePartitionsResponse: [results];
    CreateTopicsResponse: [topics];
    DeleteGroupsResponse: [results];
    DeleteRecordsResponse: [topics.partitions];
    DeleteTopicsResponse: [responses];
    DescribeClusterResponse: [];
    DescribeConfigsResponse: [results];
    DescribeGroupsResponse: [groups];
    DescribeLogDirsResponse: [] [results];
    DescribeProducersResponse: [topics.partitions];
    DescribeTopicPartitionsResponse: [topics] [topics.partitions];
    DescribeTransactionsResponse: [transaction_states];
    ElectLeadersResponse: [] [replica_election_results.partition_result];
    HeartbeatResponse: [];
    IncrementalAlterConfigsResponse: [responses];
    InitProducerIdResponse: [];
    JoinGroupResponse: [];
    LeaveGroupResponse: [] [members];
    ListGroupsResponse: [];
    ListOffsetsResponse: [topics.partitions];
    ListPartitionReassignmentsResponse: [];
    ListTransactionsResponse: [];
    MetadataResponse: [topics] [topics.partitions];
    OffsetCommitResponse: [topics.partitions];
    OffsetDeleteResponse: [] [topics.partitions];
    OffsetFetchResponse: [] [groups] [groups.topics.partitions] [topics.partitions];
    OffsetForLeaderEpochResponse: [topics.partitions];
    SyncGroupResponse: [];
    UnregisterBrokerResponse: [];
    UpdateFeaturesResponse: [] [results];
}

/// Asked for one coordinator the response says it at its top, asked for several it has a list.
impl ErrorCodes for FindCoordinatorResponse {
    fn each_error(&self, each: &mut dyn FnMut(i16)) {
        if self.coordinators.is_empty() {
            each(self.error_code);
        }
        self.coordinators.iter().for_each(|coordinator| each(coordinator.error_code));
    }
}

#[cfg(test)]
mod tests;
