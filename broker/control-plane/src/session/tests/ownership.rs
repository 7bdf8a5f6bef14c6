//! A topic that is not its clients' to change.

use super::*;
use controller::{
    TopicError, TopicImage,
    requests::{DeleteTopics, TopicReference},
};
use std::collections::BTreeMap;

/// Owns every topic of one name.
#[derive(Debug)]
struct OwnerOf(&'static str);

impl Owners for OwnerOf {
    fn of(&self, topics: Vec<Arc<TopicImage>>) -> FindingOwners<'_> {
        let owned = |topic: &Arc<TopicImage>| {
            let owner = format!("Topic shop/{}", self.0);
            (topic.id, Owned { owner, partitions: false, replicas: None, configs: BTreeMap::new() })
        };
        let owned: BTreeMap<_, _> = topics.iter().filter(|topic| *topic.name == *self.0).map(owned).collect();
        Box::pin(async move { Ok(owned) })
    }
}

#[tokio::test]
async fn client_of_a_broker_is_refused_and_the_operator_is_not() {
    let process = ControllerProcess::new().await;
    let server = ControlPlaneServer { owners: Some(Arc::new(OwnerOf("orders"))), ..process.door() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server.serve(listener));
    let (session, mut seen) = broker(address, 1).await;
    until(&mut seen, "broker 1 may lead", |image| usable(image, 1)).await;
    for name in ["orders", "carts"] {
        assert!(session.handle().create_topics(topic(name)).await.unwrap()[0].1.is_ok());
    }
    let both = || {
        let topics = ["orders", "carts"].map(|name| TopicReference::Name(TopicName::from(name)));
        DeleteTopics { topics: topics.into() }
    };
    let answers = session.handle().delete_topics(both()).await.unwrap();
    assert!(matches!(&answers[0].result, Err(TopicError::Owned(reason)) if reason.contains("Topic shop/orders")));
    assert_eq!(answers[1].result, Ok(()));
    let own = process.handle.delete_topics(both()).await.unwrap();
    assert_eq!(own[0].result, Ok(()), "whoever asks here is the owner's");
}
