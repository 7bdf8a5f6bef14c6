//! ApiVersions: which APIs in which versions, derived from the table (KIP-35, KIP-511, KIP-584).

use super::{RequestContext, Response, TABLE};
use controller::{
    ClusterImage,
    features::{self, FeatureDefinition},
};
use kafka_protocol::{
    ResponseError,
    messages::{
        ApiKey, ApiVersionsRequest, ApiVersionsResponse,
        api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey},
    },
    protocol::StrBytes,
};
use protocol::frame::encode_response;

/// From this version on a request names its client and an answer lists features.
const FIRST_WITH_FEATURES: i16 = 3;

/// Older clients take a level of 0 for an error, so Kafka does not tell them of features that can be off (KAFKA-17011).
const FIRST_WITH_LEVEL_0: i16 = 4;

pub(crate) async fn handle(context: &RequestContext, request: ApiVersionsRequest) -> ApiVersionsResponse {
    let response = ApiVersionsResponse::default();
    if context.version < FIRST_WITH_FEATURES {
        return response.with_api_keys(advertised());
    }
    let name = &request.client_software_name;
    let version = &request.client_software_version;
    if !is_software_word(name) || !is_software_word(version) {
        return response.with_error_code(ResponseError::InvalidRequest.code());
    }
    context.software.name(name, version);
    with_features(response.with_api_keys(advertised()), &context.broker.metadata.current(), context.version)
}

/// What the controller knows, and nothing else: `transaction.version` 2 would start transactions of the second protocol
/// (KIP-890) and `group.version` 1 groups of the new one (KIP-848), neither of which is served.
fn with_features(response: ApiVersionsResponse, image: &ClusterImage, version: i16) -> ApiVersionsResponse {
    let is_told = |feature: &&FeatureDefinition| feature.lowest > 0 || version >= FIRST_WITH_LEVEL_0;
    let supported = features::definitions().iter().filter(is_told).map(|feature| {
        SupportedFeatureKey::default()
            .with_name(StrBytes::from_static_str(feature.name))
            .with_min_version(feature.lowest)
            .with_max_version(feature.highest)
    });
    // Level 0 is a feature that is off, and Kafka does not list those.
    let finalized = image.feature_levels().filter(|(_, level)| *level > 0).map(|(feature, level)| {
        FinalizedFeatureKey::default()
            .with_name(StrBytes::from_static_str(feature.name))
            .with_min_version_level(level)
            .with_max_version_level(level)
    });
    // Clients read -1 as "not known".
    let epoch = i64::try_from(image.metadata_version.0).unwrap_or(i64::MAX);
    response
        .with_supported_features(supported.collect())
        .with_finalized_features_epoch(epoch)
        .with_finalized_features(finalized.collect())
}

/// The answer to a version nobody here knows: in version 0, which every client reads, with the range to try again in.
pub(crate) fn unsupported_version(correlation_id: i32) -> Response {
    let own_range = advertised().into_iter().filter(|api| api.api_key == ApiKey::ApiVersions as i16).collect();
    let response = ApiVersionsResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_api_keys(own_range);
    encode_response(ApiKey::ApiVersions as i16, 0, correlation_id, &response).map_or(Response::Close, Response::Bytes)
}

fn advertised() -> Vec<ApiVersion> {
    TABLE
        .iter()
        .map(|api| {
            ApiVersion::default()
                .with_api_key(api.key as i16)
                .with_min_version(api.advertised.0)
                .with_max_version(api.advertised.1)
        })
        .collect()
}

/// Letters, digits, `-` and `.`, beginning and ending with a letter or digit (KIP-511).
fn is_software_word(word: &str) -> bool {
    let is_plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = word.as_bytes();
    is_plain(bytes.first())
        && is_plain(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_names_are_letters_digits_dots_and_hyphens() {
        for good in ["a", "apache-kafka-java", "4.3.0", "v1.2-rc.3", "librdkafka"] {
            assert!(is_software_word(good), "{good}");
        }
        for bad in ["", "-a", "a-", ".", "a b", "a_b", "kafka/3", "é"] {
            assert!(!is_software_word(bad), "{bad}");
        }
    }
}
