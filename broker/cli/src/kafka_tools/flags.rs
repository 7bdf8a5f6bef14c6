//! Command lines as Kafka's tools read them: long flags only, `--name value` or `--name=value`, no abbreviations.

use std::{collections::BTreeMap, str::FromStr};

/// What follows a flag; the text stands for it in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    None,
    /// The next word, whatever it is.
    Required(&'static str),
    /// The next word unless it is a flag.
    Optional(&'static str),
}

#[derive(Debug)]
pub(super) struct Flag {
    pub(super) name: &'static str,
    pub(super) argument: Argument,
    pub(super) help: &'static str,
}

/// The flags of a tool, sorted by name.
#[derive(Debug)]
pub(super) struct Flags {
    pub(super) about: &'static str,
    pub(super) flags: &'static [Flag],
}

/// The command line makes no sense. Printed with the help below it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// What was on the command line.
#[derive(Debug, Default)]
pub(super) struct Given(BTreeMap<&'static str, Vec<String>>);

pub(super) const fn plain(name: &'static str, help: &'static str) -> Flag {
    Flag { name, argument: Argument::None, help }
}

pub(super) const fn with(name: &'static str, what: &'static str, help: &'static str) -> Flag {
    Flag { name, argument: Argument::Required(what), help }
}

pub(super) const fn maybe_with(name: &'static str, what: &'static str, help: &'static str) -> Flag {
    Flag { name, argument: Argument::Optional(what), help }
}

/// Width of the help's first column at most; longer ones push their text to the next line.
const HELP_COLUMN: usize = 42;

impl Flags {
    pub(super) fn parse(&self, arguments: &[String]) -> Result<Given, Usage> {
        let mut given = Given::default();
        let mut rest = arguments.iter().peekable();
        while let Some(word) = rest.next() {
            let Some(long) = word.strip_prefix("--").filter(|name| !name.is_empty()) else {
                return Err(Usage(format!("{word} is not an option; options begin with --")));
            };
            let (name, attached) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
            let flag = self.flags.iter().find(|flag| flag.name == name);
            let flag = flag.ok_or_else(|| Usage(format!("{name} is not a recognized option")))?;
            let value = match flag.argument {
                Argument::None if attached.is_some() => return Err(Usage(format!("Option {name} takes no argument"))),
                Argument::None => None,
                Argument::Required(_) => {
                    let value = attached.or_else(|| rest.next().cloned());
                    Some(value.ok_or_else(|| Usage(format!("Option {name} requires an argument")))?)
                }
                Argument::Optional(_) => attached.or_else(|| rest.next_if(|next| !next.starts_with("--")).cloned()),
            };
            given.0.entry(flag.name).or_default().extend(value);
        }
        Ok(given)
    }

    pub(super) fn help(&self) -> String {
        let mut text = String::from("Option\n------\n");
        for flag in self.flags {
            let left = match flag.argument {
                Argument::None => format!("--{}", flag.name),
                Argument::Required(what) => format!("--{} <{what}>", flag.name),
                Argument::Optional(what) => format!("--{} [{what}]", flag.name),
            };
            if left.len() < HELP_COLUMN {
                text.push_str(&format!("{left:<HELP_COLUMN$}{}\n", flag.help));
            } else {
                text.push_str(&format!("{left}\n{:HELP_COLUMN$}{}\n", "", flag.help));
            }
        }
        text.trim_end().to_owned()
    }
}

impl Given {
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The argument of a flag; the last one of a repeated flag.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.last().map(String::as_str)
    }

    pub(super) fn values(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    pub(super) fn number<N: FromStr>(&self, name: &str) -> Result<Option<N>, Usage> {
        self.value(name)
            .map(|text| text.parse().map_err(|_| Usage(format!("Cannot parse argument '{text}' of option {name}"))))
            .transpose()
    }

    /// Kafka's wording for a flag that must be there.
    pub(super) fn require(&self, name: &str) -> Result<&str, Usage> {
        self.value(name).ok_or_else(|| Usage(format!("Missing required argument \"[{name}]\"")))
    }

    /// Kafka's wording for flags that do not go together.
    pub(super) fn refuse_together(&self, name: &str, others: &[&str]) -> Result<(), Usage> {
        match others.iter().find(|other| self.has(name) && self.has(other)) {
            Some(other) => Err(Usage(format!("Option \"[{name}]\" can't be used with option \"[{other}]\""))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: Flags = Flags {
        about: "",
        flags: &[plain("list", "l"), with("topic", "String: topic", "t"), maybe_with("state", "String", "s")],
    };

    fn parse(words: &[&str]) -> Result<Given, Usage> {
        FLAGS.parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn values_are_attached_or_follow() {
        let given = parse(&["--topic=a=b", "--topic", "c", "--list"]).expect("good flags");
        assert_eq!(given.values("topic"), ["a=b", "c"]);
        assert!(given.has("list") && !given.has("state"));
    }

    #[test]
    fn a_required_argument_may_look_like_a_flag_and_an_optional_one_may_not() {
        let given = parse(&["--topic", "--list", "--state", "--list"]).expect("good flags");
        assert_eq!(given.value("topic"), Some("--list"));
        assert!(given.has("state") && given.value("state").is_none() && given.has("list"));
        assert_eq!(parse(&["--state", "Stable"]).expect("good flags").value("state"), Some("Stable"));
    }

    #[test]
    fn what_is_wrong_is_said_as_kafka_says_it() {
        for (words, message) in [
            (&["--frobnicate"][..], "frobnicate is not a recognized option"),
            (&["--topic"], "Option topic requires an argument"),
            (&["--list=x"], "Option list takes no argument"),
            (&["localhost:9092"], "localhost:9092 is not an option; options begin with --"),
        ] {
            assert_eq!(parse(words).expect_err("bad").to_string(), message);
        }
        let given = parse(&["--topic", "abc"]).expect("good flags");
        let error = given.number::<i32>("topic").expect_err("no number").to_string();
        assert_eq!(error, "Cannot parse argument 'abc' of option topic");
    }

    #[test]
    fn the_flags_of_all_tools_are_sorted_and_have_the_common_ones() {
        use super::super::Tool;
        let tools = [
            "kafka-topics",
            "kafka-console-producer",
            "kafka-console-consumer",
            "kafka-consumer-groups",
            "kafka-configs",
            "kafka-get-offsets",
            "kafka-broker-api-versions",
        ];
        for flags in tools.map(|name| Tool::from_name(name).expect("a tool").flags()) {
            assert!(flags.flags.is_sorted_by_key(|flag| flag.name), "{}", flags.about);
            for name in ["bootstrap-server", "command-config", "help", "version"] {
                assert!(flags.flags.iter().any(|flag| flag.name == name), "{name}: {}", flags.about);
            }
        }
    }
}
