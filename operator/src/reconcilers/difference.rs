//! Whether an object is as it is wanted. An object that is gets no write, so a cluster in its wanted state is quiet.
//!
//! Wanted fields have to be there as wanted; others may be there, set by the API server or by somebody else. A field that
//! is wanted no more shows in the hash of what was applied last.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// On every object that is applied: a hash of its wanted fields.
pub const WANTED_ANNOTATION: &str = "weir.dev/wanted-hash";

/// Maps of quantities, which have many forms for one amount.
const QUANTITIES: [&str; 2] = ["requests", "limits"];

/// Adds the hash.
pub fn marked(mut wanted: Value) -> Value {
    let digest = Sha256::digest(wanted.to_string());
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    if let Some(metadata) = wanted.get_mut("metadata").and_then(Value::as_object_mut) {
        let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
        annotations[WANTED_ANNOTATION] = Value::String(hash);
    }
    wanted
}

/// Whether the operator applied it.
pub fn is_marked(object: &ObjectMeta) -> bool {
    object.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(WANTED_ANNOTATION))
}

/// Whether everything that is wanted is there.
pub fn is_there(wanted: &Value, observed: &Value) -> bool {
    match (wanted, observed) {
        (Value::Object(wanted), Value::Object(observed)) => wanted.iter().all(|(key, value)| {
            let there = observed.get(key);
            if QUANTITIES.contains(&key.as_str()) {
                return there.is_some_and(|there| quantities_are_there(value, there));
            }
            there.map_or_else(|| is_empty(value), |there| is_there(value, there))
        }),
        (Value::Array(wanted), Value::Array(observed)) => {
            wanted.len() == observed.len() && wanted.iter().zip(observed).all(|(wanted, there)| is_there(wanted, there))
        }
        (wanted, observed) => wanted == observed,
    }
}

/// An API server leaves out what is empty.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        _ => false,
    }
}

fn quantities_are_there(wanted: &Value, observed: &Value) -> bool {
    let (Some(wanted), Some(observed)) = (wanted.as_object(), observed.as_object()) else { return false };
    let amount = |value: &Value| value.as_str().and_then(amount);
    wanted.iter().all(|(resource, value)| {
        let there = observed.get(resource);
        there.is_some_and(|there| value == there || amount(value).is_some_and(|wanted| amount(there) == Some(wanted)))
    })
}

/// Of a quantity of Kubernetes, in thousandths: an API server writes `1000m` as `1`.
pub fn amount(quantity: &str) -> Option<i128> {
    let split = quantity.find(|character: char| !character.is_ascii_digit() && !"+-.".contains(character));
    let (number, suffix) = quantity.split_at(split.unwrap_or(quantity.len()));
    let thousandths: i128 = match suffix {
        "m" => 1,
        "" => 1000,
        "k" => 1_000_000,
        "M" => 1_000_000_000,
        "G" => 1_000_000_000_000,
        "T" => 1_000_000_000_000_000,
        "P" => 1_000_000_000_000_000_000,
        "Ki" => 1000 << 10,
        "Mi" => 1000 << 20,
        "Gi" => 1000 << 30,
        "Ti" => 1000 << 40,
        "Pi" => 1000 << 50,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    Some(digits.checked_mul(thousandths)? / scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_of_others_may_be_there() {
        let wanted = json!({"spec": {"ports": [{"port": 1}], "selector": {"a": "b"}}});
        let observed =
            json!({"spec": {"ports": [{"port": 1, "nodePort": 30000}], "selector": {"a": "b"}, "clusterIP": "x"}});
        assert!(is_there(&wanted, &observed));
        for foreign in [
            json!({"spec": {"ports": [{"port": 2}], "selector": {"a": "b"}}}),
            json!({"spec": {"ports": [{"port": 1}, {"port": 2}], "selector": {"a": "b"}}}),
            json!({"spec": {"ports": [{"port": 1}], "selector": {}}}),
            json!({"spec": {}}),
        ] {
            assert!(!is_there(&wanted, &foreign), "{foreign}");
        }
    }

    #[test]
    fn what_is_empty_may_be_left_out() {
        assert!(is_there(&json!({"a": [], "b": {"c": null}}), &json!({})));
    }

    #[test]
    fn one_amount_has_many_forms() {
        let limits = |cpu: &str, memory: &str| json!({"limits": {"cpu": cpu, "memory": memory}});
        assert!(is_there(&limits("1000m", "1024Mi"), &limits("1", "1Gi")));
        assert!(is_there(&limits("0.5", "1.5Gi"), &limits("500m", "1536Mi")));
        assert!(!is_there(&limits("1", "1Gi"), &limits("2", "1Gi")));
        assert!(!is_there(&limits("1", "1G"), &limits("1", "1Gi")));
        assert!(!is_there(&json!({"a": "1000m"}), &json!({"a": "1"})), "elsewhere it is text");
    }

    #[test]
    fn field_that_is_wanted_no_more_changes_the_hash() {
        let (more, less) = (json!({"metadata": {}, "a": 1, "b": 2}), json!({"metadata": {}, "a": 1}));
        assert!(is_there(&less, &more) && !is_there(&marked(less.clone()), &marked(more)));
        assert_eq!(marked(less.clone()), marked(less));
    }
}
