//! The table at the end.

use crate::{figures::Line, machine::Environment, systems::Kind};

const HEADER: [&str; 8] = ["row", "figure", "ours", "floor", "Kafka", "ours/floor", "ours/Kafka", "spread"];
/// Row and figure; numbers are set right.
const TEXT_COLUMNS: usize = 2;

/// Medians of all systems, the ratios of the passes, and how far our passes lie apart. `~` marks figures of which a part
/// was taken while others were busy.
pub(crate) fn table(environment: &Environment, lines: &[Line]) -> String {
    let mut rows = vec![HEADER.map(str::to_owned)];
    rows.extend(lines.iter().map(cells));
    let widths: Vec<_> =
        (0..HEADER.len()).map(|n| rows.iter().map(|row| row[n].chars().count()).max().unwrap_or(0)).collect();
    let mut text = rows.iter().map(|row| set(row, &widths)).collect::<Vec<_>>().join("\n");
    let [client, server] = &environment.congestion_control;
    text.push_str(&format!(
        "\n\n{} CPUs, {} MiB, {}; Linux {}, {}, congestion control {client}/{server}; {}",
        environment.cpus,
        environment.memory_mib,
        environment.processor,
        environment.kernel,
        environment.file_system,
        environment.commit
    ));
    if lines.iter().any(|line| line.disturbed > 0.0) {
        text.push_str("\n~ others were busy in some of the passes");
    }
    text
}

fn set(row: &[String; 8], widths: &[usize]) -> String {
    let cells =
        row.iter().zip(widths).enumerate().map(|(n, (cell, width))| {
            if n < TEXT_COLUMNS { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

fn cells(line: &Line) -> [String; 8] {
    let digits = line.metric.digits;
    let median = |kind| line.by_system.get(&kind).map_or("-".into(), |spread| format!("{:.digits$}", spread.median));
    let ratio = |ratio: Option<f64>| ratio.map_or("-".into(), |ratio| format!("{ratio:.2}"));
    let spread = line.by_system.get(&Kind::Ours).map_or("-".into(), |s| format!("±{:.0} %", s.relative() * 100.0));
    let mark = if line.disturbed > 0.0 { "~" } else { "" };
    [
        line.case.clone(),
        [line.metric.name, line.metric.unit].join(", ").trim_end_matches(", ").to_owned(),
        median(Kind::Ours),
        median(Kind::Floor),
        median(Kind::Kafka),
        ratio(line.to_floor),
        ratio(line.to_kafka),
        format!("{spread}{mark}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{CPU_PER_REQUEST, Figures, Sample, lines};

    #[test]
    fn columns_line_up_and_missing_systems_are_dashes() {
        let sample = |kind, pass, cpu: f64, disturbed| {
            let mut figures = Figures::default();
            figures.add(CPU_PER_REQUEST, cpu);
            Sample { case: "P5/16".into(), kind, pass, figures, disturbed }
        };
        let samples = [
            sample(Kind::Ours, 1, 5.0, false),
            sample(Kind::Floor, 1, 4.0, false),
            sample(Kind::Ours, 2, 6.0, true),
            sample(Kind::Floor, 2, 4.0, false),
        ];
        let environment = Environment {
            kernel: "6.1".into(),
            processor: "P".into(),
            cpus: 2,
            memory_mib: 100,
            congestion_control: ["cubic".into(), "cubic".into()],
            file_system: "ext4".into(),
            commit: "abc".into(),
            load_at_start: String::new(),
        };
        let table = table(&environment, &lines(&samples));
        let expected = "\
row    figure               ours  floor  Kafka  ours/floor  ours/Kafka  spread
P5/16  CPU per request, µs  5.50   4.00      -        1.38           -   ±9 %~

2 CPUs, 100 MiB, P; Linux 6.1, ext4, congestion control cubic/cubic; abc
~ others were busy in some of the passes";
        assert_eq!(table, expected);
    }
}
