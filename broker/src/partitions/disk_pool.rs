//! A few threads for work that waits for a disk: cold reads, fsync, opening and recovering logs, deletion, compaction.
//! Page-cache writes and cached reads never come here; handing one over costs ten times what it takes.

use parking_lot::{Condvar, Mutex};
use std::{collections::VecDeque, sync::Arc, thread};
use tokio::sync::oneshot;

/// Sized by what a device serves at once, not by CPUs.
pub(super) const MAX_THREADS: usize = 8;

type Job = Box<dyn FnOnce() + Send>;

/// Cheap to clone. Threads start when there is work for them. The queue needs no bound of its own: each connection has
/// at most one read here and each partition at most one exclusive job.
#[derive(Clone)]
pub(crate) struct DiskPool {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
}

#[derive(Default)]
struct Queue {
    /// As many as there are writers' turns and requests that wait: one of a partition, and a request's partitions.
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl DiskPool {
    pub(crate) fn new() -> Self {
        Self { shared: Arc::new(Shared { queue: Mutex::default(), work: Condvar::new() }) }
    }

    pub(crate) fn spawn(&self, job: impl FnOnce() + Send + 'static) {
        let mut queue = self.shared.queue.lock();
        queue.jobs.push_back(Box::new(job));
        if queue.idle >= queue.jobs.len() || queue.threads == MAX_THREADS {
            drop(queue);
            self.shared.work.notify_one();
            return;
        }
        let shared = Arc::clone(&self.shared);
        let started = thread::Builder::new().name("disk".into()).spawn(move || shared.work_until_closed());
        match started {
            Ok(_) => queue.threads += 1,
            Err(error) if queue.threads > 0 => tracing::warn!(%error, "no further disk thread"),
            Err(error) => {
                // Without any thread the job would wait for ever; its caller sees a dropped answer instead.
                tracing::error!(%error, "no disk thread");
                queue.jobs.pop_back();
            }
        }
    }

    /// The job's result, or `None` if it could not run.
    pub(crate) async fn run<R: Send + 'static>(&self, job: impl FnOnce() -> R + Send + 'static) -> Option<R> {
        let (sender, receiver) = oneshot::channel();
        self.spawn(move || drop(sender.send(job())));
        receiver.await.ok()
    }

    /// For work that is worth nothing to anybody else: it is left out if the caller has given up before its turn came.
    pub(crate) async fn run_if_wanted<R: Send + 'static>(&self, job: impl FnOnce() -> R + Send + 'static) -> Option<R> {
        let (sender, receiver) = oneshot::channel();
        self.spawn(move || {
            if !sender.is_closed() {
                drop(sender.send(job()));
            }
        });
        receiver.await.ok()
    }

    /// Lets the threads end once the queued jobs are done.
    pub(crate) fn close(&self) {
        self.shared.queue.lock().closed = true;
        self.shared.work.notify_all();
    }
}

impl Shared {
    fn work_until_closed(&self) {
        let mut queue = self.queue.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                job();
                queue = self.queue.lock();
            } else if queue.closed {
                queue.threads -= 1;
                return;
            } else {
                queue.idle += 1;
                self.work.wait(&mut queue);
                queue.idle -= 1;
            }
        }
    }
}

impl std::fmt::Debug for DiskPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let queue = self.shared.queue.lock();
        f.debug_struct("DiskPool").field("threads", &queue.threads).field("waiting", &queue.jobs.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
        mpsc,
    };

    #[tokio::test]
    async fn jobs_run_side_by_side() {
        let pool = DiskPool::new();
        let together = Arc::new(Barrier::new(MAX_THREADS));
        let jobs: Vec<_> = (0..MAX_THREADS)
            .map(|_| {
                let together = Arc::clone(&together);
                tokio::spawn({
                    let pool = pool.clone();
                    async move { pool.run(move || together.wait().is_leader()).await }
                })
            })
            .collect();
        let mut leaders = 0;
        for job in jobs {
            leaders += usize::from(job.await.unwrap() == Some(true));
        }
        assert_eq!(leaders, 1);
        pool.close();
    }

    #[tokio::test]
    async fn nobody_waits_for_what_nobody_wants_any_more() {
        let pool = DiskPool::new();
        let end = Arc::new(Barrier::new(MAX_THREADS));
        for _ in 1..MAX_THREADS {
            let end = Arc::clone(&end);
            pool.spawn(move || {
                end.wait();
            });
        }
        // The one thread left does one job after the other.
        let (begin, begun) = mpsc::channel::<()>();
        pool.spawn(move || {
            begun.recv().unwrap_err();
        });
        let ran = Arc::<AtomicBool>::default();
        let job = Arc::clone(&ran);
        let unwanted = pool.run_if_wanted(move || job.store(true, Ordering::Release)).now_or_never();
        assert!(unwanted.is_none());
        drop(begin);
        assert_eq!(pool.run_if_wanted(|| "wanted").await, Some("wanted"));
        assert!(!ran.load(Ordering::Acquire));
        end.wait();
        pool.close();
    }
}
