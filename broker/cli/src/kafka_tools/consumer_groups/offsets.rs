//! `--reset-offsets` and `--delete-offsets`.

use super::super::{
    exception_text,
    flags::{Given, Usage},
    group_tables, log,
};
use crate::{
    client::{ClientError, admin::Admin},
    output::{Out, note},
    reset_offsets::{self, Notice, Plan, Target},
    time_text, writing,
};
use model::{GroupId, Offset, TopicPartition};
use std::collections::BTreeMap;

const SCENARIOS: [&str; 8] =
    ["to-offset", "shift-by", "to-datetime", "by-duration", "to-earliest", "to-latest", "to-current", "from-file"];

const NOT_EXECUTED: &str = "WARN: No action will be performed as the --execute option is missing. In version 5.0, this command \
    will require either --dry-run or --execute to be specified. You should add the --dry-run option explicitly if you are \
    scripting this command and want to keep the current default behavior without prompting.";

pub(super) fn check_reset(given: &Given) -> Result<(), Usage> {
    if given.has("dry-run") && given.has("execute") {
        return Err(Usage("Option [reset-offsets] only accepts one of [execute] and [dry-run]".to_owned()));
    }
    for scenario in SCENARIOS {
        let others: Vec<&str> = SCENARIOS.into_iter().filter(|other| *other != scenario).collect();
        given.refuse_together(scenario, &others)?;
    }
    if !SCENARIOS.iter().any(|scenario| given.has(scenario)) {
        let scenarios = SCENARIOS.map(|scenario| format!("[{scenario}]")).join(", ");
        return Err(Usage(format!("Option '[reset-offsets]' requires one of the following scenarios: [{scenarios}]")));
    }
    if !given.has("all-topics") && !given.has("topic") && !given.has("from-file") {
        return Err(Usage("One of the reset scopes should be defined: --all-topics, --topic.".to_owned()));
    }
    Ok(())
}

pub(super) async fn reset(admin: &Admin, given: &Given, groups: &[GroupId], out: &mut Out) -> anyhow::Result<()> {
    if !given.has("dry-run") && !given.has("execute") {
        note(NOT_EXECUTED);
    }
    let mut planned: BTreeMap<&GroupId, BTreeMap<TopicPartition, Offset>> = BTreeMap::new();
    for group in groups {
        planned.insert(group, reset_group(admin, given, group, groups.len() == 1, out).await?);
    }
    if given.has("export") {
        let mut csv = String::new();
        for (group, partition, offset) in rows(&planned) {
            let prefix = if groups.len() == 1 { String::new() } else { format!("{group},") };
            csv.push_str(&format!("{prefix}{},{},{offset}\n", partition.topic, partition.partition));
        }
        out.line(&csv)?;
    } else {
        let names: Vec<&str> = groups.iter().map(|group| group.as_str()).collect();
        out.line(&group_tables::reset(&rows(&planned), &names))?;
    }
    Ok(())
}

fn rows<'a>(planned: &BTreeMap<&'a GroupId, BTreeMap<TopicPartition, Offset>>) -> Vec<(&'a str, TopicPartition, i64)> {
    planned
        .iter()
        .flat_map(|(group, offsets)| {
            offsets.iter().map(|(partition, offset)| (group.as_str(), partition.clone(), offset.0))
        })
        .collect()
}

async fn reset_group(
    admin: &Admin,
    given: &Given,
    group: &GroupId,
    only_group: bool,
    out: &mut Out,
) -> anyhow::Result<BTreeMap<TopicPartition, Offset>> {
    if let Some(state) = reset_offsets::active_state(admin, group).await? {
        let text = format!(
            "Assignments can only be reset if the group '{group}' is inactive, but the current state is {state}."
        );
        super::print_error(out, &text)?;
        return Ok(BTreeMap::new());
    }
    let partitions = if given.has("all-topics") {
        admin.committed_offsets(group).await?.into_keys().collect()
    } else {
        reset_offsets::scope(admin, given.values("topic")).await?
    };
    let Some(target) = target(given, group, only_group, out)? else { return Ok(BTreeMap::new()) };
    let Plan { offsets, notices } = reset_offsets::plan(admin, group, &partitions, &target).await?;
    for notice in notices {
        tell(&notice, out)?;
    }
    if given.has("execute") {
        admin.alter_offsets(group, &offsets).await?;
    }
    Ok(offsets)
}

fn tell(notice: &Notice, out: &mut Out) -> std::io::Result<()> {
    match notice {
        Notice::NothingSoNew { partition } => out.line(&format!(
            "\nWarn: Partition {} from topic {} is empty. Falling back to latest known offset.",
            partition.partition, partition.topic
        )),
        Notice::Clamped { partition, asked, to } => {
            let (high, end) = if *asked > to.0 { ("higher", "latest") } else { ("lower", "earliest") };
            let text = format!(
                "New offset ({asked}) is {high} than {end} offset for topic partition {partition}. Value will be set to {to}"
            );
            log("WARN", &text, "org.apache.kafka.tools.OffsetsUtils");
            Ok(())
        }
    }
}

/// Where to; `None` where a file says nothing of the group.
fn target(given: &Given, group: &GroupId, only_group: bool, out: &mut Out) -> anyhow::Result<Option<Target>> {
    let invalid = |text: &str| ClientError::Invalid(text.to_owned());
    if let Some(offset) = given.number("to-offset")? {
        return Ok(Some(Target::Offset(offset)));
    }
    if let Some(by) = given.number("shift-by")? {
        return Ok(Some(Target::ShiftBy(by)));
    }
    if let Some(text) = given.value("to-datetime") {
        let time = time_text::parse_time(text).ok_or_else(|| invalid(&format!("Unparseable date: \"{text}\"")))?;
        return Ok(Some(Target::At(time)));
    }
    if let Some(text) = given.value("by-duration") {
        let back = time_text::parse_duration(text).ok_or_else(|| invalid("Text cannot be parsed to a Duration"))?;
        return Ok(Some(Target::At(writing::now().minus_ms(i64::try_from(back.as_millis()).unwrap_or(i64::MAX)))));
    }
    if let Some(path) = given.value("from-file") {
        let text = std::fs::read_to_string(path).map_err(|error| invalid(&format!("{path}: {error}")))?;
        let mut plan = read_plan(&text, only_group.then_some(group))?;
        let listed = plan.remove(group);
        if listed.is_none() {
            super::print_error(out, &format!("No reset plan for group {group} found."))?;
        }
        return Ok(listed.map(Target::Listed));
    }
    Ok(Some(if given.has("to-earliest") {
        Target::Earliest
    } else if given.has("to-latest") {
        Target::Latest
    } else {
        Target::Current
    }))
}

/// `topic,partition,offset` where one group is meant, else `group,topic,partition,offset`.
fn read_plan(
    text: &str,
    group: Option<&GroupId>,
) -> Result<BTreeMap<GroupId, BTreeMap<TopicPartition, i64>>, ClientError> {
    let mut plan = BTreeMap::<GroupId, BTreeMap<TopicPartition, i64>>::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let bad = || {
            ClientError::Invalid(format!(
                "{line}: not a line of a reset plan; write topic,partition,offset or group,topic,partition,offset"
            ))
        };
        let fields: Vec<&str> = line.split(',').map(|field| field.trim().trim_matches('"')).collect();
        let (group, topic, partition, offset) = match (fields.as_slice(), group) {
            ([topic, partition, offset], Some(group)) => (group.clone(), topic, partition, offset),
            ([group, topic, partition, offset], _) => (GroupId::from(*group), topic, partition, offset),
            _ => return Err(bad()),
        };
        let partition = TopicPartition::new(*topic, partition.parse().map_err(|_| bad())?);
        plan.entry(group).or_default().insert(partition, offset.parse().map_err(|_| bad())?);
    }
    Ok(plan)
}

pub(super) async fn delete(admin: &Admin, group: &GroupId, topics: &[String], out: &mut Out) -> anyhow::Result<()> {
    let mut partitions = Vec::new();
    let mut rows = Vec::new();
    for topic in topics {
        match reset_offsets::scope(admin, std::slice::from_ref(topic)).await {
            Ok(found) => partitions.extend(found),
            Err(error) if error.code().is_some() => {
                rows.push((topic.clone(), None, format!("Error: {}", exception_text(&error))))
            }
            Err(error) => return Err(error.into()),
        }
    }
    match admin.delete_offsets(group, &partitions).await {
        Ok(outcomes) => {
            if outcomes.values().all(Result::is_ok) {
                out.line(&format!("Request succeeded for deleting offsets from group {group}."))?;
            } else {
                super::print_error(out, "Encountered some partition-level error, see the follow-up details.")?;
            }
            for (partition, outcome) in outcomes {
                let status = outcome
                    .map_or_else(|error| format!("Error: {}", exception_text(&error)), |()| "Successful".to_owned());
                rows.push((partition.topic.to_string(), Some(partition.partition.0), status));
            }
        }
        Err(error) if error.code().is_some() => {
            super::print_error(out, &error.kafka_message())?;
            let status = format!("Error: {}", exception_text(&error));
            rows.extend(
                partitions
                    .iter()
                    .map(|partition| (partition.topic.to_string(), Some(partition.partition.0), status.clone())),
            );
        }
        Err(error) => return Err(error.into()),
    }
    out.line(&group_tables::deleted(&rows))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_for_one_group_or_names_them() {
        let group = GroupId::from("g");
        let expected = BTreeMap::from([(group.clone(), BTreeMap::from([(TopicPartition::new("t", 1), 5)]))]);
        assert_eq!(read_plan("t,1,5\n", Some(&group)).expect("short lines"), expected);
        assert_eq!(read_plan("\"g\",t,1,5\n\n", None).expect("long lines"), expected);
    }

    #[test]
    fn a_bad_line_of_a_plan_is_shown() {
        for (text, group) in [("t,1", Some(GroupId::from("g"))), ("t,1,5", None), ("t,x,5", Some(GroupId::from("g")))] {
            let error = read_plan(text, group.as_ref()).expect_err(text).to_string();
            assert!(error.starts_with(text), "{error}");
        }
    }
}
