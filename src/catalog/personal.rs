//! Follows personal columns through the plans of queries.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, JoinType};
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};

use crate::core::TableName;

/// Aggregates whose result is nobody's own value.
const TELLS_OF_MANY: [&str; 14] = [
    "count",
    "sum",
    "avg",
    "stddev",
    "stddev_pop",
    "var",
    "var_pop",
    "approx_distinct",
    "bool_and",
    "bool_or",
    "corr",
    "covar_samp",
    "covar_pop",
    "active_days",
];

/// The personal columns of every table that queries can read, by the table's name in SQL.
#[derive(Debug, Default)]
pub(super) struct Personal(BTreeMap<String, BTreeSet<String>>);

impl Personal {
    pub(super) fn add(&mut self, table: &TableName, columns: impl IntoIterator<Item = String>) {
        self.0.entry(table.to_string()).or_default().extend(columns);
    }

    /// Names of the columns of a query's result that are personal, or computed from one that is.
    pub(super) fn columns(&self, plan: &LogicalPlan) -> BTreeSet<String> {
        let fields = plan.schema().fields().iter();
        let flagged = fields.zip(self.flags(plan)).filter(|(_, personal)| *personal);
        flagged.map(|(field, _)| field.name().clone()).collect()
    }

    /// One flag for each column of the plan's result.
    fn flags(&self, plan: &LogicalPlan) -> Vec<bool> {
        let input = |plan: &LogicalPlan| self.flags(plan);
        let exprs = |exprs: &[Expr], input: &LogicalPlan| -> Vec<bool> {
            let flags = self.flags(input);
            exprs.iter().map(|expr| self.of_expr(expr, input.schema(), &flags)).collect()
        };
        match plan {
            LogicalPlan::TableScan(scan) => {
                let personal = self.0.get(&scan.table_name.to_string());
                let fields = scan.projected_schema.fields().iter();
                fields
                    .map(|field| personal.is_some_and(|columns| columns.contains(field.name())))
                    .collect()
            }
            LogicalPlan::Projection(projection) => exprs(&projection.expr, &projection.input),
            LogicalPlan::Aggregate(aggregate) => {
                let mut flags = exprs(&aggregate.group_expr, &aggregate.input);
                flags.extend(exprs(&aggregate.aggr_expr, &aggregate.input));
                // Grouping sets bring columns of their own, which hold no values.
                flags.resize(plan.schema().fields().len(), false);
                flags
            }
            LogicalPlan::Window(window) => {
                let mut flags = input(&window.input);
                flags.extend(exprs(&window.window_expr, &window.input));
                flags
            }
            LogicalPlan::Join(join) => {
                let (mut left, right) = (input(&join.left), input(&join.right));
                match join.join_type {
                    JoinType::LeftSemi | JoinType::LeftAnti => left,
                    JoinType::RightSemi | JoinType::RightAnti => right,
                    JoinType::LeftMark => left.into_iter().chain([false]).collect(),
                    JoinType::RightMark => right.into_iter().chain([false]).collect(),
                    JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                        left.extend(right);
                        left
                    }
                }
            }
            LogicalPlan::Union(union) => {
                let mut flags = vec![false; plan.schema().fields().len()];
                for branch in &union.inputs {
                    flags.iter_mut().zip(input(branch)).for_each(|(flag, other)| *flag |= other);
                }
                flags
            }
            LogicalPlan::Unnest(unnest) => {
                let flags = input(&unnest.input);
                let from = unnest.dependency_indices.iter();
                from.map(|index| flags.get(*index).copied().unwrap_or(true)).collect()
            }
            LogicalPlan::Distinct(Distinct::On(on)) => exprs(&on.select_expr, &on.input),
            LogicalPlan::Filter(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::Repartition(_)
            | LogicalPlan::Distinct(Distinct::All(_)) => {
                plan.inputs().first().map(|plan| self.flags(plan)).unwrap_or_default()
            }
            other => {
                // Whatever else there is: if anything personal goes in, all that comes out is.
                let personal = other.inputs().iter().any(|plan| self.flags(plan).contains(&true));
                vec![personal; other.schema().fields().len()]
            }
        }
    }

    fn of_expr(&self, expr: &Expr, schema: &DFSchema, flags: &[bool]) -> bool {
        let mut personal = false;
        // The closure never fails.
        let _ = expr.apply(|part| {
            match part {
                Expr::Column(column) => {
                    let index = schema.maybe_index_of_column(column);
                    personal |= index.and_then(|index| flags.get(index)).is_some_and(|flag| *flag);
                }
                Expr::OuterReferenceColumn(_, column) => {
                    personal |= self.0.values().any(|columns| columns.contains(&column.name));
                }
                Expr::ScalarSubquery(query) => {
                    personal |= self.flags(&query.subquery).contains(&true);
                }
                // A count or a sum tells of many; the smallest or first is somebody's own.
                Expr::AggregateFunction(call) if TELLS_OF_MANY.contains(&call.func.name()) => {
                    return Ok(TreeNodeRecursion::Jump);
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        });
        personal
    }
}
