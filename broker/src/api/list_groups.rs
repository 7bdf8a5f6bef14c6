//! ListGroups, by state (KIP-518) and by type (KIP-848).

use super::{RequestContext, error_codes, group_words};
use group_coordinator::reply::ListedGroup as Listed;
use kafka_protocol::{
    messages::{ListGroupsRequest, ListGroupsResponse, list_groups_response::ListedGroup},
    protocol::StrBytes,
};

const WITH_STATE: i16 = 4;
const WITH_TYPE: i16 = 5;
/// All groups here speak the classic protocol.
const CLASSIC: &str = "classic";

pub(crate) async fn handle(context: &RequestContext, request: ListGroupsRequest) -> ListGroupsResponse {
    if !wants(&request.types_filter, CLASSIC) {
        return ListGroupsResponse::default();
    }
    match context.broker.groups.list().await {
        Ok(groups) => {
            let wanted = groups.iter().filter(|group| wants(&request.states_filter, group.state.name()));
            ListGroupsResponse::default().with_groups(wanted.map(|group| listed(context.version, group)).collect())
        }
        Err(error) => ListGroupsResponse::default().with_error_code(error_codes::group(error)),
    }
}

/// An empty filter wants everything; names are compared without regard to case.
fn wants(filter: &[StrBytes], name: &str) -> bool {
    filter.is_empty() || filter.iter().any(|wanted| wanted.trim().eq_ignore_ascii_case(name))
}

fn listed(version: i16, group: &Listed) -> ListedGroup {
    let (state, kind) = (group.state.name(), CLASSIC);
    let since = |first, text| StrBytes::from_static_str(if version >= first { text } else { "" });
    ListedGroup::default()
        .with_group_id(group_words::wire_group(&group.group))
        .with_protocol_type(group_words::wire_text(&group.protocol_type))
        .with_group_state(since(WITH_STATE, state))
        .with_group_type(since(WITH_TYPE, kind))
}
