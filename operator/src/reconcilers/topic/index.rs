//! Which resources name a topic, and which a cluster, kept from the events of the watch: to look through thousands of resources
//! for each of them would take longer than anything else here. Both names of a resource never change.

use crate::valid_cluster::ClusterKey;
use custom_resources::Topic;
use kube::runtime::{
    reflector::{ObjectRef, Store},
    watcher::Event,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Namespace and name of a resource.
type Place = (String, String);

#[derive(Debug, Default)]
struct Named {
    by_cluster: BTreeMap<ClusterKey, BTreeMap<String, BTreeSet<Place>>>,
}

#[derive(Debug, Default)]
struct State {
    now: Named,
    /// Of a list that is being received.
    listed: Option<Named>,
}

/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Index(Arc<Mutex<State>>);

impl Index {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, event: &Event<Topic>) {
        let mut state = self.lock();
        match event {
            Event::Apply(topic) => state.now.add(topic),
            Event::Delete(topic) => state.now.remove(topic),
            Event::Init => state.listed = Some(Named::default()),
            Event::InitApply(topic) => state.listed.get_or_insert_default().add(topic),
            Event::InitDone => state.now = state.listed.take().unwrap_or_default(),
        }
    }

    /// Resources of a cluster that name one of its topics.
    pub(super) fn naming(&self, cluster: &ClusterKey, topic: &str, topics: &Store<Topic>) -> Vec<Arc<Topic>> {
        let state = self.lock();
        let places = state.now.by_cluster.get(cluster).and_then(|named| named.get(topic));
        let found = places.into_iter().flatten().filter_map(|place| topics.get(&reference(place)));
        found.collect()
    }

    /// How many resources a cluster has.
    pub(super) fn count(&self, cluster: &ClusterKey) -> usize {
        let state = self.lock();
        state.now.by_cluster.get(cluster).map_or(0, |named| named.values().map(BTreeSet::len).sum())
    }

    /// Those of a cluster whose topic is looked for.
    pub(super) fn of(&self, cluster: &ClusterKey, is_looked_for: impl Fn(&str) -> bool) -> Vec<ObjectRef<Topic>> {
        let state = self.lock();
        let named = state.now.by_cluster.get(cluster).into_iter().flatten();
        named.filter(|(topic, _)| is_looked_for(topic)).flat_map(|(_, places)| places.iter().map(reference)).collect()
    }
}

impl Named {
    fn add(&mut self, topic: &Topic) {
        if let Some((cluster, name, place)) = names(topic) {
            self.by_cluster.entry(cluster).or_default().entry(name).or_default().insert(place);
        }
    }

    fn remove(&mut self, topic: &Topic) {
        let Some((cluster, name, place)) = names(topic) else { return };
        let Some(named) = self.by_cluster.get_mut(&cluster) else { return };
        if let Some(places) = named.get_mut(&name) {
            places.remove(&place);
            if places.is_empty() {
                named.remove(&name);
            }
        }
        if named.is_empty() {
            self.by_cluster.remove(&cluster);
        }
    }
}

fn reference((namespace, name): &Place) -> ObjectRef<Topic> {
    ObjectRef::new(name).within(namespace)
}

fn names(topic: &Topic) -> Option<(ClusterKey, String, Place)> {
    let (namespace, name) = (topic.metadata.namespace.clone()?, topic.metadata.name.clone()?);
    let reference = &topic.spec.cluster_ref;
    let cluster = ClusterKey {
        namespace: reference.namespace.clone().unwrap_or_else(|| namespace.clone()),
        name: reference.name.clone(),
    };
    let topic = topic.spec.topic_name.clone().unwrap_or_else(|| name.clone());
    Some((cluster, topic, (namespace, name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcilers::topic::valid_topic::tests::resource;
    use kube::runtime::reflector;

    fn named(name: &str, spec: &str) -> Topic {
        let mut topic = resource(spec);
        topic.metadata.name = Some(name.to_owned());
        topic
    }

    fn key() -> ClusterKey {
        ClusterKey { namespace: "shop".to_owned(), name: "events".to_owned() }
    }

    #[test]
    fn resources_are_found_by_the_topic_that_they_name() {
        let (store, mut writer) = reflector::store();
        let index = Index::default();
        let mut take = |event: Event<Topic>| {
            writer.apply_watcher_event(&event);
            index.note(&event);
        };
        let found = |topic: &str| {
            let found = index.naming(&key(), topic, &store).into_iter();
            found.map(|topic| topic.metadata.name.clone().unwrap()).collect::<Vec<_>>()
        };
        take(Event::Init);
        take(Event::InitApply(named("orders", "{}")));
        take(Event::InitDone);
        take(Event::Apply(named("second", "{topicName: orders}")));
        take(Event::Apply(named("second", "{topicName: orders}")));
        take(Event::Apply(named("carts", "{}")));
        assert_eq!(found("orders"), ["orders", "second"]);
        assert_eq!((index.count(&key()), index.of(&key(), |topic| topic == "carts").len()), (3, 1));
        take(Event::Delete(named("orders", "{}")));
        assert_eq!((found("orders"), index.count(&key())), (vec!["second".to_owned()], 2));
        take(Event::Init);
        take(Event::InitApply(named("carts", "{}")));
        assert_eq!(index.count(&key()), 2, "a list counts once it is whole");
        take(Event::InitDone);
        assert_eq!((found("orders").len(), found("carts").len(), index.count(&key())), (0, 1, 1));
    }
}
