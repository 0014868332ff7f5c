//! On which day an instant is.

use std::cell::RefCell;
use std::collections::HashMap;

use arrow::array::timezone::Tz;
use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{DateTime, Offset, TimeZone};
use datafusion::error::Result;

use crate::args::ticks;

const SECONDS_A_DAY: i64 = 86_400;

/// No zone sets its clocks twice within it.
const SECONDS_AN_HOUR: i64 = 3600;

/// The days of dates or timestamps, in days since 1970 and in the zone of their type: what a cast to a date gives, which asks
/// the calendar for each of them, and takes ten times as long.
///
/// # Errors
/// An instant that is beyond the calendar.
pub fn days(instants: &ArrayRef) -> Result<Date32Array> {
    let days = match instants.data_type() {
        DataType::Date32 => Some(instants.as_primitive().clone()),
        DataType::Timestamp(unit, zone) => {
            let ticks = ticks(instants)?;
            match unit {
                TimeUnit::Second => days_of::<1>(&ticks, zone.as_deref()),
                TimeUnit::Millisecond => days_of::<1_000>(&ticks, zone.as_deref()),
                TimeUnit::Microsecond => days_of::<1_000_000>(&ticks, zone.as_deref()),
                TimeUnit::Nanosecond => days_of::<1_000_000_000>(&ticks, zone.as_deref()),
            }
        }
        _ => None,
    };
    let cast = || Ok(cast(instants, &DataType::Date32)?.as_primitive().clone());
    days.map_or_else(cast, Ok)
}

/// Whether a day of this zone is a day of UTC.
pub(crate) fn is_utc(zone: Option<&str>) -> bool {
    matches!(zone, None | Some("UTC" | "Z" | "+00:00"))
}

/// None if one is beyond the calendar, or the zone is not known.
fn days_of<const TICKS_A_SECOND: i64>(
    ticks: &Int64Array,
    zone: Option<&str>,
) -> Option<Date32Array> {
    let day = |seconds: i64| i32::try_from(seconds.div_euclid(SECONDS_A_DAY)).ok();
    if is_utc(zone) {
        let day = |ticks: i64| day(ticks.div_euclid(TICKS_A_SECOND)).ok_or(());
        return ticks.try_unary(day).ok();
    }
    let offsets = Offsets { zone: zone?.parse().ok()?, last: None, hours: HashMap::new() };
    let offsets = RefCell::new(offsets);
    let day = |ticks: i64| {
        let seconds = ticks.div_euclid(TICKS_A_SECOND);
        offsets.borrow_mut().of(seconds).and_then(|offset| day(seconds + offset)).ok_or(())
    };
    ticks.try_unary(day).ok()
}

/// How far a zone's clocks are ahead of UTC, in seconds.
struct Offsets {
    zone: Tz,
    last: Option<(i64, i64)>,
    /// Of hours in which they are not set.
    hours: HashMap<i64, Option<i64>>,
}

impl Offsets {
    fn of(&mut self, instant: i64) -> Option<i64> {
        let hour = instant.div_euclid(SECONDS_AN_HOUR);
        if let Some((_, offset)) = self.last.filter(|(last, _)| *last == hour) {
            return Some(offset);
        }
        let zone = &self.zone;
        let asked = |instant: i64| -> Option<i64> {
            let utc = DateTime::from_timestamp(instant, 0)?.naive_utc();
            Some(i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()))
        };
        let of_hour = self.hours.entry(hour).or_insert_with(|| {
            let first = asked(hour * SECONDS_AN_HOUR)?;
            (asked((hour + 1) * SECONDS_AN_HOUR - 1)? == first).then_some(first)
        });
        match *of_hour {
            Some(offset) => {
                self.last = Some((hour, offset));
                Some(offset)
            }
            None => asked(instant),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::TimestampSecondArray;
    use proptest::prelude::*;

    use super::*;

    const ZONES: [&str; 7] = [
        "UTC",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "America/Santiago",
        "Asia/Kathmandu",
        "-03:30",
    ];

    proptest! {
        #[test]
        fn days_are_those_of_a_cast(
            zone in proptest::sample::select(ZONES.to_vec()),
            // From 1880, when zones had the time of their longest street, to 2100; close together, and far apart.
            start in -2_840_000_000..4_100_000_000_i64,
            steps in proptest::collection::vec(proptest::option::of(-90_000..90_000_i64), 0..50),
        ) {
            let instants: TimestampSecondArray = steps.iter().map(|step| step.map(|step| start + step)).collect();
            let instants: ArrayRef = Arc::new(instants.with_timezone(zone));
            let by_cast = cast(&instants, &DataType::Date32).unwrap();
            prop_assert_eq!(&days(&instants).unwrap(), by_cast.as_primitive());
        }
    }

    #[test]
    fn days_on_which_clocks_are_set_are_those_of_a_cast() {
        // Berlin 2026-03-29 and 2026-10-25, Lord Howe by half an hour, Apia's day that never was, Santiago's midnight.
        for (zone, hour) in [
            ("Europe/Berlin", 1_774_746_000),
            ("Europe/Berlin", 1_792_890_000),
            ("Australia/Lord_Howe", 1_791_043_200),
            ("Pacific/Apia", 1_325_239_200),
            ("America/Santiago", 1_788_667_200),
        ] {
            let around = (-100_000..100_000).step_by(600).map(|step| hour + step);
            let instants: ArrayRef =
                Arc::new(TimestampSecondArray::from_iter_values(around).with_timezone(zone));
            assert_eq!(
                &days(&instants).unwrap(),
                cast(&instants, &DataType::Date32).unwrap().as_primitive(),
                "{zone}"
            );
        }
    }

    #[test]
    fn an_instant_beyond_the_calendar_is_an_error() {
        for zone in ["UTC", "Europe/Berlin"] {
            let instants: ArrayRef =
                Arc::new(TimestampSecondArray::from(vec![i64::MAX]).with_timezone(zone));
            assert!(days(&instants).is_err(), "{zone}");
        }
    }
}
