//! What one task collects from all partitions: whatever is there at a time, together.

use parking_lot::Mutex;
use std::mem;
use tokio::sync::Notify;

#[derive(Debug)]
pub(super) struct Gathered<T> {
    items: Mutex<Vec<T>>,
    added: Notify,
}

impl<T> Default for Gathered<T> {
    fn default() -> Self {
        Self { items: Mutex::default(), added: Notify::new() }
    }
}

impl<T> Gathered<T> {
    pub(super) fn add(&self, item: T) {
        self.items.lock().push(item);
        self.added.notify_one();
    }

    /// Waits for something, and takes all there is.
    pub(super) async fn take(&self) -> Vec<T> {
        loop {
            let added = self.added.notified();
            let items = mem::take(&mut *self.items.lock());
            if !items.is_empty() {
                return items;
            }
            added.await;
        }
    }
}
