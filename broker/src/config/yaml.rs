//! Keys from YAML: flat (`log.retention.ms: 1000`), nested (`log: {retention: {ms: 1000}}`) or mixed.

use serde_yaml::Value;

/// What of a YAML document cannot be a configuration.
#[derive(Debug, thiserror::Error)]
pub(super) enum YamlError {
    #[error(transparent)]
    Syntax(#[from] serde_yaml::Error),
    #[error("the file must hold keys and values at its top level")]
    NotAMapping,
    #[error("{key}: a key must be text")]
    KeyNotText { key: String },
    #[error("{key}: there is no value")]
    NoValue { key: String },
    #[error("{key}: a list may hold plain values only")]
    NestedList { key: String },
    #[error("{key} is there twice, nested and flat")]
    Twice { key: String },
}

/// Keys and values as Kafka writes them: lists joined by commas.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<(String, String)>, YamlError> {
    let mut found = Vec::new();
    match serde_yaml::from_slice(bytes)? {
        Value::Null => {}
        Value::Mapping(mapping) => flatten("", &mapping, &mut found)?,
        _ => return Err(YamlError::NotAMapping),
    }
    found.sort();
    match found.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(YamlError::Twice { key: pair[0].0.clone() }),
        None => Ok(found),
    }
}

fn flatten(prefix: &str, mapping: &serde_yaml::Mapping, found: &mut Vec<(String, String)>) -> Result<(), YamlError> {
    for (name, value) in mapping {
        let name = scalar(name).ok_or_else(|| YamlError::KeyNotText { key: prefix.to_owned() })?;
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        let text = match value {
            Value::Mapping(inner) => {
                flatten(&key, inner, found)?;
                continue;
            }
            Value::Null => return Err(YamlError::NoValue { key }),
            Value::Sequence(items) => items.iter().map(scalar).collect::<Option<Vec<_>>>().map(|items| items.join(",")),
            other => scalar(other),
        };
        match text {
            Some(text) => found.push((key, text)),
            None => return Err(YamlError::NestedList { key }),
        }
    }
    Ok(())
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn flat_nested_and_mixed_keys_are_the_same() {
        let expected = vec![pair("log.retention.ms", "1000"), pair("num.partitions", "3")];
        for text in [
            "log.retention.ms: 1000\nnum.partitions: 3\n",
            "log:\n  retention:\n    ms: 1000\nnum: {partitions: 3}\n",
            "log.retention: {ms: '1000'}\nnum.partitions: \"3\"\n",
        ] {
            assert_eq!(parse(text.as_bytes()).expect("parses"), expected, "{text}");
        }
    }

    #[test]
    fn lists_become_comma_separated_and_an_empty_file_is_no_configuration() {
        let listeners = "listeners:\n- PLAINTEXT://:9092\n- DOCKER://:19092\n";
        assert_eq!(parse(listeners.as_bytes()).expect("parses")[0].1, "PLAINTEXT://:9092,DOCKER://:19092");
        assert_eq!(parse(b"# nothing\n").expect("parses"), []);
    }

    #[test]
    fn what_cannot_be_a_configuration_is_named() {
        for (text, message) in [
            ("- a\n- b\n", "the file must hold keys and values at its top level"),
            ("num.partitions:\n", "num.partitions: there is no value"),
            ("a: [[1]]\n", "a: a list may hold plain values only"),
            ("a.b: 1\na: {b: 2}\n", "a.b is there twice, nested and flat"),
            ("? [1, 2]\n: 3\n", ": a key must be text"),
        ] {
            assert_eq!(parse(text.as_bytes()).expect_err("is refused").to_string(), message, "{text:?}");
        }
        assert!(parse(b"a: [").is_err());
    }
}
