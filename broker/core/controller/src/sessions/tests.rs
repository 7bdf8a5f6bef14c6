use super::*;

const TIMEOUT: Duration = Duration::from_secs(3);
const GRACE: Duration = Duration::from_millis(200);
const EPOCH: BrokerEpoch = BrokerEpoch(7);

fn at(ms: u64) -> MonotonicTime {
    MonotonicTime::from_ms(ms)
}

fn heartbeat(id: i32) -> Heartbeat {
    Heartbeat { id: BrokerId(id), epoch: EPOCH, applied: MetadataVersion(1), condition: BrokerCondition::default() }
}

/// Brokers 1 to `count`, all heard at 0.
fn sessions(count: i32) -> (Sessions, Vec<(BrokerId, BrokerEpoch)>) {
    let mut sessions = Sessions::new(SessionSettings { timeout: TIMEOUT, reconnect_grace: GRACE });
    (1..=count).for_each(|id| sessions.heard(heartbeat(id), at(0)));
    (sessions, (1..=count).map(|id| (BrokerId(id), EPOCH)).collect())
}

fn ids(lost: Vec<(BrokerId, BrokerEpoch)>) -> Vec<i32> {
    lost.into_iter().map(|(id, _)| id.0).collect()
}

#[test]
fn silent_broker_is_lost_after_the_timeout() {
    let (mut sessions, alive) = sessions(3);
    (2..=3).for_each(|id| sessions.heard(heartbeat(id), at(2000)));
    assert_eq!(ids(sessions.lost(&alive, at(2999))), [0; 0]);
    assert_eq!(sessions.next_deadline(&alive, at(2999)), Some(at(3000)));
    assert_eq!(ids(sessions.lost(&alive, at(3000))), [1]);
}

#[test]
fn broken_connection_counts_sooner_unless_the_broker_is_back() {
    let (mut sessions, alive) = sessions(3);
    (1..=2).for_each(|id| sessions.disconnected(BrokerId(id), EPOCH, at(100)));
    sessions.heard(heartbeat(2), at(250));
    assert_eq!(ids(sessions.lost(&alive, at(299))), [0; 0]);
    assert_eq!(ids(sessions.lost(&alive, at(300))), [1]);
}

#[test]
fn most_brokers_lost_at_once_get_another_timeout() {
    let (mut sessions, alive) = sessions(3);
    sessions.heard(heartbeat(3), at(2900));
    assert_eq!(ids(sessions.lost(&alive, at(3000))), [0; 0]);
    sessions.heard(heartbeat(3), at(5900));
    assert_eq!(ids(sessions.lost(&alive, at(5999))), [0; 0]);
    assert_eq!(sessions.next_deadline(&alive, at(5999)), Some(at(6000)));
    assert_eq!(ids(sessions.lost(&alive, at(6000))), [1, 2]);
}

#[test]
fn most_brokers_lost_one_after_the_other_get_another_timeout_too() {
    let (mut sessions, alive) = sessions(3);
    (1..=3).for_each(|id| sessions.heard(heartbeat(id), at(200 * u64::try_from(id).unwrap())));
    assert_eq!(ids(sessions.lost(&alive, at(3200))), [1]);
    let alive = &alive[1..];
    assert_eq!(ids(sessions.lost(alive, at(3400))), [0; 0]);
    assert_eq!(ids(sessions.lost(alive, at(3600))), [0; 0]);
    assert_eq!(sessions.next_deadline(alive, at(3600)), Some(at(6200)));
    assert_eq!(ids(sessions.lost(alive, at(6399))), [0; 0], "the others are most of those that are left");
    assert_eq!(ids(sessions.lost(alive, at(6400))), [2, 3]);
}

#[test]
fn second_loss_is_doubted_for_a_timeout_after_the_first() {
    let (mut sessions, alive) = sessions(3);
    sessions.disconnected(BrokerId(1), EPOCH, at(0));
    assert_eq!(ids(sessions.lost(&alive, at(200))), [1]);
    sessions.disconnected(BrokerId(2), EPOCH, at(1000));
    (2000..=2100).step_by(100).for_each(|ms| sessions.heard(heartbeat(3), at(ms)));
    assert_eq!(ids(sessions.lost(&alive[1..], at(1200))), [0; 0]);
    assert_eq!(sessions.next_deadline(&alive[1..], at(2100)), Some(at(3200)));
    assert_eq!(ids(sessions.lost(&alive[1..], at(3200))), [2]);
}

#[test]
fn loss_of_a_broker_that_came_back_says_nothing_of_the_next() {
    let (mut sessions, alive) = sessions(3);
    sessions.disconnected(BrokerId(1), EPOCH, at(0));
    assert_eq!(ids(sessions.lost(&alive, at(200))), [1]);
    sessions.heard(Heartbeat { epoch: BrokerEpoch(8), ..heartbeat(1) }, at(500));
    let alive = [(BrokerId(1), BrokerEpoch(8)), alive[1], alive[2]];
    sessions.disconnected(BrokerId(2), EPOCH, at(1000));
    assert_eq!(ids(sessions.lost(&alive, at(1200))), [2]);
}

#[test]
fn one_that_comes_back_ends_the_doubt_of_the_others() {
    let (mut sessions, alive) = sessions(4);
    sessions.heard(heartbeat(4), at(2900));
    assert_eq!(ids(sessions.lost(&alive, at(3000))), [0; 0]);
    sessions.heard(heartbeat(3), at(3100));
    assert_eq!(ids(sessions.lost(&alive, at(3100))), [1, 2]);
}

#[test]
fn time_in_which_the_controller_stood_still_does_not_count() {
    let (mut sessions, alive) = sessions(3);
    sessions.forgive(Duration::from_secs(60));
    assert_eq!(ids(sessions.lost(&alive, at(62_999))), [0; 0]);
}

#[test]
fn late_message_of_an_earlier_life_changes_nothing() {
    let (mut sessions, _) = sessions(1);
    let newer = Heartbeat { epoch: BrokerEpoch(8), ..heartbeat(1) };
    sessions.heard(newer, at(100));
    sessions.heard(heartbeat(1), at(200));
    sessions.disconnected(BrokerId(1), EPOCH, at(200));
    assert!(sessions.is_live(BrokerId(1), BrokerEpoch(8), at(3000)));
    assert!(!sessions.is_live(BrokerId(1), EPOCH, at(300)));
}

#[test]
fn broker_known_from_the_store_has_a_whole_timeout_to_come() {
    let mut sessions = Sessions::new(SessionSettings { timeout: TIMEOUT, reconnect_grace: GRACE });
    let alive = [(BrokerId(1), EPOCH), (BrokerId(2), EPOCH), (BrokerId(3), EPOCH)];
    assert_eq!(ids(sessions.lost(&alive, at(10_000))), [0; 0]);
    (2..=3).for_each(|id| sessions.heard(heartbeat(id), at(12_000)));
    assert_eq!(ids(sessions.lost(&alive, at(12_999))), [0; 0]);
    assert_eq!(ids(sessions.lost(&alive, at(13_000))), [1]);
}

#[test]
fn all_may_depart_at_once() {
    let (mut sessions, alive) = sessions(3);
    (1..=3).for_each(|id| sessions.departed(BrokerId(id), EPOCH, at(100)));
    assert_eq!(ids(sessions.lost(&alive, at(100))), [1, 2, 3]);
}

#[test]
fn departure_of_some_is_no_reason_to_doubt_and_none_to_trust() {
    let (mut sessions, alive) = sessions(5);
    (1..=2).for_each(|id| sessions.departed(BrokerId(id), EPOCH, at(100)));
    sessions.heard(heartbeat(5), at(2900));
    assert_eq!(ids(sessions.lost(&alive, at(3000))), [1, 2], "two of the other three are missing");
    sessions.heard(heartbeat(5), at(5900));
    assert_eq!(ids(sessions.lost(&alive, at(6000))), [1, 2, 3, 4]);
}

#[test]
fn broker_that_this_controller_never_heard_keeps_no_other_life_out() {
    let mut sessions = Sessions::new(SessionSettings { timeout: TIMEOUT, reconnect_grace: GRACE });
    sessions.lost(&[(BrokerId(1), EPOCH)], at(0));
    assert!(!sessions.is_live(BrokerId(1), EPOCH, at(1)));
    sessions.heard(heartbeat(1), at(2));
    assert!(sessions.is_live(BrokerId(1), EPOCH, at(3)));
}
