//! Brokers that do not come back.

use super::*;
use crate::UnregisterError;

fn unregister(cluster: &mut Cluster, id: i32) -> Result<(), UnregisterError> {
    match cluster.ask(Request::UnregisterBroker(BrokerId(id))) {
        Reply::BrokerUnregistered(result) => result,
        other => panic!("{other:?}"),
    }
}

#[test]
fn broker_that_is_gone_and_holds_nothing_is_forgotten() {
    let window = Duration::from_secs(60);
    let mut cluster = Cluster::with(Settings { deletion_undo_window: window, ..settings() }, 3);
    cluster.create(vec![assigned("a", &[(0, &[1, 3])])]).remove(0).unwrap();
    assert_eq!(unregister(&mut cluster, 9), Err(UnregisterError::Unknown));
    assert_eq!(unregister(&mut cluster, 3), Err(UnregisterError::Alive));
    cluster.fence(3);
    assert_eq!(unregister(&mut cluster, 3), Err(UnregisterError::HoldsReplicas));
    let topics = vec![TopicReference::Name("a".into())];
    cluster.ask(Request::DeleteTopics(DeleteTopics { topics }));
    assert_eq!(unregister(&mut cluster, 3), Err(UnregisterError::HoldsReplicas), "the topic may be restored");
    cluster.pass(window);
    cluster.pass(window);
    assert_eq!(unregister(&mut cluster, 3), Ok(()));
    assert!(!cluster.image().brokers.contains_key(&BrokerId(3)));
    assert_eq!(unregister(&mut cluster, 3), Err(UnregisterError::Unknown));
    cluster.register(3);
    assert!(cluster.image().is_usable(BrokerId(3)), "it may come back all the same");
}
