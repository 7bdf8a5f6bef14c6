//! LeaveGroup: one member up to v2, many from v3, also by instance id alone (KIP-345).

use super::{RequestContext, error_codes, group_words};
use group_coordinator::{
    GroupError, Reply, Request,
    reply::Left,
    request::{LeaveGroup, LeavingMember},
};
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse, leave_group_response::MemberResponse};

const FIRST_BATCHED: i16 = 3;

pub(crate) async fn handle(context: &RequestContext, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let is_batched = context.version >= FIRST_BATCHED;
    let members = if is_batched {
        let member = |member: &kafka_protocol::messages::leave_group_request::MemberIdentity| LeavingMember {
            member: group_words::member(&member.member_id),
            instance: group_words::instance(member.group_instance_id.as_ref()),
            reason: member.reason.as_ref().map(group_words::text),
        };
        request.members.iter().map(member).collect()
    } else {
        vec![LeavingMember { member: group_words::member(&request.member_id), instance: None, reason: None }]
    };
    let request = Request::Leave(LeaveGroup { group: group_words::group(&request.group_id), members });
    let result = match context.broker.groups.request(request).await {
        Reply::Leave(result) => result,
        _ => Err(GroupError::UnknownServerError),
    };
    match result {
        Ok(left) if is_batched => {
            LeaveGroupResponse::default().with_members(left.iter().map(member_response).collect())
        }
        // The one member's result is that of the request.
        Ok(left) => LeaveGroupResponse::default().with_error_code(left.first().map_or(0, code)),
        Err(error) => LeaveGroupResponse::default().with_error_code(error_codes::group(error)),
    }
}

fn member_response(left: &Left) -> MemberResponse {
    MemberResponse::default()
        .with_member_id(group_words::wire_text(&left.member))
        .with_group_instance_id(group_words::wire_instance(left.instance.as_ref()))
        .with_error_code(code(left))
}

fn code(left: &Left) -> i16 {
    left.result.map_or_else(error_codes::group, |()| 0)
}
