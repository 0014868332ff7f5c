//! Floats compared with a literal by `=`: 0.1 + 0.2 is not 0.3.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};

use super::Finding;
use super::subject::Subject;
use super::text::bare;

pub(super) fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    subject.visit_text(|expr| {
        let column = compared(expr).into_iter().find(|column| {
            subject.column(column).is_some_and(|field| field.data_type().is_floating())
        });
        if let Some(column) = column {
            found.push(Finding {
                span: subject.span(expr),
                message: format!(
                    "`{column}` is a float: what is computed to this number on paper may be a little beside it"
                ),
                help: format!("round({column}, 6), CAST it to a decimal, or compare by < and >="),
            });
        }
    });
    found
}

/// What `expr` compares with a literal for equality.
fn compared(expr: &Expr) -> Vec<&Expr> {
    use BinaryOperator::{Eq, NotEq};
    match expr {
        Expr::BinaryOp { left, op: Eq | NotEq, right }
        | Expr::IsDistinctFrom(left, right)
        | Expr::IsNotDistinctFrom(left, right) => match (is_inexact(left), is_inexact(right)) {
            (false, true) => vec![left],
            (true, false) => vec![right],
            _ => Vec::new(),
        },
        Expr::InList { expr, list, .. } if list.iter().any(is_inexact) => vec![expr],
        Expr::Case { operand: Some(operand), conditions, .. }
            if conditions.iter().any(|when| is_inexact(&when.condition)) =>
        {
            vec![operand]
        }
        _ => Vec::new(),
    }
}

/// Whether this is a number other than 0, which floats reach exactly where they are clamped, and which guards divisions.
fn is_inexact(expr: &Expr) -> bool {
    match bare(expr) {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => number.parse() != Ok(0.0),
            _ => false,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => is_inexact(expr),
        _ => false,
    }
}
