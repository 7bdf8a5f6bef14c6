//! Columns as `kubectl get` has them.

/// Rows of texts under a heading; columns are as wide as their longest text.
pub(crate) fn render<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = heading.map(|text| text.chars().count());
    for row in rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    let mut lines = String::new();
    for row in std::iter::once(&heading.map(str::to_owned)).chain(rows) {
        let cells = row.iter().zip(widths).map(|(text, width)| format!("{text:width$}"));
        lines.push_str(cells.collect::<Vec<_>>().join("   ").trim_end());
        lines.push('\n');
    }
    lines
}

/// Ids as Kafka's tools show them.
pub(crate) fn ids(ids: &[i32]) -> String {
    match ids {
        [] => "-".to_owned(),
        ids => ids.iter().map(i32::to_string).collect::<Vec<_>>().join(","),
    }
}

pub(crate) fn or_none(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [["a".to_owned(), "1".to_owned()], ["long ü".to_owned(), String::new()]];
        assert_eq!(render(["NAME", "N"], &rows), "NAME     N\na        1\nlong ü\n");
    }
}
