//! The tables of `kafka-consumer-groups`, blank for blank.

use crate::client::admin::{GroupListing, Member};
use model::TopicPartition;
use std::collections::BTreeMap;

/// What stands for nothing.
pub(super) const MISSING: &str = "-";

/// One line of `--describe --offsets`.
#[derive(Debug, Clone, Default)]
pub(super) struct OffsetRow {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) leader_epoch: Option<i32>,
    pub(super) current: Option<i64>,
    pub(super) end: Option<i64>,
    pub(super) consumer_id: String,
    pub(super) host: String,
    pub(super) client_id: String,
}

/// Left-aligned cells, one blank between; the last one as long as it is.
fn line(widths: &[usize], cells: &[String]) -> String {
    let padded = cells.iter().zip(widths.iter().copied().chain(std::iter::repeat(0)));
    padded.map(|(cell, width)| format!("{cell:<width$}")).collect::<Vec<_>>().join(" ")
}

fn or_missing(number: Option<impl ToString>) -> String {
    number.map_or_else(|| MISSING.to_owned(), |number| number.to_string())
}

fn widest<'a>(least: usize, cells: impl Iterator<Item = &'a str>) -> usize {
    cells.map(|cell| cell.chars().count()).fold(least, usize::max)
}

fn owned(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

pub(super) fn offsets(group: &str, rows: &[OffsetRow], verbose: bool) -> String {
    let mut widths = vec![
        widest(15, [group].into_iter()),
        widest(15, rows.iter().map(|row| row.topic.as_str())),
        10,
        15,
        15,
        15,
        widest(15, rows.iter().map(|row| row.consumer_id.as_str())),
        widest(15, rows.iter().map(|row| row.host.as_str())),
    ];
    let mut headings = owned(&[
        "GROUP",
        "TOPIC",
        "PARTITION",
        "CURRENT-OFFSET",
        "LOG-END-OFFSET",
        "LAG",
        "CONSUMER-ID",
        "HOST",
        "CLIENT-ID",
    ]);
    if verbose {
        widths.insert(3, 15);
        headings.insert(3, "LEADER-EPOCH".to_owned());
    }
    let mut text = format!("\n{}", line(&widths, &headings));
    for row in rows {
        let lag = row.current.zip(row.end).map(|(current, end)| end - current);
        let mut cells = vec![
            group.to_owned(),
            row.topic.clone(),
            row.partition.to_string(),
            or_missing(row.current),
            or_missing(row.end),
            or_missing(lag),
            row.consumer_id.clone(),
            row.host.clone(),
            row.client_id.clone(),
        ];
        if verbose {
            cells.insert(3, or_missing(row.leader_epoch));
        }
        text.push('\n');
        text.push_str(&line(&widths, &cells));
    }
    text
}

pub(super) fn members(group: &str, members: &[Member], verbose: bool) -> String {
    let with_instance = members.iter().any(|member| member.instance_id.is_some());
    let assignments: Vec<String> = members.iter().map(|member| assignment(&member.assignment)).collect();
    let mut widths = vec![
        widest(15, [group].into_iter()),
        widest(15, members.iter().map(|member| member.id.as_str())),
        widest(15, members.iter().map(|member| member.host.as_str())),
        widest(15, members.iter().map(|member| member.client_id.as_str())),
        15,
    ];
    let mut headings = owned(&["GROUP", "CONSUMER-ID", "HOST", "CLIENT-ID", "#PARTITIONS"]);
    if with_instance {
        widths.insert(2, widest(17, members.iter().filter_map(|member| member.instance_id.as_deref())));
        headings.insert(2, "GROUP-INSTANCE-ID".to_owned());
    }
    if verbose {
        widths.extend([15, widest(20, assignments.iter().map(String::as_str)), 15, 20]);
        headings.extend(owned(&["CURRENT-EPOCH", "CURRENT-ASSIGNMENT", "TARGET-EPOCH", "TARGET-ASSIGNMENT"]));
    }
    // Kafka ends the line after the first block with a blank, after the second without.
    let end = if verbose { "" } else { " " };
    let mut text = format!("\n{}{end}\n", line(&widths, &headings));
    for (member, assignment) in members.iter().zip(assignments) {
        let mut cells = vec![
            group.to_owned(),
            member.id.clone(),
            member.host.clone(),
            member.client_id.clone(),
            member.assignment.len().to_string(),
        ];
        if with_instance {
            cells.insert(2, member.instance_id.clone().unwrap_or_default());
        }
        if verbose {
            // Epochs and targets are those of the newer group protocol.
            cells.extend([MISSING.to_owned(), assignment, MISSING.to_owned(), MISSING.to_owned()]);
        }
        text.push_str(&format!("{}{end}\n", line(&widths, &cells)));
    }
    text.truncate(text.len() - 1);
    text
}

/// `topic:0,1;other:2`
fn assignment(partitions: &[TopicPartition]) -> String {
    if partitions.is_empty() {
        return MISSING.to_owned();
    }
    let mut topics = BTreeMap::<&str, Vec<String>>::new();
    for partition in partitions {
        topics.entry(partition.topic.as_str()).or_default().push(partition.partition.to_string());
    }
    topics
        .into_iter()
        .map(|(topic, partitions)| format!("{topic}:{}", partitions.join(",")))
        .collect::<Vec<_>>()
        .join(";")
}

pub(super) struct State<'a> {
    pub(super) group: &'a str,
    pub(super) coordinator: String,
    pub(super) assignor: &'a str,
    pub(super) state: &'a str,
    pub(super) members: usize,
}

pub(super) fn state(state: &State<'_>, verbose: bool) -> String {
    let assignor = if state.assignor.is_empty() { MISSING } else { state.assignor };
    let mut widths =
        vec![widest(15, [state.group].into_iter()), widest(25, [state.coordinator.as_str()].into_iter()), 20, 20];
    let mut headings = owned(&["GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE"]);
    let mut cells = owned(&[state.group, &state.coordinator, assignor, state.state]);
    if verbose {
        widths.extend([15, 25]);
        headings.extend(owned(&["GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH"]));
        cells.extend(owned(&[MISSING, MISSING]));
    }
    headings.push("#MEMBERS".to_owned());
    cells.push(state.members.to_string());
    format!("\n{}\n{}", line(&widths, &headings), line(&widths, &cells))
}

pub(super) fn listing(groups: &[GroupListing], with_type: bool, with_state: bool) -> String {
    let mut widths = vec![widest(15, groups.iter().map(|group| group.id.as_str())) + 10];
    let mut headings = owned(&["GROUP"]);
    for (wanted, heading) in [(with_type, "TYPE"), (with_state, "STATE")] {
        if wanted {
            widths.push(20);
            headings.push(heading.to_owned());
        }
    }
    let mut lines = vec![line(&widths, &headings)];
    for group in groups {
        let mut cells = vec![group.id.to_string()];
        cells.extend(with_type.then(|| capitalized(&group.group_type)));
        cells.extend(with_state.then(|| group.state.clone()));
        lines.push(line(&widths, &cells));
    }
    lines.join("\n")
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Rows of `--reset-offsets`: group, topic, partition, new offset.
pub(super) fn reset(rows: &[(&str, TopicPartition, i64)], groups: &[&str]) -> String {
    let widths = [
        widest(15, groups.iter().copied()),
        widest(15, rows.iter().map(|(_, partition, _)| partition.topic.as_str())),
        10,
    ];
    let mut text = format!("\n{}", line(&widths, &owned(&["GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"])));
    for (group, partition, offset) in rows {
        let cells =
            [(*group).to_owned(), partition.topic.to_string(), partition.partition.to_string(), offset.to_string()];
        text.push_str(&format!("\n{}", line(&widths, &cells)));
    }
    text
}

/// Rows of `--delete-offsets`: topic, partition (none for a whole topic), what came of it.
pub(super) fn deleted(rows: &[(String, Option<i32>, String)]) -> String {
    let widths = [widest(15, rows.iter().map(|(topic, _, _)| topic.as_str())), 10, 15];
    let mut text = format!("\n{}", line(&widths, &owned(&["TOPIC", "PARTITION", "STATUS"])));
    for (topic, partition, status) in rows {
        text.push_str(&format!("\n{}", line(&widths, &[topic.clone(), or_missing(*partition), status.clone()])));
    }
    text
}

#[cfg(test)]
mod tests;
