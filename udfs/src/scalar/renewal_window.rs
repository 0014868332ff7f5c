//! `renewal_window`: how soon a contract is up.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Float64Type, UInt32Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;

use super::row_function::RowFunction;
use crate::args::{Kind, Parameters, PerRow, day, items, whole};

/// A thousand years: a window beyond that is a date in the wrong argument.
const MOST_DAYS: u32 = 365_250;

#[user_doc(
    doc_section(label = "Health Functions"),
    description = "`due_<d>` for the smallest `d` in `days` with `renewal_date - as_of <= d`, `overdue` before the as-of \
                   day, NULL further away. NULL if an argument is NULL. Of a timestamp, the day in the zone of its type.",
    syntax_example = "renewal_window(renewal_date, as_of, days)",
    argument(
        name = "renewal_date",
        description = "When the contract is up: a date or a timestamp."
    ),
    argument(name = "as_of", description = "The day to look from: a date or a timestamp."),
    argument(
        name = "days",
        description = "The windows, in days from the as-of day: whole numbers from 0, in any order."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct RenewalWindow;

impl RowFunction for RenewalWindow {
    const PARAMETERS: Parameters = Parameters {
        function: "renewal_window",
        required: 3,
        all: &[("renewal_date", Kind::Day), ("as_of", Kind::Day), ("days", Kind::Numbers)],
    };

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answers(_: &[DataType]) -> DataType {
        DataType::Utf8
    }

    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let dates = args[0].to_array(rows)?;
        let as_of = PerRow::new(&args[1..2], rows, |as_of, row| Ok(day(&as_of[0], row)))?;
        let windows = PerRow::new(&args[2..], rows, |days, row| windows(&days[0], row))?;
        let names = dates.as_primitive::<Date32Type>().iter().enumerate().map(|(row, date)| {
            let until =
                date.zip(*as_of.get(row)).map(|(date, as_of)| i64::from(date) - i64::from(as_of));
            until.zip(windows.get(row).as_ref()).and_then(|(until, windows)| name(until, windows))
        });
        Ok(Arc::new(names.collect::<StringArray>()))
    }
}

/// The windows in rising order.
fn windows(days: &ArrayRef, row: usize) -> Result<Option<Vec<u32>>> {
    let Some(days) = items("renewal_window", "days", days, row)? else { return Ok(None) };
    let days = days.as_primitive::<Float64Type>().values();
    let days = days.iter().map(|days| whole("renewal_window", "days", *days, 0, MOST_DAYS));
    let mut days: Vec<_> = days.collect::<Result<_>>()?;
    days.sort_unstable();
    Ok(Some(days))
}

/// Every name that windows of `days` can give; none if they are not the numbers of a call that can be planned.
pub(crate) fn labels(days: &[ScalarValue]) -> Option<Vec<String>> {
    let days = ScalarValue::iter_to_array(days.iter().cloned()).ok()?;
    let days = cast(&days, &DataType::UInt32).ok()?;
    let mut days = days.as_primitive::<UInt32Type>().values().to_vec();
    days.sort_unstable();
    let until = days.iter().map(|days| i64::from(*days));
    [-1].into_iter().chain(until).map(|until_days| name(until_days, &days)).collect()
}

fn name(until_days: i64, windows: &[u32]) -> Option<String> {
    if until_days < 0 {
        return Some("overdue".to_owned());
    }
    let smallest = windows.partition_point(|days| i64::from(*days) < until_days);
    windows.get(smallest).map(|days| format!("due_{days}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_renewal_is_due_in_the_smallest_window_that_reaches_it() {
        let names = [-1, 0, 30, 31, 91].map(|until_days| name(until_days, &[30, 90]));
        let expected = [Some("overdue"), Some("due_30"), Some("due_30"), Some("due_90"), None];
        assert_eq!(names.each_ref().map(Option::as_deref), expected);
    }

    proptest! {
        #[test]
        fn the_window_named_reaches_the_renewal_and_no_smaller_one_does(
            until_days in 0..400_i64, windows in proptest::collection::btree_set(0..400_u32, 0..5),
        ) {
            let windows: Vec<_> = windows.into_iter().collect();
            let reaching = windows.iter().find(|days| until_days <= i64::from(**days));
            prop_assert_eq!(name(until_days, &windows), reaching.map(|days| format!("due_{days}")));
        }
    }
}
