//! Regular expressions of topic names.

use crate::client::ClientError;
use regex::Regex;

/// Kafka's tools match whole names, and take a list with commas for alternatives.
pub(crate) fn whole(text: &str) -> Result<Regex, ClientError> {
    let alternatives = text.trim().replace(',', "|");
    let alternatives = alternatives.trim_matches(['"', '\'']);
    Regex::new(&format!("^(?:{alternatives})$")).map_err(|error| {
        ClientError::Invalid(format!("{text}: not a regular expression that can be used here: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        let pattern = whole("my.*,orders").expect("good pattern");
        assert!(pattern.is_match("my_topic") && pattern.is_match("orders"));
        assert!(!pattern.is_match("orders2") && !pattern.is_match("a_my"));
    }

    #[test]
    fn a_bad_pattern_is_named() {
        assert!(whole("a(").expect_err("unclosed").to_string().contains("a("));
    }
}
