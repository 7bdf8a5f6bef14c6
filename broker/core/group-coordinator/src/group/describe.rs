//! What DescribeGroups and ListGroups show of a group.

use super::{ClassicGroup, GroupState, member::Member};
use crate::reply::{DescribedGroup, DescribedMember, ListedGroup};
use bytes::Bytes;
use std::sync::Arc;

impl ClassicGroup {
    pub(crate) fn describe(&self) -> DescribedGroup {
        let is_stable = self.state == GroupState::Stable;
        // Between generations metadata and assignments do not belong together, so neither is shown.
        let show = |member: &Arc<Member>| DescribedMember {
            member: member.id.clone(),
            instance: member.instance.clone(),
            client_id: Arc::clone(&member.client_id),
            client_host: Arc::clone(&member.client_host),
            metadata: if is_stable { self.metadata_of(member) } else { Bytes::new() },
            assignment: if is_stable { member.assignment.clone() } else { Bytes::new() },
        };
        DescribedGroup {
            group: self.id.clone(),
            state: self.state,
            protocol_type: self.protocol_type.clone().unwrap_or_else(|| "".into()),
            protocol_name: self.protocol.clone().filter(|_| is_stable).unwrap_or_else(|| "".into()),
            members: self.members.values().map(show).collect(),
        }
    }

    pub(crate) fn list(&self) -> ListedGroup {
        ListedGroup {
            group: self.id.clone(),
            protocol_type: self.protocol_type.clone().unwrap_or_else(|| "".into()),
            state: self.state,
        }
    }
}
