//! Flat combining: whoever finds nobody writing becomes the writer and takes everything queued; everybody else queues
//! and goes on. No thread ever blocks on a lock held across a write, and writes coalesce exactly when there is contention.
//!
//! The right to write is the `writing` flag of [`Queue`]. It travels: to the disk pool when a step has to wait for the
//! device (opening, recovery, truncation), back to the runtime when one thread has done enough.

use super::{
    append::AppendRequest,
    disk_pool::DiskPool,
    partition::{Partition, State},
    writer::Writer,
};
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::oneshot;

/// Batches in one write.
const MAX_GROUP: usize = 1024;
/// Bytes in one write, and bytes that may queue before appends wait outside.
const MAX_BYTES: usize = 4 << 20;
/// Writes in a row by one caller, whose own connection waits meanwhile.
const MAX_ROUNDS: usize = 8;

/// Says what to do once what the job did is published: whoever learns of its end sees its effects.
type Job = Box<dyn FnOnce(&Arc<Partition>, &mut Writer) -> Announce + Send>;
type Announce = Box<dyn FnOnce() + Send>;

/// Where an exclusive job may run, and what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Memory only.
    Nothing,
    /// The log open; no waiting for the device besides.
    Log,
    /// The log open, and it may wait for the device.
    LogAndDevice,
    /// It may wait for the device and wants the log as it is.
    Device,
}

enum Step {
    Append(Vec<AppendRequest>),
    Job(Need, Job),
}

#[derive(Default)]
pub(super) struct Queue {
    entries: VecDeque<Entry>,
    bytes: usize,
    writing: bool,
    /// On its way to a thread that may wait for the device; whoever takes it up has the right to write.
    handed_over: Option<Step>,
}

enum Entry {
    Append(AppendRequest),
    Job(Need, Job),
}

impl Queue {
    /// Takes the writer's right back if there is nothing to do.
    fn next_step(&mut self) -> Option<Step> {
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(entry) = self.entries.pop_front() {
            match entry {
                Entry::Append(request) => {
                    let size = request.batch.size();
                    if !group.is_empty() && (bytes + size > MAX_BYTES || group.len() == MAX_GROUP) {
                        self.entries.push_front(Entry::Append(request));
                        break;
                    }
                    bytes += size;
                    group.push(request);
                }
                Entry::Job(need, job) if group.is_empty() => return Some(Step::Job(need, job)),
                job @ Entry::Job(..) => {
                    self.entries.push_front(job);
                    break;
                }
            }
        }
        self.bytes -= bytes;
        if group.is_empty() {
            self.writing = false;
            return None;
        }
        Some(Step::Append(group))
    }
}

impl Step {
    fn needs_device(&self, log_is_open: bool) -> bool {
        match self {
            Self::Append(_) | Self::Job(Need::Log, _) => !log_is_open,
            Self::Job(Need::LogAndDevice | Need::Device, _) => true,
            Self::Job(Need::Nothing, _) => false,
        }
    }

    fn needs_log(&self) -> bool {
        !matches!(self, Self::Job(Need::Nothing | Need::Device, _))
    }
}

impl Partition {
    /// Queues one batch in the order of calls. Returns at once unless 4 MiB are queued already: then after there is room.
    /// The result goes to the request's sink, often before this returns.
    pub(crate) async fn append(self: &Arc<Self>, request: AppendRequest) {
        let size = request.batch.size();
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            {
                let mut queue = self.queue.lock();
                if !queue.writing {
                    // Whoever writes leaves only when nothing is queued: this batch is next.
                    queue.writing = true;
                    break;
                }
                if queue.bytes == 0 || queue.bytes + size <= MAX_BYTES {
                    queue.bytes += size;
                    queue.entries.push_back(Entry::Append(request));
                    return;
                }
                room.as_mut().enable();
            }
            room.await;
        }
        self.write_from(Some(Step::Append(vec![request])));
    }

    /// Runs a job as the only writer, after everything queued before it. `None` if the broker is ending.
    pub(super) async fn exclusive<R: Send + 'static>(
        self: &Arc<Self>,
        need: Need,
        job: impl FnOnce(&Arc<Self>, &mut Writer) -> R + Send + 'static,
    ) -> Option<R> {
        let (sender, receiver) = oneshot::channel();
        self.queue_step(
            need,
            Box::new(move |partition, writer| {
                let result = job(partition, writer);
                // The caller may have given up.
                Box::new(move || drop(sender.send(result)))
            }),
        );
        receiver.await.ok()
    }

    pub(super) fn queue_job(self: &Arc<Self>, need: Need, job: impl FnOnce(&Arc<Self>, &mut Writer) + Send + 'static) {
        self.queue_step(
            need,
            Box::new(move |partition, writer| {
                job(partition, writer);
                Box::new(|| {})
            }),
        );
    }

    fn queue_step(self: &Arc<Self>, need: Need, job: Job) {
        {
            let mut queue = self.queue.lock();
            queue.entries.push_back(Entry::Job(need, job));
            if std::mem::replace(&mut queue.writing, true) {
                return;
            }
        }
        self.write_queued();
    }

    /// The caller has the right to write.
    fn write_queued(self: &Arc<Self>) {
        self.write_from(None);
    }

    /// The caller has the right to write, and perhaps the first thing to do.
    fn write_from(self: &Arc<Self>, mut first: Option<Step>) {
        for _ in 0..MAX_ROUNDS {
            let Some(step) = first.take().or_else(|| self.take_step()) else { return };
            let mut writer = self.writer.lock();
            if step.needs_device(writer.is_open()) {
                drop(writer);
                self.queue.lock().handed_over = Some(step);
                let recovers = self.state() == State::Recovering;
                self.hand_over(if recovers { &self.host.recoveries } else { &self.host.pool });
                return;
            }
            self.run_step(&mut writer, step);
        }
        let partition = Arc::clone(self);
        self.host.runtime.spawn(async move { partition.write_queued() });
    }

    fn hand_over(self: &Arc<Self>, pool: &DiskPool) {
        let partition = Arc::clone(self);
        pool.spawn(move || {
            let Some(step) = partition.queue.lock().handed_over.take() else { return };
            let mut writer = partition.writer.lock();
            partition.run_step(&mut writer, step);
            drop(writer);
            partition.write_queued();
        });
    }

    /// Its log need not be recovered to be removed: a recovery that runs ends, and one that waits for its turn is not waited
    /// for.
    pub(super) fn give_up_recovery(self: &Arc<Self>) {
        if matches!(self.state(), State::Recovering | State::Failed) {
            self.set_state(State::Deleted);
            if self.queue.lock().handed_over.is_some() {
                self.hand_over(&self.host.pool);
            }
        }
    }

    fn take_step(&self) -> Option<Step> {
        let mut queue = self.queue.lock();
        let was_full = queue.bytes > 0;
        let step = queue.next_step();
        drop(queue);
        if was_full && matches!(step, Some(Step::Append(_))) {
            self.room.notify_waiters();
        }
        step
    }

    fn run_step(self: &Arc<Self>, writer: &mut Writer, step: Step) {
        if step.needs_log() {
            self.open_if_closed(writer);
        }
        match step {
            Step::Append(group) => {
                self.write_group(writer, group);
                self.publish(writer);
            }
            Step::Job(_, job) => {
                let announce = job(self, writer);
                self.publish(writer);
                announce();
            }
        }
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("entries", &self.entries.len())
            .field("bytes", &self.bytes)
            .field("writing", &self.writing)
            .finish()
    }
}
