//! Which names a topic may have.

use crate::errors::TopicError;

/// Kafka's limit: the name plus `-` and a partition must stay a legal file name.
pub const MAX_LENGTH: usize = 249;

/// Topics the brokers keep for themselves.
pub const INTERNAL_TOPICS: [&str; 3] = [GROUP_OFFSETS, TRANSACTION_STATE, SHARE_GROUP_STATE];
pub const GROUP_OFFSETS: &str = "__consumer_offsets";
pub const TRANSACTION_STATE: &str = "__transaction_state";
pub const SHARE_GROUP_STATE: &str = "__share_group_state";
/// The log of Kafka's own controllers. No topic may be called so: tools would take it for that log.
pub const CLUSTER_METADATA: &str = "__cluster_metadata";

pub fn is_internal(name: &str) -> bool {
    INTERNAL_TOPICS.contains(&name)
}

/// Checks the form of a name, not whether it is free.
pub fn validate(name: &str) -> Result<(), TopicError> {
    let reason = if name.is_empty() {
        "the name is empty".to_owned()
    } else if name == "." || name == ".." {
        "the name may not be \".\" or \"..\"".to_owned()
    } else if name.len() > MAX_LENGTH {
        format!("the name has {} characters, the limit is {MAX_LENGTH}", name.len())
    } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')) {
        format!("the name \"{name}\" may hold only ASCII letters and digits, \".\", \"_\" and \"-\"")
    } else {
        return Ok(());
    };
    Err(TopicError::InvalidName(reason))
}

/// Names with the same key would share their metric names. `None` when the name can collide with no other.
pub(crate) fn collision_key(name: &str) -> Option<String> {
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kafkas_rules() {
        let long = "a".repeat(MAX_LENGTH);
        for good in ["a", "A.b_c-9", "...", "__consumer_offsets", &long] {
            assert_eq!(validate(good), Ok(()), "{good}");
        }
        let too_long = "a".repeat(MAX_LENGTH + 1);
        for bad in ["", ".", "..", "a b", "a/b", "ä", "a\0", "a:b", &too_long] {
            assert!(matches!(validate(bad), Err(TopicError::InvalidName(_))), "{bad}");
        }
    }

    #[test]
    fn dots_and_underscores_collide() {
        assert_eq!(collision_key("a.b"), collision_key("a_b"));
        assert_ne!(collision_key("a.b"), collision_key("a.c"));
        assert_eq!(collision_key("a-b"), None);
    }
}
