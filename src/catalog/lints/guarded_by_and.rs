//! Divisions and casts that AND is to keep from failing. It does not: the engine evaluates both sides over whole columns.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType as SqlType, Expr, UnaryOperator, Value,
};

use super::Finding;
use super::subject::Subject;
use super::text::{bare, children, parts};

pub(super) fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for condition in &subject.conditions {
        look_at(subject, &condition.expr, &mut found);
    }
    found
}

/// Looks at what AND and OR combine: `b = 0 OR a / b > 1` is as unsafe as its opposite.
fn look_at(subject: &Subject<'_>, expr: &Expr, found: &mut Vec<Finding>) {
    let combined = [BinaryOperator::And, BinaryOperator::Or].map(|op| parts(expr, &op));
    let Some(facts) = combined.into_iter().find(|facts| facts.len() > 1) else { return };
    for (index, fact) in facts.iter().enumerate() {
        for risk in risks(subject, fact) {
            let mut others = facts.iter().enumerate().filter(|(other, _)| *other != index);
            if others.any(|(_, guard)| guards(guard, risk)) {
                found.extend(finding(subject, risk));
            }
        }
        look_at(subject, fact, found);
    }
}

fn finding(subject: &Subject<'_>, risk: &Expr) -> Option<Finding> {
    let (word, help) = match risk {
        Expr::BinaryOp { left, op, right } => {
            ("division", format!("write {left} {op} NULLIF({right}, 0), or a CASE"))
        }
        Expr::Cast { expr, data_type, .. } => {
            ("CAST", format!("write TRY_CAST({expr} AS {data_type}), or a CASE"))
        }
        _ => return None,
    };
    Some(Finding {
        span: subject.span(risk),
        message: format!(
            "the condition beside it does not keep this {word} from failing: both may be evaluated for all rows"
        ),
        help,
    })
}

/// Divisions and casts in `expr` that one row can fail. CASE evaluates its branches for their rows only.
fn risks<'e>(subject: &Subject<'_>, expr: &'e Expr) -> Vec<&'e Expr> {
    let expr = bare(expr);
    let fails = match expr {
        Expr::Case { .. } => return Vec::new(),
        Expr::BinaryOp { left, op: BinaryOperator::Divide | BinaryOperator::Modulo, right } => {
            !is_float(subject, left) && !is_float(subject, right)
        }
        Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, .. } => {
            let is_text = subject.column(expr).is_some_and(|field| field.data_type().is_string());
            let to_text = matches!(
                data_type,
                SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_) | SqlType::String(_)
            );
            is_text && !to_text
        }
        _ => false,
    };
    let inner = children(expr).into_iter().flat_map(|child| risks(subject, child));
    fails.then_some(expr).into_iter().chain(inner).collect()
}

/// A division by zero in floats is infinite, and no failure.
fn is_float(subject: &Subject<'_>, expr: &Expr) -> bool {
    match bare(expr) {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => number.contains(['.', 'e', 'E']),
            _ => false,
        },
        Expr::Cast { data_type, .. } => matches!(
            data_type,
            SqlType::Double(_)
                | SqlType::DoublePrecision
                | SqlType::Float(_)
                | SqlType::Float8
                | SqlType::Real
        ),
        Expr::BinaryOp { left, right, .. } => is_float(subject, left) || is_float(subject, right),
        Expr::UnaryOp { expr, .. } => is_float(subject, expr),
        column => subject.column(column).is_some_and(|field| field.data_type().is_floating()),
    }
}

/// Whether `guard` is a test of what `risk` divides by or casts.
fn guards(guard: &Expr, risk: &Expr) -> bool {
    let guarded = match risk {
        Expr::BinaryOp { right, .. } => bare(right),
        Expr::Cast { expr, .. } => bare(expr),
        _ => return false,
    };
    let is_guarded = |expr: &Expr| bare(expr) == guarded;
    match bare(guard) {
        Expr::BinaryOp { left, right, .. } => is_guarded(left) || is_guarded(right),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => guards(expr, risk),
        Expr::InList { expr, .. }
        | Expr::Between { expr, .. }
        | Expr::Like { expr, .. }
        | Expr::ILike { expr, .. }
        | Expr::SimilarTo { expr, .. } => is_guarded(expr),
        call @ Expr::Function(_) => children(call).into_iter().any(is_guarded),
        _ => false,
    }
}
