//! `usage_trend`: how usage changed from one window of days to the next.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array};
use arrow::datatypes::{DataType, Date32Type, Float64Type};
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Documentation, EmitTo, Expr, GroupsAccumulator};
use datafusion_macros::user_doc;

use super::agreed::Agreed;
use super::definition::{Accumulators, Definition};
use super::one_group::{Groups, array, counted, each_its_own, number, refuse_null};
use super::sums::{self, Sums};
use crate::args::{Kind, Parameters, finite, whole};
use crate::days::days;
use crate::exact::FloatSum;

const FUNCTION: &str = "usage_trend";

const PARAMETERS: Parameters = Parameters {
    function: FUNCTION,
    required: 4,
    all: &[
        ("event_time", Kind::EventDay),
        (QUANTITY, Kind::Number),
        (AS_OF, Kind::Date),
        (WINDOW_DAYS, Kind::Number),
    ],
};

const QUANTITY: &str = "quantity";
const AS_OF: &str = "as_of";
const WINDOW_DAYS: &str = "window_days";

/// Ten years: more is a mistake.
const MOST_DAYS: u32 = 3660;

#[user_doc(
    doc_section(label = "Usage Functions"),
    description = "`(last - before) / before`: `last` is the quantity of the last `window_days` up to and with the as-of day, \
                   `before` that of as many days before them. 0 is no change, -1 is no usage any more. NULL if `before` is 0, \
                   which is also that of a window without rows. Rows without a time or a quantity are ignored. Sums are \
                   exact: the same bits whatever the order of rows. Of a timestamp, the day in the zone of its type.",
    syntax_example = "usage_trend(event_time, quantity, as_of, window_days)",
    argument(name = "event_time", description = "When it happened: a date or a timestamp."),
    argument(name = "quantity", description = "How much was used; 1 to count events."),
    argument(
        name = "as_of",
        description = "The last day of the last window, one for all rows of a group."
    ),
    argument(
        name = "window_days",
        description = "How many days a window has, 1 to 3660, one for all rows of a group."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct UsageTrend;

impl Definition for UsageTrend {
    const PARAMETERS: Parameters = PARAMETERS;

    fn result(_: &[DataType]) -> DataType {
        DataType::Float64
    }

    fn check(position: usize, argument: &Expr) -> Result<()> {
        match position {
            1 => number(argument).map_or(Ok(()), |it| finite(FUNCTION, QUANTITY, it).map(drop)),
            2 => refuse_null(FUNCTION, AS_OF, argument),
            3 => {
                refuse_null(FUNCTION, WINDOW_DAYS, argument)?;
                number(argument).map_or(Ok(()), |days| checked_window(days).map(drop))
            }
            _ => Ok(()),
        }
    }

    fn state(_: &[DataType]) -> Vec<(&'static str, DataType)> {
        vec![
            ("last", sums::STATE),
            ("before", sums::STATE),
            (AS_OF, DataType::Date32),
            (WINDOW_DAYS, DataType::Float64),
        ]
    }

    fn accumulators(_: &AccumulatorArgs) -> Result<Accumulators> {
        Ok(TrendGroups::default().into())
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn checked_window(days: f64) -> Result<u32> {
    whole(FUNCTION, WINDOW_DAYS, days, 1, MOST_DAYS)
}

/// None: nothing to compare with.
fn trend(last: f64, before: f64) -> Option<f64> {
    (before != 0.0).then(|| (last - before) / before)
}

/// One item per group in each.
#[derive(Debug, Clone)]
struct TrendGroups {
    last: Sums<FloatSum>,
    before: Sums<FloatSum>,
    as_of: Agreed<i32>,
    window_days: Agreed<f64>,
}

impl Default for TrendGroups {
    fn default() -> Self {
        Self {
            last: Sums::default(),
            before: Sums::default(),
            as_of: Agreed::new(FUNCTION, AS_OF),
            window_days: Agreed::new(FUNCTION, WINDOW_DAYS),
        }
    }
}

impl Groups for TrendGroups {
    fn grow(&mut self, groups: usize) {
        self.last.grow(groups);
        self.before.grow(groups);
        self.as_of.grow(groups);
        self.window_days.grow(groups);
    }
}

impl GroupsAccumulator for TrendGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let events = days(&values[0])?;
        let quantities = values[1].as_primitive::<Float64Type>();
        let as_of = values[2].as_primitive::<Date32Type>();
        let windows = values[3].as_primitive::<Float64Type>();
        for (row, group) in counted(group_indices, &events, opt_filter) {
            if quantities.is_null(row) {
                continue;
            }
            let as_of = self.as_of.see(group, as_of, row)?;
            let window_days = checked_window(self.window_days.see(group, windows, row)?)?;
            let quantity = finite(FUNCTION, QUANTITY, quantities.value(row))?;
            let age_days = i64::from(as_of) - i64::from(events.value(row));
            let sums = match age_days.div_euclid(i64::from(window_days)) {
                0 => &mut self.last,
                1 => &mut self.before,
                _ => continue,
            };
            sums.add(group, FUNCTION, QUANTITY, quantity)?;
        }
        Ok(())
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let [last, before] = [0, 1].map(|at| values[at].as_binary_view());
        let as_of = values[2].as_primitive::<Date32Type>();
        let windows = values[3].as_primitive::<Float64Type>();
        for (row, group) in group_indices.iter().enumerate() {
            if as_of.is_valid(row) {
                self.as_of.see(*group, as_of, row)?;
                self.window_days.see(*group, windows, row)?;
                self.last.merge(*group, last, row)?;
                self.before.merge(*group, before, row)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.as_of.take(emit_to);
        self.window_days.take(emit_to);
        let total = |sum: Option<FloatSum>| sum.map_or(0.0, |sum| sum.rounded());
        let sums = self.last.take(emit_to).into_iter().zip(self.before.take(emit_to));
        let trends = sums.map(|(last, before)| trend(total(last), total(before)));
        Ok(array(trends.collect::<Float64Array>()))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![
            self.last.state(emit_to),
            self.before.state(emit_to),
            self.as_of.state::<Date32Type>(emit_to),
            self.window_days.state::<Float64Type>(emit_to),
        ])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = each_its_own(values);
        let mut groups = Self::default();
        groups.update_batch(values, &rows, opt_filter, rows.len())?;
        groups.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.last.size() + self.before.size() + self.as_of.size() + self.window_days.size()
    }
}
