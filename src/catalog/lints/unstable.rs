//! Results that depend on the order in which rows happen to come.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};

use super::Finding;
use super::subject::Subject;
use crate::catalog::diagnose;

pub(super) fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let file = subject.file;
    let mut found: Vec<Finding> = Vec::new();
    let mut warn = |word: &str, message: String, help: &str| {
        let called = file.calls.iter().find(|call| call.function == word);
        let span = called.map(|call| call.span.clone()).or_else(|| {
            let text = file.file.text.to_lowercase();
            let start = diagnose::find_word(&text, word);
            (!start.is_empty() && text[start.clone()] == *word).then_some(start)
        });
        let Some(span) = span else { return };
        if !found.iter().any(|known| known.message == message) {
            found.push(Finding { span, message, help: help.to_owned() });
        }
    };
    subject.visit_plan(|node| {
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
        // The closures never fail.
        let _ = node.apply_expressions(|expr| {
            expr.apply(|part| {
                if let (Expr::AggregateFunction(call), Some(schema)) = (part, &schema) {
                    let name = call.func.name();
                    if depends_on_order(call) {
                        let message =
                            format!("{name} without ORDER BY depends on the order of rows");
                        warn(name, message, "write ORDER BY inside it: array_agg(x ORDER BY x)");
                    }
                    let float = call.params.args.first().is_some_and(|argument| {
                        argument
                            .get_type(schema.as_ref())
                            .is_ok_and(|data_type| data_type.is_floating())
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
        });
    });
    found
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
