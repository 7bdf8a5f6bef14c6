//! `kubectl weir topics`.

use crate::{
    access::Access,
    arguments::{Format, Topics},
    metadata, output,
    topic_list::{Owned, TopicList},
};
use custom_resources::Topic;
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, ObjectList},
};
use std::process::ExitCode;

/// What one answer of a list holds at most.
const PAGE: u32 = 500;

pub(super) async fn run(access: &Access, format: Format, asked: Topics) -> anyhow::Result<ExitCode> {
    let name = access.cluster(asked.named.cluster.as_deref()).await?.name_any();
    let (metadata, owned) = tokio::join!(metadata::read(access, &name), owned(access));
    let list = TopicList::new(&metadata?.image, &owned, asked.deleted);
    output::show(format, &list, TopicList::text)?;
    Ok(ExitCode::SUCCESS)
}

/// Which resource a topic is of, as far as whoever asks may know.
async fn owned(access: &Access) -> Owned {
    let everywhere: Api<Topic> = Api::all(access.client.clone());
    let here: Api<Topic> = Api::namespaced(access.client.clone(), &access.namespace);
    let topics = match all(&everywhere).await {
        Ok(topics) => topics,
        Err(_) => all(&here).await.unwrap_or_default(),
    };
    let of_resource = |topic: Topic| {
        let resource = format!("{}/{}", topic.namespace().unwrap_or_default(), topic.name_any());
        Some((topic.status?.topic_id?, resource))
    };
    topics.into_iter().filter_map(of_resource).collect()
}

async fn all(api: &Api<Topic>) -> kube::Result<Vec<Topic>> {
    let mut page = ListParams::default().limit(PAGE);
    let mut topics = Vec::new();
    loop {
        let ObjectList { items, metadata, .. } = api.list(&page).await?;
        topics.extend(items);
        match metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(topics),
        }
    }
}
