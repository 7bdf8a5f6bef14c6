//! Watches resources that people write, of which some may not be readable: those of a later version of their kind, say, after an
//! operator went back. One of them would fail the list of all, and with it every cluster of an operator that takes over.
//!
//! | Resource that cannot be read | What is done |
//! |---|---|
//! | was readable before | it stays as it was known; deleted, it is deleted as it was known |
//! | was not | it is as if it were not there |
//!
//! Of each there is a warning in the log, and an event on it.

use crate::events::{Events, Notice};
use futures_util::{Stream, StreamExt as _, future::ready};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, Resource,
    core::{DeserializeGuard, error_boundary::InvalidObject},
    runtime::{
        WatchStreamExt as _,
        reflector::{ObjectRef, Store},
        watcher::{self, Event},
    },
};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, sync::Arc};
use tokio::sync::mpsc;

/// Resources that wait to be told of. The watch waits for nobody, and what finds no room is in the log.
const TOLD_LIMIT: usize = 64;

/// `known`: where what is read of them is kept.
pub(super) fn watch<K>(
    api: Api<DeserializeGuard<K>>,
    known: Store<K>,
    events: Events,
) -> impl Stream<Item = watcher::Result<Event<K>>> + Send
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (tell, mut told) = mpsc::channel::<InvalidObject>(TOLD_LIMIT);
    tokio::spawn(async move {
        while let Some(object) = told.recv().await {
            let notice = Notice::warning("Unreadable", format!("this operator cannot read it: {}", object.error));
            events.publish(&reference::<K>(&object), vec![notice]).await;
        }
    });
    let watched = watcher::watcher(api, watcher::Config::default()).default_backoff();
    watched.filter_map(move |event| {
        let read = match event {
            Ok(event) => {
                let (read, unreadable) = read(event, &known);
                if let Some(object) = unreadable {
                    let meta = &object.metadata;
                    let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
                    tracing::warn!(kind = %K::kind(&()), namespace, name, error = object.error, "a resource cannot be read");
                    let _ = tell.try_send(object);
                }
                read.map(Ok)
            }
            Err(error) => Some(Err(error)),
        };
        ready(read)
    })
}

/// What of an event is to be heard of, and what of it cannot be read.
fn read<K>(event: Event<DeserializeGuard<K>>, known: &Store<K>) -> (Option<Event<K>>, Option<InvalidObject>)
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    match event {
        Event::Init => (Some(Event::Init), None),
        Event::InitDone => (Some(Event::InitDone), None),
        Event::InitApply(DeserializeGuard(Ok(object))) => (Some(Event::InitApply(object)), None),
        // What a list does not have is forgotten.
        Event::InitApply(DeserializeGuard(Err(object))) => {
            (as_known(&object, known).map(Event::InitApply), Some(object))
        }
        Event::Apply(DeserializeGuard(Ok(object))) => (Some(Event::Apply(object)), None),
        Event::Apply(DeserializeGuard(Err(object))) => (None, Some(object)),
        Event::Delete(DeserializeGuard(Ok(object))) => (Some(Event::Delete(object)), None),
        Event::Delete(DeserializeGuard(Err(object))) => (as_known(&object, known).map(Event::Delete), None),
    }
}

/// The same resource, not another one of its name.
fn as_known<K>(object: &InvalidObject, known: &Store<K>) -> Option<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let meta = &object.metadata;
    let place = ObjectRef::new(meta.name.as_deref()?).within(meta.namespace.as_deref()?);
    known.get(&place).filter(|known| known.meta().uid == meta.uid).map(Arc::unwrap_or_clone)
}

fn reference<K: Resource<DynamicType = ()>>(object: &InvalidObject) -> ObjectReference {
    let meta = &object.metadata;
    ObjectReference {
        api_version: Some(K::api_version(&()).into_owned()),
        kind: Some(K::kind(&()).into_owned()),
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests;
