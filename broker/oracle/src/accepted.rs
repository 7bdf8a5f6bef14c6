//! Where our answer is another than Apache Kafka 4.3.0's, on purpose. An entry that no difference needs fails the run.

mod entries;

use crate::compare::Difference;
pub(crate) use entries::ENTRIES;

/// One deliberate difference.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) script: &'static str,
    /// Start of the request's label; empty for all of the script.
    pub(crate) label: &'static str,
    /// The fields by their whole names, or by their last ones.
    pub(crate) fields: &'static [&'static str],
    /// What we answer and what Kafka does; empty for anything.
    pub(crate) ours: &'static str,
    pub(crate) peer: &'static str,
    pub(crate) why: &'static str,
}

impl Entry {
    /// The place of the field that the difference is in, if it is covered.
    fn covering(&self, script: &str, label: &str, found: &Difference) -> Option<usize> {
        let is_in = |name: &&str| {
            found.field.strip_suffix(*name).is_some_and(|rest| rest.is_empty() || rest.ends_with(['.', ' ']))
        };
        let covered = self.script == script
            && label.starts_with(self.label)
            && (self.ours.is_empty() || self.ours == found.ours)
            && (self.peer.is_empty() || self.peer == found.peer);
        self.fields.iter().position(is_in).filter(|_| covered)
    }
}

/// The entries, and which of their fields were needed.
#[derive(Debug)]
pub(crate) struct Accepted {
    entries: &'static [Entry],
    needed: Vec<Vec<bool>>,
}

impl Accepted {
    pub(crate) fn new(entries: &'static [Entry]) -> Self {
        Self { entries, needed: entries.iter().map(|entry| vec![false; entry.fields.len()]).collect() }
    }

    pub(crate) fn covers(&mut self, script: &str, label: &str, found: &Difference) -> bool {
        let covering = self.entries.iter().zip(&mut self.needed).find_map(|(entry, needed)| {
            let field = entry.covering(script, label, found)?;
            needed.get_mut(field)
        });
        covering.map(|needed| *needed = true).is_some()
    }

    /// Entries with a field in which nothing differed.
    pub(crate) fn not_needed(&self) -> impl Iterator<Item = (&'static Entry, &'static str)> + '_ {
        self.entries.iter().zip(&self.needed).flat_map(|(entry, needed)| {
            entry.fields.iter().zip(needed).filter(|(_, needed)| !**needed).map(move |(field, _)| (entry, *field))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[Entry] =
        &[Entry { script: "topics", label: "Create", fields: &["config.source"], ours: "5", peer: "3", why: "a test" }];

    fn difference(field: &str, ours: &str) -> Difference {
        Difference { field: field.into(), ours: ours.into(), peer: "3".into() }
    }

    #[test]
    fn an_entry_covers_its_own_field_and_values_only() {
        let mut accepted = Accepted::new(ONE);
        assert!(!accepted.covers("topics", "Create v1", &difference("topics.config.name", "5")));
        assert!(!accepted.covers("topics", "Create v1", &difference("topics.config.source", "4")));
        assert!(!accepted.covers("topics", "Delete v1", &difference("topics.config.source", "5")));
        assert_eq!(accepted.not_needed().count(), 1);
        assert!(accepted.covers("topics", "Create v1", &difference("topics.config.source", "5")));
        assert_eq!(accepted.not_needed().count(), 0);
    }
}
