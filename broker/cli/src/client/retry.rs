//! How long and how often a request is tried again.

use super::error::{ClientError, Result};
use std::time::Duration;
use tokio::time::Instant;

/// First pause after a failed attempt; doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Longest pause: a leader that moves is usually back within a second.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A person who waits longer than this wants to know what for.
const QUIET: Duration = Duration::from_secs(3);

/// Trouble that lasts: told once, when it has lasted a while.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble {
    since: Option<Instant>,
    told: bool,
}

impl Trouble {
    /// An attempt failed and will be repeated.
    pub(crate) fn goes_on(&mut self, error: &ClientError) {
        let since = *self.since.get_or_insert_with(Instant::now);
        if !self.told && since.elapsed() >= QUIET {
            self.told = true;
            let first_line = error.to_string();
            let first_line = first_line.lines().next().unwrap_or_default();
            crate::output::note(&format!("still trying: {first_line}"));
        }
    }

    pub(crate) fn is_over(&mut self) {
        *self = Self::default();
    }
}

/// The pauses between attempts, until a deadline.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    pause: Duration,
    deadline: Instant,
    trouble: Trouble,
}

impl Backoff {
    pub(crate) fn until(deadline: Instant) -> Self {
        Self { pause: FIRST_PAUSE, deadline, trouble: Trouble::default() }
    }

    pub(crate) fn lasting(patience: Duration) -> Self {
        Self::until(Instant::now() + patience)
    }

    /// Sleeps before the attempt that follows `error`; false once the time is up.
    pub(crate) async fn wait(&mut self, error: &ClientError) -> bool {
        self.trouble.goes_on(error);
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        tokio::time::sleep(self.pause.min(left)).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

/// Repeats `attempt` while it fails with errors that may pass, for at most `patience`.
pub(crate) async fn retrying<T, F>(patience: Duration, mut attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut backoff = Backoff::lasting(patience);
    loop {
        match attempt().await {
            Err(error) if error.is_retriable() && !matches!(error, ClientError::Timeout { .. }) => {
                if !backoff.wait(&error).await {
                    return Err(error);
                }
            }
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::error::ResponseError;

    fn refused(code: ResponseError) -> ClientError {
        ClientError::Refused { code, message: None, subject: String::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn passing_errors_are_tried_again_until_they_pass() {
        let mut attempts = 0;
        let outcome = retrying(Duration::from_secs(5), || {
            attempts += 1;
            let outcome = if attempts < 4 { Err(refused(ResponseError::NotController)) } else { Ok(attempts) };
            async move { outcome }
        });
        assert_eq!(outcome.await.expect("fourth attempt"), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn final_errors_are_not_tried_again() {
        let mut attempts = 0;
        let outcome = retrying(Duration::from_secs(5), || {
            attempts += 1;
            async { Err::<(), _>(refused(ResponseError::TopicAlreadyExists)) }
        });
        outcome.await.expect_err("refused");
        assert_eq!(attempts, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn trying_ends_with_the_patience() {
        let outcome =
            retrying(Duration::from_millis(200), || async { Err::<(), _>(refused(ResponseError::NotController)) });
        assert_eq!(outcome.await.expect_err("never passes").code(), Some(ResponseError::NotController));
    }
}
