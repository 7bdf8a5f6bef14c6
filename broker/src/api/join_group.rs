//! JoinGroup. Waits until the group has its next generation.

use super::{RequestContext, error_codes, group_words};
use group_coordinator::{
    GroupError, Reply, Request, RequestKind,
    reply::{JoinRefusal, Joined, JoinedMember},
    request::{JoinGroup, MemberProtocol},
};
use kafka_protocol::{
    messages::{JoinGroupRequest, JoinGroupResponse, join_group_response::JoinGroupResponseMember},
    protocol::StrBytes,
};

const WITH_REBALANCE_TIMEOUT: i16 = 1;
const WITH_MEMBER_ID_HANDSHAKE: i16 = 4;
const WITH_INSTANCE: i16 = 5;
const WITH_PROTOCOL_TYPE: i16 = 7;
const WITH_SKIP_ASSIGNMENT: i16 = 9;

pub(crate) async fn handle(context: &RequestContext, request: JoinGroupRequest) -> JoinGroupResponse {
    let request = Request::Join(to_core(context, &request));
    let kind = request.kind();
    let reply = tokio::select! {
        reply = context.broker.groups.request(request) => reply,
        () = context.draining.begun() => kind.clone().refused(GroupError::CoordinatorNotAvailable),
    };
    match reply {
        Reply::Join(Ok(joined)) => joined_response(context.version, joined),
        Reply::Join(Err(refusal)) => refused_response(context.version, &refusal),
        _ => {
            let RequestKind::Join(member) = kind else { unreachable!("a join was asked") };
            refused_response(context.version, &JoinRefusal { error: GroupError::UnknownServerError, member })
        }
    }
}

fn to_core(context: &RequestContext, request: &JoinGroupRequest) -> JoinGroup {
    let version = context.version;
    let protocols = request.protocols.iter().map(|protocol| MemberProtocol {
        name: group_words::text(&protocol.name),
        metadata: group_words::bytes(&protocol.metadata),
    });
    let has_timeout = version >= WITH_REBALANCE_TIMEOUT;
    JoinGroup {
        group: group_words::group(&request.group_id),
        member: group_words::member(&request.member_id),
        instance: group_words::instance(request.group_instance_id.as_ref()),
        client_id: context.client_id.as_ref().map_or_else(|| "".into(), group_words::text),
        client_host: group_words::client_host(context.client_address.ip()),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: if has_timeout { request.rebalance_timeout_ms } else { request.session_timeout_ms },
        protocol_type: group_words::text(&request.protocol_type),
        protocols: protocols.collect(),
        requires_known_member_id: version >= WITH_MEMBER_ID_HANDSHAKE,
        supports_skipping_assignment: version >= WITH_SKIP_ASSIGNMENT,
        reason: request.reason.as_ref().map(group_words::text),
        unique_suffix: context.broker.clock.random_uuid().to_string().into(),
    }
}

fn joined_response(version: i16, joined: Joined) -> JoinGroupResponse {
    let member = |member: &JoinedMember| {
        let instance = member.instance.as_ref().filter(|_| version >= WITH_INSTANCE);
        JoinGroupResponseMember::default()
            .with_member_id(group_words::wire_text(&member.member))
            .with_group_instance_id(group_words::wire_instance(instance))
            .with_metadata(member.metadata.clone())
    };
    let name = joined.protocol_name.as_deref().map(group_words::wire_text);
    let protocol_type = joined.protocol_type.as_deref().filter(|_| version >= WITH_PROTOCOL_TYPE);
    JoinGroupResponse::default()
        .with_generation_id(joined.generation.0)
        .with_protocol_type(protocol_type.map(group_words::wire_text))
        .with_protocol_name(protocol_name(version, name))
        .with_leader(group_words::wire_text(&joined.leader))
        .with_skip_assignment(joined.skip_assignment && version >= WITH_SKIP_ASSIGNMENT)
        .with_member_id(group_words::wire_text(&joined.member))
        .with_members(joined.members.iter().map(member).collect())
}

fn refused_response(version: i16, refusal: &JoinRefusal) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_error_code(error_codes::group(refusal.error))
        .with_generation_id(-1)
        .with_protocol_name(protocol_name(version, None))
        .with_member_id(group_words::wire_text(&refusal.member))
}

/// Before v7 there is no null for it.
fn protocol_name(version: i16, name: Option<StrBytes>) -> Option<StrBytes> {
    if version >= WITH_PROTOCOL_TYPE { name } else { Some(name.unwrap_or_default()) }
}
