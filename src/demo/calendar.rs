//! Days, months and instants of the demo's history.

use chrono::{Datelike, Months, NaiveDate, Offset, TimeZone};
use chrono_tz::Tz;

/// Days since 1970-01-01, as Date32 counts them.
pub(super) type Day = i32;

/// 2025-01-01: the first day with events.
pub(super) const FIRST: Day = 20_089;
/// 2026-07-01: nothing is known of this day or of later ones.
pub(super) const PAST: Day = 20_635;
/// The first instant of `PAST`.
pub(super) const PAST_US: i64 = PAST as i64 * DAY_US;
/// Microseconds of a day.
pub(super) const DAY_US: i64 = 86_400_000_000;

/// A month of the history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Month {
    /// 0 is January 2025.
    pub(super) index: u8,
    /// Its first day.
    pub(super) first: Day,
    /// The first day of the next one.
    pub(super) next: Day,
}

impl Month {
    /// `2026-05`.
    pub(super) fn text(self) -> String {
        date(self.first).format("%Y-%m").to_string()
    }

    /// The month before, but for the first.
    pub(super) fn before(self) -> Option<Self> {
        self.index.checked_sub(1).map(month)
    }

    /// 1 is January.
    pub(super) fn of_year(self) -> u32 {
        date(self.first).month()
    }
}

/// January 2025 to June 2026.
pub(super) fn months() -> impl Iterator<Item = Month> {
    (0..18).map(month)
}

fn month(index: u8) -> Month {
    let first = |index| add_months(FIRST, u32::from(index));
    Month { index, first: first(index), next: first(index + 1) }
}

/// Days on which full copies are taken: each month's end from December 2025 on.
pub(super) fn copy_days() -> impl Iterator<Item = Day> {
    months().skip(11).map(|month| month.next - 1)
}

/// The date of a day.
pub(super) fn date(day: Day) -> NaiveDate {
    NaiveDate::from_epoch_days(day).unwrap_or_default()
}

/// The same day of a later month, or that month's last.
pub(super) fn add_months(day: Day, count: u32) -> Day {
    let later = date(day).checked_add_months(Months::new(count));
    later.map_or(day, |later| later.to_epoch_days())
}

/// 0 is Monday.
pub(super) fn weekday(day: Day) -> usize {
    // 1970-01-01 was a Thursday.
    usize::try_from((day + 3).rem_euclid(7)).unwrap_or(0)
}

/// Seconds that each day's local time is ahead of UTC, from `FIRST` on.
pub(super) fn offsets(zone: Tz) -> Vec<i32> {
    (FIRST..PAST).map(|day| zone.offset_from_utc_date(&date(day)).fix().local_minus_utc()).collect()
}

/// Microseconds since the epoch of a second of a day.
pub(super) fn instant(day: Day, second: i32) -> i64 {
    i64::from(day) * DAY_US + i64::from(second) * 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_is_eighteen_months_from_2025_on() {
        assert_eq!(date(FIRST).to_string(), "2025-01-01");
        assert_eq!(date(PAST).to_string(), "2026-07-01");
        assert_eq!(PAST - FIRST, 546);
        assert_eq!(months().last().map(|month| month.next), Some(PAST));
        let copies: Vec<_> = copy_days().map(|day| date(day).to_string()).collect();
        assert_eq!(copies.first().map(String::as_str), Some("2025-12-31"));
        assert_eq!(copies[5..], ["2026-05-31", "2026-06-30"]);
        assert_eq!(weekday(FIRST), 2);
    }
}
