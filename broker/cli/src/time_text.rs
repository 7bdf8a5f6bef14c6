//! Times and durations as ISO 8601 writes them, in UTC.

use model::WallTime;
use std::time::Duration;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years begin in March here, so that leap days come last.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

/// `2026-11-21T10:45:18.123Z`
pub(crate) fn format(time: WallTime) -> String {
    let (days, ms) = (time.as_ms().div_euclid(DAY_MS), time.as_ms().rem_euclid(DAY_MS));
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

/// Reads `YYYY-MM-DDThh:mm:ss.sss`, shorter forms of it, and `Z` or `±hh:mm` behind; without those it is UTC.
pub(crate) fn parse_time(text: &str) -> Option<WallTime> {
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let mut numbers = date.split('-').map(number);
    let (year, month, day) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let in_calendar = (1..=12).contains(&month) && date_of(days_of(year, month, day)) == (year, month, day);
    if numbers.next().is_some() || !in_calendar {
        return None;
    }
    let (clock, offset_ms) = split_zone(time)?;
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
    let (second, fraction) = parts.next().map_or(Some((0, "")), |seconds| {
        let (whole, fraction) = seconds.split_once(['.', ',']).unwrap_or((seconds, ""));
        Some((number(whole)?, fraction))
    })?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 || fraction.len() > 9 {
        return None;
    }
    let ms = if fraction.is_empty() { 0 } else { number(&format!("{fraction:0<3}")[..3])? };
    let of_day = ((hour * 60 + minute) * 60 + second) * 1000 + ms;
    Some(WallTime(days_of(year, month, day) * DAY_MS + of_day - offset_ms))
}

fn split_zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else { return Some((time, 0)) };
    let (clock, zone) = time.split_at(at);
    let digits: String = zone[1..].chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = match digits.len() {
        2 => (number(&digits)?, 0),
        4 => (number(digits.get(..2)?)?, number(digits.get(2..)?)?),
        _ => return None,
    };
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    Some((clock, sign * (hours * 60 + minutes) * 60_000))
}

/// Digits only, so that signs do not slip in.
fn number(text: &str) -> Option<i64> {
    let all_digits = !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok()).flatten()
}

/// Reads `PnDTnHnMnS`, as Java's `Duration.parse` does for positive values.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let upper = text.to_ascii_uppercase();
    let body = upper.strip_prefix('P')?;
    let (days, time) = body.split_once('T').map_or((body, None), |(days, time)| (days, Some(time)));
    let mut total = Duration::ZERO;
    let mut parts = 0;
    if !days.is_empty() {
        let days = number(days.strip_suffix('D')?)?;
        total += Duration::from_secs(u64::try_from(days).ok()? * 86_400);
        parts += 1;
    }
    let mut rest = time.unwrap_or("");
    for (unit, seconds) in [('H', 3600), ('M', 60)] {
        if let Some((amount, behind)) = rest.split_once(unit) {
            total += Duration::from_secs(u64::try_from(number(amount)?).ok()? * seconds);
            rest = behind;
            parts += 1;
        }
    }
    if !rest.is_empty() {
        let seconds = rest.strip_suffix('S')?;
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
        let nanos = number(&format!("{fraction:0<9}"))?;
        total += Duration::new(u64::try_from(number(whole)?).ok()?, u32::try_from(nanos).ok()?);
        parts += 1;
    }
    let empty_time = time.is_some_and(str::is_empty);
    (parts > 0 && !empty_time).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_utc_or_with_their_zone() {
        for (text, ms) in [
            ("1970-01-01T00:00:00.000", 0),
            ("2020-01-01T00:00:00.000Z", 1_577_836_800_000),
            ("2024-02-29T12:30:15.5", 1_709_209_815_500),
            ("2024-02-29T12:30:15.123456+02:00", 1_709_202_615_123),
            ("2024-02-29T12:30-0130", 1_709_215_200_000),
            ("2024-02-29", 1_709_164_800_000),
            ("1969-12-31T23:59:59.999", -1),
        ] {
            assert_eq!(parse_time(text), Some(WallTime(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2023-02-29",
            "2024-13-01",
            "2024-01-01T25:00",
            "2024-01-01T10",
            "2024-01-01T10:00:00+1",
            "-1-01-01",
            "2024-01-01T10:+5",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_is_printed_as_it_is_read() {
        for text in ["2026-11-21T10:45:18.123Z", "1999-12-31T23:59:59.000Z", "2000-03-01T00:00:00.001Z"] {
            assert_eq!(format(parse_time(text).expect(text)), text);
        }
    }

    #[test]
    fn durations_are_read_as_java_reads_them() {
        for (text, seconds) in [("PT1H", 3600.0), ("P1DT2H3M4.5S", 93_784.5), ("pt0.001s", 0.001), ("P2D", 172_800.0)] {
            assert_eq!(parse_duration(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "P", "PT", "1h", "P1H", "PT1D", "P1DT", "PT5"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
