//! Two recordings of one script, field by field.

use crate::{accepted::Accepted, answer::Node, session::Answer};
use std::collections::BTreeMap;

/// Fields whose value is another on each broker and each run; only whether they are set is compared.
const FREE_VALUES: &[&str] = &[
    "topic_id",
    "cluster_id",
    "host",
    "port",
    "member_id",
    "leader",
    "producer_id",
    "session_id",
    "log_dir",
    "log_append_time_ms",
    "member",
    "client_host",
    "total_bytes",
    "usable_bytes",
    "size",
    "last_timestamp",
    "client_id",
];

/// Words for people: each broker has its own, but a client sees whether there are any.
const MESSAGES: &[&str] = &["error_message", "batch_index_error_message"];

/// Lists in an order that Kafka does not promise (it keeps them in hash maps).
const UNORDERED: &[&str] = &["groups", "transaction_states", "active_producers", "members", "partition_responses"];

/// A list that is read by the names of its items, so that a difference tells which.
const CONFIGS: &str = "configs";

const ABSENT: &str = "absent";

/// One field in which two answers differ.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Names of the fields on the way, without places in lists.
    pub(crate) field: String,
    pub(crate) ours: String,
    pub(crate) peer: String,
}

/// What differs and is not accepted, one line each.
pub(crate) fn differences(script: &str, ours: &[Answer], peer: &[Answer], accepted: &mut Accepted) -> Vec<String> {
    let mut found = Vec::new();
    if ours.len() != peer.len() {
        found.push(format!("{} answers, {} by the peer", ours.len(), peer.len()));
    }
    for (ours, peer) in ours.iter().zip(peer) {
        let mut differing = Vec::new();
        compare("", &comparable("", &ours.content), &comparable("", &peer.content), &mut differing);
        for one in differing {
            if !accepted.covers(script, &ours.label, &one) {
                found.push(format!("{}: {} {}, by the peer {}", ours.label, one.field, one.ours, one.peer));
            }
        }
    }
    found
}

fn compare(path: &str, ours: &Node, peer: &Node, found: &mut Vec<Difference>) {
    match (ours, peer) {
        (Node::Fields(ours), Node::Fields(peer)) => compare_fields(path, ours, peer, found),
        (Node::Items(ours), Node::Items(peer)) => compare_items(path, ours, peer, found),
        (ours, peer) if ours != peer => {
            found.push(Difference { field: path.to_owned(), ours: ours.describe(), peer: peer.describe() });
        }
        _ => {}
    }
}

fn compare_fields(path: &str, ours: &[(String, Node)], peer: &[(String, Node)], found: &mut Vec<Difference>) {
    let by_name = |fields: &[(String, Node)]| -> BTreeMap<String, Node> { fields.iter().cloned().collect() };
    let mut peers = by_name(peer);
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, ours) in by_name(ours) {
        match peers.remove(&name) {
            Some(peer) => compare(&below(&name), &ours, &peer, found),
            None => found.push(Difference { field: below(&name), ours: ours.describe(), peer: ABSENT.into() }),
        }
    }
    for (name, peer) in peers {
        found.push(Difference { field: below(&name), ours: ABSENT.into(), peer: peer.describe() });
    }
}

fn compare_items(path: &str, ours: &[Node], peer: &[Node], found: &mut Vec<Difference>) {
    for at in 0..ours.len().max(peer.len()) {
        match (ours.get(at), peer.get(at)) {
            (Some(ours), Some(peer)) => compare(path, ours, peer, found),
            (ours, peer) => {
                let describe = |node: Option<&Node>| node.map_or_else(|| ABSENT.to_owned(), Node::describe);
                found.push(Difference { field: path.to_owned(), ours: describe(ours), peer: describe(peer) });
            }
        }
    }
}

/// What of the field `name` is compared.
fn comparable(name: &str, node: &Node) -> Node {
    match node {
        Node::Fields(fields) => {
            Node::Fields(fields.iter().map(|(name, node)| (name.clone(), comparable(name, node))).collect())
        }
        Node::Items(items) => {
            let mut items: Vec<Node> = items.iter().map(|item| comparable(name, item)).collect();
            if UNORDERED.contains(&name) {
                items.sort();
            }
            if name == CONFIGS { by_their_names(items) } else { Node::Items(items) }
        }
        Node::Value(value) if FREE_VALUES.contains(&name) && !is_unset(value) => Node::Value("set".into()),
        Node::Value(value) if MESSAGES.contains(&name) && !matches!(value.as_str(), "None" | "\"\"") => {
            Node::Value("a message".into())
        }
        Node::Value(value) => Node::Value(value.clone()),
    }
}

fn by_their_names(items: Vec<Node>) -> Node {
    let name = |item: &Node| match item {
        Node::Fields(fields) => {
            fields.iter().find(|(name, _)| name == "name").map(|(_, name)| name.describe().trim_matches('"').to_owned())
        }
        _ => None,
    };
    match items.iter().map(name).collect::<Option<Vec<String>>>() {
        Some(names) => Node::Fields(names.into_iter().zip(items).collect()),
        None => Node::Items(items),
    }
}

fn is_unset(value: &str) -> bool {
    matches!(value, "-1" | "0" | "\"\"" | "None" | "00000000-0000-0000-0000-000000000000")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(ours: &str, peer: &str) -> Vec<String> {
        let answer = |text: &str| vec![Answer { label: "Metadata v1".into(), content: Node::read(text) }];
        differences("s", &answer(ours), &answer(peer), &mut Accepted::new(&[]))
    }

    #[test]
    fn another_error_code_is_a_difference() {
        let found = found("R {\n  error_code: 3,\n}", "R {\n  error_code: 5,\n}");
        assert_eq!(found, ["Metadata v1: error_code 3, by the peer 5"]);
    }

    #[test]
    fn another_topic_id_is_none_but_a_missing_one_is() {
        let id = "R {\n  topic_id: 6f0e5c0e-1d2c-4d2e-8f6e-0a0a0a0a0a0a,\n}";
        let other = "R {\n  topic_id: 7f0e5c0e-1d2c-4d2e-8f6e-0a0a0a0a0a0a,\n}";
        let none = "R {\n  topic_id: 00000000-0000-0000-0000-000000000000,\n}";
        assert_eq!(found(id, other), Vec::<String>::new());
        assert_eq!(found(none, other).len(), 1);
    }

    #[test]
    fn another_message_is_none_but_an_empty_or_missing_one_is() {
        let text = |value: &str| format!("R {{\n  error_message: {value},\n  code: 1,\n}}");
        assert_eq!(found(&text("Some(\n\"ours\",\n)"), &text("Some(\n\"theirs\",\n)")), Vec::<String>::new());
        assert_eq!(
            found(&text("Some(\n\"\",\n)"), &text("None")),
            ["Metadata v1: error_message \"\", by the peer None"]
        );
        assert_eq!(
            found(&text("None"), &text("Some(\n\"a\",\n)")),
            ["Metadata v1: error_message None, by the peer a message"]
        );
    }

    #[test]
    fn an_item_too_many_shifts_nothing() {
        let found = found("R {\n  list: [\n 1,\n 2,\n],\n  code: 1,\n}", "R {\n  list: [\n 1,\n],\n  code: 1,\n}");
        assert_eq!(found, ["Metadata v1: list 2, by the peer absent"]);
    }
}
