use super::*;
use controller::features::{BROKER_HOLDS, ELIGIBLE_LEADER_REPLICAS, METADATA_VERSION};
use kafka_protocol::{ResponseError as Code, messages::update_features_request::FeatureUpdateKey};

const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;

/// Levels in force by name, and the epoch.
async fn finalized(fixture: &Fixture, version: i16) -> (Vec<(String, i16)>, i64) {
    let request =
        ApiVersionsRequest::default().with_client_software_name(text("test")).with_client_software_version(text("1"));
    let told = api_versions(fixture, version, request).await;
    for feature in &told.supported_features {
        assert!(version >= 4 || feature.min_version > 0, "older clients end the connection");
    }
    let levels = told.finalized_features.iter().map(|one| (one.name.to_string(), one.max_version_level));
    (levels.collect(), told.finalized_features_epoch)
}

async fn update(fixture: &Fixture, version: i16, updates: &[(&str, i16, i8)], validate_only: bool) -> i16 {
    let updates = updates.iter().map(|(name, level, kind)| {
        let update = FeatureUpdateKey::default().with_feature(text(name)).with_max_version_level(*level);
        if version == 0 { update.with_allow_downgrade(*kind != UPGRADE) } else { update.with_upgrade_type(*kind) }
    });
    let request = UpdateFeaturesRequest::default().with_feature_updates(updates.collect());
    let asked = request.feature_updates.len();
    let told = update_features(fixture, version, request.with_validate_only(validate_only)).await;
    let results = if version <= 1 && told.error_code == 0 { asked } else { 0 };
    assert_eq!(told.results.len(), results);
    assert_eq!(told.error_code != 0, told.error_message.is_some());
    told.error_code
}

#[tokio::test]
async fn a_level_is_what_was_set_last_at_every_version() {
    let fixture = Fixture::start().await;
    let on = || (ELIGIBLE_LEADER_REPLICAS.to_owned(), 1);
    let others = [(METADATA_VERSION.to_owned(), 30), (BROKER_HOLDS.to_owned(), 1)];
    for version in 0..=2 {
        let (levels, before) = finalized(&fixture, 4).await;
        assert_eq!(levels, [&[on()][..], &others].concat());
        assert_eq!(update(&fixture, version, &[(ELIGIBLE_LEADER_REPLICAS, 0, SAFE_DOWNGRADE)], false).await, 0);
        let (levels, after) = finalized(&fixture, 3).await;
        assert_eq!(levels, others, "a feature that is off is not listed");
        assert!(after > before);
        assert_eq!(update(&fixture, version, &[(ELIGIBLE_LEADER_REPLICAS, 1, UPGRADE)], false).await, 0);
    }
    assert_eq!(update(&fixture, 2, &[(ELIGIBLE_LEADER_REPLICAS, 0, SAFE_DOWNGRADE)], true).await, 0);
    assert_eq!(finalized(&fixture, 4).await.0[0], on(), "only checked");
}

#[tokio::test]
async fn one_update_that_is_refused_refuses_all() {
    let fixture = Fixture::start().await;
    let (before, epoch) = finalized(&fixture, 4).await;
    let cases = [
        ("unheard.of", 1, UPGRADE),
        (METADATA_VERSION, 31, UPGRADE),
        (METADATA_VERSION, 29, SAFE_DOWNGRADE),
        (ELIGIBLE_LEADER_REPLICAS, -1, SAFE_DOWNGRADE),
        (METADATA_VERSION, 30, 9),
    ];
    for wrong in cases {
        let good = (ELIGIBLE_LEADER_REPLICAS, 0, SAFE_DOWNGRADE);
        let updates = if wrong.0 == good.0 { vec![wrong] } else { vec![good, wrong] };
        for version in 1..=2 {
            assert_eq!(
                update(&fixture, version, &updates, false).await,
                Code::InvalidUpdateVersion.code(),
                "{wrong:?}"
            );
        }
    }
    let lowered = update(&fixture, 2, &[(ELIGIBLE_LEADER_REPLICAS, 0, UPGRADE)], false).await;
    assert_eq!(lowered, Code::InvalidUpdateVersion.code(), "an upgrade does not lower");
    assert_eq!(finalized(&fixture, 4).await, (before, epoch));
}

#[tokio::test]
async fn a_broker_that_lives_or_never_was_is_not_unregistered() {
    let fixture = Fixture::start().await;
    let me = fixture.broker().config.node_id.0;
    for (id, code) in [(me, Code::InvalidRequest), (99, Code::BrokerIdNotRegistered)] {
        let request = UnregisterBrokerRequest::default().with_broker_id(BrokerId(id));
        let told = unregister_broker(&fixture, 0, request).await;
        assert_eq!(told.error_code, code.code());
        assert!(told.error_message.is_some());
    }
}
