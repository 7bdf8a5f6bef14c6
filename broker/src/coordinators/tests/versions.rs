//! Every group API at every version it is advertised with, through a whole life of a group.

use super::*;
use kafka_protocol::messages::{
    ApiKey, DeleteGroupsRequest, DescribeGroupsRequest, DescribeTransactionsRequest, FindCoordinatorRequest,
    HeartbeatRequest, LeaveGroupRequest, ListGroupsRequest, ListTransactionsRequest, OffsetDeleteRequest,
    TransactionalId,
    leave_group_request::MemberIdentity,
    offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
};

fn versions(key: ApiKey) -> std::ops::RangeInclusive<i16> {
    let api = TABLE.iter().find(|api| api.key == key).expect("the API is served");
    assert_eq!(api.served, api.advertised);
    api.served.0..=api.served.1
}

#[tokio::test]
async fn find_coordinator_names_this_broker_in_every_version() {
    let fixture = started().await;
    let port = fixture.broker().config.network.advertised[0].port;
    for version in versions(ApiKey::FindCoordinator) {
        let request = FindCoordinatorRequest::default();
        if version < 4 {
            let found = call(&fixture, version, &request.with_key(text("g"))).await;
            assert_eq!((found.error_code, found.node_id.0, found.port), (0, 1, i32::from(port)));
        } else {
            let request = request.with_coordinator_keys(vec![text("a"), text("b")]);
            let found = call(&fixture, version, &request).await.coordinators;
            let keys: Vec<_> = found.iter().map(|one| (one.key.as_str(), one.error_code, one.node_id.0)).collect();
            assert_eq!(keys, [("a", 0, 1), ("b", 0, 1)]);
        }
    }
}

#[tokio::test]
async fn coordinators_of_other_kinds_are_refused() {
    let fixture = started().await;
    for (kind, error) in [(1, 53), (2, 42), (9, 42)] {
        let request = FindCoordinatorRequest::default().with_key_type(kind);
        let single = call(&fixture, 3, &request.clone().with_key(text("x"))).await;
        let batched = call(&fixture, 6, &request.with_coordinator_keys(vec![text("x")])).await;
        assert_eq!((single.error_code, single.node_id.0, single.port), (error, -1, -1));
        assert_eq!(batched.coordinators[0].error_code, error);
    }
}

#[tokio::test]
async fn member_lives_and_leaves_in_every_version() {
    let fixture = started().await;
    for version in versions(ApiKey::JoinGroup) {
        let name = format!("life-{version}");
        let joined = join(&fixture, version, &name).await;
        assert_eq!((joined.error_code, joined.generation_id, joined.members.len()), (0, 1, 1), "v{version} {joined:?}");
        assert_eq!(joined.protocol_name.as_deref(), Some("range"));

        let at = version.min(*versions(ApiKey::SyncGroup).end());
        let synced = call(&fixture, at, &sync_request(&name, &joined, at)).await;
        assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"all of it"[..]), "v{at}");

        let at = version.min(*versions(ApiKey::Heartbeat).end());
        let beat = HeartbeatRequest::default().with_group_id(group(&name)).with_generation_id(1);
        let beat = beat.with_member_id(joined.member_id.clone());
        assert_eq!(call(&fixture, at, &beat).await.error_code, 0, "v{at}");

        let at = version.min(*versions(ApiKey::LeaveGroup).end());
        let leave = LeaveGroupRequest::default().with_group_id(group(&name));
        let leave = if at < 3 {
            leave.with_member_id(joined.member_id.clone())
        } else {
            leave.with_members(vec![MemberIdentity::default().with_member_id(joined.member_id.clone())])
        };
        let left = call(&fixture, at, &leave).await;
        assert_eq!((left.error_code, left.members.first().map_or(0, |one| one.error_code)), (0, 0), "v{at}");
        let left = call(&fixture, at, &leave).await;
        let codes = [left.error_code, left.members.first().map_or(0, |one| one.error_code)];
        assert!(codes.contains(&25), "v{at} {codes:?}");
        assert_eq!(call(&fixture, at.min(4), &beat).await.error_code, 25);
    }
}

#[tokio::test]
async fn join_is_refused_with_the_code_in_every_version() {
    let fixture = started().await;
    for version in versions(ApiKey::JoinGroup) {
        let mut request = join_request("refused", "");
        request.session_timeout_ms = 1;
        let refused = call(&fixture, version, &request).await;
        assert_eq!((refused.error_code, refused.generation_id), (26, -1), "v{version}");
        let refused = call(&fixture, version, &join_request("refused", "nobody")).await;
        assert_eq!((refused.error_code, refused.member_id.as_str()), (25, "nobody"), "v{version}");
    }
}

#[tokio::test]
async fn sync_without_naming_the_protocol_is_refused_where_it_must_be_named() {
    let fixture = started().await;
    let joined = join(&fixture, 5, "unnamed").await;
    assert_eq!(call(&fixture, 5, &sync_request("unnamed", &joined, 4)).await.error_code, 23);
    assert_eq!(call(&fixture, 4, &sync_request("unnamed", &joined, 4)).await.error_code, 0);
}

#[tokio::test]
async fn offsets_are_committed_and_read_in_every_version() {
    let fixture = started().await;
    for version in versions(ApiKey::OffsetCommit) {
        let name = format!("offsets-{version}");
        let mut request = commit_request(&name, "", -1, i64::from(version));
        let unknown = OffsetCommitRequestPartition::default().with_partition_index(2);
        request.topics[0].partitions.push(unknown.clone());
        let nowhere = OffsetCommitRequestTopic::default().with_name(topic("nowhere"));
        request.topics.push(nowhere.with_partitions(vec![unknown]));
        let answered = commit(&fixture, version, &request).await;
        let codes: Vec<_> =
            answered.topics.iter().flat_map(|topic| topic.partitions.iter().map(|one| one.error_code)).collect();
        assert_eq!(codes, [0, 3, if version < FIRST_BY_ID { 3 } else { 100 }], "v{version}");
        for read in versions(ApiKey::OffsetFetch) {
            let response = fetch_offsets(&fixture, read, &fetch_request(&name, read)).await;
            assert_eq!(fetched(&response, read), (0, i64::from(version), "note".to_owned()), "v{version} v{read}");
        }
        for read in 2..=*versions(ApiKey::OffsetFetch).end() {
            let mut all = fetch_request(&name, read);
            all.topics = if read < 8 { None } else { all.topics };
            all.groups.iter_mut().for_each(|group| group.topics = None);
            assert_eq!(fetched(&fetch_offsets(&fixture, read, &all).await, read).1, i64::from(version), "v{read}");
        }
    }
}

#[tokio::test]
async fn commit_is_refused_for_each_partition_in_every_version() {
    let fixture = started().await;
    for version in versions(ApiKey::OffsetCommit) {
        let refused = commit(&fixture, version, &commit_request("absent", "m", 3, 1)).await;
        let expected = if version < 9 { 22 } else { 69 };
        assert_eq!(refused.topics[0].partitions[0].error_code, expected, "v{version}");
    }
}

#[tokio::test]
async fn groups_are_described_listed_and_deleted_in_every_version() {
    let fixture = started().await;
    let joined = join(&fixture, 5, "shown").await;
    call(&fixture, 3, &sync_request("shown", &joined, 3)).await;
    for version in versions(ApiKey::DescribeGroups) {
        let mut request = DescribeGroupsRequest::default().with_groups(vec![group("shown"), group("absent")]);
        request.include_authorized_operations = version >= 3;
        let groups = call(&fixture, version, &request).await.groups;
        let (shown, absent) = (&groups[0], &groups[1]);
        assert_eq!((shown.error_code, shown.group_state.as_str(), shown.members.len()), (0, "Stable", 1));
        assert_eq!(shown.members[0].client_host.as_str(), "/127.0.0.1");
        assert_eq!(shown.authorized_operations != i32::MIN, version >= 3, "v{version}");
        let expected = if version < 6 { 0 } else { 69 };
        assert_eq!((absent.error_code, absent.group_state.as_str()), (expected, "Dead"), "v{version}");
    }
    for version in versions(ApiKey::ListGroups) {
        let groups = call(&fixture, version, &ListGroupsRequest::default()).await.groups;
        let shown = groups.iter().find(|one| one.group_id.as_str() == "shown").expect("listed");
        assert_eq!(shown.protocol_type.as_str(), "consumer");
        assert_eq!(shown.group_state.as_str(), if version < 4 { "" } else { "Stable" });
        assert_eq!(shown.group_type.as_str(), if version < 5 { "" } else { "classic" });
    }
    for version in versions(ApiKey::DeleteGroups) {
        let name = format!("deleted-{version}");
        call(&fixture, 5, &commit_request(&name, "", -1, 1)).await;
        let names = vec![group(&name), group("absent"), group("shown"), group(&name)];
        let results = call(&fixture, version, &DeleteGroupsRequest::default().with_groups_names(names)).await.results;
        let codes: Vec<_> = results.iter().map(|one| one.error_code).collect();
        assert_eq!(codes, [0, 69, 68], "v{version}");
    }
}

#[tokio::test]
async fn list_is_filtered_by_state_and_type() {
    let fixture = started().await;
    join(&fixture, 5, "waiting").await;
    call(&fixture, 5, &commit_request("simple", "", -1, 1)).await;
    let cases: [(&[&str], &[&str], &[&str]); 6] = [
        (&[], &[], &["simple", "waiting"]),
        (&["completingrebalance"], &[], &["waiting"]),
        (&["Empty", "Stable"], &[], &["simple"]),
        (&["Nonsense"], &[], &[]),
        (&[], &["Classic"], &["simple", "waiting"]),
        (&[], &["consumer", "share"], &[]),
    ];
    for (states, types, expected) in cases {
        let filter = |names: &[&str]| names.iter().map(|name| text(name)).collect::<Vec<_>>();
        let request = ListGroupsRequest::default().with_states_filter(filter(states)).with_types_filter(filter(types));
        let groups = call(&fixture, 5, &request).await.groups;
        let mut names: Vec<_> = groups.iter().map(|one| one.group_id.to_string()).collect();
        names.sort();
        assert_eq!(names, expected, "{states:?} {types:?}");
    }
}

#[tokio::test]
async fn offsets_are_deleted_for_topics_nobody_reads() {
    let fixture = started().await;
    fixture.topic("former", 1, &[]).await;
    let joined = join(&fixture, 5, "reader").await;
    call(&fixture, 3, &sync_request("reader", &joined, 3)).await;
    let topic_of = |name: &str, partition| {
        let partition = OffsetDeleteRequestPartition::default().with_partition_index(partition);
        OffsetDeleteRequestTopic::default().with_name(topic(name)).with_partitions(vec![partition])
    };
    let topics = vec![topic_of("orders", 0), topic_of("former", 0), topic_of("former", 1), topic_of("nowhere", 0)];
    let request = OffsetDeleteRequest::default().with_group_id(group("reader")).with_topics(topics);
    let answered = call(&fixture, 0, &request).await;
    let codes: Vec<_> = answered.topics.iter().map(|topic| topic.partitions[0].error_code).collect();
    assert_eq!((answered.error_code, &codes[..]), (0, &[86, 0, 3, 3][..]));
    let request = OffsetDeleteRequest::default().with_group_id(group("absent"));
    assert_eq!(call(&fixture, 0, &request).await.error_code, 69);
    assert_eq!(call(&fixture, 0, &request.with_group_id(group(""))).await.error_code, 24);
}

#[tokio::test]
async fn there_are_no_transactions() {
    let fixture = started().await;
    for version in versions(ApiKey::ListTransactions) {
        let request = ListTransactionsRequest::default().with_state_filters(vec![text("Ongoing"), text("Nonsense")]);
        let listed = call(&fixture, version, &request).await;
        assert_eq!((listed.error_code, listed.transaction_states.len()), (0, 0));
        assert_eq!(listed.unknown_state_filters, [text("Nonsense")]);
    }
    let broken = ListTransactionsRequest::default().with_transactional_id_pattern(Some(text("([")));
    assert_eq!(call(&fixture, 2, &broken).await.error_code, 128);
    let ids = vec![TransactionalId(text("t")), TransactionalId(text(""))];
    let described = call(&fixture, 0, &DescribeTransactionsRequest::default().with_transactional_ids(ids)).await;
    let codes: Vec<_> = described.transaction_states.iter().map(|one| one.error_code).collect();
    assert_eq!(codes, [16, 42]);
}
