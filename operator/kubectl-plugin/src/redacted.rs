//! What a person may hand on: objects without values that could be secret. Pure.

use serde_json::Value;

const LEFT_OUT: &str = "(left out)";

/// Parts of Kafka's configuration keys whose values are or may be secret.
const SECRET_PARTS: [&str; 6] = ["password", "secret", "jaas", "credential", "token", "keystore.key"];

/// Where tools keep a copy of a whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Replaces values of configuration that may be secret and of environment variables, and takes out copies of objects and
/// who managed which field.
pub(crate) fn redacted(mut value: Value) -> Value {
    redact(&mut value);
    value
}

fn redact(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Object(fields) => {
            fields.remove(LAST_APPLIED);
            fields.remove("managedFields");
            for (key, inner) in fields.iter_mut() {
                if is_secret(key) {
                    *inner = Value::from(LEFT_OUT);
                } else if key == "env" {
                    redact_environment(inner);
                } else {
                    redact(inner);
                }
            }
        }
        _ => {}
    }
}

/// Keys of configuration have dots; fields of Kubernetes, as `secretName`, have none.
fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.contains('.') && !key.contains('/') && SECRET_PARTS.iter().any(|part| key.contains(part))
}

fn redact_environment(variables: &mut Value) {
    for variable in variables.as_array_mut().into_iter().flatten() {
        if let Some(value) = variable.get_mut("value") {
            *value = Value::from(LEFT_OUT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_secret_is_handed_on() {
        let object = json!({
            "metadata": {
                "managedFields": [1],
                "annotations": { LAST_APPLIED: "{\"spec\": \"hunter2\"}", "weir.dev/config-hash": "ab" },
            },
            "spec": {
                "config": { "ssl.keystore.password": "hunter2", "sasl.JAAS.config": "hunter2", "log.dirs": "/data" },
                "containers": [{ "env": [{ "name": "TOKEN", "value": "hunter2" }, { "name": "POD", "valueFrom": {} }] }],
                "volumes": [{ "secret": { "secretName": "events-session" } }],
            },
        });
        let expected = json!({
            "metadata": { "annotations": { "weir.dev/config-hash": "ab" } },
            "spec": {
                "config": { "ssl.keystore.password": LEFT_OUT, "sasl.JAAS.config": LEFT_OUT, "log.dirs": "/data" },
                "containers": [{ "env": [{ "name": "TOKEN", "value": LEFT_OUT }, { "name": "POD", "valueFrom": {} }] }],
                "volumes": [{ "secret": { "secretName": "events-session" } }],
            },
        });
        assert_eq!(redacted(object), expected);
    }
}
