//! A few threads for work that waits for a disk. One pool for cold reads, opening logs, deletion and compaction; another for
//! the recovery of logs, which are many at a start; another for syncs, which are many at once and take no memory. Page-cache writes and cached reads never come
//! here; handing one over costs ten times what it takes.

use parking_lot::{Condvar, Mutex};
use std::{collections::VecDeque, io, sync::Arc, thread, time::Duration};
use tokio::sync::oneshot;

/// Sized by what a device serves at once, not by CPUs; each may hold the bytes of a cold read.
pub(super) const MAX_THREADS: usize = 8;
/// Syncs wait for each other's commits to the device: the more there are, the more share one.
pub(super) const MAX_SYNC_THREADS: usize = 64;
/// A thread without work ends after this time, but for the last one.
const IDLE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// Cheap to clone; the threads end with the last clone. One is there from the start, and stays: work that was taken on is done even
/// where the system refuses further threads, for a partition whose turn to write was lost would be stuck for ever. Others start
/// when there is work for them. The queue needs no bound of its own: each connection has
/// at most one read here and each partition at most one exclusive job and one sync.
#[derive(Clone)]
pub(crate) struct DiskPool {
    shared: Arc<Shared>,
    _last: Arc<CloseAtLast>,
}

struct CloseAtLast(Arc<Shared>);

impl Drop for CloseAtLast {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct Shared {
    thread_name: &'static str,
    max_threads: usize,
    idle: Duration,
    queue: Mutex<Queue>,
    work: Condvar,
    /// As at a limit of the system's.
    #[cfg(test)]
    refuses_threads: std::sync::atomic::AtomicBool,
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
    pub(super) fn new() -> io::Result<Self> {
        Self::with("disk", MAX_THREADS, IDLE)
    }

    pub(super) fn for_syncs() -> io::Result<Self> {
        Self::with("sync", MAX_SYNC_THREADS, IDLE)
    }

    pub(super) fn for_recoveries() -> io::Result<Self> {
        Self::with("recovery", MAX_THREADS, IDLE)
    }

    fn with(thread_name: &'static str, max_threads: usize, idle: Duration) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            thread_name,
            max_threads,
            idle,
            queue: Mutex::default(),
            work: Condvar::new(),
            #[cfg(test)]
            refuses_threads: false.into(),
        });
        shared.queue.lock().threads = 1;
        Shared::start_thread(&shared)?;
        Ok(Self { _last: Arc::new(CloseAtLast(Arc::clone(&shared))), shared })
    }

    pub(crate) fn spawn(&self, job: impl FnOnce() + Send + 'static) {
        let mut queue = self.shared.queue.lock();
        queue.jobs.push_back(Box::new(job));
        if queue.idle >= queue.jobs.len() || queue.threads == self.shared.max_threads {
            drop(queue);
            self.shared.work.notify_one();
            return;
        }
        match Shared::start_thread(&self.shared) {
            Ok(()) => queue.threads += 1,
            Err(error) if queue.threads > 0 => tracing::warn!(%error, "no further disk thread"),
            Err(error) => {
                // Closed, and the last thread has ended: the broker is ending, and whoever waits sees a dropped answer.
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

    /// Lets the threads end once the queued jobs are done.
    pub(super) fn close(&self) {
        self.shared.close();
    }

    /// Leaves out what has not begun, and lets the threads end.
    pub(super) fn abandon(&self) {
        let left_out = std::mem::take(&mut self.shared.queue.lock().jobs);
        self.close();
        drop(left_out);
    }
}

impl Shared {
    fn start_thread(shared: &Arc<Self>) -> io::Result<()> {
        #[cfg(test)]
        if shared.refuses_threads.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let (name, shared) = (shared.thread_name.to_owned(), Arc::clone(shared));
        thread::Builder::new().name(name).spawn(move || shared.work_until_closed()).map(drop)
    }

    fn close(&self) {
        self.queue.lock().closed = true;
        self.work.notify_all();
    }

    fn work_until_closed(&self) {
        let mut queue = self.queue.lock();
        let mut was_idle = false;
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                job();
                queue = self.queue.lock();
                was_idle = false;
            } else if queue.closed || was_idle && queue.threads > 1 {
                queue.threads -= 1;
                return;
            } else {
                queue.idle += 1;
                if queue.threads > 1 {
                    was_idle = self.work.wait_for(&mut queue, self.idle).timed_out();
                } else {
                    self.work.wait(&mut queue);
                }
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
    use crate::api::fixture::until;
    use futures_util::FutureExt as _;
    use std::{
        pin::pin,
        sync::{Barrier, atomic::Ordering, mpsc},
    };

    #[tokio::test]
    async fn jobs_run_side_by_side() {
        let pool = DiskPool::new().unwrap();
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
    async fn what_is_abandoned_does_not_run() {
        let pool = DiskPool::with("test", 1, IDLE).unwrap();
        let (begin, begun) = mpsc::channel::<()>();
        pool.spawn(move || {
            begun.recv().unwrap_err();
        });
        let mut abandoned = pin!(pool.run(|| "ran"));
        assert!(abandoned.as_mut().now_or_never().is_none());
        pool.abandon();
        drop(begin);
        assert_eq!(abandoned.await, None);
    }

    /// Two of them, with work for both; then as many as stay.
    async fn idle_pool() -> DiskPool {
        let pool = DiskPool::with("test", 2, Duration::from_millis(1)).unwrap();
        let together = Arc::new(Barrier::new(2));
        let jobs = [(); 2].map(|()| {
            let (pool, together) = (pool.clone(), Arc::clone(&together));
            tokio::spawn(async move { pool.run(move || together.wait().is_leader()).await })
        });
        for job in jobs {
            assert!(job.await.unwrap().is_some());
        }
        until("an idle thread has ended", || pool.shared.queue.lock().threads < 2).await;
        pool
    }

    #[tokio::test]
    async fn idle_threads_end_and_others_start() {
        let pool = idle_pool().await;
        let together = Arc::new(Barrier::new(2));
        let also = Arc::clone(&together);
        pool.spawn(move || _ = also.wait());
        assert!(pool.run(move || together.wait().is_leader()).await.is_some());
    }

    #[tokio::test]
    async fn jobs_run_where_no_further_thread_can_be_had() {
        let pool = DiskPool::with("test", 2, Duration::ZERO).unwrap();
        pool.shared.refuses_threads.store(true, Ordering::Relaxed);
        let nobody_works = || {
            let queue = pool.shared.queue.lock();
            queue.idle == queue.threads
        };
        for job in 0..1000 {
            until("nobody works", nobody_works).await;
            assert_eq!(pool.run(move || job).await, Some(job));
        }
    }

    #[tokio::test]
    async fn threads_end_with_the_pool() {
        let pool = idle_pool().await;
        let shared = Arc::downgrade(&pool.shared);
        drop(pool);
        until("nobody is left", || shared.strong_count() == 0).await;
    }
}
