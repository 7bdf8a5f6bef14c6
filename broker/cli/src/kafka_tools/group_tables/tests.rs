//! Expected texts were printed by the tools of Kafka 4.3.0.

use super::*;
use model::GroupId;

fn row() -> OffsetRow {
    OffsetRow {
        topic: "my_topic".to_owned(),
        partition: 0,
        leader_epoch: Some(0),
        current: Some(7),
        end: Some(7),
        consumer_id: MISSING.to_owned(),
        host: MISSING.to_owned(),
        client_id: MISSING.to_owned(),
    }
}

#[test]
fn offsets_are_laid_out_as_by_kafka() {
    let expected = "
GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID     HOST            CLIENT-ID
g1              my_topic        0          7               7               0               -               -               -";
    assert_eq!(offsets("g1", &[row()], false), expected);
    let expected = "
GROUP           TOPIC           PARTITION  LEADER-EPOCH    CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID     HOST            CLIENT-ID
g1              my_topic        0          0               7               7               0               -               -               -";
    assert_eq!(offsets("g1", &[row()], true), expected);
}

#[test]
fn a_partition_without_offset_has_no_lag() {
    let text = offsets("g1", &[OffsetRow { current: None, ..row() }], false);
    assert!(
        text.ends_with("0          -               7               -               -               -               -"),
        "{text}"
    );
}

#[test]
fn members_are_laid_out_as_by_kafka() {
    let expected = "\nGROUP           CONSUMER-ID     HOST            CLIENT-ID       #PARTITIONS     ";
    assert_eq!(members("g1", &[], false), expected);
    let verbose = "CURRENT-EPOCH   CURRENT-ASSIGNMENT   TARGET-EPOCH    TARGET-ASSIGNMENT   ";
    assert_eq!(members("g1", &[], true), format!("{expected}{verbose}"));
}

#[test]
fn members_show_what_they_read() {
    let member = Member {
        id: "m-1".to_owned(),
        instance_id: Some("i".to_owned()),
        client_id: "c".to_owned(),
        host: "/127.0.0.1".to_owned(),
        assignment: vec![TopicPartition::new("a", 0), TopicPartition::new("a", 1), TopicPartition::new("b", 2)],
    };
    let text = members("g1", &[member], true);
    assert!(text.contains("m-1             i                 /127.0.0.1      c               3               -               a:0,1;b:2"), "{text}");
}

#[test]
fn the_state_is_laid_out_as_by_kafka() {
    let shown =
        State { group: "g1", coordinator: "127.0.0.1:21800  (0)".to_owned(), assignor: "", state: "Empty", members: 0 };
    let expected = "
GROUP           COORDINATOR (ID)          ASSIGNMENT-STRATEGY  STATE                #MEMBERS
g1              127.0.0.1:21800  (0)      -                    Empty                0";
    assert_eq!(state(&shown, false), expected);
    let expected = "
GROUP           COORDINATOR (ID)          ASSIGNMENT-STRATEGY  STATE                GROUP-EPOCH     TARGET-ASSIGNMENT-EPOCH   #MEMBERS
g1              127.0.0.1:21800  (0)      -                    Empty                -               -                         0";
    assert_eq!(state(&shown, true), expected);
}

#[test]
fn the_list_is_laid_out_as_by_kafka() {
    let group = |id: &str| GroupListing {
        id: GroupId::from(id),
        protocol_type: "consumer".to_owned(),
        state: "Empty".to_owned(),
        group_type: "classic".to_owned(),
    };
    let expected = "\
GROUP                            TYPE                 STATE               \n\
console-consumer-36970           Classic              Empty               \n\
g1                               Classic              Empty               ";
    assert_eq!(listing(&[group("console-consumer-36970"), group("g1")], true, true), expected);
}

#[test]
fn resets_and_deletions_are_laid_out_as_by_kafka() {
    let rows = [("g1", TopicPartition::new("my_topic", 0), 3)];
    let expected =
        "\nGROUP           TOPIC           PARTITION  NEW-OFFSET\ng1              my_topic        0          3";
    assert_eq!(reset(&rows, &["g1"]), expected);
    let rows = [("my_topic".to_owned(), Some(0), "Successful".to_owned())];
    let expected = "\nTOPIC           PARTITION  STATUS         \nmy_topic        0          Successful     ";
    assert_eq!(deleted(&rows), expected);
}
