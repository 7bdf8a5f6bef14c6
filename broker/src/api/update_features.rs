//! UpdateFeatures: other levels for features, all of them or none (KIP-584, KIP-1022).

use super::{RequestContext, error_codes, topic_words::text};
use controller::requests::{FeatureUpdate, UpdateFeatures};
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        UpdateFeaturesRequest, UpdateFeaturesResponse, update_features_request::FeatureUpdateKey,
        update_features_response::UpdatableFeatureResult,
    },
};

/// Up to this version an answer has a result for each feature.
const LAST_WITH_RESULTS: i16 = 1;

/// Kafka's numbers of `upgrade_type`.
const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

pub(crate) async fn handle(context: &RequestContext, request: UpdateFeaturesRequest) -> UpdateFeaturesResponse {
    let response = UpdateFeaturesResponse::default().with_error_message(None);
    let refused = |code: i16, why: String| response.clone().with_error_code(code).with_error_message(Some(text(why)));
    let mut updates = Vec::new();
    for update in &request.feature_updates {
        match update_of(update, context.version) {
            Ok(update) => updates.push(update),
            Err(why) => return refused(Code::InvalidUpdateVersion.code(), why),
        }
    }
    let ask = UpdateFeatures { updates, validate_only: request.validate_only };
    let results = match context.broker.controller.update_features(ask).await {
        Ok(results) => results,
        Err(error) => return refused(error_codes::controller(&error).code(), error.to_string()),
    };
    let failure = results.iter().find_map(|(name, result)| Some((name, result.as_ref().err()?)));
    if let Some((name, error)) = failure {
        let why = format!("the update failed for all features, because of {name}: {error}");
        return refused(error_codes::feature(error), why);
    }
    if context.version > LAST_WITH_RESULTS {
        return response;
    }
    let done = |(name, _)| UpdatableFeatureResult::default().with_feature(text(name)).with_error_message(None);
    response.with_results(results.into_iter().map(done).collect())
}

fn update_of(update: &FeatureUpdateKey, version: i16) -> Result<FeatureUpdate, String> {
    let allow_downgrade = match update.upgrade_type {
        _ if version == 0 => update.allow_downgrade,
        UPGRADE => false,
        SAFE_DOWNGRADE | UNSAFE_DOWNGRADE => true,
        other => return Err(format!("there is no upgrade type {other}")),
    };
    Ok(FeatureUpdate { name: update.feature.to_string(), level: update.max_version_level, allow_downgrade })
}
