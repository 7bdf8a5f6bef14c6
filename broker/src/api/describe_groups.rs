//! DescribeGroups.

use super::{RequestContext, error_codes, group_words};
use group_coordinator::{
    GroupError, GroupState,
    reply::{DescribedGroup as Described, DescribedMember},
};
use kafka_protocol::{
    messages::{
        DescribeGroupsRequest, DescribeGroupsResponse, GroupId as WireGroupId,
        describe_groups_response::{DescribedGroup, DescribedGroupMember},
    },
    protocol::StrBytes,
};

const WITH_AUTHORIZED_OPERATIONS: i16 = 3;
const WITH_INSTANCE: i16 = 4;
/// From here on an unknown group is an error (KIP-1043); before, it is a dead one.
const WITH_GROUP_NOT_FOUND: i16 = 6;

/// One bit per code of Kafka's `AclOperation`. Nothing is refused to anybody, so it is everything that exists for groups:
/// READ 3, DELETE 6, DESCRIBE 8, DESCRIBE_CONFIGS 10, ALTER_CONFIGS 11.
const ALL_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

pub(crate) async fn handle(context: &RequestContext, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let says_operations = request.include_authorized_operations && context.version >= WITH_AUTHORIZED_OPERATIONS;
    let mut groups = Vec::with_capacity(request.groups.len());
    for id in request.groups {
        let described = context.broker.groups.describe(group_words::group(&id)).await;
        let mut group = match described {
            Ok(described) => found(context.version, id, &described),
            Err(GroupError::GroupIdNotFound) => dead(context.version, id),
            Err(error) => DescribedGroup::default().with_group_id(id).with_error_code(error_codes::group(error)),
        };
        if says_operations && group.error_code == 0 {
            group.authorized_operations = ALL_OPERATIONS;
        }
        groups.push(group);
    }
    DescribeGroupsResponse::default().with_groups(groups)
}

fn found(version: i16, id: WireGroupId, described: &Described) -> DescribedGroup {
    let member = |member: &DescribedMember| {
        let instance = member.instance.as_ref().filter(|_| version >= WITH_INSTANCE);
        DescribedGroupMember::default()
            .with_member_id(group_words::wire_text(&member.member))
            .with_group_instance_id(group_words::wire_instance(instance))
            .with_client_id(group_words::wire_text(&member.client_id))
            .with_client_host(group_words::wire_text(&member.client_host))
            .with_member_metadata(member.metadata.clone())
            .with_member_assignment(member.assignment.clone())
    };
    DescribedGroup::default()
        .with_group_id(id)
        .with_group_state(StrBytes::from_static_str(described.state.name()))
        .with_protocol_type(group_words::wire_text(&described.protocol_type))
        .with_protocol_data(group_words::wire_text(&described.protocol_name))
        .with_members(described.members.iter().map(member).collect())
}

fn dead(version: i16, id: WireGroupId) -> DescribedGroup {
    let message = StrBytes::from_string(format!("Group {} not found.", id.as_str()));
    let group = DescribedGroup::default()
        .with_group_id(id)
        .with_group_state(StrBytes::from_static_str(GroupState::Dead.name()));
    if version < WITH_GROUP_NOT_FOUND {
        return group;
    }
    group.with_error_code(error_codes::group(GroupError::GroupIdNotFound)).with_error_message(Some(message))
}
