//! Turning the text of a value into its type, with Kafka's rules: surrounding blanks do not count, `true` in any case.

use super::definitions::ConfigType;
use std::fmt;

/// What a key may be set to, beyond its type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Allowed {
    Any,
    AtLeast(i64),
    Between(i64, i64),
    /// A range, or one value outside of it.
    AtLeastOr(i64, i64, i64),
    OneOf(&'static [&'static str]),
    OneOfAnyCase(&'static [&'static str]),
    /// Each item of a list.
    EachOneOf(&'static [&'static str]),
    NonEmpty,
}

/// A value that has its type.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Boolean(bool),
    Int(i64),
    Double(f64),
    Text(String),
    List(Vec<String>),
}

/// Why a value was not taken: what would have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("allowed is {allowed}")]
pub struct Refusal {
    pub allowed: String,
}

impl Value {
    pub(super) fn parse(config_type: ConfigType, allowed: &Allowed, text: &str) -> Result<Self, Refusal> {
        let refusal = || Refusal { allowed: describe(config_type, allowed) };
        let text = text.trim();
        let value = match config_type {
            ConfigType::Boolean if text.eq_ignore_ascii_case("true") => Self::Boolean(true),
            ConfigType::Boolean if text.eq_ignore_ascii_case("false") => Self::Boolean(false),
            ConfigType::Boolean => return Err(refusal()),
            ConfigType::Short => Self::Int(text.parse::<i16>().map_err(|_| refusal())?.into()),
            ConfigType::Int => Self::Int(text.parse::<i32>().map_err(|_| refusal())?.into()),
            ConfigType::Long => Self::Int(text.parse::<i64>().map_err(|_| refusal())?),
            ConfigType::Double => Self::Double(parse_double(text).ok_or_else(refusal)?),
            ConfigType::String | ConfigType::Class | ConfigType::Password => Self::Text(text.to_owned()),
            ConfigType::List => Self::List(split_list(text)),
        };
        if allowed.admits(&value) { Ok(value) } else { Err(refusal()) }
    }
}

impl Allowed {
    fn admits(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Any, _) => true,
            (Self::AtLeast(low), Value::Int(number)) => number >= low,
            (Self::Between(low, high), Value::Int(number)) => (low..=high).contains(&number),
            (Self::AtLeastOr(low, high, other), Value::Int(number)) => {
                (low..=high).contains(&number) || number == other
            }
            (Self::AtLeast(low), Value::Double(number)) => *number >= *low as f64,
            (Self::Between(low, high), Value::Double(number)) => (*low as f64..=*high as f64).contains(number),
            (Self::OneOf(choices), Value::Text(text)) => choices.contains(&text.as_str()),
            (Self::OneOfAnyCase(choices), Value::Text(text)) => {
                choices.iter().any(|choice| choice.eq_ignore_ascii_case(text))
            }
            (Self::EachOneOf(choices), Value::List(items)) => items.iter().all(|item| choices.contains(&item.as_str())),
            (Self::NonEmpty, Value::Text(text)) => !text.is_empty(),
            (Self::NonEmpty, Value::List(items)) => !items.is_empty(),
            _ => false,
        }
    }
}

/// A sentence part for people: "a whole number from 1 to 2147483647".
pub(super) fn describe(config_type: ConfigType, allowed: &Allowed) -> String {
    let (low, high) = match config_type {
        ConfigType::Short => (i16::MIN.into(), i16::MAX.into()),
        ConfigType::Int => (i32::MIN.into(), i32::MAX.into()),
        _ => (i64::MIN, i64::MAX),
    };
    let kind = match config_type {
        ConfigType::Boolean => return "true or false".to_owned(),
        ConfigType::Short | ConfigType::Int | ConfigType::Long => "a whole number",
        ConfigType::Double => "a number",
        ConfigType::List => "a comma-separated list",
        ConfigType::String | ConfigType::Class | ConfigType::Password => "text",
    };
    let is_whole = matches!(config_type, ConfigType::Short | ConfigType::Int | ConfigType::Long);
    match allowed {
        Allowed::Any if is_whole => format!("{kind} from {low} to {high}"),
        Allowed::Any => kind.to_owned(),
        Allowed::AtLeast(low) if is_whole => format!("{kind} from {low} to {high}"),
        Allowed::AtLeast(low) => format!("{kind} of at least {low}"),
        Allowed::Between(low, high) => format!("{kind} from {low} to {high}"),
        Allowed::AtLeastOr(low, high, other) => format!("{kind} from {low} to {high}, or {other}"),
        Allowed::OneOf(choices) | Allowed::OneOfAnyCase(choices) => format!("one of {}", choices.join(", ")),
        Allowed::EachOneOf(choices) => format!("{kind} of {}", choices.join(", ")),
        Allowed::NonEmpty => format!("{kind} that is not empty"),
    }
}

/// Items between commas, blanks around them dropped; a blank text is the empty list.
fn split_list(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(',').map(|item| item.trim().to_owned()).collect()
}

/// What `Double.parseDouble` takes and a person writes; infinities and hexadecimal are of no use in a configuration.
fn parse_double(text: &str) -> Option<f64> {
    let digits = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    digits.parse::<f64>().ok().filter(|number| number.is_finite())
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Double(value) => value.fmt(f),
            Self::Text(value) => f.write_str(value),
            Self::List(items) => f.write_str(&items.join(",")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_width_of_their_type_and_their_range() {
        let int = |allowed, text| Value::parse(ConfigType::Int, &allowed, text);
        assert_eq!(int(Allowed::AtLeast(1), " 7 "), Ok(Value::Int(7)));
        assert_eq!(int(Allowed::Any, "+7"), Ok(Value::Int(7)));
        for (allowed, text, message) in [
            (Allowed::AtLeast(1), "0", "a whole number from 1 to 2147483647"),
            (Allowed::Any, "2147483648", "a whole number from -2147483648 to 2147483647"),
            (Allowed::Any, "1.5", "a whole number from -2147483648 to 2147483647"),
            (Allowed::Any, "", "a whole number from -2147483648 to 2147483647"),
            (Allowed::AtLeastOr(1, 9, -1), "0", "a whole number from 1 to 9, or -1"),
        ] {
            assert_eq!(int(allowed, text).map_err(|refusal| refusal.allowed), Err(message.to_owned()), "{text:?}");
        }
        assert!(Value::parse(ConfigType::Short, &Allowed::Any, "32768").is_err());
        assert_eq!(Value::parse(ConfigType::Long, &Allowed::Any, "9223372036854775807"), Ok(Value::Int(i64::MAX)));
    }

    #[test]
    fn booleans_are_true_or_false_in_any_case_and_nothing_else() {
        let boolean = |text| Value::parse(ConfigType::Boolean, &Allowed::Any, text);
        assert_eq!((boolean("TRUE"), boolean(" false ")), (Ok(Value::Boolean(true)), Ok(Value::Boolean(false))));
        for text in ["yes", "1", "", "t"] {
            assert!(boolean(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn lists_drop_blanks_around_their_items() {
        let allowed = Allowed::EachOneOf(&["compact", "delete"]);
        let list = |text| Value::parse(ConfigType::List, &allowed, text);
        assert_eq!(list("compact , delete"), Ok(Value::List(vec!["compact".into(), "delete".into()])));
        assert_eq!(list(""), Ok(Value::List(Vec::new())));
        assert!(list("compact,remove").is_err());
    }

    #[test]
    fn ratios_are_checked_as_numbers() {
        let ratio = |text| Value::parse(ConfigType::Double, &Allowed::Between(0, 1), text);
        assert_eq!(ratio("0.25"), Ok(Value::Double(0.25)));
        for text in ["1.01", "-0.1", "NaN", "half"] {
            assert!(ratio(text).is_err(), "{text:?}");
        }
        let huge = Value::parse(ConfigType::Double, &Allowed::Any, "1.7976931348623157E308");
        assert_eq!(huge, Ok(Value::Double(f64::MAX)));
    }
}
