//! Objects whose user dies at a call of the test's choice.

use crate::store::{CommitError, MetadataObjects, ObjectError, ShardName, StoredRoot};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

/// Calls that change something, counted and cut short.
#[derive(Debug)]
pub(super) struct Failing<O> {
    pub(super) objects: O,
    pub(super) calls: Arc<Calls>,
}

#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) roots: AtomicUsize,
    pub(super) creations: AtomicUsize,
    pub(super) deletions: AtomicUsize,
    pub(super) lists: AtomicUsize,
    /// Changes asked for.
    made: AtomicUsize,
    /// This one and all after it fail; 0: none does.
    fail_from: usize,
    /// The first one to fail is carried out, and only its answer is lost.
    loses_answer: bool,
    /// So many writes of the root fail that are yet to come.
    pub(super) roots_to_fail: AtomicUsize,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    AnswerLost,
    NotMade,
}

impl Calls {
    pub(super) fn failing_from(call: usize, loses_answer: bool) -> Arc<Self> {
        Arc::new(Self { fail_from: call, loses_answer, ..Self::default() })
    }

    pub(super) fn has_failed(&self) -> bool {
        self.fail_from > 0 && self.made.load(SeqCst) >= self.fail_from
    }

    fn fate(&self) -> Fate {
        let call = self.made.fetch_add(1, SeqCst) + 1;
        match self.fail_from {
            0 => Fate::Answered,
            from if call < from => Fate::Answered,
            from if call == from && self.loses_answer => Fate::AnswerLost,
            _ => Fate::NotMade,
        }
    }

    fn is_dead(&self) -> Result<(), ObjectError> {
        if self.has_failed() { Err(failure()) } else { Ok(()) }
    }
}

fn failure() -> ObjectError {
    ObjectError("the test lets this call fail".to_owned())
}

impl<O: MetadataObjects> Failing<O> {
    async fn change(&self, call: impl Future<Output = Result<(), ObjectError>> + Send) -> Result<(), ObjectError> {
        let fate = self.calls.fate();
        if fate != Fate::NotMade {
            call.await?;
        }
        if fate == Fate::Answered { Ok(()) } else { Err(failure()) }
    }
}

impl<O: MetadataObjects> MetadataObjects for Failing<O> {
    type Revision = O::Revision;

    async fn read_root(&self) -> Result<Option<StoredRoot<O::Revision>>, ObjectError> {
        self.calls.is_dead()?;
        self.objects.read_root().await
    }

    async fn write_root(&self, replaces: Option<&O::Revision>, text: &str) -> Result<O::Revision, CommitError> {
        self.calls.roots.fetch_add(1, SeqCst);
        if self.calls.roots_to_fail.load(SeqCst) > 0 {
            self.calls.roots_to_fail.fetch_sub(1, SeqCst);
            return Err(failure().into());
        }
        match self.calls.fate() {
            Fate::Answered => self.objects.write_root(replaces, text).await,
            Fate::AnswerLost => {
                self.objects.write_root(replaces, text).await?;
                Err(failure().into())
            }
            Fate::NotMade => Err(failure().into()),
        }
    }

    async fn read_shard(&self, name: ShardName) -> Result<Option<String>, ObjectError> {
        self.calls.is_dead()?;
        self.objects.read_shard(name).await
    }

    async fn create_shard(&self, name: ShardName, text: &str) -> Result<(), ObjectError> {
        self.calls.creations.fetch_add(1, SeqCst);
        self.change(self.objects.create_shard(name, text)).await
    }

    async fn delete_shard(&self, name: ShardName) -> Result<(), ObjectError> {
        self.calls.deletions.fetch_add(1, SeqCst);
        self.change(self.objects.delete_shard(name)).await
    }

    async fn list_shards(&self) -> Result<Vec<ShardName>, ObjectError> {
        self.calls.is_dead()?;
        self.calls.lists.fetch_add(1, SeqCst);
        self.objects.list_shards().await
    }
}
