//! Other functions for the calls of a query, whose columns stay what they are.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder, Window, cast};

/// Replaces the calls of a GROUP BY and of windows. A result of another type is cast back.
pub(super) fn replace_calls(
    plan: LogicalPlan,
    replace: impl Fn(&Expr, &DFSchema) -> Result<Expr>,
) -> Result<Transformed<LogicalPlan>> {
    let (input, calls) = match &plan {
        LogicalPlan::Aggregate(aggregate) => (&aggregate.input, &aggregate.aggr_expr),
        LogicalPlan::Window(window) => (&window.input, &window.window_expr),
        _ => return Ok(Transformed::no(plan)),
    };
    let others = calls.iter().map(|call| replace(call, input.schema()));
    let others = others.collect::<Result<Vec<_>>>()?;
    if others == *calls {
        return Ok(Transformed::no(plan));
    }
    let before = Arc::clone(plan.schema());
    let plan = match plan {
        LogicalPlan::Aggregate(Aggregate { input, group_expr, .. }) => {
            LogicalPlan::Aggregate(Aggregate::try_new(input, group_expr, others)?)
        }
        LogicalPlan::Window(Window { input, .. }) => {
            LogicalPlan::Window(Window::try_new(others, input)?)
        }
        other => other,
    };
    let columns: Vec<_> = before
        .iter()
        .zip(plan.schema().fields())
        .map(|((table, field), other)| {
            let column = Expr::Column(Column::from((table, field)));
            match (other.data_type(), field.data_type()) {
                (other, wanted) if other == wanted => column,
                (_, wanted @ DataType::Duration(_)) => {
                    cast(cast(column, DataType::Int64), wanted.clone()).alias(field.name())
                }
                (_, wanted) => cast(column, wanted.clone()).alias(field.name()),
            }
        })
        .collect();
    let plan = LogicalPlanBuilder::from(plan).project(columns)?.build()?;
    Ok(Transformed::yes(plan))
}
