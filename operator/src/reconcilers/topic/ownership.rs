//! Whose a topic is, and what of it that resource decides. Fields that its spec leaves open are free to Kafka's tools.

use super::valid_topic::ValidTopic;
use control_plane::session::Owned;
use controller::TopicImage;

/// The resource that decides about a topic: of those that name it the oldest, where it may and the topic is its own. A paused
/// one decides nothing. `is_allowed` says whether resources of a namespace may name the cluster.
pub fn owner<'a>(
    there: &TopicImage,
    resources: &'a [ValidTopic],
    is_allowed: impl Fn(&str) -> bool,
) -> Option<&'a ValidTopic> {
    let oldest =
        resources.iter().filter(|resource| *resource.name == *there.name).min_by_key(|resource| &resource.age)?;
    let decides = (oldest.owns(there.id) || oldest.adopts) && !oldest.is_paused && is_allowed(&oldest.namespace);
    decides.then_some(oldest)
}

pub fn owned_by(resource: &ValidTopic) -> Owned {
    Owned {
        owner: format!("Topic {}/{}", resource.namespace, resource.resource),
        partitions: resource.partitions.is_some(),
        replicas: resource.replicas.and_then(|replicas| usize::try_from(replicas).ok()),
        configs: resource.configs.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcilers::{cluster::testing::image, topic::valid_topic::tests::topic};

    /// `topic-0` of an image as that of a resource.
    fn of_resource(there: &TopicImage, spec: &str) -> ValidTopic {
        ValidTopic { name: "topic-0".to_owned(), known_id: Some(there.id), ..topic(spec) }
    }

    #[test]
    fn fields_that_the_spec_leaves_open_are_free() {
        let said = owned_by(&topic("{partitions: 6, config: {retention.ms: 60000}}"));
        assert_eq!((said.owner.as_str(), said.partitions, said.replicas), ("Topic shop/orders", true, None));
        assert_eq!(said.configs, [("retention.ms".to_owned(), "60000".to_owned())].into());
        let open = owned_by(&topic("{replicas: 3}"));
        assert_eq!((open.partitions, open.replicas, open.configs.len()), (false, Some(3), 0));
    }

    #[test]
    fn topic_is_that_of_the_oldest_resource_if_it_may_have_it() {
        let image = image(3, &[], &[&[(&[0], &[0])]]);
        let there = image.topic("topic-0").unwrap();
        let own = of_resource(there, "{}");
        let owner_of = |resources: &[ValidTopic]| owner(there, resources, |namespace| namespace == "shop").is_some();
        assert!(owner_of(std::slice::from_ref(&own)));
        assert!(!owner_of(&[]));
        let stranger = ValidTopic { known_id: None, ..own.clone() };
        assert!(!owner_of(std::slice::from_ref(&stranger)), "it was there before");
        assert!(owner_of(&[ValidTopic { adopts: true, ..stranger.clone() }]));
        assert!(!owner_of(&[ValidTopic { is_paused: true, ..own.clone() }]));
        assert!(!owner_of(&[ValidTopic { namespace: "elsewhere".to_owned(), ..own.clone() }]));
        let older = ValidTopic { age: (own.age.0 - 1, own.age.1.clone()), ..stranger };
        assert!(!owner_of(&[own, older]), "as long as two resources quarrel nobody is in the way");
    }
}
