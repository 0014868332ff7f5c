//! Spans of time as a project file writes them.

use chrono::TimeDelta;

/// A hundred years: longer is a mistake, and taken from a date might lie before any calendar.
const LONGEST: TimeDelta = TimeDelta::days(36_525);

/// Reads `90m`, `26h` or `7d`: whole minutes, hours, days; at most a hundred years.
#[must_use]
pub fn parse_duration(text: &str) -> Option<TimeDelta> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u32 = number.parse().ok()?;
    let make = match unit {
        "m" => TimeDelta::try_minutes,
        "h" => TimeDelta::try_hours,
        "d" => TimeDelta::try_days,
        _ => return None,
    };
    make(number.into()).filter(|duration| *duration <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_one_whole_number_and_one_unit() {
        assert_eq!(parse_duration("26h"), TimeDelta::try_hours(26));
        assert_eq!(parse_duration("90d"), TimeDelta::try_days(90));
        for bad in ["", "h", "26", "1.5h", "-1h", "1h30m", "2w", "é", "36526d"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
