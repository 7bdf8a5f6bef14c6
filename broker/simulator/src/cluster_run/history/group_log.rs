//! The group as its committed records tell it, in the order of the log: what no coordinator may write.

use super::super::{
    member::assigned,
    place::{Place, Positions},
};
use group_coordinator::{
    MemberId,
    offsets::CommittedOffset,
    records::{GroupMetadata, Record},
};
use model::Offset;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct GroupLog {
    next: Offset,
    generation: i32,
    /// Who owns what, by generation.
    owners: BTreeMap<i32, BTreeMap<Place, MemberId>>,
    offsets: Positions,
}

impl GroupLog {
    /// `Err`: what the record breaks. Records that an earlier leader committed already say nothing new.
    pub(super) fn follow(&mut self, offset: Offset, record: &Record) -> Result<(), String> {
        if offset < self.next {
            return Ok(());
        }
        self.next = offset.next();
        match record {
            Record::Group { value: Some(group), .. } => self.begin(group),
            Record::Offset { partition, value: Some(committed), .. } => self.commit(Place::Data(*partition), committed),
            Record::Group { value: None, .. } | Record::Offset { value: None, .. } => {
                Err(format!("nobody removes {record:?}"))
            }
        }
    }

    fn begin(&mut self, group: &GroupMetadata) -> Result<(), String> {
        let generation = group.generation.0;
        if generation < self.generation {
            return Err(format!("generation {generation} follows {}", self.generation));
        }
        let mut owners = BTreeMap::new();
        for member in &group.members {
            for place in assigned(&member.assignment) {
                if let Some(other) = owners.insert(place, member.member.clone()) {
                    let one = &member.member;
                    return Err(format!("{place} belongs to {other} and to {one} in generation {generation}"));
                }
            }
        }
        self.generation = generation;
        match self.owners.insert(generation, owners.clone()) {
            Some(before) if before != owners => Err(format!("generation {generation} had {before:?}, has {owners:?}")),
            _ => Ok(()),
        }
    }

    fn commit(&mut self, place: Place, committed: &CommittedOffset) -> Result<(), String> {
        let (generation, offset, current) = (self.generation, committed.offset, &committed.metadata);
        let owner = self.owners.get(&generation).and_then(|owners| owners.get(&place));
        if owner.is_none_or(|owner| **current != format!("{generation}/{owner}")) {
            return Err(format!("{place} at {offset} by {current}, it is {owner:?}'s in generation {generation}"));
        }
        match self.offsets.insert(place, offset) {
            Some(before) if before > offset => Err(format!("{place} at {offset}, after {before}")),
            _ => Ok(()),
        }
    }

    pub(super) fn generation(&self) -> i32 {
        self.generation
    }

    pub(super) fn owner(&self, generation: i32, place: Place) -> Option<&MemberId> {
        self.owners.get(&generation)?.get(&place)
    }

    pub(super) fn committed(&self, place: Place) -> Option<Offset> {
        self.offsets.get(&place).copied()
    }
}
