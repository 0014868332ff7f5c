//! Negations that lose rows whose column is NULL: `status <> 'paid'` is not true where `status` is not known.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Query, SelectItem, SetExpr, UnaryOperator, Value, visit_expressions,
};

use super::Finding;
use super::subject::Subject;
use super::text::{arguments, bare, children, column_name, function, parts};

/// Functions that answer NULL to NULL, and nothing else.
const STRICT: [&str; 12] = [
    "abs",
    "btrim",
    "date_part",
    "date_trunc",
    "length",
    "lower",
    "ltrim",
    "round",
    "rtrim",
    "substr",
    "trim",
    "upper",
];

/// Functions that give NULL a meaning of its own.
const OF_NULL: [&str; 4] = ["coalesce", "ifnull", "nvl", "nvl2"];

pub(super) fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for condition in &subject.conditions {
        let mut handled = BTreeSet::new();
        for expr in condition.earlier().iter().chain([&condition.expr]) {
            add_handled(expr, &mut handled);
        }
        look_at(subject, &condition.expr, &handled, &mut found);
    }
    found
}

/// Looks at the negations of a condition, down to where AND and OR end.
fn look_at(
    subject: &Subject<'_>,
    expr: &Expr,
    handled: &BTreeSet<String>,
    found: &mut Vec<Finding>,
) {
    for part in parts(expr, &BinaryOperator::Or) {
        let facts = parts(part, &BinaryOperator::And);
        if let [fact] = facts[..] {
            found.extend(finding(subject, fact, handled));
            continue;
        }
        // A row without a value does not pass `amount > 5` either: whoever writes that beside a negation wants none.
        let mut handled = handled.clone();
        for fact in facts.iter().filter(|fact| is_positive(fact)) {
            handled.extend(columns(fact).into_iter().filter_map(column_name));
        }
        for fact in facts {
            look_at(subject, fact, &handled, found);
        }
    }
}

fn finding(subject: &Subject<'_>, fact: &Expr, handled: &BTreeSet<String>) -> Option<Finding> {
    if let Some(null) = compared_null(fact) {
        return Some(Finding {
            span: subject.span(fact),
            message: format!("`{null}` is never true: NULL is not known, so nothing equals it"),
            help: "write IS NULL or IS NOT NULL".to_owned(),
        });
    }
    if let Expr::InSubquery { subquery, negated: true, .. } = fact
        && let Some(column) = only_column(subquery)
        && subject.column(column).is_some_and(|field| field.is_nullable())
        && !restricted(subquery).contains(&column_name(column)?)
    {
        return Some(Finding {
            span: subject.span(column),
            message: format!("one NULL in `{column}`, and NOT IN is true of no row at all"),
            help: format!("add WHERE {column} IS NOT NULL, or write NOT EXISTS"),
        });
    }
    if !is_negation(fact) {
        return None;
    }
    let lost = columns(fact).into_iter().find(|column| {
        subject.column(column).is_some_and(|field| field.is_nullable())
            && column_name(column).is_some_and(|name| !handled.contains(&name))
    })?;
    Some(Finding {
        span: subject.span(fact),
        message: format!("where `{lost}` is NULL this is not true either, and passes the row over"),
        help: format!(
            "say what NULL means: add OR {lost} IS NULL to keep it, AND {lost} IS NOT NULL to leave it out; \
             or write IS DISTINCT FROM"
        ),
    })
}

fn is_negation(fact: &Expr) -> bool {
    match fact {
        Expr::BinaryOp { op, .. } => *op == BinaryOperator::NotEq,
        Expr::UnaryOp { op, .. } => *op == UnaryOperator::Not,
        Expr::InList { negated, .. }
        | Expr::InSubquery { negated, .. }
        | Expr::Between { negated, .. }
        | Expr::Like { negated, .. }
        | Expr::ILike { negated, .. }
        | Expr::SimilarTo { negated, .. } => *negated,
        _ => false,
    }
}

/// Whether a condition openly asks for a value.
fn is_positive(fact: &Expr) -> bool {
    match fact {
        Expr::BinaryOp { op, .. } => {
            use BinaryOperator as Op;
            matches!(op, Op::Eq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq)
        }
        Expr::InList { .. } | Expr::Between { .. } | Expr::Like { .. } | Expr::ILike { .. } => {
            !is_negation(fact)
        }
        _ => false,
    }
}

/// A comparison with NULL itself.
fn compared_null(fact: &Expr) -> Option<String> {
    let is_null =
        |expr: &Expr| matches!(bare(expr), Expr::Value(value) if value.value == Value::Null);
    let never = match fact {
        Expr::BinaryOp { left, op: BinaryOperator::Eq | BinaryOperator::NotEq, right } => {
            is_null(left) || is_null(right)
        }
        Expr::InList { list, negated: true, .. } => list.iter().any(is_null),
        _ => false,
    };
    never.then(|| fact.to_string())
}

/// Columns of which one NULL makes the whole expression NULL.
fn columns(expr: &Expr) -> Vec<&Expr> {
    let is_strict = match bare(expr) {
        column @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_)) => return vec![column],
        Expr::Function(call) => STRICT.contains(&function(call).as_str()),
        // The list of IN is no part of it: NULL there is another fault.
        Expr::InList { expr, .. } => return columns(expr),
        Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..) => false,
        _ => true,
    };
    let inner = children(expr).into_iter().filter(|_| is_strict);
    inner.flat_map(columns).collect()
}

/// Adds the columns whose NULL `expr` speaks of.
fn add_handled(expr: &Expr, handled: &mut BTreeSet<String>) {
    let _: ControlFlow<()> = visit_expressions(expr, |part| {
        match part {
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => {
                handled.extend(columns(inner).into_iter().filter_map(column_name));
            }
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                for inner in [left, right] {
                    handled.extend(columns(inner).into_iter().filter_map(column_name));
                }
            }
            Expr::Function(call) if OF_NULL.contains(&function(call).as_str()) => {
                let columns = arguments(call).into_iter().flat_map(columns);
                handled.extend(columns.filter_map(column_name));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
}

/// The column of a subquery that returns nothing else.
fn only_column(query: &Query) -> Option<&Expr> {
    let SetExpr::Select(select) = &*query.body else { return None };
    match &select.projection[..] {
        [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }] => {
            column_name(expr).map(|_| expr)
        }
        _ => None,
    }
}

/// Columns that a subquery's WHERE asks for a value, or says what their NULL means.
fn restricted(query: &Query) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if let SetExpr::Select(select) = &*query.body
        && let Some(condition) = &select.selection
    {
        add_handled(condition, &mut names);
        for fact in parts(condition, &BinaryOperator::And) {
            if is_positive(fact) {
                names.extend(columns(fact).into_iter().filter_map(column_name));
            }
        }
    }
    names
}
