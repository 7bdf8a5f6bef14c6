//! The id of a new cluster.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use model::ClusterId;
use uuid::Uuid;

/// Kafka's form of the UID that Kubernetes gave the Cluster: the same however often it is asked for, so that two operators
/// that create the metadata at once mean the same cluster.
pub fn of_uid(uid: &str) -> Result<ClusterId, uuid::Error> {
    Ok(ClusterId::from(URL_SAFE_NO_PAD.encode(Uuid::parse_str(uid)?.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uid_is_an_id_of_kafkas_form() {
        let id = of_uid("6f0d0a1e-52d5-4c7e-9a51-7d7c7c2b3a10").unwrap();
        assert_eq!((&*id, id.len()), ("bw0KHlLVTH6aUX18fCs6EA", 22));
        assert!(of_uid("not a uid").is_err());
    }
}
