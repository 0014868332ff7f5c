//! Labels that a segmentation declares and its query never returns, and the other way round.

use std::collections::BTreeSet;

use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast::{Expr as TextExpr, Value};
use datafusion_functions_segmentation::labels;

use super::Finding;
use super::subject::Subject;
use crate::catalog::{SEGMENT, diagnose};
use crate::core::{SqlFile, nearest};

/// The labels that an expression can have.
#[derive(Default)]
struct Labels {
    known: BTreeSet<String>,
    /// Whether there may be others, which only rows can tell.
    open: bool,
    /// Whether a condition may take some of them away.
    filtered: bool,
}

pub(super) fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let declared =
        subject.file.segmentation().and_then(|segmentation| segmentation.labels.as_ref());
    let Some(declared) = declared else { return Vec::new() };
    let mut columns = subject.plan.schema().fields().iter();
    let labels = match columns.position(|field| field.name() == SEGMENT) {
        Some(index) => of_column(subject.plan, index),
        None => Labels::only(subject.file.table.name.to_string()),
    };
    let names: BTreeSet<_> = declared.iter().map(|label| label.get_ref().as_str()).collect();
    let unused =
        declared.iter().filter(|label| !labels.open && !labels.known.contains(label.get_ref()));
    let unused = unused.map(|label| Finding {
        span: label.span(),
        message: format!("no row can have the label `{}`", label.get_ref()),
        help: match nearest(label.get_ref(), labels.known.iter().map(String::as_str)) {
            Some(near) => format!("the query gives `{near}`: is it that? Or take this one out"),
            None => "take it out, or let the query give it".to_owned(),
        },
    });
    let undeclared =
        labels.known.iter().filter(|label| !labels.filtered && !names.contains(label.as_str()));
    let undeclared = undeclared.map(|label| Finding {
        span: stands_at(subject, label),
        message: format!(
            "the label `{label}` is not declared: a night that gives it is not published"
        ),
        help: match nearest(label, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? Or add this one to `labels`"),
            None => "add it to `labels` in the front matter".to_owned(),
        },
    });
    unused.chain(undeclared).collect()
}

/// Where the text says a label; else the function that makes one.
fn stands_at(subject: &Subject<'_>, label: &str) -> std::ops::Range<usize> {
    let mut found = None;
    subject.visit_text(|expr| {
        if let TextExpr::Value(value) = expr
            && let Value::SingleQuotedString(text) = &value.value
            && text == label
        {
            found.get_or_insert_with(|| subject.span(expr));
        }
    });
    let file: &SqlFile = subject.file;
    let makers = ["health_band", "renewal_window", "rfm_segment"];
    let maker = || file.calls.iter().find(|call| makers.contains(&call.function.as_str()));
    found
        .or_else(|| maker().map(|call| call.span.clone()))
        .unwrap_or_else(|| diagnose::find_word(&file.file.text, SEGMENT))
}

/// The labels in a column of a plan, followed to where they are made.
fn of_column(plan: &LogicalPlan, index: usize) -> Labels {
    match plan {
        LogicalPlan::Projection(projection) => of_expr(&projection.expr[index], &projection.input),
        LogicalPlan::Aggregate(aggregate) => match aggregate.group_expr.get(index) {
            Some(key) => of_expr(key, &aggregate.input),
            None => Labels::any(),
        },
        LogicalPlan::Filter(filter) => {
            let (relation, field) = filter.input.schema().qualified_field(index);
            let column = Column::from((relation, field));
            let mut labels = of_column(&filter.input, index);
            labels.filtered |= filter.predicate.column_refs().contains(&column);
            labels
        }
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            match index.checked_sub(left) {
                None => of_column(&join.left, index),
                Some(index) if index < join.right.schema().fields().len() => {
                    of_column(&join.right, index)
                }
                Some(_) => Labels::any(),
            }
        }
        LogicalPlan::Window(window) if index < window.input.schema().fields().len() => {
            of_column(&window.input, index)
        }
        LogicalPlan::Union(union) => union
            .inputs
            .iter()
            .map(|input| of_column(input, index))
            .fold(Labels::default(), Labels::or),
        LogicalPlan::SubqueryAlias(alias) => of_column(&alias.input, index),
        LogicalPlan::Sort(sort) => of_column(&sort.input, index),
        LogicalPlan::Limit(limit) => of_column(&limit.input, index),
        LogicalPlan::Distinct(Distinct::All(input)) => of_column(input, index),
        _ => Labels::any(),
    }
}

fn of_expr(expr: &Expr, input: &LogicalPlan) -> Labels {
    let all = |exprs: &mut dyn Iterator<Item = &Expr>| {
        exprs.map(|expr| of_expr(expr, input)).fold(Labels::default(), Labels::or)
    };
    match expr {
        Expr::Alias(alias) => of_expr(&alias.expr, input),
        Expr::Cast(cast) => of_expr(&cast.expr, input),
        Expr::Literal(value, _) if value.is_null() => Labels::default(),
        Expr::Literal(value, _) => match value.try_as_str().flatten() {
            Some(label) => Labels::only(label.to_owned()),
            None => Labels::any(),
        },
        Expr::Case(case) => {
            let results = case.when_then_expr.iter().map(|(_, result)| result);
            all(&mut results.chain(&case.else_expr).map(|result| &**result))
        }
        Expr::Column(column) => match input.schema().index_of_column(column) {
            Ok(index) => of_column(input, index),
            Err(_) => Labels::any(),
        },
        Expr::ScalarFunction(call) if call.name() == "coalesce" => all(&mut call.args.iter()),
        Expr::ScalarFunction(call) => {
            let constants: Vec<_> = call.args.iter().map(constants).collect();
            match labels(call.name(), &constants) {
                Some(known) => Labels { known: known.into_iter().collect(), ..Labels::default() },
                None => Labels::any(),
            }
        }
        _ => Labels::any(),
    }
}

/// A constant, or the items of a list of constants; none of what only rows can tell.
fn constants(expr: &Expr) -> Option<Vec<ScalarValue>> {
    match expr {
        Expr::Literal(value, _) => Some(vec![value.clone()]),
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "make_array" => {
            let items = args.iter().map(|item| match item {
                Expr::Literal(value, _) => Some(value.clone()),
                _ => None,
            });
            items.collect()
        }
        _ => None,
    }
}

impl Labels {
    fn only(label: String) -> Self {
        Self { known: BTreeSet::from([label]), ..Self::default() }
    }

    fn any() -> Self {
        Self { open: true, ..Self::default() }
    }

    fn or(mut self, other: Self) -> Self {
        self.known.extend(other.known);
        self.open |= other.open;
        self.filtered |= other.filtered;
        self
    }
}
