//! `kubectl weir held`.

use super::{
    asking::{Asked, ask},
    code, refused,
};
use crate::{
    access::Access,
    arguments::{Format, Held},
    output,
};
use custom_resources::{
    cluster_status::HeldDeletions,
    request::{Ask, HeldDecision},
};
use std::{fmt::Write as _, process::ExitCode};

pub(super) async fn run(access: &Access, format: Format, asked: Held) -> anyhow::Result<ExitCode> {
    let cluster = access.cluster(asked.named.cluster.as_deref()).await?;
    let held = cluster.status.as_ref().and_then(|status| status.held_deletions.clone()).unwrap_or_default();
    let (decision, digest) = match (asked.delete, asked.keep) {
        (Some(digest), _) => (HeldDecision::Delete, digest),
        (_, Some(digest)) => (HeldDecision::Keep, digest),
        _ => {
            output::show(format, &held, text)?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    if held.topics == 0 {
        return Ok(refused("no topic is held"));
    }
    let decided = Ask::HeldDeletions { decision, digest };
    ask(access, Asked { cluster: &cluster, what: "held", ask: decided, dry_run: false }).await.map(code)
}

fn text(held: &HeldDeletions) -> String {
    if held.topics == 0 {
        return "no topic is held\n".to_owned();
    }
    let mut text = format!("{} topics are held: {}\n", held.topics, held.reason);
    for topic in &held.list {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}  {}", topic.id, topic.name);
    }
    let more = usize::try_from(held.topics).unwrap_or(0).saturating_sub(held.list.len());
    if more > 0 {
        let _ = writeln!(text, "and {more} more");
    }
    let _ = writeln!(text, "digest {}: --delete or --keep with it decides about these, and no others", held.digest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use custom_resources::cluster_status::HeldTopic;

    #[test]
    fn held_topics_are_named_with_the_reason() {
        let topic = HeldTopic { id: "an-id".to_owned(), name: "orders".to_owned() };
        let held = HeldDeletions { reason: "6 of 6".to_owned(), topics: 3, digest: "7f".to_owned(), list: vec![topic] };
        let told = "3 topics are held: 6 of 6\nan-id  orders\nand 2 more\ndigest 7f: --delete or --keep with it decides about these, and no others\n";
        assert_eq!(text(&held), told);
        assert_eq!(text(&HeldDeletions::default()), "no topic is held\n");
    }
}
