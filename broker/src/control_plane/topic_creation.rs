//! Topics that nobody creates by hand: created when a client first asks for them, or kept by the broker itself.

use super::ControllerHandle;
use crate::{Broker, clock::Clock, config::BrokerConfig};
use controller::{
    ClusterImage, ControllerError, TopicError,
    requests::{CreateTopics, NewTopic},
    topic_name::GROUP_OFFSETS,
};
use model::{TopicId, TopicName};

/// Creates those of `names` that do not exist, each as its kind asks for. Concurrent calls make one creation: whoever
/// comes second finds the topic there, which is success. Returns only once the partitions are served.
pub(crate) async fn create_missing(
    controller: &ControllerHandle,
    clock: Clock,
    config: &BrokerConfig,
    image: &ClusterImage,
    names: &[TopicName],
) -> Result<Vec<(TopicName, Result<(), TopicError>)>, ControllerError> {
    let topics = names.iter().map(|name| blueprint(name, TopicId(clock.random_uuid()), config, image)).collect();
    let results = controller.create_topics(CreateTopics { topics, validate_only: false }).await?;
    let settled = |result| match result {
        Ok(_) | Err(TopicError::AlreadyExists(_)) => Ok(()),
        Err(error) => Err(error),
    };
    Ok(results.into_iter().map(|(name, result)| (name, settled(result))).collect())
}

/// Creates topics that a client named and nobody made. The caller asked whether that is wanted.
pub(crate) async fn create_on_demand(broker: &Broker, names: &[TopicName]) {
    let image = broker.metadata.current();
    match create_missing(&broker.controller, broker.clock, &broker.config, &image, names).await {
        Err(error) => tracing::warn!(%error, "topics could not be created on demand"),
        Ok(results) => {
            for (topic, result) in results {
                if let Err(error) = result {
                    tracing::info!(%topic, %error, "topic not created on demand");
                }
            }
        }
    }
}

/// What a topic of this name looks like when nobody says how it should.
fn blueprint(name: &TopicName, id: TopicId, config: &BrokerConfig, image: &ClusterImage) -> NewTopic {
    let mut topic = NewTopic {
        name: name.clone(),
        id,
        // What the broker's own file says; otherwise what the controller's does.
        partitions: set_here(config, "num.partitions", config.topics.num_partitions).unwrap_or(-1),
        replication_factor: set_here(config, "default.replication.factor", config.topics.default_replication_factor)
            .unwrap_or(-1),
        assignments: Vec::new(),
        configs: Vec::new(),
    };
    if &**name == GROUP_OFFSETS {
        let offsets = &config.offsets;
        // Kafka refuses when there are fewer brokers than replicas asked for, and the clients of a single broker then
        // hang: take what there is.
        let brokers = image.usable_brokers().count();
        let replicas = usize::from(offsets.topic_replication_factor).min(brokers);
        topic.partitions = i32::try_from(offsets.topic_num_partitions).unwrap_or(i32::MAX);
        topic.replication_factor = i16::try_from(replicas).unwrap_or(i16::MAX);
        topic.configs = [
            ("cleanup.policy", "compact".to_owned()),
            ("compression.type", "producer".to_owned()),
            ("segment.bytes", offsets.topic_segment_bytes.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), Some(value)))
        .to_vec();
    }
    topic
}

fn set_here<V, N: TryFrom<V>>(config: &BrokerConfig, key: &str, value: V) -> Option<N> {
    config.static_values().contains_key(key).then(|| N::try_from(value).ok())?
}
