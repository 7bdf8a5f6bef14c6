//! When a broker that hears nobody stops to lead, and when it leads again.
//!
//! | controller | followers | leaders |
//! |---|---|---|
//! | in session, or silent for less than a session lasts | – | serve |
//! | silent for longer | one asked since | serve: others may lead by then only where a member of the ISR is heard by the controller and does not fetch here, and without its fetches nothing is acknowledged |
//! | silent for longer | all silent for longer, too | step aside |
//! | in session again | – | those that stepped aside act by the metadata again |
//!
//! Others lead by then, most likely, and clients that ask here would wait in vain: what followers do not fetch is not committed.
//! It is no rule of safety: what is acknowledged is safe without it.

use std::time::Duration;

/// What a broker heard of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// For how long there has been no session with the controller; `None` while there is one.
    pub of_controller: Option<Duration>,
    /// For how long no follower of anything asked.
    pub of_followers: Duration,
    /// After this the controller takes a silent broker for lost.
    pub session_timeout: Duration,
}

/// What its leaders are to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsolationStep {
    /// All that lead, see [`crate::Replica::step_aside`]; those that began to lead since they were last told, too.
    StepAside,
    /// Those that stepped aside are to be assigned what the metadata says.
    Resume,
}

/// A broker's leaders, as far as their silence is concerned.
#[derive(Debug, Default)]
pub struct Isolation {
    is_aside: bool,
}

impl Isolation {
    /// To be asked every now and then.
    pub fn look(&mut self, silence: Silence) -> Option<IsolationStep> {
        match silence.of_controller {
            Some(lost_for) if lost_for.min(silence.of_followers) > silence.session_timeout => {
                self.is_aside = true;
                Some(IsolationStep::StepAside)
            }
            None if self.is_aside => {
                self.is_aside = false;
                Some(IsolationStep::Resume)
            }
            Some(_) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use IsolationStep::{Resume, StepAside};

    #[test]
    fn leaders_step_aside_when_nobody_is_heard_and_resume_with_the_controller_only() {
        let mut isolation = Isolation::default();
        let cases = [
            (None, 0, None),
            (None, 60, None),
            (Some(2), 60, None),
            (Some(3), 60, None),
            (Some(60), 3, None),
            (Some(60), 0, None),
            (Some(4), 4, Some(StepAside)),
            (Some(5), 5, Some(StepAside)),
            // A follower alone does not say who leads now.
            (Some(6), 0, None),
            (None, 60, Some(Resume)),
            (None, 60, None),
            (Some(4), 60, Some(StepAside)),
        ];
        for (at, (controller, followers, expected)) in cases.into_iter().enumerate() {
            let silence = Silence {
                of_controller: controller.map(Duration::from_secs),
                of_followers: Duration::from_secs(followers),
                session_timeout: Duration::from_secs(3),
            };
            assert_eq!(isolation.look(silence), expected, "case {at}: {silence:?}");
        }
    }
}
