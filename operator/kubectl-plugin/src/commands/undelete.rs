//! `kubectl weir undelete`.

use super::{asking::ask, refused};
use crate::{access::Access, arguments::Undelete, metadata};
use controller::ClusterImage;
use custom_resources::request::Request;
use kube::ResourceExt as _;
use model::TopicId;
use std::process::ExitCode;

pub(super) async fn run(access: &Access, asked: Undelete) -> anyhow::Result<ExitCode> {
    let name = access.cluster(asked.named.cluster.as_deref()).await?.name_any();
    let image = metadata::read(access, &name).await?.image;
    let topic = match find(&image, &asked.topic) {
        Ok(topic) => topic,
        Err(why) => return Ok(refused(&why)),
    };
    let asked = Request { undelete: Some(topic.0.to_string()), ..Request::default() };
    ask(access, &name, "undelete", asked).await
}

/// By id as `kubectl weir topics --deleted` shows it, or by name: the one deleted last.
fn find(image: &ClusterImage, wanted: &str) -> Result<TopicId, String> {
    if let Some(found) = image.tombstones.keys().find(|id| id.to_string() == wanted) {
        return Ok(*found);
    }
    let named = image.tombstones.values().filter(|tombstone| *tombstone.topic.name == *wanted);
    let newest = named.max_by_key(|tombstone| tombstone.deleted_at);
    newest
        .map(|tombstone| tombstone.topic.id)
        .ok_or_else(|| format!("there is no deleted topic {wanted} that can be brought back"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::image;
    use controller::{Tombstone, TopicImage};
    use model::MetadataVersion;
    use std::sync::Arc;
    use uuid::Uuid;

    #[test]
    fn newest_of_deleted_topics_is_found_by_name_and_each_by_its_id() {
        let mut image = image(1, &[], &[&[(&[0], &[0])]]);
        let there = Arc::clone(image.topic("topic-0").unwrap());
        let deleted = |number: u128, version: u64| {
            let id = TopicId(Uuid::from_u128(number));
            let topic = Arc::new(TopicImage { id, name: "orders".into(), ..TopicImage::clone(&there) });
            (id, Tombstone { topic, deleted_at: MetadataVersion(version) })
        };
        image.tombstones = Arc::new([deleted(10, 5), deleted(11, 8), deleted(12, 6)].into());
        let id = |number| TopicId(Uuid::from_u128(number));
        assert_eq!(find(&image, "orders"), Ok(id(11)));
        assert_eq!(find(&image, &id(12).to_string()), Ok(id(12)));
        assert!(find(&image, "topic-0").unwrap_err().contains("no deleted topic"));
    }
}
