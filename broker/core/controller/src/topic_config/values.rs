//! Types and ranges of configuration values, parsed as Kafka parses them.

use crate::errors::ConfigError;

/// Kafka's configuration types, as DescribeConfigs numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum ConfigKind {
    Boolean = 1,
    String = 2,
    Int = 3,
    Short = 4,
    Long = 5,
    Double = 6,
    List = 7,
    Class = 8,
    Password = 9,
}

/// What a value must be besides its type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Check {
    Any,
    AtLeast(i64),
    Between(i64, i64),
    /// Within 0 and 1.
    Ratio,
    OneOf(&'static [&'static str]),
    /// A list of these.
    ListOf(&'static [&'static str]),
    /// gzip: 1 to 9, or −1 for the library's own choice.
    GzipLevel,
    /// `*`, or `partition:broker` pairs.
    ThrottledReplicas,
}

/// Kafka's lists: split at commas, blanks around items dropped; an empty text is an empty list.
pub fn parse_list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Java's `parseLong` takes a leading `+`, as Rust's does; blanks around are dropped.
pub(super) fn parse_number(kind: ConfigKind, value: &str) -> Option<i64> {
    let text = value.trim();
    match kind {
        ConfigKind::Int => text.parse::<i32>().ok().map(i64::from),
        ConfigKind::Short => text.parse::<i16>().ok().map(i64::from),
        _ => text.parse::<i64>().ok(),
    }
}

pub(super) fn parse_boolean(value: &str) -> Option<bool> {
    let text = value.trim();
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

pub(super) fn check(name: &str, kind: ConfigKind, check: &Check, value: &str) -> Result<(), ConfigError> {
    let refuse = |what: String| Err(ConfigError::Invalid(format!("invalid value {value} for {name}: {what}")));
    match kind {
        ConfigKind::Boolean => match parse_boolean(value) {
            Some(_) => Ok(()),
            None => refuse("must be true or false".to_owned()),
        },
        ConfigKind::Int | ConfigKind::Short | ConfigKind::Long => match parse_number(kind, value) {
            None => refuse("must be a whole number of its type".to_owned()),
            Some(number) => match check {
                Check::AtLeast(least) if number < *least => refuse(format!("must be at least {least}")),
                Check::Between(least, most) if number < *least || number > *most => {
                    refuse(format!("must be within {least} and {most}"))
                }
                Check::GzipLevel if number != -1 && !(1..=9).contains(&number) => {
                    refuse("must be within 1 and 9, or -1".to_owned())
                }
                _ => Ok(()),
            },
        },
        ConfigKind::Double => match value.trim().parse::<f64>() {
            Ok(number) if !matches!(check, Check::Ratio) || (0.0..=1.0).contains(&number) => Ok(()),
            Ok(_) => refuse("must be within 0 and 1".to_owned()),
            Err(_) => refuse("must be a number".to_owned()),
        },
        ConfigKind::List => check_list(check, value).or_else(refuse),
        ConfigKind::String | ConfigKind::Class | ConfigKind::Password => match check {
            Check::OneOf(allowed) if !allowed.contains(&value.trim()) => {
                refuse(format!("must be one of {}", allowed.join(", ")))
            }
            _ => Ok(()),
        },
    }
}

fn check_list(check: &Check, value: &str) -> Result<(), String> {
    let items: Vec<&str> = parse_list(value).collect();
    match check {
        Check::ListOf(allowed) => {
            if let Some(unknown) = items.iter().find(|item| !allowed.contains(item)) {
                return Err(format!("'{unknown}' is not one of {}", allowed.join(", ")));
            }
            Ok(())
        }
        Check::ThrottledReplicas if items != ["*"] && !items.iter().all(|item| is_throttled_replica(item)) => {
            Err("must be '*' or a list of partition:broker".to_owned())
        }
        _ => Ok(()),
    }
}

/// Kafka 4.3 drops what a list says twice.
pub(super) fn without_repetition(value: &str) -> String {
    let mut items: Vec<&str> = Vec::new();
    for item in parse_list(value) {
        if !items.contains(&item) {
            items.push(item);
        }
    }
    items.join(",")
}

fn is_throttled_replica(item: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    item.split_once(':').is_some_and(|(partition, broker)| digits(partition) && digits(broker))
}

/// The value as Kafka prints it back: parsed, then written in its plain form.
pub(super) fn canonical(kind: ConfigKind, value: &str) -> String {
    match kind {
        ConfigKind::Boolean => parse_boolean(value).map(|b| b.to_string()),
        ConfigKind::Int | ConfigKind::Short | ConfigKind::Long => parse_number(kind, value).map(|n| n.to_string()),
        // Java prints whole doubles with one decimal, as Rust's Debug does.
        ConfigKind::Double => value.trim().parse::<f64>().ok().map(|number| format!("{number:?}")),
        ConfigKind::List => Some(without_repetition(value)),
        ConfigKind::String | ConfigKind::Class | ConfigKind::Password => Some(value.trim().to_owned()),
    }
    .unwrap_or_else(|| value.to_owned())
}
