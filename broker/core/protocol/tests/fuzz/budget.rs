//! How much a piece of code allocates, freed or not.

use tikv_jemalloc_ctl::thread;

pub(crate) struct Budget {
    allocated: thread::ThreadLocal<u64>,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self { allocated: thread::allocatedp::read().expect("jemalloc counts what a thread allocates") }
    }

    /// Runs `work` and fails if it allocated more than `bound` says for its outcome.
    pub(crate) fn check<T>(&self, what: &str, work: impl FnOnce() -> T, bound: impl FnOnce(&T) -> usize) -> T {
        let before = self.allocated.get();
        let outcome = work();
        let used = (self.allocated.get() - before) as usize;
        let bound = bound(&outcome);
        assert!(used <= bound, "{what} allocated {used} bytes, promised were {bound}");
        outcome
    }
}
