//! What the aggregates share: one implementation for one group and for many, and how arguments and rows are read.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, ListArray, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Schema};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{ScalarValue, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, ColumnarValue, EmitTo, Expr, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;

/// An aggregation without GROUP BY, or over a window: the groups' own code with a single group.
#[derive(Debug)]
pub(super) struct OneGroup<G>(pub(super) G);

/// A `GroupsAccumulator` that `OneGroup` can read without emptying it.
pub(super) trait Groups: GroupsAccumulator + Debug + Clone + Sync {
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

/// Refuses a NULL that is seen while the call is planned.
pub(super) fn refuse_null(function: &str, name: &str, argument: &Expr) -> Result<()> {
    if argument.as_literal().is_some_and(ScalarValue::is_null) {
        return plan_err!("{function}: {name} must not be NULL");
    }
    Ok(())
}

/// Refuses what may differ from row to row. What is left need not be a literal yet.
pub(super) fn refuse_variable(function: &str, name: &str, argument: &Expr) -> Result<()> {
    let variable = argument.exists(|part| {
        let from_rows = matches!(part, Expr::Column(_) | Expr::OuterReferenceColumn(..));
        Ok(from_rows || matches!(part, Expr::ScalarSubquery(_)) || part.is_volatile_node())
    });
    if variable? {
        return plan_err!("{function}: {name} must be a constant");
    }
    Ok(())
}

/// The number that an argument is, if that is seen while the call is planned.
pub(super) fn number(argument: &Expr) -> Option<f64> {
    match argument.as_literal() {
        Some(ScalarValue::Float64(number)) => *number,
        _ => None,
    }
}

/// The value of an argument that `refuse_variable` has let through, or that nobody looked at while planning: calls through
/// `datafusion-ffi` are not simplified.
pub(super) fn constant(
    function: &str,
    name: &str,
    argument: &Arc<dyn PhysicalExpr>,
) -> Result<ScalarValue> {
    match argument.evaluate(&RecordBatch::new_empty(Arc::new(Schema::empty()))) {
        Ok(ColumnarValue::Scalar(value)) => Ok(value),
        Ok(ColumnarValue::Array(_)) => plan_err!("{function}: {name} must be a constant"),
        Err(error) => Err(error.context(format!("{function}: {name} must be a constant"))),
    }
}

/// Which rows count: those with a time that the filter lets through (NULL does not). None: all.
pub(super) fn counts(times: &dyn Array, filter: Option<&BooleanArray>) -> Option<NullBuffer> {
    let kept = filter.map(|filter| match filter.nulls() {
        Some(known) => NullBuffer::new(filter.values() & known.inner()),
        None => NullBuffer::new(filter.values().clone()),
    });
    NullBuffer::union(times.nulls(), kept.as_ref())
}

/// The rows that count, each with its group.
pub(super) fn counted(
    groups: &[usize],
    times: &dyn Array,
    filter: Option<&BooleanArray>,
) -> impl Iterator<Item = (usize, usize)> {
    let counts = counts(times, filter);
    let all = groups.iter().copied().enumerate();
    all.filter(move |(row, _)| counts.as_ref().is_none_or(|counts| counts.is_valid(*row)))
}

/// The type of `lists`.
pub(super) fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, true)))
}

pub(super) fn lists<T: ArrowPrimitiveType>(
    lists: impl IntoIterator<Item = Option<Vec<T::Native>>>,
) -> ArrayRef {
    let lists = lists.into_iter().map(|items| items.map(|items| items.into_iter().map(Some)));
    array(ListArray::from_iter_primitive::<T, _, _>(lists))
}

/// `0..rows`, for rows that are groups of their own.
pub(super) fn each_its_own(values: &[ArrayRef]) -> Vec<usize> {
    (0..values.first().map_or(0, Array::len)).collect()
}

pub(super) fn array(array: impl Array + 'static) -> ArrayRef {
    Arc::new(array)
}
