//! The same scripted requests against two brokers, the answers compared field by field.
//!
//! It is: a program of tests. `oracle OURS PEER` runs every script on both addresses and prints one line a script,
//! with the fields that differ. PEER is Apache Kafka 4.3.0, whose answers are right by definition.
//!
//! It is not: a client library, and nothing imports it.
//!
//! Start with [`scripts`]; what may differ, and why, is in [`accepted`].

mod accepted;
mod answer;
mod compare;
mod scripts;
mod session;

use accepted::Accepted;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["--accepted"] {
        accepted::ENTRIES.iter().for_each(|entry| report(&told(entry)));
        return ExitCode::SUCCESS;
    }
    let [ours, peer, only @ ..] = arguments.as_slice() else {
        report("usage: oracle OURS PEER [SCRIPT...]   both HOST:PORT, both brokers empty");
        report("       oracle --accepted              the differences that are on purpose");
        return ExitCode::from(2);
    };
    let mut accepted = Accepted::new(accepted::ENTRIES);
    let mut failed = 0;
    for script in scripts::ALL.iter().filter(|script| only.is_empty() || only.iter().any(|name| name == script.name)) {
        let differences = match (run(script, ours), run(script, peer)) {
            (Ok(ours), Ok(peer)) => compare::differences(script.name, &ours, &peer, &mut accepted),
            (Err(error), _) => vec![format!("our broker: {error:#}")],
            (_, Err(error)) => vec![format!("peer: {error:#}")],
        };
        failed += usize::from(!differences.is_empty());
        conclude(script.name, &differences);
    }
    if only.is_empty() {
        let unused: Vec<String> =
            accepted.not_needed().map(|(entry, field)| format!("{field} is not needed in {}", told(entry))).collect();
        failed += usize::from(!unused.is_empty());
        conclude("accepted differences", &unused);
    }
    ExitCode::from(u8::from(failed > 0))
}

fn conclude(name: &str, differences: &[String]) {
    match differences {
        [] => report(&format!("pass oracle: {name}")),
        some => report(&format!("fail oracle: {name}: {} differences: {}", some.len(), some.join(" | "))),
    }
}

fn told(entry: &accepted::Entry) -> String {
    let of = |value: &str| if value.is_empty() { "anything".to_owned() } else { value.to_owned() };
    let place = format!("{} {}", entry.script, entry.label);
    let fields = entry.fields.join(", ");
    format!("{}: {fields}: {}, by Kafka {}: {}", place.trim(), of(entry.ours), of(entry.peer), entry.why)
}

fn run(script: &scripts::Script, address: &str) -> anyhow::Result<Vec<session::Answer>> {
    let mut session = session::Session::connect(address)?;
    (script.run)(&mut session)?;
    Ok(session.into_answers())
}

#[expect(clippy::print_stdout, reason = "the lines are this program's result")]
fn report(line: &str) {
    println!("{line}");
}
