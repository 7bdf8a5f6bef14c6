//! Reads and writes the Lease as a [`Candidate`] decides.

use super::{Candidate, Seen, Step, Timing};
use crate::resources::FIELD_MANAGER;
use anyhow::Context as _;
use futures_util::{Stream, StreamExt as _, stream};
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::PostParams,
    runtime::{WatchStreamExt as _, watcher},
};
use model::MonotonicTime;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

/// Less than another one waits for.
const RELEASE_PATIENCE: Duration = Duration::from_secs(2);

const SILENT: &str = "the API server does not answer";

/// The lease is not this operator's any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    #[error("another operator holds the lease")]
    ToAnother,
    #[error("the lease could not be renewed in time")]
    NotRenewed,
}

#[derive(Debug)]
pub struct LeaseKeeper {
    leases: Api<Lease>,
    name: String,
    identity: String,
    timing: Timing,
    candidate: Candidate,
    started: Instant,
    /// As it was read or written last.
    lease: Option<Lease>,
}

impl LeaseKeeper {
    pub fn new(client: Client, namespace: &str, name: &str, identity: &str, timing: Timing) -> Self {
        Self {
            leases: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: identity.to_owned(),
            timing,
            candidate: Candidate::new(identity.to_owned(), timing),
            started: Instant::now(),
            lease: None,
        }
    }

    /// Returns once this operator holds the lease. Who releases it is followed at once, by a watch; it is looked at all the same,
    /// for a watch may be silent and who was killed releases nothing.
    pub async fn acquire(&mut self) {
        let mut looks = interval(self.timing.renewal);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut frees = std::pin::pin!(frees(self.leases.clone(), &self.name));
        while !self.candidate.holds() {
            tokio::select! {
                _ = looks.tick() => {}
                Some(()) = frees.next() => {}
            }
            if let Err(error) = self.step().await {
                tracing::warn!(error = %format!("{error:#}"), "the lease cannot be read or written");
            }
        }
    }

    /// Renews it, and returns when it is lost.
    pub async fn keep(&mut self) -> Lost {
        let mut renewals = interval(self.timing.renewal);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let ends_at = self.candidate.ends_at().unwrap_or(MonotonicTime::ZERO).since_start();
            let deadline = sleep_until(self.started + ends_at);
            let step = async {
                renewals.tick().await;
                self.renew().await
            };
            tokio::select! {
                biased;
                () = deadline => return Lost::NotRenewed,
                step = step => match step {
                    Ok(Step::End) => return Lost::ToAnother,
                    Ok(_) => {}
                    Err(error) => tracing::warn!(error = %format!("{error:#}"), "the lease was not renewed"),
                },
            }
        }
    }

    /// Lets another operator take over at once.
    pub async fn release(&mut self) {
        if !self.candidate.holds() {
            return;
        }
        let released = timeout(RELEASE_PATIENCE, async {
            if let Some(lease) = self.lease.take()
                && self.give_up(lease).await.is_ok()
            {
                return Ok(());
            }
            // A renewal that was cut off may have arrived.
            match self.leases.get_opt(&self.name).await? {
                Some(lease) if seen(&lease).holder == self.identity => self.give_up(lease).await,
                _ => Ok(()),
            }
        });
        if !matches!(released.await, Ok(Ok(()))) {
            tracing::warn!("the lease was not released, another operator waits for its end");
        }
    }

    async fn give_up(&self, mut lease: Lease) -> kube::Result<()> {
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = Some(String::new());
        }
        self.leases.replace(&self.name, &as_manager(), &lease).await.map(drop)
    }

    /// Writes over the lease as it was written last, without a look at it before: of an API server that takes its time each call
    /// counts. It is looked at where somebody else wrote it, or a renewal arrived whose answer did not.
    async fn renew(&mut self) -> anyhow::Result<Step> {
        if let Some(lease) = self.lease.take() {
            let (began, lease) = (self.now(), self.written(Some(lease)));
            match self.leases.replace(&self.name, &as_manager(), &lease).await {
                Ok(lease) => {
                    self.has_written(lease, began);
                    return Ok(Step::Renew);
                }
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.step().await
    }

    async fn step(&mut self) -> anyhow::Result<Step> {
        let read = timeout(self.timing.deadline, self.leases.get_opt(&self.name)).await.context(SILENT)??;
        let step = self.candidate.decide(read.as_ref().map(seen), self.now());
        let began = self.now();
        let written = match &step {
            Step::Take { replaces: None } => {
                let lease = self.written(None);
                timeout(self.timing.deadline, self.leases.create(&as_manager(), &lease)).await.context(SILENT)?
            }
            Step::Take { replaces: Some(_) } | Step::Renew => {
                let lease = self.written(read);
                timeout(self.timing.deadline, self.leases.replace(&self.name, &as_manager(), &lease))
                    .await
                    .context(SILENT)?
            }
            Step::Wait | Step::End => return Ok(step),
        };
        match written {
            Ok(lease) => {
                self.has_written(lease, began);
                Ok(step)
            }
            // Somebody else was faster.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Step::Wait),
            Err(error) => Err(error.into()),
        }
    }

    fn has_written(&mut self, lease: Lease, began: MonotonicTime) {
        self.lease = Some(lease);
        self.candidate.written(began);
    }

    /// With this operator as its holder, over the lease that was read.
    fn written(&self, read: Option<Lease>) -> Lease {
        let mut lease = read.unwrap_or_else(|| Lease {
            metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
            spec: None,
        });
        let now = MicroTime(Timestamp::now());
        let before = lease.spec.take().unwrap_or_default();
        let is_new = before.holder_identity.as_deref() != Some(&self.identity);
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.timing.duration.as_secs()).ok(),
            acquire_time: if is_new { Some(now.clone()) } else { before.acquire_time },
            renew_time: Some(now),
            lease_transitions: Some(before.lease_transitions.unwrap_or(0) + i32::from(is_new)),
            ..LeaseSpec::default()
        });
        lease
    }

    fn now(&self) -> MonotonicTime {
        MonotonicTime::from_start(self.started.elapsed())
    }
}

/// An item each time the lease is seen released or gone. Never ends.
fn frees(leases: Api<Lease>, name: &str) -> impl Stream<Item = ()> + Send + use<> {
    let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let free = |event: Result<watcher::Event<Lease>, watcher::Error>| async move {
        match event {
            Ok(watcher::Event::Apply(lease) | watcher::Event::InitApply(lease)) => seen(&lease).is_free().then_some(()),
            Ok(watcher::Event::Delete(_)) => Some(()),
            Ok(watcher::Event::Init | watcher::Event::InitDone) => None,
            Err(error) => {
                tracing::debug!(%error, "the watch of the lease broke, watching again");
                None
            }
        }
    };
    watcher(leases, only).default_backoff().filter_map(free).chain(stream::pending())
}

fn seen(lease: &Lease) -> Seen {
    let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone());
    Seen { holder: holder.unwrap_or_default(), revision: lease.metadata.resource_version.clone().unwrap_or_default() }
}

fn as_manager() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

#[cfg(test)]
mod tests;
