//! What a plan tells beside its result: calls that are never the same twice, and results that depend on chance.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Volatility};

use crate::core::{Problem, SqlFile};

/// A function of the plan that a night must not call, if there is one.
pub(super) fn volatile(plan: &LogicalPlan) -> Result<Option<String>> {
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                if let Expr::ScalarFunction(call) = part
                    && call.func.signature().volatility != Volatility::Immutable
                    && !["as_of", "as_of_end"].contains(&call.func.name())
                {
                    found = Some(call.func.name().to_owned());
                    return Ok(TreeNodeRecursion::Stop);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

/// Warns of results that depend on the order in which rows happen to come. Only of what the file itself says: the plans of
/// the views it reads are part of its own.
pub(super) fn look(file: &SqlFile, plan: &LogicalPlan) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    let mut warn = |word: &str, message: String, help: &str| {
        let called = file.calls.iter().find(|call| call.function == word);
        let span = called.map(|call| call.span.clone()).or_else(|| {
            let text = file.file.text.to_lowercase();
            let start = super::diagnose::find_word(&text, word);
            (!start.is_empty() && text[start.clone()] == *word).then_some(start)
        });
        let Some(span) = span else { return };
        let problem = Problem::error("unstable", &file.file, span, message).warning().help(help);
        if !problems.iter().any(|known| known.message == problem.message) {
            problems.push(problem);
        }
    };
    // The closures never fail.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Limit(limit) = node
            && !is_sorted(&limit.input)
        {
            warn(
                "limit",
                "LIMIT without ORDER BY keeps whichever rows come first".to_owned(),
                "add ORDER BY with the entity key last",
            );
        }
        let schema = node.inputs().first().map(|input| input.schema().clone());
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                if let (Expr::AggregateFunction(call), Some(schema)) = (part, &schema) {
                    let name = call.func.name();
                    if depends_on_order(call) {
                        let message =
                            format!("{name} without ORDER BY depends on the order of rows");
                        warn(name, message, "write ORDER BY inside it: array_agg(x ORDER BY x)");
                    }
                    let float = call.params.args.first().is_some_and(|argument| {
                        let data_type = argument.get_type(schema.as_ref());
                        data_type.is_ok_and(|data_type| {
                            matches!(
                                data_type,
                                DataType::Float16 | DataType::Float32 | DataType::Float64
                            )
                        })
                    });
                    if float && ["sum", "avg"].contains(&name) {
                        let message = format!(
                            "{name} over floats depends on the order of threads in its last digits"
                        );
                        warn(
                            name,
                            message,
                            "CAST to decimal(18, 6) or so: money and scores have few digits",
                        );
                    }
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    problems
}

fn depends_on_order(call: &AggregateFunction) -> bool {
    let ordered = ["array_agg", "first_value", "last_value", "nth_value", "string_agg"];
    ordered.contains(&call.func.name()) && call.params.order_by.is_empty()
}

/// Whether rows come out of the plan in an order that it asks for.
fn is_sorted(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Sort(_) => true,
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Filter(_) => {
            plan.inputs().first().is_some_and(|input| is_sorted(input))
        }
        _ => false,
    }
}
