//! Heartbeat: a member of a group is there.

use super::{RequestContext, error_codes, group_words};
use group_coordinator::{Generation, GroupError, Reply, Request, request::Heartbeat};
use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

pub(crate) async fn handle(context: &RequestContext, request: HeartbeatRequest) -> HeartbeatResponse {
    let request = Request::Heartbeat(Heartbeat {
        group: group_words::group(&request.group_id),
        generation: Generation(request.generation_id),
        member: group_words::member(&request.member_id),
        instance: group_words::instance(request.group_instance_id.as_ref()),
    });
    let error = match context.broker.groups.request(request).await {
        Reply::Heartbeat(Ok(())) => return HeartbeatResponse::default(),
        Reply::Heartbeat(Err(error)) => error,
        _ => GroupError::UnknownServerError,
    };
    HeartbeatResponse::default().with_error_code(error_codes::group(error))
}
