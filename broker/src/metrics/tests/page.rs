//! A reader of Prometheus's text format as strict as its own: whatever is on the page has to pass.

use std::collections::{BTreeMap, BTreeSet};

/// The samples of a valid page, by series; panics where the page is none.
pub(crate) fn read(page: &str) -> BTreeMap<String, f64> {
    assert!(page.ends_with('\n'), "the last line is not ended");
    let mut reader = Reader::default();
    for line in page.lines() {
        reader.line(line);
    }
    reader.end_family();
    reader.series
}

#[derive(Default)]
struct Reader<'a> {
    help: Option<&'a str>,
    family: Option<(&'a str, &'a str)>,
    families: BTreeSet<&'a str>,
    series: BTreeMap<String, f64>,
    /// Label names of the family's samples: one set for all of them, but for what a summary adds.
    label_names: BTreeMap<String, BTreeSet<Vec<String>>>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a str) {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            self.end_family();
            let (name, help) = rest.split_once(' ').unwrap_or_else(|| panic!("no help: {line}"));
            assert!(!help.trim().is_empty(), "empty help: {line}");
            assert!(unescaped(help, &['\\', 'n']).is_some(), "help is not escaped: {line}");
            self.help = Some(name);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
            assert_eq!(self.help.take(), Some(name), "type without the help before it: {line}");
            assert!(["counter", "gauge", "summary"].contains(&kind), "{line}");
            assert!(is_name(name, true), "{line}");
            assert!(self.families.insert(name), "{name} is there twice");
            assert_eq!(name.ends_with("_total"), kind == "counter", "counters and only they end in _total: {line}");
            self.family = Some((name, kind));
        } else {
            assert!(!line.starts_with('#') && !line.is_empty(), "{line}");
            self.sample(line);
        }
    }

    fn sample(&mut self, line: &str) {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        assert!(value.is_finite(), "{line}");
        let (name, labels) = match series.split_once('{') {
            None => (series, Vec::new()),
            Some((name, labels)) => (name, read_labels(labels).unwrap_or_else(|| panic!("labels: {line}"))),
        };
        let (family, kind) = self.family.unwrap_or_else(|| panic!("sample without a family: {line}"));
        let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("not of {family}: {line}"));
        let suffixes: &[&str] = if kind == "summary" { &["", "_sum", "_count"] } else { &[""] };
        assert!(suffixes.contains(&suffix), "not of {family}: {line}");
        let names: Vec<String> = labels.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a label twice: {line}");
        let has_quantile = names.iter().any(|name| name == "quantile");
        assert_eq!(has_quantile, kind == "summary" && suffix.is_empty(), "{line}");
        self.label_names.entry(suffix.to_owned()).or_default().insert(names);
        assert!(kind != "counter" || value >= 0.0, "{line}");
        assert!(self.series.insert(series.to_owned(), value).is_none(), "twice: {line}");
    }

    fn end_family(&mut self) {
        assert!(self.help.is_none(), "help without a type");
        let Some((family, _)) = self.family.take() else { return };
        for (suffix, names) in std::mem::take(&mut self.label_names) {
            // Kafka's metrics of topics have a sum over all of them beside each.
            let labelled = names.iter().filter(|names| !names.is_empty()).count();
            assert!(labelled <= 1, "samples of {family}{suffix} differ in their labels: {names:?}");
        }
    }
}

/// Names and values, from behind the opening brace.
fn read_labels(mut text: &str) -> Option<Vec<(String, String)>> {
    let mut labels = Vec::new();
    loop {
        let (name, rest) = text.split_once("=\"")?;
        is_name(name, false).then_some(())?;
        let mut escaped = false;
        let end = rest.find(|letter| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        })?;
        labels.push((name.to_owned(), unescaped(&rest[..end], &['\\', 'n', '"'])?));
        match &rest[end + 1..] {
            "}" => return Some(labels),
            rest => text = rest.strip_prefix(',')?,
        }
    }
}

/// `None` where a backslash stands before anything else.
fn unescaped(text: &str, escapes: &[char]) -> Option<String> {
    let mut letters = text.chars();
    let mut plain = String::new();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next().filter(|next| escapes.contains(next))? {
                'n' => '\n',
                other => other,
            },
            other => other,
        });
    }
    Some(plain)
}

fn is_name(name: &str, colons: bool) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || (colons && letter == ':');
    name.chars().all(fits) && name.starts_with(|letter: char| !letter.is_ascii_digit())
}

#[test]
fn the_reader_finds_what_it_looks_for() {
    let valid = "# HELP a_total A\n# TYPE a_total counter\na_total{x=\"1\\n\\\"{\\\\\"} 1\na_total{x=\"2\"} 1\n";
    assert_eq!(read(valid).len(), 2);
    for broken in [
        "a 1\n",
        "# HELP a A\n# TYPE a gauge\na 1",
        "# HELP a A\n# TYPE a gauge\na NaN\n",
        "# HELP a A\n# TYPE a gauge\nb 1\n",
        "# HELP a A\n# TYPE a gauge\na 1\na 2\n",
        "# HELP a A\n# TYPE a counter\na 1\n",
        "# TYPE a gauge\na 1\n",
        "# HELP a A\n# TYPE a gauge\na{x=\"\\q\"} 1\n",
        "# HELP a A\n# TYPE a gauge\na{x=\"1\",x=\"2\"} 1\n",
        "# HELP a A\n# TYPE a gauge\na{x=\"1\"} 1\na{y=\"1\"} 1\n",
        "# HELP a A\n# TYPE a gauge\na 1\n# HELP b B\n# TYPE b gauge\nb 1\n# HELP a A\n# TYPE a gauge\n",
        "# HELP a-b A\n# TYPE a-b gauge\na-b 1\n",
    ] {
        let found = std::panic::catch_unwind(|| read(broken));
        assert!(found.is_err(), "passed: {broken}");
    }
}
