//! A store over small objects: shards first, then the root. What holds, and why: [`super`].

#[cfg(test)]
mod tests;

use super::{
    Commit, CommitError, LoadError, MetadataObjects, MetadataStore, ObjectError, ShardName, StoredRoot,
    sharding::{self, Damage, Layout, Outline, Plan},
};
use controller::ClusterImage;
use futures_util::{StreamExt, TryStreamExt, stream};
use model::{ClusterId, MetadataVersion};
use std::sync::Arc;
use tokio::sync::watch;

/// Calls under way at once. More gain nothing: sixteen writers keep an API server on two cores busy.
const CONCURRENT_CALLS: usize = 16;

/// Loading begins again when the root moved meanwhile. Another controller folds once in hundreds of commits, so this often
/// in a row means that something else is wrong.
const LOADS: usize = 8;

/// A [`MetadataStore`] over [`MetadataObjects`].
#[derive(Debug)]
pub struct ShardedStore<O: MetadataObjects> {
    objects: O,
    /// What the objects held when they were last read or written. Whoever wrote since shows as a conflict of the root.
    held: Option<Held<O::Revision>>,
    seen: watch::Sender<SeenRoot<O::Revision>>,
    /// To be deleted with the next fold, as far as rule 3 of [`super`] lets us.
    garbage: Vec<ShardName>,
    /// Shards of writers that ended in between are known.
    has_listed: bool,
}

/// The root as a store last found or wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRoot<R> {
    /// `None`: there was none.
    pub revision: Option<R>,
    /// How often it was read for a load. Where two have the same number, the store itself wrote what came in between.
    pub loads: u64,
}

#[derive(Debug)]
struct Held<R> {
    revision: R,
    layout: Layout,
}

impl<O: MetadataObjects> MetadataStore for ShardedStore<O> {
    async fn load(&mut self) -> Result<Arc<ClusterImage>, LoadError> {
        for _ in 0..LOADS {
            let root = self.objects.read_root().await?;
            self.seen.send_modify(|seen| {
                seen.revision = root.as_ref().map(|root| root.revision.clone());
                seen.loads += 1;
            });
            let Some(StoredRoot { revision, text }) = root else {
                return Err(self.without_root().await?);
            };
            let outline = Outline::parse(&text)?;
            let Some(layout) = self.with_shards(outline, &revision).await? else {
                continue;
            };
            let image = Arc::clone(layout.image());
            self.held = Some(Held { revision, layout });
            return Ok(image);
        }
        Err(LoadError::Failed("the root changes faster than its shards can be read".to_owned()))
    }

    async fn commit(&mut self, commit: Commit) -> Result<(), CommitError> {
        let held = self.held.as_ref().filter(|held| held.layout.image().metadata_version == commit.expected);
        let held = held.ok_or(CommitError::Conflict)?;
        let plan = held.layout.plan(&commit).map_err(|error| CommitError::Failed(error.to_string()))?;
        let replaces = held.revision.clone();
        self.write(plan, Some(&replaces)).await
    }
}

impl<O: MetadataObjects> ShardedStore<O> {
    pub fn new(objects: O) -> Self {
        let seen = watch::Sender::new(SeenRoot { revision: None, loads: 0 });
        Self { objects, held: None, seen, garbage: Vec::new(), has_listed: false }
    }

    /// For those who have to know which root was found, also where it could not be read.
    pub fn seen(&self) -> watch::Receiver<SeenRoot<O::Revision>> {
        self.seen.subscribe()
    }

    /// The root of a new cluster. A conflict where there is one; refused where there are shards, for then there was one.
    pub async fn create(&mut self, cluster_id: ClusterId) -> Result<(), CommitError> {
        let shards = self.objects.list_shards().await?;
        if let Some(shard) = shards.iter().max() {
            return Err(CommitError::Failed(format!(
                "shard {shard} is there: this was a cluster before, and lost its root"
            )));
        }
        let plan = Layout::of(Arc::new(ClusterImage::empty(cluster_id)));
        self.write(plan.map_err(|error| CommitError::Failed(error.to_string()))?, None).await
    }

    /// Writes everything anew, whatever is there: nothing, something damaged, or an older state than the brokers'. Its
    /// version becomes later than any that is there, and the image with that version is returned.
    ///
    /// `replaces` is the root (`None`: the absence of one) of which it was found that it is not what it should be. Any other
    /// is a conflict: somebody else has mended it, and by now brokers may act by what followed.
    pub async fn rebuild(
        &mut self,
        image: &ClusterImage,
        replaces: Option<&O::Revision>,
    ) -> Result<Arc<ClusterImage>, CommitError> {
        self.held = None;
        let root = self.objects.read_root().await?;
        if root.as_ref().map(|root| &root.revision) != replaces {
            return Err(CommitError::Conflict);
        }
        let shards = self.objects.list_shards().await?;
        let of_root = root.as_ref().and_then(|root| sharding::version_of(&root.text));
        let there = shards.iter().map(|shard| shard.version).chain(of_root).max();
        let version = there.map_or(image.metadata_version, |there| there.max(image.metadata_version)).next();
        let image = Arc::new(ClusterImage { metadata_version: version, ..image.clone() });
        let plan = Layout::of(Arc::clone(&image)).map_err(|error| CommitError::Failed(error.to_string()))?;
        self.write(plan, replaces).await?;
        self.garbage = shards;
        Ok(image)
    }

    /// What loading says where there is no root.
    async fn without_root(&self) -> Result<LoadError, ObjectError> {
        let last = self.objects.list_shards().await?.into_iter().max();
        Ok(last
            .map_or(LoadError::Missing, |shard| LoadError::Damaged(format!("shard {shard} is there without a root"))))
    }

    /// `None`: the root is another one by now, and its shards are others.
    async fn with_shards(&self, outline: Outline, revision: &O::Revision) -> Result<Option<Layout>, LoadError> {
        if let Some(held) = self.held.as_ref().filter(|held| outline.has_the_shards_of(&held.layout)) {
            return Ok(Some(outline.with_shards_of(&held.layout)?));
        }
        let reads = outline.shard_names().map(|name| async move {
            let text = self.objects.read_shard(name).await?;
            Ok::<_, ObjectError>(text.ok_or(name))
        });
        let reads: Vec<_> = reads.collect();
        let found: Vec<_> = stream::iter(reads).buffered(CONCURRENT_CALLS).try_collect().await?;
        match found.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(texts) => Ok(Some(outline.with_shards(&texts)?)),
            Err(missing) => match self.objects.read_root().await? {
                Some(root) if root.revision == *revision => {
                    Err(LoadError::Damaged(format!("shard {missing} is missing")))
                }
                _ => Ok(None),
            },
        }
    }

    async fn write(&mut self, plan: Plan, replaces: Option<&O::Revision>) -> Result<(), CommitError> {
        if !plan.shards.is_empty() {
            self.collect_garbage(&plan).await;
        }
        let result = self.write_in_order(plan, replaces).await;
        // Of shards created for nothing the list will tell.
        self.has_listed &= result.is_ok();
        result
    }

    async fn write_in_order(&mut self, plan: Plan, replaces: Option<&O::Revision>) -> Result<(), CommitError> {
        let creations: Vec<_> = plan.shards.iter().map(|(name, text)| self.objects.create_shard(*name, text)).collect();
        stream::iter(creations).buffer_unordered(CONCURRENT_CALLS).try_collect::<()>().await?;
        let revision = self.objects.write_root(replaces, &plan.root).await?;
        self.seen.send_modify(|seen| seen.revision = Some(revision.clone()));
        self.held = Some(Held { revision, layout: plan.layout });
        self.garbage.extend(plan.superseded);
        Ok(())
    }

    /// Deletes what counts no more. What cannot be deleted now is left for the next controller.
    async fn collect_garbage(&mut self, plan: &Plan) {
        let Some(held) = &self.held else {
            return;
        };
        if !self.has_listed
            && let Ok(shards) = self.objects.list_shards().await
        {
            self.garbage.extend(shards);
            self.has_listed = true;
        }
        let version = held.layout.image().metadata_version;
        let is_known = |shard: &ShardName| shard.version <= version;
        let (mut known, later): (Vec<_>, Vec<_>) = self.garbage.drain(..).partition(is_known);
        known.retain(|shard| !held.layout.names(*shard) && !plan.layout.names(*shard));
        self.garbage = later;
        let deletions: Vec<_> = known.iter().map(|name| self.objects.delete_shard(*name)).collect();
        let results: Vec<_> = stream::iter(deletions).buffer_unordered(CONCURRENT_CALLS).collect().await;
        let failed = results.into_iter().filter_map(Result::err).collect::<Vec<_>>();
        if let Some(error) = failed.first() {
            tracing::warn!(%error, count = failed.len(), "superseded metadata could not be deleted");
            self.has_listed = false;
        }
    }

    /// The version that is held, for those who compare it with what brokers hold.
    pub fn version(&self) -> Option<MetadataVersion> {
        self.held.as_ref().map(|held| held.layout.image().metadata_version)
    }
}

impl From<Damage> for LoadError {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage.0)
    }
}

impl From<ObjectError> for LoadError {
    fn from(error: ObjectError) -> Self {
        Self::Failed(error.0)
    }
}
