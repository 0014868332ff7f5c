//! `quantile_breaks`: cut points that can be published, stored and used again.

use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{ScalarValue, internal_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Documentation, EmitTo, Expr, GroupsAccumulator};
use datafusion_macros::user_doc;

use super::definition::{Accumulators, Definition};
use super::held::Held;
use super::one_group::{
    Groups, constant, counted, each_its_own, list_of, lists, number, refuse_variable,
};
use crate::args::{Kind, Parameters, finite, whole};

const FUNCTION: &str = "quantile_breaks";

const PARAMETERS: Parameters = Parameters {
    function: FUNCTION,
    required: 2,
    all: &[(VALUE, Kind::Number), (BINS, Kind::Number)],
};

const VALUE: &str = "value";
const BINS: &str = "bins";

/// As many as `quantile_score` takes.
const MOST_BINS: u32 = 1_000_000;

#[user_doc(
    doc_section(label = "RFM Functions"),
    description = "The `bins - 1` type-7 quantiles that cut the values into `bins` parts of one size, from the least: those \
                   of numpy's and R's `quantile` (Hyndman and Fan 1996), computed from all values and not estimated. \
                   `score_by_breaks` of them, and of values that are floats, is `quantile_score` with method `breaks`. NULL is \
                   not counted; the answer is NULL if no value is known. Holds 8 bytes of memory for each value.",
    syntax_example = "quantile_breaks(value, bins)",
    argument(name = "value", description = "What is cut, read as a float."),
    argument(name = "bins", description = "How many parts, a constant from 1; 5 for quintiles.")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct QuantileBreaks;

impl Definition for QuantileBreaks {
    const PARAMETERS: Parameters = PARAMETERS;

    fn result(_: &[DataType]) -> DataType {
        list_of(DataType::Float64)
    }

    fn check(position: usize, argument: &Expr) -> Result<()> {
        match position {
            0 => number(argument).map_or(Ok(()), |it| finite(FUNCTION, VALUE, it).map(drop)),
            _ => {
                refuse_variable(FUNCTION, BINS, argument)?;
                argument.as_literal().map_or(Ok(()), |bins| checked_bins(bins).map(drop))
            }
        }
    }

    fn state(_: &[DataType]) -> Vec<(&'static str, DataType)> {
        vec![("values", list_of(DataType::Float64))]
    }

    fn accumulators(args: &AccumulatorArgs) -> Result<Accumulators> {
        let [_, bins] = args.exprs else { return internal_err!("{FUNCTION}: two arguments") };
        let bins = checked_bins(&constant(FUNCTION, BINS, bins)?)?;
        Ok(ValueGroups { bins, values: Held::default() }.into())
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn checked_bins(argument: &ScalarValue) -> Result<u32> {
    match argument {
        ScalarValue::Float64(Some(bins)) => whole(FUNCTION, BINS, *bins, 1, MOST_BINS),
        _ => plan_err!("{FUNCTION}: {BINS} must not be NULL"),
    }
}

/// Between the two values around its place, a break lies at the share of the place: Hyndman and Fan, Sample Quantiles in
/// Statistical Packages (1996), definition 7. Places are counted in integers. None without values.
fn breaks(mut values: Vec<f64>, bins: u32) -> Option<Vec<f64>> {
    let last = values.len().checked_sub(1)? as u128;
    values.sort_unstable_by(f64::total_cmp);
    let (bins, parts) = (u128::from(bins), f64::from(bins));
    let breaks = (1..bins).map(|nth| {
        let (at, over) = (last * nth / bins, last * nth % bins);
        let at = at as usize;
        if over == 0 {
            return values[at];
        }
        #[expect(clippy::cast_precision_loss, reason = "below `bins`")]
        between(values[at], values[at + 1], over as f64 / parts)
    });
    Some(breaks.collect())
}

/// Never `high`, which is above the break however it is rounded; `low` if they are one.
fn between(low: f64, high: f64, share: f64) -> f64 {
    // Not `low + share * (high - low)`: the difference may be infinite.
    let rounded = low * (1.0 - share) + high * share;
    rounded.min(high.next_down()).max(low)
}

/// The values of each group.
#[derive(Debug, Clone)]
struct ValueGroups {
    bins: u32,
    values: Held<Vec<f64>>,
}

impl Groups for ValueGroups {
    fn grow(&mut self, groups: usize) {
        self.values.grow(groups);
    }
}

impl GroupsAccumulator for ValueGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let numbers = values[0].as_primitive::<Float64Type>();
        for (row, group) in counted(group_indices, numbers, opt_filter) {
            // -0.0 is 0.0.
            let number = finite(FUNCTION, VALUE, numbers.value(row))? + 0.0;
            self.values.change(group, |values| {
                values.push(number);
                Ok(())
            })?;
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
        let lists = values[0].as_list::<i32>();
        for (row, group) in group_indices.iter().enumerate() {
            let more = lists.value(row);
            self.values.change(*group, |values| {
                values.extend_from_slice(more.as_primitive::<Float64Type>().values());
                Ok(())
            })?;
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let values = self.values.take(emit_to).into_iter();
        Ok(lists::<Float64Type>(values.map(|values| breaks(values, self.bins))))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![lists::<Float64Type>(self.values.take(emit_to).into_iter().map(Some))])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = each_its_own(values);
        let mut groups = Self { bins: self.bins, values: Held::default() };
        groups.update_batch(values, &rows, opt_filter, rows.len())?;
        groups.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.values.size()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Which is what keeps scores by rounded breaks those by exact ones.
        #[test]
        fn the_same_values_lie_above_a_break_as_above_the_value_before_its_place(
            values in proptest::collection::vec(proptest::num::f64::NORMAL | proptest::num::f64::ZERO, 1..30),
            neighbours in any::<bool>(), bins in 1..12_u32,
        ) {
            let mut sorted = values.clone();
            if neighbours {
                sorted.extend(values.iter().map(|value| value.next_up()));
            }
            sorted.retain(|value| value.is_finite() && value.to_bits() != (-0.0_f64).to_bits());
            sorted.sort_unstable_by(f64::total_cmp);
            for (nth, at) in (1..).zip(breaks(sorted.clone(), bins).unwrap()) {
                let before = sorted[(sorted.len() - 1) * nth / usize::try_from(bins).unwrap()];
                prop_assert!(before <= at);
                let above = |limit: f64| sorted.iter().filter(|value| **value > limit).count();
                prop_assert_eq!(above(at), above(before));
            }
        }
    }
}
