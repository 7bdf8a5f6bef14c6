use super::*;
use std::sync::{Condvar, Mutex as StdMutex};

/// Keeps every thread of a pool busy until it is opened.
#[derive(Default)]
pub(super) struct Gate {
    open: StdMutex<bool>,
    opened: Condvar,
}

impl Gate {
    pub(super) fn before(pool: &DiskPool, threads: usize) -> Arc<Self> {
        let gate = Arc::<Self>::default();
        for _ in 0..threads {
            let gate = Arc::clone(&gate);
            pool.spawn(move || drop(gate.opened.wait_while(gate.open.lock().unwrap(), |open| !*open).unwrap()));
        }
        gate
    }

    pub(super) fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}
