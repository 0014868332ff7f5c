//! What both aggregates share: one implementation for one group and for many, and what a call must not ask for.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::Date32Type;
use datafusion::common::{ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::AggregateFunctionSimplification;
use datafusion::logical_expr::{Accumulator, EmitTo, Expr, GroupsAccumulator};

/// An aggregation without GROUP BY, or over a window: the groups' own code with a single group, so that both give the
/// same bits.
#[derive(Debug)]
pub(crate) struct OneGroup<G>(pub(crate) G);

/// A `GroupsAccumulator` that `OneGroup` can read without emptying it.
pub(crate) trait Groups: GroupsAccumulator + Debug + Clone + Sync {
    /// Makes room for groups that have seen no rows.
    fn grow(&mut self, groups: usize);
}

impl<G: Groups> Accumulator for OneGroup<G> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(values, &vec![0; values[0].len()], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states, &vec![0; states[0].len()], 1)
    }

    /// Over a window it is called again after more rows.
    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut group = self.0.clone();
        group.grow(1);
        ScalarValue::try_from_array(&group.evaluate(EmitTo::All)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut group = self.0.clone();
        group.grow(1);
        let state = group.state(EmitTo::All)?;
        state.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}

/// `DataFusion` drops DISTINCT on the way to an aggregate that does not look: refused, as all rows count here.
pub(crate) fn refuse_distinct(function: &str, is_distinct: bool) -> Result<()> {
    if is_distinct {
        return plan_err!("{function}: DISTINCT has no meaning here, every event counts");
    }
    Ok(())
}

/// Looks at the call while it is planned, and leaves it as it is. `check` gets each constant argument with its position.
pub(crate) fn checked_when_planned(
    function: &'static str,
    check: fn(usize, &ScalarValue) -> Result<()>,
) -> AggregateFunctionSimplification {
    Box::new(move |call: AggregateFunction, _| {
        refuse_distinct(function, call.params.distinct)?;
        for (position, argument) in call.params.args.iter().enumerate() {
            if let Expr::Literal(constant, _) = argument {
                check(position, constant)?;
            }
        }
        Ok(Expr::AggregateFunction(call))
    })
}

/// Which rows count: those with a time that the filter lets through (NULL does not).
pub(crate) fn counted(times: &dyn Array, filter: Option<&BooleanArray>, row: usize) -> bool {
    times.is_valid(row) && filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

/// The as-of day of a row that counts.
pub(crate) fn as_of_day(function: &str, as_of: &ArrayRef, row: usize) -> Result<i32> {
    if as_of.is_null(row) {
        return exec_err!("{function}: as_of must not be NULL");
    }
    Ok(as_of.as_primitive::<Date32Type>().value(row))
}

/// One group has one as-of day.
pub(crate) fn same_as_of(function: &str, seen: i32, got: i32) -> Result<()> {
    if seen == got {
        return Ok(());
    }
    let [seen, got] = [seen, got].map(|day| ScalarValue::Date32(Some(day)));
    exec_err!("{function}: as_of must be the same for all rows of a group, got {seen} and {got}")
}

/// `0..rows`, for rows that are groups of their own.
pub(crate) fn each_its_own(values: &[ArrayRef]) -> Vec<usize> {
    (0..values.first().map_or(0, Array::len)).collect()
}

pub(crate) fn array(array: impl Array + 'static) -> ArrayRef {
    Arc::new(array)
}
