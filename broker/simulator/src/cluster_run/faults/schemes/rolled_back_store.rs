//! A store that is wiped, or put back to what it was long ago, and what people do about it.

use super::super::super::World;
use partition_log::Crash;
use std::time::Duration;

impl World {
    /// The controllers end, and the next one finds a store of before. No broker obeys it, and none of them minds: what is led is
    /// led on. Then somebody puts the newest copy of a broker in place, and everything goes on as if nothing had been.
    pub(in super::super) fn roll_back_the_store(&mut self) {
        self.mend_all();
        if !self.pass_until(Duration::from_millis(50), Self::everybody_knows) || !self.everybody_knows() {
            return;
        }
        let draw = self.fate.draw();
        // Each broker has a copy of it on its disk, should all of them die.
        let kept = self.store.image.clone();
        if !self.store.roll_back(draw) {
            return;
        }
        let before = self.store.image.metadata_version.0;
        self.trace.story(self.network.now, format_args!("the store is back at {before}"));
        self.replace_controllers();
        let moment = Duration::from_millis(self.fate.below(8000));
        self.pass(moment);
        let broker = self.any_fated_broker();
        self.crash_broker(broker, Crash::Process);
        let moment = Duration::from_millis(self.fate.below(8000));
        self.pass(moment);
        let copies = self.brokers.values().filter_map(|node| node.image.clone());
        let newest = copies.max_by_key(|image| (image.controller_epoch, image.metadata_version)).unwrap_or(kept);
        self.trace.story(self.network.now, format_args!("the store is at {} again", newest.metadata_version.0));
        if !self.store.restore(newest) {
            self.history.broken.push("no broker has the newest metadata".to_owned());
        }
        self.replace_controllers();
    }

    /// Every broker is in sync and acts by what is stored.
    fn everybody_knows(&self) -> bool {
        let newest = self.store.image.metadata_version;
        let knows = |id: i32| self.brokers.get(&id).is_some_and(|node| node.version() == newest);
        (1..=self.setup.brokers).all(knows) && self.unrest_of_cluster().is_empty()
    }
}
