//! How often responses carried which of Kafka's error codes.

use crate::metrics::instruments::Counter;
use kafka_protocol::ResponseError;
use std::borrow::Cow;

const LOWEST_CODE: i16 = ResponseError::UnknownServerError.code();
/// Kafka 4.3 ends at 133. Only codes of this table are told apart, so there are never more series.
const CODES: usize = 144;

/// Counters of one API by error code, success included, as Kafka counts: one per code in a response, so a Produce of ten
/// partitions counts ten times.
#[derive(Debug)]
pub(crate) struct ErrorCounters(Box<[Counter; CODES]>);

impl Default for ErrorCounters {
    fn default() -> Self {
        Self(Box::new([const { Counter::new() }; CODES]))
    }
}

impl ErrorCounters {
    /// Counts the codes that `visit` hands over. Success, nearly all of them, is added up first.
    pub(crate) fn count(&self, visit: impl FnOnce(&mut dyn FnMut(i16))) {
        let mut successes = 0;
        visit(&mut |code| match code {
            0 => successes += 1,
            code => self.of(code).increment(),
        });
        if successes > 0 {
            self.of(0).add(successes);
        }
    }

    fn of(&self, code: i16) -> &Counter {
        let index = usize::try_from(i32::from(code) - i32::from(LOWEST_CODE)).ok().filter(|index| *index < CODES);
        &self.0[index.unwrap_or(0)]
    }

    /// Codes that occurred, by Kafka's names.
    pub(super) fn seen(&self) -> impl Iterator<Item = (Cow<'static, str>, u64)> {
        let codes = (LOWEST_CODE..).zip(self.0.iter());
        codes.filter(|(_, counter)| counter.get() > 0).map(|(code, counter)| (name_of(code), counter.get()))
    }
}

/// Kafka writes its names in capitals with underscores, the codec in camel case.
fn name_of(code: i16) -> Cow<'static, str> {
    match ResponseError::try_from_code(code) {
        None => Cow::Borrowed("NONE"),
        Some(ResponseError::Unknown(code)) => Cow::Owned(code.to_string()),
        Some(error) => {
            let mut name = String::new();
            for (index, letter) in format!("{error:?}").chars().enumerate() {
                if letter.is_ascii_uppercase() && index > 0 {
                    name.push('_');
                }
                name.push(letter.to_ascii_uppercase());
            }
            Cow::Owned(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_by_the_names_of_kafka() {
        for (code, name) in [
            (-1, "UNKNOWN_SERVER_ERROR"),
            (0, "NONE"),
            (3, "UNKNOWN_TOPIC_OR_PARTITION"),
            (6, "NOT_LEADER_OR_FOLLOWER"),
            (48, "INVALID_TXN_STATE"),
            (133, "SHARE_SESSION_LIMIT_REACHED"),
        ] {
            assert_eq!(name_of(code), name);
        }
    }

    #[test]
    fn every_code_of_a_response_counts() {
        let errors = ErrorCounters::default();
        errors.count(|each| [0, 0, 3, 0, 3].into_iter().for_each(each));
        errors.count(|each| each(133));
        let seen: Vec<_> = errors.seen().collect();
        let expected = [("NONE", 3), ("UNKNOWN_TOPIC_OR_PARTITION", 2), ("SHARE_SESSION_LIMIT_REACHED", 1)];
        assert_eq!(seen, expected.map(|(name, count)| (Cow::from(name), count)));
    }

    #[test]
    fn codes_nobody_knows_make_no_series_of_their_own() {
        let errors = ErrorCounters::default();
        errors.count(|each| [i16::MIN, -2, CODES as i16 - 1, i16::MAX].into_iter().for_each(each));
        assert_eq!(errors.seen().collect::<Vec<_>>(), [(Cow::from("UNKNOWN_SERVER_ERROR"), 4)]);
    }
}
