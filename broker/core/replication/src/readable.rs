//! How far a replica's records are shown, and to whom.
//!
//! | who reads | up to |
//! |---|---|
//! | a follower | the end of the log |
//! | a consumer | the high watermark |
//! | one that reads committed transactions only | the last stable offset |

use model::{
    Offset,
    mistakes::{Mistake, is_made},
};

/// What a read may see, by Kafka's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchIsolation {
    LogEnd,
    HighWatermark,
    TxnCommitted,
}

/// Where the records of a replica end, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadableEnds {
    pub last_stable: Offset,
    pub high_watermark: Offset,
    pub log_end: Offset,
}

impl FetchIsolation {
    /// Nothing from there on is shown. A function of plain facts, for readers that must not wait for a writer.
    pub fn readable_end(self, ends: ReadableEnds) -> Offset {
        match self {
            Self::LogEnd => ends.log_end,
            _ if is_made(Mistake::ServeUncommitted) => ends.log_end,
            Self::HighWatermark => ends.high_watermark,
            Self::TxnCommitted => ends.last_stable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consumers_see_nothing_that_is_not_committed() {
        let ends = ReadableEnds { last_stable: Offset(1), high_watermark: Offset(2), log_end: Offset(3) };
        for (isolation, end) in
            [(FetchIsolation::LogEnd, 3), (FetchIsolation::HighWatermark, 2), (FetchIsolation::TxnCommitted, 1)]
        {
            assert_eq!(isolation.readable_end(ends), Offset(end), "{isolation:?}");
        }
    }
}
