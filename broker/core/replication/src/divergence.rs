//! Where the reader of a log went another way (KIP-320, KIP-595).

use crate::OwnLog;
use model::{LeaderEpoch, Offset};

/// The last epoch that a reader of `epoch` up to `offset` can share with this log, and where it ended here; `None` if it
/// has read nothing that is not here. A reader without an epoch has read nothing. One that read of an epoch after all
/// of this log's did so elsewhere: a leader whose disk is full has not noted its own epoch yet.
pub fn divergence(log: &impl OwnLog, epoch: LeaderEpoch, offset: Offset) -> Option<(LeaderEpoch, Offset)> {
    if epoch == LeaderEpoch::UNKNOWN {
        return None;
    }
    let later = || log.latest_epoch().filter(|latest| *latest < epoch).map(|latest| (latest, log.log_end()));
    let (known, end) = log.end_of_epoch(epoch).or_else(later)?;
    (known < epoch || end < offset).then_some((known, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Epochs with their starts, up to an end. As the log's own cache it tells nothing of epochs after its last.
    struct Epochs(&'static [(i32, i64)], i64);

    impl OwnLog for Epochs {
        fn log_start(&self) -> Offset {
            Offset::ZERO
        }

        fn log_end(&self) -> Offset {
            Offset(self.1)
        }

        fn high_watermark(&self) -> Offset {
            Offset::ZERO
        }

        fn latest_epoch(&self) -> Option<LeaderEpoch> {
            self.0.last().map(|(epoch, _)| LeaderEpoch(*epoch))
        }

        fn end_of_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
            let position = self.0.iter().rposition(|(known, _)| *known <= epoch.0)?;
            let end = self.0.get(position + 1).map_or(self.1, |(_, start)| *start);
            (epoch <= self.latest_epoch()?).then_some((LeaderEpoch(self.0[position].0), Offset(end)))
        }
    }

    #[test]
    fn logs_part_where_the_reader_has_what_this_one_lacks() {
        let log = Epochs(&[(3, 0), (5, 100)], 120);
        let cases = [
            (-1, 0, None),
            (5, 120, None),
            (5, 121, Some((5, 120))),
            (3, 100, None),
            (3, 101, Some((3, 100))),
            (4, 100, Some((3, 100))),
            (6, 110, Some((5, 120))),
        ];
        for (epoch, offset, expected) in cases {
            let expected = expected.map(|(epoch, end)| (LeaderEpoch(epoch), Offset(end)));
            assert_eq!(divergence(&log, LeaderEpoch(epoch), Offset(offset)), expected, "epoch {epoch} up to {offset}");
        }
        assert_eq!(divergence(&Epochs(&[], 0), LeaderEpoch(6), Offset(110)), None, "it is told where the log ends");
    }
}
