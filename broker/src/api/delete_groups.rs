//! DeleteGroups.

use super::{RequestContext, error_codes, group_words};
use group_coordinator::{GroupError, Reply, Request};
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, delete_groups_response::DeletableGroupResult,
};
use std::collections::HashSet;

pub(crate) async fn handle(context: &RequestContext, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut seen = HashSet::new();
    let mut results = Vec::with_capacity(request.groups_names.len());
    for id in request.groups_names {
        // A name said twice is one deletion.
        if !seen.insert(id.clone()) {
            continue;
        }
        let code = match context.broker.groups.request(Request::DeleteGroup(group_words::group(&id))).await {
            Reply::DeleteGroup(result) => result.map_or_else(error_codes::group, |()| 0),
            _ => error_codes::group(GroupError::UnknownServerError),
        };
        results.push(DeletableGroupResult::default().with_group_id(id).with_error_code(code));
    }
    DeleteGroupsResponse::default().with_results(results)
}
