//! SyncGroup. A follower waits until the leader's assignment is committed.

use super::{RequestContext, error_codes, group_words};
use group_coordinator::{Generation, GroupError, Reply, Request, reply::Synced, request::SyncGroup};
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};

/// From here on a member says what it thinks was chosen (KIP-559), and must.
const WITH_PROTOCOL: i16 = 5;

pub(crate) async fn handle(context: &RequestContext, request: SyncGroupRequest) -> SyncGroupResponse {
    let says_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
    if context.version >= WITH_PROTOCOL && !says_protocol {
        return refused(GroupError::InconsistentGroupProtocol);
    }
    let request = Request::Sync(to_core(&request));
    let reply = tokio::select! {
        reply = context.broker.groups.request(request) => reply,
        () = context.draining.begun() => Reply::Sync(Err(GroupError::CoordinatorNotAvailable)),
    };
    match reply {
        Reply::Sync(Ok(synced)) => synced_response(context.version, synced),
        Reply::Sync(Err(error)) => refused(error),
        _ => refused(GroupError::UnknownServerError),
    }
}

fn to_core(request: &SyncGroupRequest) -> SyncGroup {
    let assignments = request.assignments.iter();
    SyncGroup {
        group: group_words::group(&request.group_id),
        generation: Generation(request.generation_id),
        member: group_words::member(&request.member_id),
        instance: group_words::instance(request.group_instance_id.as_ref()),
        protocol_type: request.protocol_type.as_ref().map(group_words::text),
        protocol_name: request.protocol_name.as_ref().map(group_words::text),
        assignments: assignments
            .map(|part| (group_words::member(&part.member_id), group_words::bytes(&part.assignment)))
            .collect(),
    }
}

fn synced_response(version: i16, synced: Synced) -> SyncGroupResponse {
    let response = SyncGroupResponse::default().with_assignment(synced.assignment);
    if version < WITH_PROTOCOL {
        return response;
    }
    response
        .with_protocol_type(synced.protocol_type.as_deref().map(group_words::wire_text))
        .with_protocol_name(synced.protocol_name.as_deref().map(group_words::wire_text))
}

fn refused(error: GroupError) -> SyncGroupResponse {
    SyncGroupResponse::default().with_error_code(error_codes::group(error))
}
