//! Whose a topic is, and what of it that resource decides. Fields that its spec leaves open are free to Kafka's tools.

use super::valid_topic::ValidTopic;
use crate::control_plane::Allowed;
use control_plane::session::Owned;
use controller::TopicImage;
use custom_resources::Topic;
use std::sync::Arc;

/// The resource that decides about a topic: of those that name it and may the oldest, where the topic is its own. A paused one
/// decides nothing.
pub fn owner<'a>(there: &TopicImage, resources: &'a [ValidTopic], allowed: &Allowed) -> Option<&'a ValidTopic> {
    let naming = resources.iter().filter(|one| *one.name == *there.name && allowed.has(&one.namespace));
    let oldest = naming.min_by_key(|one| &one.age)?;
    ((oldest.owns(there.id) || oldest.adopts) && !oldest.is_paused).then_some(oldest)
}

/// Another resource that has the name of a topic: one that is older and may.
pub(super) fn older(topic: &ValidTopic, naming: &[Arc<Topic>], allowed: &Allowed) -> Option<ValidTopic> {
    let others = naming.iter().filter_map(|other| ValidTopic::new(other).ok());
    others.filter(|other| other.uid != topic.uid && allowed.has(&other.namespace)).find(|other| other.age < topic.age)
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
    use crate::{
        reconcilers::{
            cluster::testing::image,
            topic::valid_topic::tests::{resource, topic},
        },
        valid_cluster::ClusterKey,
    };

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
        let owner_of = |resources: &[ValidTopic]| owner(there, resources, &allowed(&[])).is_some();
        assert!(owner_of(std::slice::from_ref(&own)));
        assert!(!owner_of(&[]));
        let stranger = ValidTopic { known_id: None, ..own.clone() };
        assert!(!owner_of(std::slice::from_ref(&stranger)), "it was there before");
        assert!(owner_of(&[ValidTopic { adopts: true, ..stranger.clone() }]));
        assert!(!owner_of(&[ValidTopic { is_paused: true, ..own.clone() }]));
        assert!(!owner_of(&[ValidTopic { namespace: "elsewhere".to_owned(), ..own.clone() }]));
        let older = ValidTopic { age: (own.age.0 - 1, own.age.1.clone()), ..stranger };
        assert!(!owner_of(&[own.clone(), older.clone()]), "as long as two resources quarrel nobody is in the way");
        let elsewhere = ValidTopic { namespace: "elsewhere".to_owned(), ..older };
        assert!(owner_of(&[own, elsewhere]), "one that may not does not quarrel");
    }

    fn allowed(namespaces: &[&str]) -> Allowed {
        let names: Vec<_> = namespaces.iter().map(|name| (*name).to_owned()).collect();
        Allowed::by(&ClusterKey { namespace: "shop".to_owned(), name: "events".to_owned() }, &names)
    }

    #[test]
    fn older_resource_has_the_name_if_it_may() {
        let at = |namespace: &str, uid: &str, created: &str| {
            let mut resource = resource("{}");
            resource.metadata.namespace = Some(namespace.to_owned());
            resource.metadata.uid = Some(uid.to_owned());
            resource.spec.cluster_ref.namespace = Some("shop".to_owned());
            resource.metadata.creation_timestamp = serde_json::from_value(created.into()).unwrap();
            Arc::new(resource)
        };
        let first = at("elsewhere", "u-0", "2026-01-01T00:00:00Z");
        let own = at("shop", "u-1", "2026-01-02T00:00:00Z");
        let naming = [Arc::clone(&first), Arc::clone(&own)];
        let own = ValidTopic::new(&own).unwrap();
        assert_eq!(older(&own, &naming, &allowed(&[])), None, "anybody could be first");
        let has = older(&own, &naming, &allowed(&["elsewhere"])).unwrap();
        assert_eq!(has.namespace, "elsewhere");
        assert_eq!(older(&has, &naming, &allowed(&["elsewhere"])), None);
    }
}
