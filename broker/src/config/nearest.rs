//! The known name that a misspelt one was probably meant to be.

/// The nearest of the names, if it is near enough to be of help.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A fifth of the letters may be wrong; more is another word.
    let limit = (name.chars().count() / 5).clamp(2, 6);
    known
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, delete, change or swap with their neighbour.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before_previous = vec![0; to.len() + 1];
    let mut previous: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.iter().enumerate() {
        let mut current = vec![i + 1];
        for (j, other) in to.iter().enumerate() {
            let changed = previous[j] + usize::from(letter != other);
            let mut best = changed.min(previous[j + 1] + 1).min(current[j] + 1);
            if i > 0 && j > 0 && *letter == to[j - 1] && from[i - 1] == *other {
                best = best.min(before_previous[j - 1] + 1);
            }
            current.push(best);
        }
        before_previous = std::mem::replace(&mut previous, current);
    }
    previous[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name_and_another_word_does_not() {
        let known = ["num.partitions", "log.retention.ms", "log.retention.bytes", "listeners"];
        for (name, expected) in [
            ("num.partition", Some("num.partitions")),
            ("nmu.partitions", Some("num.partitions")),
            ("log.retention.msec", Some("log.retention.ms")),
            ("log.retension.ms", Some("log.retention.ms")),
            ("listener", Some("listeners")),
            ("completely.different.thing", None),
            ("x", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }
}
