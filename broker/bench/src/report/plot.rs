//! One SVG per figure: a bar for each system and case, the range of its passes as a line.

use crate::{
    figures::{Line, Metric, Spread},
    systems::Kind,
};
use anyhow::{Context, Result};
use std::{fmt::Write, fs, path::Path};

const LABEL_WIDTH: usize = 150;
const BAR_WIDTH: usize = 480;
const VALUE_WIDTH: usize = 90;
const BAR_HEIGHT: usize = 14;
const GAP: usize = 12;
const HEAD: usize = 52;

/// Draws every metric that has two systems to compare; the names of the files.
pub(crate) fn write(folder: &Path, lines: &[Line]) -> Result<Vec<String>> {
    fs::create_dir_all(folder).context("create the folder of the plots")?;
    let mut metrics: Vec<Metric> = Vec::new();
    for line in lines.iter().filter(|line| line.by_system.len() > 1) {
        if !metrics.contains(&line.metric) {
            metrics.push(line.metric);
        }
    }
    let mut names = Vec::new();
    for metric in metrics {
        let of_metric: Vec<_> = lines.iter().filter(|line| line.metric == metric).collect();
        let name = format!("{}.svg", metric.name.replace([' ', '.'], "-"));
        fs::write(folder.join(&name), draw(metric, &of_metric)).with_context(|| format!("write {name}"))?;
        names.push(name);
    }
    Ok(names)
}

fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Ours => "#1b6ca8",
        Kind::Floor => "#9aa5b1",
        Kind::Kafka => "#d98324",
    }
}

fn draw(metric: Metric, lines: &[&Line]) -> String {
    let bars: usize = lines.iter().map(|line| line.by_system.len()).sum();
    let height = HEAD + bars * BAR_HEIGHT + lines.len() * GAP;
    let width = LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH;
    let scale = Scale::of(lines.iter().flat_map(|line| line.by_system.values()));
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"18\" font-size=\"14\">{}{}</text>\n",
        [metric.name, metric.unit].join(", ").trim_end_matches(", "),
        if scale.logarithmic { " (logarithmic)" } else { "" }
    );
    let mut x = 8;
    for kind in Kind::ALL {
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"27\" width=\"10\" height=\"10\" fill=\"{}\"/><text x=\"{}\" y=\"36\">{}</text>",
            colour(kind),
            x + 14,
            kind.label()
        );
        x += 70;
    }
    let mut y = HEAD;
    for line in lines {
        let _ = writeln!(svg, "<text x=\"8\" y=\"{}\">{}</text>", y + BAR_HEIGHT - 3, line.case);
        for (kind, spread) in &line.by_system {
            bar(&mut svg, y, *kind, spread, scale, metric.digits);
            y += BAR_HEIGHT;
        }
        y += GAP;
    }
    svg.push_str("</svg>\n");
    svg
}

fn bar(svg: &mut String, y: usize, kind: Kind, spread: &Spread, scale: Scale, digits: usize) {
    let [least, median, most] = [spread.least, spread.median, spread.most].map(|value| scale.width(value));
    let middle = y + BAR_HEIGHT / 2 - 1;
    let left = LABEL_WIDTH as f64;
    let _ = writeln!(
        svg,
        "<rect x=\"{LABEL_WIDTH}\" y=\"{y}\" width=\"{median:.1}\" height=\"{}\" fill=\"{}\"/>\
         <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle}\" y2=\"{middle}\" stroke=\"black\"/>\
         <text x=\"{:.1}\" y=\"{}\">{:.digits$}</text>",
        BAR_HEIGHT - 2,
        colour(kind),
        left + least,
        left + most,
        left + most + 4.0,
        y + BAR_HEIGHT - 4,
        spread.median
    );
}

/// From a value to the width of its bar.
#[derive(Debug, Clone, Copy)]
struct Scale {
    least: f64,
    most: f64,
    logarithmic: bool,
}

impl Scale {
    /// Logarithmic where the largest would leave nothing of the smallest.
    fn of<'a>(spreads: impl Iterator<Item = &'a Spread>) -> Self {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for spread in spreads {
            most = most.max(spread.most);
            if spread.least > 0.0 {
                least = least.min(spread.least);
            }
        }
        Self { least, most, logarithmic: least.is_finite() && most / least > 50.0 }
    }

    fn width(self, value: f64) -> f64 {
        if value <= 0.0 || self.most <= 0.0 {
            return 0.0;
        }
        // The smallest keeps a little bar.
        let share = if self.logarithmic {
            (1.0 + (value / self.least).ln()) / (1.0 + (self.most / self.least).ln())
        } else {
            value / self.most
        };
        share * BAR_WIDTH as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{CPU_PER_REQUEST, Figures, REQUESTS, Sample, lines};

    fn samples(floor: f64) -> Vec<Sample> {
        let sample = |kind, pass, cpu: f64| {
            let mut figures = Figures::default();
            figures.add(CPU_PER_REQUEST, cpu);
            if kind == Kind::Ours {
                figures.add(REQUESTS, 1e6 / cpu);
            }
            Sample { case: "P5/16".into(), kind, pass, figures, disturbed: false }
        };
        vec![sample(Kind::Ours, 1, 5.0), sample(Kind::Ours, 2, 10.0), sample(Kind::Floor, 1, floor)]
    }

    #[test]
    fn a_figure_that_only_one_system_has_is_not_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let names = write(folder.path(), &lines(&samples(4.0))).unwrap();
        assert_eq!(names, ["CPU-per-request.svg"]);
        let svg = fs::read_to_string(folder.path().join(&names[0])).unwrap();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert_eq!((svg.matches("<line ").count(), svg.contains(">7.50<"), svg.contains(">4.00<")), (2, true, true));
    }

    #[test]
    fn widths_follow_values_until_they_lie_too_far_apart() {
        let plain = Scale { least: 5.0, most: 10.0, logarithmic: false };
        assert_eq!((plain.width(10.0), plain.width(2.5), plain.width(0.0)), (480.0, 120.0, 0.0));
        let spread = |value| Spread { median: value, least: value, most: value };
        assert!(!Scale::of([spread(1.0), spread(40.0)].iter()).logarithmic);
        let wide = Scale::of([spread(1.0), spread(1_000.0)].iter());
        assert!(wide.logarithmic);
        assert!(wide.width(1.0) > 40.0 && (wide.width(1_000.0) - 480.0).abs() < 1e-9);
    }
}
