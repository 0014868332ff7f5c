//! Ways through the text of an expression.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
};

/// An expression without its parentheses.
pub(super) fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => bare(inner),
        other => other,
    }
}

/// What `AND` (or `OR`, as `operator` says) combines, in the order of the text.
pub(super) fn parts<'e>(expr: &'e Expr, operator: &BinaryOperator) -> Vec<&'e Expr> {
    match bare(expr) {
        Expr::BinaryOp { left, op, right } if op == operator => {
            [parts(left, operator), parts(right, operator)].concat()
        }
        other => vec![other],
    }
}

/// The name of a column without its table's, in lower case; none of another expression.
pub(super) fn column_name(expr: &Expr) -> Option<String> {
    let ident = match bare(expr) {
        Expr::Identifier(ident) => ident,
        Expr::CompoundIdentifier(idents) => idents.last()?,
        _ => return None,
    };
    Some(ident.value.to_lowercase())
}

/// What a row's value of `expr` is computed from; nothing of a subquery.
pub(super) fn children(expr: &Expr) -> Vec<&Expr> {
    match bare(expr) {
        Expr::BinaryOp { left, right, .. }
        | Expr::IsDistinctFrom(left, right)
        | Expr::IsNotDistinctFrom(left, right) => vec![left, right],
        Expr::Between { expr, low, high, .. } => vec![expr, low, high],
        Expr::InList { expr, list, .. } => [&**expr].into_iter().chain(list).collect(),
        Expr::InSubquery { expr, .. }
        | Expr::Like { expr, .. }
        | Expr::ILike { expr, .. }
        | Expr::SimilarTo { expr, .. }
        | Expr::UnaryOp { expr, .. }
        | Expr::Cast { expr, .. }
        | Expr::Trim { expr, .. }
        | Expr::Extract { expr, .. }
        | Expr::Substring { expr, .. }
        | Expr::IsNull(expr)
        | Expr::IsNotNull(expr)
        | Expr::IsTrue(expr)
        | Expr::IsNotTrue(expr)
        | Expr::IsFalse(expr)
        | Expr::IsNotFalse(expr) => vec![expr],
        Expr::Function(call) => arguments(call),
        _ => Vec::new(),
    }
}

/// The arguments of a call, named ones too.
pub(super) fn arguments(call: &Function) -> Vec<&Expr> {
    let list = match &call.args {
        FunctionArguments::List(list) => list.args.as_slice(),
        FunctionArguments::None | FunctionArguments::Subquery(_) => &[],
    };
    let arguments = list.iter().filter_map(|argument| match argument {
        FunctionArg::Named { arg, .. }
        | FunctionArg::ExprNamed { arg, .. }
        | FunctionArg::Unnamed(arg) => match arg {
            FunctionArgExpr::Expr(expr) => Some(expr),
            _ => None,
        },
    });
    arguments.collect()
}

/// The name of a called function, in lower case.
pub(super) fn function(call: &Function) -> String {
    call.name.to_string().to_lowercase()
}
