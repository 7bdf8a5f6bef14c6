//! How many pods the StatefulSet has for sure, and who leaves by that.
//!
//! A broker is given replicas only while its pod is wanted by the spec and by the set as it is:
//!
//! ```text
//! brokers that stay = those below min(spec, least, seen)
//! least: what this operator wrote last, or is writing and had no answer for; before: what it read from the API server itself
//! seen:  what its watch brought, which may be older
//! ```
//!
//! So a pod that Kubernetes takes away because the set was smaller for a moment has no replica that came in that moment.

use controller::Leaving;
use model::BrokerId;

/// `None`: nothing was written or read yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SetSize {
    least: Option<i32>,
}

impl SetSize {
    /// By the API server itself; `None`: there is no set.
    #[must_use]
    pub fn read(replicas: Option<i32>) -> Self {
        Self { least: Some(replicas.unwrap_or(i32::MAX)) }
    }

    pub fn is_known(self) -> bool {
        self.least.is_some()
    }

    /// The set is about to be written. Until there is an answer it may be as before, too.
    pub fn writing(&mut self, replicas: i32) {
        self.least = Some(self.least.map_or(replicas, |least| least.min(replicas)));
    }

    pub fn written(&mut self, replicas: i32) {
        self.least = Some(replicas);
    }

    /// Whether the set may have fewer pods, whatever was seen of it.
    pub(super) fn may_be_below(self, replicas: i32) -> bool {
        self.least.is_some_and(|least| least < replicas)
    }

    #[must_use]
    pub fn leaving(self, wanted: i32, seen: Option<i32>) -> Leaving {
        let stay = [self.least, seen].into_iter().flatten().fold(wanted, i32::min);
        Leaving { from: Some(BrokerId(stay)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staying(size: SetSize, wanted: i32, seen: Option<i32>) -> i32 {
        size.leaving(wanted, seen).from.map_or(i32::MAX, |first| first.0)
    }

    #[test]
    fn brokers_stay_that_the_spec_and_the_set_have() {
        let new = SetSize::read(None);
        assert_eq!(staying(new, 3, None), 3);
        assert_eq!(staying(SetSize::read(Some(5)), 3, Some(5)), 3);
        assert_eq!(staying(SetSize::read(Some(3)), 5, Some(3)), 3);
        assert_eq!(staying(SetSize::read(Some(5)), 5, Some(3)), 3, "the watch is to bring it first");
    }

    #[test]
    fn set_that_was_made_smaller_is_so_until_it_was_made_larger() {
        let mut size = SetSize::read(Some(5));
        size.writing(3);
        assert_eq!(staying(size, 5, Some(5)), 3, "the answer is not there");
        size.written(3);
        assert_eq!(staying(size, 5, Some(5)), 3, "the watch is behind");
        size.writing(5);
        assert_eq!(staying(size, 5, Some(5)), 3);
        assert!(size.may_be_below(5), "without an answer it is written again");
        size.written(5);
        assert_eq!(staying(size, 5, Some(5)), 5);
        assert!(!size.may_be_below(5));
    }

    #[test]
    fn set_that_was_never_written_here_is_as_it_was_read() {
        assert!(!SetSize::default().may_be_below(3));
        assert!(!SetSize::read(None).may_be_below(3));
        assert!(SetSize::read(Some(1)).may_be_below(3));
    }
}
