//! Groups: list, describe, delete.

use super::Admin;
use crate::client::{
    ClientError, Purpose, Result,
    address::Address,
    consumer_protocol::{self, Assignment},
    wire,
};
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest, describe_groups_response::DescribedGroupMember,
};
use model::{BrokerId, GroupId, TopicPartition};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupListing {
    pub(crate) id: GroupId,
    pub(crate) protocol_type: String,
    pub(crate) state: String,
    pub(crate) group_type: String,
}

#[derive(Debug, Clone)]
pub(crate) struct GroupDescription {
    pub(crate) coordinator: (BrokerId, Address),
    pub(crate) state: String,
    /// The assignor of a consumer group.
    pub(crate) protocol: String,
    pub(crate) members: Vec<Member>,
}

#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) host: String,
    /// Sorted. Empty where the assignment is not the consumer protocol's.
    pub(crate) assignment: Vec<TopicPartition>,
}

impl GroupListing {
    /// Made by consumers, or by plain offset commits: what Kafka's tool calls a consumer group.
    pub(crate) fn is_consumer_group(&self) -> bool {
        matches!(self.protocol_type.as_str(), "consumer" | "")
    }
}

impl Admin {
    /// Groups of all brokers, sorted by name. Empty filters let all pass.
    pub(crate) async fn list_groups(&self, states: &[String], types: &[String]) -> Result<Vec<GroupListing>> {
        let mut groups = Vec::new();
        for broker in self.cluster.brokers().into_keys() {
            let connection = self.cluster.broker(broker, Purpose::Requests).await?;
            let mut request =
                ListGroupsRequest::default().with_states_filter(states.iter().map(|state| wire::text(state)).collect());
            let by_type = connection.version_of::<ListGroupsRequest>()? >= 5;
            if by_type {
                request = request.with_types_filter(types.iter().map(|group_type| wire::text(group_type)).collect());
            }
            let answer = connection.call(&request, self.cluster.options().request_timeout).await?;
            ClientError::check(answer.error_code, None, format!("groups of broker {broker}"))?;
            groups.extend(answer.groups.into_iter().map(|group| GroupListing {
                id: GroupId::from(group.group_id.as_str()),
                protocol_type: group.protocol_type.to_string(),
                state: group.group_state.to_string(),
                group_type: if by_type { group.group_type.to_string() } else { "classic".to_owned() },
            }));
        }
        groups.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(groups)
    }

    pub(crate) async fn describe_group(&self, id: &GroupId) -> Result<GroupDescription> {
        let request = DescribeGroupsRequest::default().with_groups(vec![wire::group(id)]);
        let answer = self
            .cluster
            .call_coordinator(id, &request, |answer| {
                answer.groups.first().and_then(|group| ClientError::from_code(group.error_code, None, ""))
            })
            .await?;
        let group = answer.groups.into_iter().next().ok_or_else(|| {
            ClientError::Invalid("the broker's answer to DescribeGroups does not mention the group".to_owned())
        })?;
        ClientError::check(group.error_code, group.error_message.as_deref(), format!("group {id}"))?;
        Ok(GroupDescription {
            coordinator: self.cluster.find_coordinator(id).await?,
            state: group.group_state.to_string(),
            protocol: group.protocol_data.to_string(),
            members: group.members.into_iter().map(|member| member_from_wire(member, &group.protocol_type)).collect(),
        })
    }

    pub(crate) async fn delete_group(&self, id: &GroupId) -> Result<()> {
        let request = DeleteGroupsRequest::default().with_groups_names(vec![wire::group(id)]);
        let answer = self
            .cluster
            .call_coordinator(id, &request, |answer| {
                answer.results.first().and_then(|result| ClientError::from_code(result.error_code, None, ""))
            })
            .await?;
        answer.results.iter().try_for_each(|result| ClientError::check(result.error_code, None, format!("group {id}")))
    }
}

fn member_from_wire(member: DescribedGroupMember, protocol_type: &str) -> Member {
    let assignment = if protocol_type == consumer_protocol::PROTOCOL_TYPE {
        // Foreign bytes: a member of another language may have put anything there.
        Assignment::decode(member.member_assignment).map(|assignment| assignment.partitions).unwrap_or_default()
    } else {
        Vec::new()
    };
    Member {
        id: member.member_id.to_string(),
        instance_id: member.group_instance_id.map(|id| id.to_string()),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment,
    }
}
