//! Lines as records, as the console producer reads them.

use crate::{client::producer::NewRecord, session::Properties};
use anyhow::{Result, bail};
use bytes::Bytes;
use model::WallTime;

/// How a line is taken apart: `h1:v1,h2:v2<TAB>key<TAB>value`, headers and key only if asked for.
#[derive(Debug)]
pub(super) struct LineReader {
    parse_key: bool,
    key_separator: String,
    parse_headers: bool,
    headers_delimiter: String,
    headers_separator: String,
    headers_key_separator: String,
    ignore_error: bool,
    null_marker: Option<String>,
    line_number: u64,
}

const KNOWN: &[&str] = &[
    "headers.delimiter",
    "headers.key.separator",
    "headers.separator",
    "ignore.error",
    "key.separator",
    "null.marker",
    "parse.headers",
    "parse.key",
    "topic",
];

impl LineReader {
    pub(super) fn new(properties: &Properties) -> Result<Self> {
        if let Some(unknown) = properties.names().find(|name| !KNOWN.contains(name)) {
            bail!("{unknown}: not a property of the line reader; it has {}", KNOWN.join(", "));
        }
        let text = |name: &str, default: &str| properties.get(name).unwrap_or(default).to_owned();
        let yes = |name: &str| properties.get(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
        let reader = Self {
            parse_key: yes("parse.key"),
            key_separator: text("key.separator", "\t"),
            parse_headers: yes("parse.headers"),
            headers_delimiter: text("headers.delimiter", "\t"),
            headers_separator: text("headers.separator", ","),
            headers_key_separator: text("headers.key.separator", ":"),
            ignore_error: yes("ignore.error"),
            null_marker: properties.get("null.marker").map(str::to_owned),
            line_number: 0,
        };
        reader.check()?;
        Ok(reader)
    }

    fn check(&self) -> Result<()> {
        let parts = [
            ("headers.delimiter", Some(&self.headers_delimiter)),
            ("headers.separator", Some(&self.headers_separator)),
            ("headers.key.separator", Some(&self.headers_key_separator)),
            ("null.marker", self.null_marker.as_ref()),
        ];
        for (position, (name, text)) in parts.iter().enumerate() {
            if let Some((other, _)) = parts[position + 1..].iter().find(|(_, other)| text.is_some() && other == text) {
                bail!("{name} and {other} may not be equal");
            }
            if text.is_some_and(String::is_empty) && *name != "null.marker" {
                bail!("{name} may not be empty");
            }
        }
        if self.null_marker.as_ref() == Some(&self.key_separator) {
            bail!("null.marker and key.separator may not be equal");
        }
        if self.key_separator.is_empty() {
            bail!("key.separator may not be empty");
        }
        Ok(())
    }

    pub(super) fn read(&mut self, line: &Bytes, timestamp: WallTime) -> Result<NewRecord> {
        self.line_number += 1;
        let (headers, rest) =
            self.split(self.parse_headers, line.clone(), line, &self.headers_delimiter, "headers delimiter")?;
        let (key, value) = self.split(self.parse_key, rest, line, &self.key_separator, "key separator")?;
        let headers = headers.and_then(|headers| self.unless_null(headers));
        Ok(NewRecord {
            partition: None,
            timestamp,
            key: key.and_then(|key| self.unless_null(key)),
            value: self.unless_null(value),
            headers: headers.map(|headers| self.headers(headers)).transpose()?.unwrap_or_default(),
        })
    }

    /// What stands before the separator, and what behind.
    fn split(
        &self,
        wanted: bool,
        rest: Bytes,
        line: &Bytes,
        separator: &str,
        what: &str,
    ) -> Result<(Option<Bytes>, Bytes)> {
        if !wanted {
            return Ok((None, rest));
        }
        match find(&rest, separator.as_bytes()) {
            Some(at) => Ok((Some(rest.slice(..at)), rest.slice(at + separator.len()..))),
            None if self.ignore_error => Ok((None, rest)),
            None => bail!("No {what} found on line number {}: '{}'", self.line_number, String::from_utf8_lossy(line)),
        }
    }

    fn headers(&self, mut headers: Bytes) -> Result<Vec<(Bytes, Option<Bytes>)>> {
        let mut parsed = Vec::new();
        loop {
            let end = find(&headers, self.headers_separator.as_bytes());
            let pair = headers.slice(..end.unwrap_or(headers.len()));
            match find(&pair, self.headers_key_separator.as_bytes()) {
                Some(at) => {
                    let key = pair.slice(..at);
                    if self.unless_null(key.clone()).is_none() {
                        let marker = self.null_marker.as_deref().unwrap_or_default();
                        bail!("Header keys should not be equal to the null marker '{marker}' as they can't be null");
                    }
                    parsed.push((key, self.unless_null(pair.slice(at + self.headers_key_separator.len()..))));
                }
                None if self.ignore_error => parsed.push((pair, None)),
                None => {
                    let pair = String::from_utf8_lossy(&pair).into_owned();
                    bail!("No header key separator found in pair '{pair}' on line number {}", self.line_number);
                }
            }
            match end {
                Some(at) => headers = headers.slice(at + self.headers_separator.len()..),
                None => return Ok(parsed),
            }
        }
    }

    fn unless_null(&self, text: Bytes) -> Option<Bytes> {
        Some(text).filter(|text| self.null_marker.as_deref().is_none_or(|marker| marker.as_bytes() != &text[..]))
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(properties: &str, line: &'static str) -> Result<NewRecord> {
        LineReader::new(&Properties::from_text(properties))?.read(&Bytes::from_static(line.as_bytes()), WallTime(0))
    }

    fn bytes(text: &'static str) -> Option<Bytes> {
        Some(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn a_line_is_a_value_by_default() {
        let record = read("", "a\tb:c").expect("any line");
        assert_eq!((record.key, record.value), (None, bytes("a\tb:c")));
    }

    #[test]
    fn key_and_headers_stand_before_the_value() {
        let record = read("parse.key=true\nparse.headers=true", "h1:v1,h2:v2\tkey\tvalue\tmore").expect("good line");
        assert_eq!(record.headers, [(Bytes::from("h1"), bytes("v1")), (Bytes::from("h2"), bytes("v2"))]);
        assert_eq!((record.key, record.value), (bytes("key"), bytes("value\tmore")));
    }

    #[test]
    fn the_null_marker_stands_for_null_everywhere_but_in_header_keys() {
        let properties = "parse.key=true\nkey.separator=;\nparse.headers=true\nnull.marker=NULL";
        let record = read(properties, "h:NULL\tNULL;NULL").expect("good line");
        assert_eq!((record.key, record.value, record.headers), (None, None, vec![(Bytes::from("h"), None)]));
        assert!(read(properties, "NULL\tk;v").expect("no headers").headers.is_empty());
        assert!(read(properties, "NULL:v\tk;v").is_err());
    }

    #[test]
    fn a_missing_separator_is_an_error_with_the_line_unless_ignored() {
        let error = read("parse.key=true", "novalue").expect_err("no separator").to_string();
        assert_eq!(error, "No key separator found on line number 1: 'novalue'");
        let record = read("parse.key=true\nignore.error=true", "novalue").expect("ignored");
        assert_eq!((record.key, record.value), (None, bytes("novalue")));
    }

    #[test]
    fn separators_that_cannot_be_told_apart_are_refused() {
        let error = read("headers.delimiter=,", "x").expect_err("equal").to_string();
        assert_eq!(error, "headers.delimiter and headers.separator may not be equal");
    }
}
