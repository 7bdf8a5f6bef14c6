//! Records as the console consumer prints them.

use crate::{client::consumer::ConsumedRecord, session::Properties};
use anyhow::{Result, bail};
use protocol::record_batch::TimestampType;
use std::io::{self, Write};

/// `CreateTime:… Partition:… Offset:… headers key value`, each only if asked for (the value unless told not to).
#[derive(Debug)]
pub(super) struct Formatter {
    shown: Vec<Part>,
    key_separator: Vec<u8>,
    line_separator: Vec<u8>,
    headers_separator: Vec<u8>,
    null_literal: Vec<u8>,
    key: Decoder,
    value: Decoder,
    headers: Decoder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Timestamp,
    Partition,
    Offset,
    /// Of a share group; a plain consumer has none.
    Delivery,
    Epoch,
    Headers,
    Key,
    Value,
}

/// Properties in the order their parts are printed.
const PARTS: [(&str, Part); 8] = [
    ("print.timestamp", Part::Timestamp),
    ("print.partition", Part::Partition),
    ("print.offset", Part::Offset),
    ("print.delivery", Part::Delivery),
    ("print.epoch", Part::Epoch),
    ("print.headers", Part::Headers),
    ("print.key", Part::Key),
    ("print.value", Part::Value),
];

/// The deserializers that come with Kafka's clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decoder {
    Bytes,
    Integer,
    Long,
    Short,
    Float,
    Double,
    Boolean,
    Uuid,
    Void,
}

impl Decoder {
    fn from_class(class: &str) -> Option<Self> {
        Some(match class.strip_prefix("org.apache.kafka.common.serialization.")? {
            "StringDeserializer" | "ByteArrayDeserializer" | "BytesDeserializer" | "ByteBufferDeserializer" => {
                Self::Bytes
            }
            "IntegerDeserializer" => Self::Integer,
            "LongDeserializer" => Self::Long,
            "ShortDeserializer" => Self::Short,
            "FloatDeserializer" => Self::Float,
            "DoubleDeserializer" => Self::Double,
            "BooleanDeserializer" => Self::Boolean,
            "UUIDDeserializer" => Self::Uuid,
            "VoidDeserializer" => Self::Void,
            _ => return None,
        })
    }

    fn decode(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let wrong = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("Size of data received by {self:?}Deserializer is not right: {}", bytes.len()),
            )
        };
        let text = match self {
            Self::Bytes => return Ok(bytes.to_vec()),
            Self::Integer => i32::from_be_bytes(bytes.try_into().map_err(|_| wrong())?).to_string(),
            Self::Long => i64::from_be_bytes(bytes.try_into().map_err(|_| wrong())?).to_string(),
            Self::Short => i16::from_be_bytes(bytes.try_into().map_err(|_| wrong())?).to_string(),
            Self::Float => format!("{:?}", f32::from_be_bytes(bytes.try_into().map_err(|_| wrong())?)),
            Self::Double => format!("{:?}", f64::from_be_bytes(bytes.try_into().map_err(|_| wrong())?)),
            Self::Boolean => match bytes {
                [0] => "false".to_owned(),
                [1] => "true".to_owned(),
                _ => return Err(wrong()),
            },
            Self::Uuid => String::from_utf8_lossy(bytes).into_owned(),
            Self::Void => return Err(wrong()),
        };
        Ok(text.into_bytes())
    }
}

impl Formatter {
    pub(super) fn new(properties: &Properties) -> Result<Self> {
        for name in properties.names() {
            let known = PARTS.iter().any(|(part, _)| *part == name)
                || ["key.separator", "line.separator", "headers.separator", "null.literal"].contains(&name)
                || ["key.deserializer", "value.deserializer", "headers.deserializer", "header.deserializer"]
                    .iter()
                    .any(|d| name.starts_with(d));
            if !known {
                bail!("{name}: not a property of the formatter");
            }
        }
        let text = |name: &str, default: &str| properties.get(name).unwrap_or(default).as_bytes().to_vec();
        let yes = |name: &str, part: Part| match properties.get(name) {
            Some(value) => value.trim().eq_ignore_ascii_case("true"),
            None => part == Part::Value,
        };
        let decoder = |name: &str| match properties.get(name) {
            Some(class) => Decoder::from_class(class)
                .ok_or_else(|| anyhow::anyhow!("{name}={class}: only the deserializers of Kafka itself are there")),
            None => Ok(Decoder::Bytes),
        };
        Ok(Self {
            shown: PARTS.into_iter().filter(|(name, part)| yes(name, *part)).map(|(_, part)| part).collect(),
            key_separator: text("key.separator", "\t"),
            line_separator: text("line.separator", "\n"),
            headers_separator: text("headers.separator", ","),
            null_literal: text("null.literal", "null"),
            key: decoder("key.deserializer")?,
            value: decoder("value.deserializer")?,
            headers: decoder("headers.deserializer")?,
        })
    }

    /// An error of kind `InvalidData` concerns the record, all others the output.
    pub(super) fn write(&self, record: &ConsumedRecord, out: &mut impl Write) -> io::Result<()> {
        let mut line = Vec::with_capacity(128);
        for (position, part) in self.shown.iter().enumerate() {
            self.write_part(*part, record, &mut line)?;
            let last = position + 1 == self.shown.len();
            line.extend_from_slice(if last { &self.line_separator } else { &self.key_separator });
        }
        out.write_all(&line)
    }

    fn write_part(&self, part: Part, record: &ConsumedRecord, line: &mut Vec<u8>) -> io::Result<()> {
        match part {
            Part::Timestamp => {
                let kind = match record.timestamp_type {
                    TimestampType::CreateTime => "CreateTime",
                    TimestampType::LogAppendTime => "LogAppendTime",
                };
                write!(line, "{kind}:{}", record.timestamp)
            }
            Part::Partition => write!(line, "Partition:{}", record.partition.partition),
            Part::Offset => write!(line, "Offset:{}", record.offset),
            Part::Delivery | Part::Epoch => {
                // Kafka's own tool hands its formatter records without either.
                let (name, absent) =
                    if part == Part::Epoch { ("Epoch", "NOT_PRESENT") } else { ("Delivery", "NOT_PRESENT") };
                write!(line, "{name}:{absent}")
            }
            Part::Headers if record.headers.is_empty() => line.write_all(b"NO_HEADERS"),
            Part::Headers => {
                for (position, (key, value)) in record.headers.iter().enumerate() {
                    if position > 0 {
                        line.extend_from_slice(&self.headers_separator);
                    }
                    line.extend_from_slice(key);
                    line.push(b':');
                    self.write_data(self.headers, value.as_deref(), line)?;
                }
                Ok(())
            }
            Part::Key => self.write_data(self.key, record.key.as_deref(), line),
            Part::Value => self.write_data(self.value, record.value.as_deref(), line),
        }
    }

    fn write_data(&self, decoder: Decoder, data: Option<&[u8]>, line: &mut Vec<u8>) -> io::Result<()> {
        match data {
            None => line.extend_from_slice(&self.null_literal),
            Some(data) if decoder == Decoder::Bytes => line.extend_from_slice(data),
            Some(data) => line.extend_from_slice(&decoder.decode(data)?),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use model::{Offset, TopicPartition, WallTime};

    fn record() -> ConsumedRecord {
        ConsumedRecord {
            partition: TopicPartition::new("t", 2),
            offset: Offset(7),
            leader_epoch: model::LeaderEpoch(0),
            timestamp: WallTime(1000),
            timestamp_type: TimestampType::CreateTime,
            key: None,
            value: Some(Bytes::from_static(b"v")),
            headers: vec![(Bytes::from("a"), Some(Bytes::from("1"))), (Bytes::from("b"), None)],
        }
    }

    fn shown(properties: &str, record: &ConsumedRecord) -> String {
        let mut line = Vec::new();
        let formatter = Formatter::new(&Properties::from_text(properties)).expect("good properties");
        formatter.write(record, &mut line).expect("memory takes all");
        String::from_utf8(line).expect("text")
    }

    #[test]
    fn the_value_alone_is_the_default() {
        assert_eq!(shown("", &record()), "v\n");
    }

    #[test]
    fn everything_is_printed_in_kafkas_order() {
        let all = "print.timestamp=true\nprint.partition=true\nprint.offset=true\nprint.epoch=true\nprint.headers=true\nprint.key=true";
        assert_eq!(
            shown(all, &record()),
            "CreateTime:1000\tPartition:2\tOffset:7\tEpoch:NOT_PRESENT\ta:1,b:null\tnull\tv\n"
        );
    }

    #[test]
    fn separators_and_the_null_literal_can_be_chosen() {
        let mut properties = Properties::from_text("print.key=true\nnull.literal=<nil>\nprint.value=true");
        properties.set("key.separator", " : ");
        properties.set("line.separator", ";");
        let mut line = Vec::new();
        Formatter::new(&properties).expect("good").write(&record(), &mut line).expect("memory");
        assert_eq!(line, b"<nil> : v;");
    }

    #[test]
    fn without_value_the_key_ends_the_line() {
        assert_eq!(shown("print.key=true\nprint.value=false", &record()), "null\n");
    }

    #[test]
    fn numbers_are_read_by_kafkas_deserializers() {
        let number = ConsumedRecord { value: Some(Bytes::from_static(&[0, 0, 1, 0])), ..record() };
        assert_eq!(
            shown("value.deserializer=org.apache.kafka.common.serialization.IntegerDeserializer", &number),
            "256\n"
        );
        let formatter = Formatter::new(&Properties::from_text(
            "value.deserializer=org.apache.kafka.common.serialization.LongDeserializer",
        ));
        let error = formatter.expect("known").write(&number, &mut Vec::new()).expect_err("four bytes");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn unknown_properties_and_classes_are_refused() {
        assert!(Formatter::new(&Properties::from_text("print.colour=true")).is_err());
        assert!(Formatter::new(&Properties::from_text("key.deserializer=com.example.Mine")).is_err());
    }
}
