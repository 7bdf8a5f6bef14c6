//! What a broker shows to be let into the sessions of its cluster.

use super::{metadata, names};
use crate::valid_cluster::ValidCluster;
use k8s_openapi::{ByteString, api::core::v1::Secret};

pub const TOKEN_KEY: &str = "token";

/// With a token that nobody else knows. It is made once and kept.
pub fn build(cluster: &ValidCluster, token: &str) -> Secret {
    Secret {
        metadata: metadata(cluster, names::secret(&cluster.key.name)),
        data: Some([(TOKEN_KEY.to_owned(), ByteString(token.as_bytes().to_vec()))].into()),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}

/// The token in a Secret; nothing where somebody emptied it.
pub fn token(secret: &Secret) -> Option<String> {
    let ByteString(bytes) = secret.data.as_ref()?.get(TOKEN_KEY)?;
    String::from_utf8(bytes.clone()).ok().filter(|token| token.len() >= 32)
}
