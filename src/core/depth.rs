//! How deep SQL is nested. Parser, planner and engine walk through it by recursion: what is too deep for their stacks would
//! end the process.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Query, SetExpr, Spanned as _, Visit, Visitor};
use datafusion::sql::sqlparser::tokenizer::Span;

/// `a OR b OR c` is three deep, as is `a UNION b UNION c`. 500 are planned in a quarter of the stack that the command line
/// gives its threads, and in some seconds; the time grows with their square or cube.
pub(super) const MOST: usize = 500;

/// Where the SQL begins to be nested deeper than [`MOST`], if it is.
pub(super) fn too_deep(sql: &impl Visit) -> Option<Span> {
    sql.visit(&mut Depth::default()).break_value()
}

#[derive(Default)]
struct Depth {
    now: usize,
}

impl Visitor for Depth {
    type Break = Span;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Span> {
        let mut body = &*query.body;
        let mut links = 0;
        while let SetExpr::SetOperation { left, .. } = body {
            (links, body) = (links + 1, left);
        }
        if links > MOST { ControlFlow::Break(body.span()) } else { ControlFlow::Continue(()) }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Span> {
        self.now += 1;
        // Only of a leaf: to find the place of what is deep is deep itself.
        let is_leaf =
            matches!(expr, Expr::Value(_) | Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        if is_leaf && self.now > MOST {
            return ControlFlow::Break(expr.span());
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<Span> {
        self.now -= 1;
        ControlFlow::Continue(())
    }
}
