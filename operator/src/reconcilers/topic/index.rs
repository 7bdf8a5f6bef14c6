//! Which resources name a topic, and which a cluster, kept from the events of the watch: to look through thousands of resources
//! for each of them would take longer than anything else here. Both names of a resource never change.

use crate::{control_plane::Allowed, valid_cluster::ClusterKey};
use custom_resources::Topic;
use kube::runtime::{
    reflector::{ObjectRef, Store, store::WriterDropped},
    watcher::Event,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The resources of all namespaces that are looked after, each scope's with its index: who names a topic is to be known whatever
/// namespace it is in. Cheap to clone.
#[derive(Clone)]
pub struct Resources(Arc<[(Index, Store<Topic>)]>);

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resources").finish_non_exhaustive()
    }
}

impl Resources {
    /// One store for each scope.
    pub fn new(stores: &[Store<Topic>]) -> Self {
        Self(stores.iter().map(|store| (Index::default(), store.clone())).collect())
    }

    /// That of a scope, by its place.
    pub(super) fn index(&self, scope: usize) -> Option<Index> {
        self.0.get(scope).map(|(index, _)| index.clone())
    }

    /// Returns once all that was there at the start is known, of every scope.
    pub(super) async fn are_listed(&self) -> Result<(), WriterDropped> {
        for (_, store) in self.0.iter() {
            store.wait_until_ready().await?;
        }
        Ok(())
    }

    /// Resources of a cluster that name one of its topics.
    pub(super) fn naming(&self, cluster: &ClusterKey, topic: &str) -> Vec<Arc<Topic>> {
        self.0.iter().flat_map(|(index, store)| index.naming(cluster, topic, store)).collect()
    }

    /// How many resources a cluster has that may name it.
    pub(super) fn count(&self, cluster: &ClusterKey, allowed: &Allowed) -> usize {
        self.0.iter().map(|(index, _)| index.count(cluster, allowed)).sum()
    }
}

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

    fn naming(&self, cluster: &ClusterKey, topic: &str, topics: &Store<Topic>) -> Vec<Arc<Topic>> {
        let state = self.lock();
        let places = state.now.by_cluster.get(cluster).and_then(|named| named.get(topic));
        let found = places.into_iter().flatten().filter_map(|place| topics.get(&reference(place)));
        found.collect()
    }

    fn count(&self, cluster: &ClusterKey, allowed: &Allowed) -> usize {
        let state = self.lock();
        let places = state.now.by_cluster.get(cluster).into_iter().flat_map(BTreeMap::values).flatten();
        places.filter(|(namespace, _)| allowed.has(namespace)).count()
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
        let count = || index.count(&key(), &Allowed::by(&key(), &[]));
        take(Event::Init);
        take(Event::InitApply(named("orders", "{}")));
        take(Event::InitDone);
        take(Event::Apply(named("second", "{topicName: orders}")));
        take(Event::Apply(named("second", "{topicName: orders}")));
        take(Event::Apply(named("carts", "{}")));
        assert_eq!(found("orders"), ["orders", "second"]);
        assert_eq!((count(), index.of(&key(), |topic| topic == "carts").len()), (3, 1));
        take(Event::Delete(named("orders", "{}")));
        assert_eq!((found("orders"), count()), (vec!["second".to_owned()], 2));
        take(Event::Init);
        take(Event::InitApply(named("carts", "{}")));
        assert_eq!(count(), 2, "a list counts once it is whole");
        take(Event::InitDone);
        assert_eq!((found("orders").len(), found("carts").len(), count()), (0, 1, 1));
    }

    #[test]
    fn resources_of_every_scope_count_where_they_may() {
        let mut scopes = [reflector::store(), reflector::store()];
        let resources = Resources::new(&scopes.each_ref().map(|(store, _)| store.clone()));
        for (scope, namespace) in [(0, "shop"), (1, "carts")] {
            let mut topic = named("orders", "{}");
            topic.metadata.namespace = Some(namespace.to_owned());
            topic.spec.cluster_ref.namespace = Some("shop".to_owned());
            for event in [Event::Init, Event::InitApply(topic), Event::InitDone] {
                scopes[scope].1.apply_watcher_event(&event);
                resources.index(scope).unwrap().note(&event);
            }
        }
        assert_eq!(resources.naming(&key(), "orders").len(), 2);
        let count = |namespaces: &[String]| resources.count(&key(), &Allowed::by(&key(), namespaces));
        assert_eq!((count(&[]), count(&["carts".to_owned()])), (1, 2));
    }
}
