//! Records as JSON lines: what `weir consume -o json` prints and `weir produce --input json` reads.

use crate::{client::consumer::ConsumedRecord, client::producer::NewRecord, time_text};
use anyhow::{Context, bail};
use bytes::Bytes;
use model::WallTime;
use protocol::record_batch::TimestampType;
use serde::{Deserialize, Serialize, de::IgnoredAny};

/// Text where the bytes are text, their hexadecimal digits where not.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Data {
    Text(String),
    Hex { hex: String },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    key: Data,
    value: Option<Data>,
}

#[derive(Debug, Serialize)]
struct Printed<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    timestamp: i64,
    time: String,
    timestamp_type: &'static str,
    key: Option<Data>,
    value: Option<Data>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<Header>,
}

/// A field that is misspelt would leave its record without a value, which deletes what has the key. Those that only a
/// consumer knows are allowed and left out, so that output can be input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(rename = "topic")]
    _topic: Option<IgnoredAny>,
    #[serde(rename = "offset")]
    _offset: Option<IgnoredAny>,
    #[serde(rename = "time")]
    _time: Option<IgnoredAny>,
    #[serde(rename = "timestamp_type")]
    _timestamp_type: Option<IgnoredAny>,
    partition: Option<i32>,
    timestamp: Option<i64>,
    key: Option<Data>,
    value: Option<Data>,
    #[serde(default)]
    headers: Vec<Header>,
}

/// A record as one JSON value.
pub(super) fn printed(record: &ConsumedRecord) -> impl Serialize {
    Printed {
        topic: &record.partition.topic,
        partition: record.partition.partition.0,
        offset: record.offset.0,
        timestamp: record.timestamp.as_ms(),
        time: time_text::format(record.timestamp),
        timestamp_type: match record.timestamp_type {
            TimestampType::CreateTime => "create",
            TimestampType::LogAppendTime => "append",
        },
        key: record.key.as_ref().map(Data::of),
        value: record.value.as_ref().map(Data::of),
        headers: record
            .headers
            .iter()
            .map(|(key, value)| Header { key: Data::of(key), value: value.as_ref().map(Data::of) })
            .collect(),
    }
}

/// The record of a line.
pub(super) fn parse(line: &[u8], now: WallTime) -> anyhow::Result<NewRecord> {
    let given: Given =
        serde_json::from_slice(line).with_context(|| format!("read as JSON: {}", String::from_utf8_lossy(line)))?;
    let headers = given
        .headers
        .into_iter()
        .map(|header| anyhow::Ok((header.key.bytes()?, header.value.map(Data::bytes).transpose()?)));
    Ok(NewRecord {
        partition: given.partition,
        timestamp: given.timestamp.map_or(now, WallTime),
        key: given.key.map(Data::bytes).transpose()?,
        value: given.value.map(Data::bytes).transpose()?,
        headers: headers.collect::<anyhow::Result<_>>()?,
    })
}

impl Data {
    fn of(bytes: &Bytes) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Hex { hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect() },
        }
    }

    fn bytes(self) -> anyhow::Result<Bytes> {
        let hex = match self {
            Self::Text(text) => return Ok(Bytes::from(text.into_bytes())),
            Self::Hex { hex } => hex,
        };
        if hex.len() % 2 != 0 || !hex.is_ascii() {
            bail!("hex {hex:?}: needs two digits for each byte");
        }
        let digits = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16));
        Ok(Bytes::from(digits.collect::<Result<Vec<u8>, _>>().with_context(|| format!("hex {hex:?}"))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Offset, TopicPartition};

    #[test]
    fn what_consume_prints_produce_reads() {
        let record = ConsumedRecord {
            partition: TopicPartition::new("t", 2),
            offset: Offset(7),
            leader_epoch: model::LeaderEpoch(0),
            timestamp: WallTime(1_000),
            timestamp_type: TimestampType::CreateTime,
            key: Some(Bytes::from_static(b"k")),
            value: Some(Bytes::from_static(b"\xff\x00")),
            headers: vec![(Bytes::from_static(b"h"), None)],
        };
        let line = serde_json::to_string(&printed(&record)).expect("plain data");
        assert!(line.contains(r#""offset":7"#) && line.contains(r#""value":{"hex":"ff00"}"#), "{line}");
        let read = parse(line.as_bytes(), WallTime(5)).expect("own output");
        let expected = NewRecord {
            partition: Some(2),
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
            headers: record.headers,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_line_that_is_not_json_is_shown_in_the_error() {
        let error = format!("{:#}", parse(b"hello", WallTime(0)).expect_err("not JSON"));
        assert!(error.contains("hello"), "{error}");
        assert!(parse(br#"{"value":{"hex":"f"}}"#, WallTime(0)).is_err());
    }

    #[test]
    fn a_misspelt_field_is_no_tombstone() {
        for line in [
            r#"{"key":"k","vale":"a"}"#,
            r#"{"key":"k","value":{"hex":"00","text":"a"}}"#,
            r#"{"value":"a","headers":[{"key":"h","vale":"a"}]}"#,
        ] {
            let error = format!("{:#}", parse(line.as_bytes(), WallTime(0)).expect_err("an unknown field"));
            assert!(error.contains(line), "{error}");
        }
        let error = format!("{:#}", parse(br#"{"key":"k","vale":"a"}"#, WallTime(0)).expect_err("an unknown field"));
        assert!(error.contains("unknown field `vale`"), "{error}");
    }

    #[test]
    fn what_is_not_given_is_absent() {
        let read = parse(b"{}", WallTime(5)).expect("an empty record");
        assert_eq!(read, NewRecord { timestamp: WallTime(5), ..NewRecord::default() });
    }
}
