//! `kafka-consumer-groups`

mod describe;
mod offsets;

use super::{
    exception_text,
    flags::{Flags, Given, Usage, maybe_with, plain, with},
    group_tables,
};
use crate::{
    client::{
        ClientError,
        admin::{Admin, GroupListing},
    },
    output::{Format, Out, note},
    session::{self, Properties},
};
use model::GroupId;
use std::{io, process::ExitCode};

pub(super) static FLAGS: Flags = Flags {
    about: "Lists and describes consumer groups, deletes them, resets and deletes their offsets.",
    flags: &[
        plain("all-groups", "Every consumer group"),
        plain("all-topics", "With --reset-offsets: every topic the group has offsets of"),
        with(
            "bootstrap-server",
            "String: server to connect to",
            "REQUIRED (except for --validate-regex): brokers to connect to",
        ),
        with("by-duration", "String: duration", "Reset to so long ago, as PnDTnHnMnS"),
        with("command-config", "String: config file", "A file of client properties"),
        plain("delete", "Delete groups"),
        plain("delete-offsets", "Delete a group's offsets of topics"),
        plain("describe", "Show offsets, lag, members or state of groups"),
        plain("dry-run", "With --reset-offsets: only show what would be"),
        plain("execute", "With --reset-offsets: do it"),
        plain("export", "With --reset-offsets: print the offsets as CSV"),
        with("from-file", "String: path to CSV file", "Reset to the offsets of a CSV file"),
        with("group", "String: consumer group", "The group (may be repeated)"),
        plain("help", "Print this"),
        plain("list", "List the groups"),
        plain("members", "With --describe: the members"),
        plain("offsets", "With --describe: offsets and lag (this is the default)"),
        plain("reset-offsets", "Move the offsets of groups without members; see the --to-… flags"),
        with("shift-by", "Long: number-of-offsets", "Reset by so many records, negative for back"),
        maybe_with(
            "state",
            "String: states",
            "With --describe or --list: the state; with --list also only groups in these states",
        ),
        with("timeout", "Long: timeout (ms)", "How long to try"),
        plain("to-current", "Reset to where the group stands"),
        with("to-datetime", "String: datetime", "Reset to a time, as YYYY-MM-DDThh:mm:ss.sss"),
        plain("to-earliest", "Reset to the first record"),
        plain("to-latest", "Reset to the end"),
        with("to-offset", "Long: offset", "Reset to an offset"),
        with("topic", "String: topic", "A topic, or topic:0,1,2 for some partitions (may be repeated)"),
        maybe_with("type", "String: types", "With --list: the type; or only groups of these types"),
        with("validate-regex", "String: regex", "Say whether a regular expression is one"),
        plain("verbose", "With --describe: more columns"),
        plain("version", "Print the version"),
    ],
};

const ACTIONS: [&str; 6] = ["list", "describe", "delete", "reset-offsets", "delete-offsets", "validate-regex"];

const STATES: [&str; 7] =
    ["Stable", "Reconciling", "Dead", "PreparingRebalance", "CompletingRebalance", "Assigning", "Empty"];
const TYPES: [&str; 2] = ["Consumer", "Classic"];

pub(super) async fn run(given: &Given) -> anyhow::Result<ExitCode> {
    if ACTIONS.iter().filter(|action| given.has(action)).count() != 1 {
        let actions = ACTIONS.map(|action| format!("--{action}")).join(", ");
        return Err(Usage(format!("Command must include exactly one action: {actions}")).into());
    }
    let mut out = Out::new(Format::Table);
    if let Some(regex) = given.value("validate-regex") {
        validate_regex(regex, &mut out)?;
        return Ok(ExitCode::SUCCESS);
    }
    check(given)?;
    match act(given, &mut out).await {
        Ok(()) => {}
        // Kafka's tool reports such failures in its output and still ends with 0; scripts rely on both.
        Err(error) => match error.downcast::<ClientError>() {
            Ok(refused) => {
                print_error(
                    &mut out,
                    &format!("Executing consumer group command failed due to {}", failure_text(given, &refused)),
                )?;
                note(&exception_text(&refused));
                if !matches!(refused, ClientError::Refused { .. } | ClientError::Invalid(_)) {
                    out.flush()?;
                    return Ok(ExitCode::FAILURE);
                }
            }
            Err(error) => return Err(error),
        },
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Where Java's tool waits for a future, its message is that of the exception around the cause.
fn failure_text(given: &Given, error: &ClientError) -> String {
    if given.has("describe") && error.code().is_some() { exception_text(error) } else { error.kafka_message() }
}

fn print_error(out: &mut Out, text: &str) -> io::Result<()> {
    out.line(&format!("\nError: {text}"))
}

fn validate_regex(regex: &str, out: &mut Out) -> io::Result<()> {
    match regex::Regex::new(regex) {
        Ok(_) => out.line(&format!("The regular expression `{regex}` is valid."))?,
        Err(error) => {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            out.line(&format!("The regular expression `{regex}` is invalid: {reason}."))?;
        }
    }
    out.flush()
}

fn check(given: &Given) -> Result<(), Usage> {
    given.require("bootstrap-server")?;
    let usage = |text: String| Err(Usage(text));
    let has_group = given.has("group") || given.has("all-groups");
    for action in ["describe", "delete", "reset-offsets"] {
        if given.has(action) && !has_group {
            return usage(format!("Option [{action}] takes one of these options: [all-groups], [group]"));
        }
    }
    for flag in ["members", "offsets", "verbose"] {
        if given.has(flag) && !given.has("describe") {
            return usage(format!("Option(s) [{flag}] are unavailable given other options on the command line"));
        }
    }
    if given.has("type") && !given.has("list") || given.has("state") && !given.has("list") && !given.has("describe") {
        return usage("Options [state] and [type] are unavailable given other options on the command line".to_owned());
    }
    if given.has("describe") {
        if ["members", "offsets", "state"].iter().filter(|flag| given.has(flag)).count() > 1 {
            return usage(
                "Option [describe] takes at most one of these options: [members], [offsets], [state]".to_owned(),
            );
        }
        if given.value("state").is_some() {
            return usage("Option [describe] does not take a value for [state]".to_owned());
        }
    }
    if given.has("delete") && given.has("topic") {
        return usage("The consumer does not support topic-specific offset deletion from a consumer group.".to_owned());
    }
    if given.has("delete-offsets") && !(given.has("group") && given.has("topic")) {
        return usage("Option [delete-offsets] takes the following options: [topic], [group]".to_owned());
    }
    given.refuse_together("group", &["all-groups", "list"])?;
    given.refuse_together("topic", &["list", "describe"])?;
    if given.has("reset-offsets") { offsets::check_reset(given) } else { Ok(()) }
}

async fn act(given: &Given, out: &mut Out) -> anyhow::Result<()> {
    let mut properties = given.value("command-config").map(Properties::from_file).transpose()?.unwrap_or_default();
    if let Some(timeout) = given.number::<u64>("timeout")? {
        properties.set("default.api.timeout.ms", &timeout.to_string());
    }
    // Before a broker is asked: a word that is no state is a mistake on the command line.
    let filters = (filter(given, "state", "state", &STATES)?, filter(given, "type", "types", &TYPES)?);
    let options = session::client_options(given.value("bootstrap-server"), "adminclient-1", &properties)?;
    let admin = Admin::new(session::connect(options).await?);
    if given.has("list") {
        return list(&admin, given, filters, out).await;
    }
    let groups = groups(&admin, given).await?;
    if given.has("describe") {
        describe::describe(&admin, given, &groups, out).await
    } else if given.has("delete") {
        delete(&admin, &groups, out).await
    } else if given.has("delete-offsets") {
        offsets::delete(&admin, &groups[0], given.values("topic"), out).await
    } else {
        offsets::reset(&admin, given, &groups, out).await
    }
}

async fn groups(admin: &Admin, given: &Given) -> anyhow::Result<Vec<GroupId>> {
    if given.has("all-groups") {
        let listed = admin.list_groups(&[], &[]).await?;
        return Ok(listed.into_iter().filter(GroupListing::is_consumer_group).map(|group| group.id).collect());
    }
    let mut groups: Vec<GroupId> = given.values("group").iter().map(|group| GroupId::from(group.as_str())).collect();
    groups.sort();
    groups.dedup();
    Ok(groups)
}

/// The words of `--state` or `--type` in Kafka's spelling.
fn filter(given: &Given, flag: &str, plural: &str, known: &[&str]) -> Result<Vec<String>, Usage> {
    let Some(text) = given.value(flag).filter(|text| !text.is_empty()) else { return Ok(Vec::new()) };
    let find =
        |word: &str| known.iter().find(|known| known.eq_ignore_ascii_case(word.trim())).map(|word| (*word).to_owned());
    text.split(',')
        .map(find)
        .collect::<Option<_>>()
        .ok_or_else(|| Usage(format!("Invalid {plural} list '{text}'. Valid {}s are: {}", flag, known.join(", "))))
}

async fn list(
    admin: &Admin,
    given: &Given,
    (states, types): (Vec<String>, Vec<String>),
    out: &mut Out,
) -> anyhow::Result<()> {
    let groups = admin.list_groups(&states, &types).await?;
    let groups: Vec<_> = groups.into_iter().filter(GroupListing::is_consumer_group).collect();
    if given.has("state") || given.has("type") {
        out.line(&group_tables::listing(&groups, given.has("type"), given.has("state")))?;
    } else {
        groups.iter().try_for_each(|group| out.line(&group.id))?;
    }
    Ok(())
}

async fn delete(admin: &Admin, groups: &[GroupId], out: &mut Out) -> anyhow::Result<()> {
    let mut deleted = Vec::new();
    let mut failed = Vec::new();
    for group in groups {
        match admin.delete_group(group).await {
            Ok(()) => deleted.push(format!("'{group}'")),
            Err(error @ ClientError::Refused { .. }) => failed.push((group, error)),
            Err(error) => return Err(error.into()),
        }
    }
    let deleted = deleted.join(", ");
    if failed.is_empty() {
        out.line(&format!("Deletion of requested consumer groups ({deleted}) was successful."))?;
        return Ok(());
    }
    print_error(out, "Deletion of some consumer groups failed:")?;
    for (group, error) in failed {
        out.line(&format!("* Group '{group}' could not be deleted due to: {}", exception_text(&error)))?;
    }
    if !deleted.is_empty() {
        out.line(&format!("\nThese consumer groups were deleted successfully: {deleted}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(words: &str) -> Result<(), String> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        check(&FLAGS.parse(&words).expect("known flags")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_flags_of_tutorials_are_taken() {
        for words in [
            "--bootstrap-server b --list",
            "--bootstrap-server b --describe --group g",
            "--bootstrap-server b --describe --all-groups --members --verbose",
            "--bootstrap-server b --describe --group g --state",
            "--bootstrap-server b --delete --group g --group h",
            "--bootstrap-server b --reset-offsets --group g --topic t --to-earliest --execute",
            "--bootstrap-server b --delete-offsets --group g --topic t",
        ] {
            assert_eq!(checked(words), Ok(()), "{words}");
        }
    }

    #[test]
    fn wrong_combinations_are_refused_in_kafkas_words() {
        for (words, message) in [
            ("--list", "Missing required argument \"[bootstrap-server]\""),
            ("--bootstrap-server b --describe", "Option [describe] takes one of these options: [all-groups], [group]"),
            (
                "--bootstrap-server b --describe --group g --members --state",
                "Option [describe] takes at most one of these options: [members], [offsets], [state]",
            ),
            (
                "--bootstrap-server b --delete --group g --topic t",
                "The consumer does not support topic-specific offset deletion from a consumer group.",
            ),
            (
                "--bootstrap-server b --reset-offsets --group g --topic t --to-earliest --to-latest --dry-run",
                "Option \"[to-earliest]\" can't be used with option \"[to-latest]\"",
            ),
        ] {
            assert_eq!(checked(words), Err(message.to_owned()), "{words}");
        }
    }

    #[test]
    fn states_are_read_in_any_case_and_unknown_ones_named() {
        let given = |words: &str| {
            FLAGS.parse(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).expect("known flags")
        };
        assert_eq!(
            filter(&given("--state stable,EMPTY"), "state", "state", &STATES).expect("known"),
            ["Stable", "Empty"]
        );
        let error = filter(&given("--state nonsense"), "state", "state", &STATES).expect_err("unknown").to_string();
        assert!(error.starts_with("Invalid state list 'nonsense'. Valid states are: Stable, "), "{error}");
    }
}
