//! The night a query is computed for, the only clock there is.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// A day in a time zone: what `as_of()`, `as_of_start()` and `as_of_end()` answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AsOf {
    day: NaiveDate,
    zone: Tz,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl AsOf {
    /// The night of `day`, as people in `zone` live it. None for the ends of chrono's calendar.
    #[must_use]
    pub fn new(day: NaiveDate, zone: Tz) -> Option<Self> {
        let first_instant_of = |day: NaiveDate| first_instant(day.and_time(NaiveTime::MIN), zone);
        let (start, end) = (first_instant_of(day)?, first_instant_of(day.succ_opt()?)?);
        Some(Self { day, zone, start, end })
    }

    /// The day itself.
    #[must_use]
    pub fn day(&self) -> NaiveDate {
        self.day
    }

    /// Whose day it is.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The first instant of the day.
    #[must_use]
    pub fn start(&self) -> DateTime<Utc> {
        self.start
    }

    /// The first instant after the day: events before it belong to this night or an earlier one.
    #[must_use]
    pub fn end(&self) -> DateTime<Utc> {
        self.end
    }
}

/// The first instant of the zone at which its clocks show `local` or later. Where clocks jump over midnight (Beirut) or
/// over a whole day (Apia 2011-12-30), that is the end of the gap; where they show it twice, the first time.
fn first_instant(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    if let Some(instant) = zone.from_local_datetime(&local).earliest() {
        return Some(instant.to_utc());
    }
    // In a gap. Clocks are at most a day off UTC, so the jump lies within two days of the same reading in UTC; within
    // that window local time only ever grows past `local` once, at the jump.
    let shows_later = |instant: &DateTime<Utc>| instant.with_timezone(&zone).naive_local() >= local;
    let mut before = local.and_utc().checked_sub_signed(TimeDelta::days(2))?;
    let mut after = local.and_utc().checked_add_signed(TimeDelta::days(2))?;
    while after - before > TimeDelta::seconds(1) {
        let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
        if shows_later(&middle) { after = middle } else { before = middle }
    }
    Some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(day: &str, zone: Tz) -> String {
        AsOf::new(day.parse().unwrap(), zone).unwrap().end().to_rfc3339()
    }

    #[test]
    fn a_night_ends_at_the_next_local_midnight_or_at_the_end_of_a_gap_that_swallows_it() {
        assert_eq!(end("2026-06-30", chrono_tz::UTC), "2026-07-01T00:00:00+00:00");
        assert_eq!(end("2026-03-29", chrono_tz::Europe::Berlin), "2026-03-29T22:00:00+00:00"); // 23 hours
        assert_eq!(end("2026-10-25", chrono_tz::Europe::Berlin), "2026-10-25T23:00:00+00:00"); // 25 hours
        assert_eq!(end("2018-11-03", chrono_tz::America::Sao_Paulo), "2018-11-04T03:00:00+00:00");
        assert_eq!(end("2011-12-29", chrono_tz::Pacific::Apia), "2011-12-30T10:00:00+00:00");
    }
}
