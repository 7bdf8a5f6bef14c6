//! What was promised, and whether it was kept: the invariants of a cluster, checked as things happen.

mod group_log;

use super::place::{Place, Positions};
use group_coordinator::{MemberId, records::Record};
use group_log::GroupLog;
use model::{BrokerId, ControllerEpoch, Incarnation, LeaderEpoch, MetadataVersion, Offset};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct History {
    /// By partition and offset: the number of the record that somebody's high watermark passed, and in which epoch that was
    /// first. Consumers may have seen it.
    committed: BTreeMap<(Place, Offset), (u64, LeaderEpoch)>,
    /// By partition and number: where the producer was told that its record is.
    acknowledged: BTreeMap<(Place, u64), Offset>,
    /// Who appended in which epoch.
    writers: BTreeMap<(Place, LeaderEpoch), BrokerId>,
    /// By broker: the metadata that it acted by last, in which life.
    acted_by: BTreeMap<BrokerId, (Incarnation, ControllerEpoch, MetadataVersion)>,
    /// What members of the group were told that they committed.
    pub(super) offsets: Positions,
    offset_commits: u64,
    /// How far members have read.
    read: Positions,
    group: GroupLog,
    /// What was broken; the first one counts.
    pub(super) broken: Vec<String>,
}

impl History {
    fn check(&mut self, holds: bool, says: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(says());
        }
    }

    /// Whatever a broker hears, it obeys no controller of before, and in one life no metadata of before.
    pub(super) fn acts_by(
        &mut self,
        by: BrokerId,
        life: Incarnation,
        epoch: ControllerEpoch,
        version: MetadataVersion,
    ) {
        let before = self.acted_by.insert(by, (life, epoch, version));
        let goes_on = before.is_none_or(|(last_life, last_epoch, last_version)| {
            epoch >= last_epoch && (life != last_life || version > last_version)
        });
        self.check(goes_on, || format!("broker {by} acts by {version} of controller epoch {epoch:?} after {before:?}"));
    }

    /// The high watermark stands still while too few replicas are in sync (KIP-966).
    pub(super) fn committed_with(&mut self, partition: Place, by: BrokerId, enough_in_sync: bool) {
        self.check(enough_in_sync, || format!("broker {by} committed in partition {partition} with too few in sync"));
    }

    /// What a leader takes for its ISR is what was committed as that.
    pub(super) fn leads_with(
        &mut self,
        partition: Place,
        by: BrokerId,
        isr: &[BrokerId],
        committed: Option<&Vec<BrokerId>>,
    ) {
        self.check(committed.is_some_and(|committed| committed == isr), || {
            format!("broker {by} leads partition {partition} with the ISR {isr:?}, committed is {committed:?}")
        });
    }

    /// The leader's high watermark passed these records.
    pub(super) fn committed(&mut self, partition: Place, by: BrokerId, epoch: LeaderEpoch, records: &[(Offset, u64)]) {
        for (offset, number) in records {
            let (known, _) = *self.committed.entry((partition, *offset)).or_insert((*number, epoch));
            self.check(known == *number, || {
                format!(
                    "offset {offset} of partition {partition} was committed as {known}, and by broker {by} as {number}"
                )
            });
        }
    }

    pub(super) fn seen(&mut self, partition: Place, records: &[(Offset, u64)]) {
        for (offset, number) in records {
            let known = self.number_at(partition, *offset);
            self.check(known == Some(*number), || {
                format!("a consumer saw {number} at {offset} of partition {partition}, committed is {known:?}")
            });
        }
    }

    pub(super) fn acknowledged(&mut self, partition: Place, first_number: u64, count: u64, base: Offset) {
        for index in 0..count {
            let (number, offset) = (first_number + index, Offset(base.0 + index.cast_signed()));
            self.acknowledged.insert((partition, number), offset);
            let known = self.number_at(partition, offset);
            self.check(known == Some(number), || {
                format!("{number} was acknowledged at {offset} of partition {partition}, committed is {known:?}")
            });
        }
    }

    pub(super) fn offsets_committed(&mut self, positions: &Positions) {
        for (place, offset) in positions {
            let known = self.offsets.entry(*place).or_insert(*offset);
            *known = (*known).max(*offset);
        }
        self.offset_commits += 1;
    }

    pub(super) fn offset_commits(&self) -> u64 {
        self.offset_commits
    }

    /// What a group committed never goes back, and is never more than was read. `known` is what was committed when the member
    /// asked: what others commit while the answer is on its way it need not tell.
    pub(super) fn offsets_fetched(&mut self, known: &Positions, positions: &Positions) {
        for (partition, known) in known {
            let found = positions.get(partition).copied().unwrap_or(Offset::ZERO);
            self.check(found >= *known, || format!("{partition} was committed at {known}, and is found at {found}"));
        }
        for (partition, found) in positions {
            let read = self.read.get(partition).copied().unwrap_or(Offset::ZERO);
            self.check(*found <= read, || format!("{partition} was read up to {read}, and is found at {found}"));
        }
    }

    /// A record of the group that is committed.
    pub(super) fn group_recorded(&mut self, offset: Offset, record: &Record) {
        if let Err(broken) = self.group.follow(offset, record) {
            self.broken.push(format!("group record at {offset}: {broken}"));
        }
    }

    /// A member was told what it owns: it is what the log of the group says of this generation, and nobody else's.
    pub(super) fn assigned(&mut self, generation: i32, member: &MemberId, owned: &[Place]) {
        for place in owned {
            let owner = self.group.owner(generation, *place).cloned();
            self.check(owner.as_ref() == Some(member), || {
                format!("{member} was told that it owns {place} in generation {generation}, which is {owner:?}'s")
            });
        }
    }

    pub(super) fn generation(&self) -> i32 {
        self.group.generation()
    }

    /// As its log tells.
    pub(super) fn committed_position(&self, place: Place) -> Offset {
        self.group.committed(place).unwrap_or(Offset::ZERO)
    }

    /// A member reads on where it stands: every record, in order.
    pub(super) fn read_on(&mut self, partition: Place, position: Offset, records: &[(Offset, u64)]) {
        self.seen(partition, records);
        let offsets = records.iter().map(|(offset, _)| offset.0);
        self.check(offsets.eq((position.0..).take(records.len())), || {
            format!("{partition} has a gap after {position}: {records:?}")
        });
        if let Some((last, _)) = records.last() {
            let read = self.read.entry(partition).or_insert(Offset::ZERO);
            *read = last.next().max(*read);
        }
    }

    pub(super) fn appended(&mut self, partition: Place, epoch: LeaderEpoch, by: BrokerId) {
        let known = *self.writers.entry((partition, epoch)).or_insert(by);
        self.check(known == by, || format!("brokers {known} and {by} both led partition {partition} in epoch {epoch}"));
    }

    /// A broker begins to lead with these records: whatever was committed in the epochs before is among them.
    pub(super) fn leads(&mut self, partition: Place, by: BrokerId, epoch: LeaderEpoch, records: &[(Offset, u64)]) {
        let first = self.first_missing(partition, records, |committed_in| committed_in < epoch);
        self.check(first.is_none(), || {
            format!(
                "broker {by} leads partition {partition} in {epoch:?} without {first:?}, which was committed before; it has \
                 {:?}",
                first.and_then(|(offset, ..)| records.iter().find(|(at, _)| *at >= offset))
            )
        });
    }

    fn number_at(&self, partition: Place, offset: Offset) -> Option<u64> {
        self.committed.get(&(partition, offset)).map(|(number, _)| *number)
    }

    /// Offset, number, and the epoch in which it was committed.
    fn first_missing(
        &self,
        partition: Place,
        records: &[(Offset, u64)],
        counts: impl Fn(LeaderEpoch) -> bool,
    ) -> Option<(Offset, u64, LeaderEpoch)> {
        let has: BTreeMap<Offset, u64> = records.iter().copied().collect();
        let mut committed = self.committed.range((partition, Offset(i64::MIN))..=(partition, Offset(i64::MAX)));
        let missing =
            committed.find(|((_, offset), (number, epoch))| counts(*epoch) && has.get(offset) != Some(number));
        missing.map(|((_, offset), (number, epoch))| (*offset, *number, *epoch))
    }

    /// After everything has healed: what a replica has in the end.
    pub(super) fn ended(&mut self, partition: Place, by: BrokerId, records: &[(Offset, u64)]) {
        let has: BTreeMap<Offset, u64> = records.iter().copied().collect();
        let first = self.first_missing(partition, records, |_| true);
        self.check(first.is_none(), || {
            format!("broker {by} ends without what was committed in partition {partition}: {first:?} and others")
        });
        let lost =
            self.acknowledged.iter().find(|((of, number), offset)| *of == partition && has.get(offset) != Some(number));
        let lost = lost.map(|((_, number), offset)| (*number, *offset));
        self.check(lost.is_none(), || format!("broker {by} ends without an acknowledged record: {lost:?}"));
        let in_order = partition == Place::Offsets || records.windows(2).all(|pair| pair[1].1 == pair[0].1 + 1);
        self.check(in_order, || {
            format!("records of partition {partition} are doubled, out of order, or have a gap on broker {by}")
        });
    }

    pub(super) fn acknowledged_count(&self) -> usize {
        self.acknowledged.len()
    }

    pub(super) fn committed_count(&self) -> usize {
        self.committed.len()
    }
}
