//! `decayed_sum`: a sum in which an event counts half after each half-life.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array};
use arrow::datatypes::{DataType, Date32Type, Float64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Documentation, EmitTo, Expr, GroupsAccumulator};
use datafusion_macros::user_doc;

use super::agreed::Agreed;
use super::definition::{Accumulators, Definition};
use super::one_group::{Groups, array, counted, each_its_own, number, refuse_null};
use super::sums::{self, Sums};
use crate::args::{Kind, Parameters, finite};
use crate::days::days;
use crate::exact::FloatSum;

const FUNCTION: &str = "decayed_sum";

const PARAMETERS: Parameters = Parameters {
    function: FUNCTION,
    required: 4,
    all: &[
        (VALUE, Kind::Number),
        ("event_time", Kind::EventDay),
        (AS_OF, Kind::Date),
        (HALF_LIFE_DAYS, Kind::Number),
    ],
};

const VALUE: &str = "value";
const AS_OF: &str = "as_of";
const HALF_LIFE_DAYS: &str = "half_life_days";

#[user_doc(
    doc_section(label = "Usage Functions"),
    description = "Sum of `value * 0.5 ^ (age_days / half_life_days)`, age being the days from the event to the as-of day. \
                   The terms are summed exactly: the same bits whatever the order of rows. Events after the as-of day and \
                   rows without a time or a value are ignored; NULL if no row is left. Of a timestamp, the day in the zone \
                   of its type.",
    syntax_example = "decayed_sum(value, event_time, as_of, half_life_days)",
    argument(name = "value", description = "What is summed."),
    argument(name = "event_time", description = "When it happened: a date or a timestamp."),
    argument(
        name = "as_of",
        description = "The day at which an event counts in full, one for all rows of a group."
    ),
    argument(
        name = "half_life_days",
        description = "Days after which an event counts half, > 0. May differ from row to row: a purchase can last longer \
                       than a click."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct DecayedSum;

impl Definition for DecayedSum {
    const PARAMETERS: Parameters = PARAMETERS;

    fn result(_: &[DataType]) -> DataType {
        DataType::Float64
    }

    fn check(position: usize, argument: &Expr) -> Result<()> {
        match position {
            0 => number(argument).map_or(Ok(()), |it| finite(FUNCTION, VALUE, it).map(drop)),
            2 => refuse_null(FUNCTION, AS_OF, argument),
            3 => {
                refuse_null(FUNCTION, HALF_LIFE_DAYS, argument)?;
                number(argument).map_or(Ok(()), |days| checked_half_life(days).map(drop))
            }
            _ => Ok(()),
        }
    }

    fn state(_: &[DataType]) -> Vec<(&'static str, DataType)> {
        vec![("sum", sums::STATE), (AS_OF, DataType::Date32)]
    }

    fn accumulators(_: &AccumulatorArgs) -> Result<Accumulators> {
        Ok(DecayedGroups::default().into())
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn checked_half_life(days: f64) -> Result<f64> {
    if days.is_finite() && days > 0.0 {
        return Ok(days);
    }
    exec_err!("{FUNCTION}: {HALF_LIFE_DAYS} must be finite and > 0, got {days}")
}

/// Half-life form of exponential decay, N(t) = N0 * 2^(-t/h): people can argue about h, not about a rate. None if the event
/// is yet to come.
fn decayed(value: f64, age_days: i64, half_life_days: f64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "the difference of two i32")]
    (age_days >= 0).then(|| value * (-(age_days as f64) / half_life_days).exp2())
}

/// One item per group in each.
#[derive(Debug, Clone)]
struct DecayedGroups {
    sum: Sums<FloatSum>,
    as_of: Agreed<i32>,
}

impl Default for DecayedGroups {
    fn default() -> Self {
        Self { sum: Sums::default(), as_of: Agreed::new(FUNCTION, AS_OF) }
    }
}

impl Groups for DecayedGroups {
    fn grow(&mut self, groups: usize) {
        self.sum.grow(groups);
        self.as_of.grow(groups);
    }
}

impl GroupsAccumulator for DecayedGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let amounts = values[0].as_primitive::<Float64Type>();
        let events = days(&values[1])?;
        let as_of = values[2].as_primitive::<Date32Type>();
        let half_lives = values[3].as_primitive::<Float64Type>();
        for (row, group) in counted(group_indices, &events, opt_filter) {
            self.sum.fetch(group_indices, row, Option::is_some);
            if amounts.is_null(row) {
                continue;
            }
            let as_of = self.as_of.see(group, as_of, row)?;
            if half_lives.is_null(row) {
                return exec_err!("{FUNCTION}: {HALF_LIFE_DAYS} must not be NULL");
            }
            let half_life_days = checked_half_life(half_lives.value(row))?;
            let value = finite(FUNCTION, VALUE, amounts.value(row))?;
            let age_days = i64::from(as_of) - i64::from(events.value(row));
            if let Some(value) = decayed(value, age_days, half_life_days) {
                self.sum.add(group, FUNCTION, VALUE, value)?;
            }
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
        let sums = values[0].as_binary_view();
        let as_of = values[1].as_primitive::<Date32Type>();
        for (row, group) in group_indices.iter().enumerate() {
            self.sum.fetch(group_indices, row, Option::is_some);
            if as_of.is_valid(row) {
                self.as_of.see(*group, as_of, row)?;
                self.sum.merge(*group, sums, row)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.as_of.take(emit_to);
        let sums = self.sum.take(emit_to).into_iter();
        Ok(array(sums.map(|sum| sum.map(|sum| sum.rounded())).collect::<Float64Array>()))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.sum.state(emit_to), self.as_of.state::<Date32Type>(emit_to)])
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
        self.sum.size() + self.as_of.size()
    }
}
