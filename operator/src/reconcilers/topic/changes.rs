//! Which topics of a cluster there is something new of. What a change did not touch is shared between two images, so that is a
//! comparison of pointers.

use controller::{ClusterImage, TopicImage};
use std::{collections::BTreeSet, sync::Arc};

/// What was seen of a cluster.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) image: Option<Arc<ClusterImage>>,
    /// Whether its controller decides.
    pub(super) decides: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Changed {
    /// What matters to all of them.
    Everything,
    Topics(BTreeSet<String>),
}

impl Changed {
    pub(super) fn has(&self, topic: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Topics(topics) => topics.contains(topic),
        }
    }
}

pub(super) fn changed(before: &Seen, now: &Seen) -> Changed {
    let (Some(old), Some(new)) = (&before.image, &now.image) else { return Changed::Everything };
    // Brokers decide how many replicas there can be; a deletion may be one that is undone.
    let is_more_than_topics =
        !Arc::ptr_eq(&old.brokers, &new.brokers) || !Arc::ptr_eq(&old.tombstones, &new.tombstones);
    // They decide how many replicas have to be in sync.
    let are_configs_others = !Arc::ptr_eq(&old.broker_configs, &new.broker_configs)
        || old.default_min_insync_replicas != new.default_min_insync_replicas;
    if are_configs_others || before.decides != now.decides || is_more_than_topics {
        return Changed::Everything;
    }
    if Arc::ptr_eq(&old.topics, &new.topics) {
        return Changed::Topics(BTreeSet::new());
    }
    let changed = new.topics.iter().filter(|topic| !has(old, topic));
    let gone = old.topics.iter().filter(|topic| new.topic(&topic.name).is_none());
    Changed::Topics(changed.chain(gone).map(|topic| topic.name.to_string()).collect())
}

fn has(image: &ClusterImage, topic: &Arc<TopicImage>) -> bool {
    image.topic(&topic.name).is_some_and(|known| Arc::ptr_eq(known, topic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcilers::cluster::testing::image;

    fn seen(image: &ClusterImage) -> Seen {
        Seen { image: Some(Arc::new(image.clone())), decides: true }
    }

    fn names(names: &[&str]) -> Changed {
        Changed::Topics(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn topics_that_changed_came_or_went_are_looked_at_and_no_others() {
        let before = image(3, &[], &[&[(&[0], &[0])], &[(&[0], &[0])], &[(&[0], &[0])]]);
        assert_eq!(changed(&seen(&before), &seen(&before)), names(&[]));
        let mut after = before.clone();
        let mut topics: Vec<_> = before.topics.iter().cloned().collect();
        topics.remove(0);
        let mut altered = TopicImage::clone(&topics[0]);
        altered.configs.insert("retention.ms".to_owned(), "1".to_owned());
        topics[0] = Arc::new(altered);
        topics.push(Arc::new(TopicImage { name: "new".into(), ..TopicImage::clone(&topics[1]) }));
        after.topics = Arc::new(topics.into());
        assert_eq!(changed(&seen(&before), &seen(&after)), names(&["new", "topic-0", "topic-1"]));
    }

    #[test]
    fn brokers_their_configs_deletions_and_controllers_matter_to_all_topics() {
        let before = image(3, &[], &[&[(&[0], &[0])]]);
        let other_brokers = ClusterImage { brokers: Arc::clone(&image(3, &[1], &[]).brokers), ..before.clone() };
        let other_tombstones = ClusterImage { tombstones: Arc::default(), ..before.clone() };
        let other_configs = ClusterImage { broker_configs: Arc::default(), ..before.clone() };
        let another_minimum = ClusterImage { default_min_insync_replicas: 3, ..before.clone() };
        let stopped = Seen { decides: false, ..seen(&before) };
        let others = [other_brokers, other_tombstones, other_configs, another_minimum];
        for now in others.iter().map(seen).chain([stopped, Seen::default()]) {
            assert_eq!(changed(&seen(&before), &now), Changed::Everything, "{now:?}");
        }
        assert_eq!(changed(&Seen::default(), &seen(&before)), Changed::Everything);
    }
}
