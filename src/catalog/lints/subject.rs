//! A planned file as the lints see it: what it says as text, with the types that the plan knows.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::ExprSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr as PlanExpr, LogicalPlan};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, JoinConstraint, JoinOperator, Select, Spanned as _, Visit as _, Visitor,
    visit_expressions,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use super::text::{bare, column_name};
use crate::core::{SqlFile, bytes};
use crate::project::Project;

/// A file, its plan and its project.
pub(super) struct Subject<'a> {
    pub(super) file: &'a SqlFile,
    pub(super) plan: &'a LogicalPlan,
    pub(super) project: &'a Project,
    /// What must be true of a row somewhere in the file.
    pub(super) conditions: Vec<Condition>,
    /// Columns by line and column of where they are named.
    columns: BTreeMap<(u64, u64), FieldRef>,
    /// The same by how the text names them.
    named: BTreeMap<String, Vec<FieldRef>>,
}

/// What must be true of a row: of WHERE, HAVING, QUALIFY, ON, FILTER or WHEN.
pub(super) struct Condition {
    pub(super) expr: Expr,
    /// Of a WHEN: all of its CASE, shared because a CASE can have thousands, and its own place among them.
    whens: Arc<[Expr]>,
    index: usize,
}

impl Condition {
    /// Of a WHEN: those before it, which have failed by then.
    pub(super) fn earlier(&self) -> &[Expr] {
        &self.whens[..self.index]
    }
}

impl<'a> Subject<'a> {
    pub(super) fn new(file: &'a SqlFile, plan: &'a LogicalPlan, project: &'a Project) -> Self {
        let mut found = Conditions::default();
        if let Statement::Statement(statement) = &file.statement {
            let _ = statement.visit(&mut found);
        }
        let conditions = found.conditions;
        let mut subject = Self {
            file,
            plan,
            project,
            conditions,
            columns: BTreeMap::new(),
            named: BTreeMap::new(),
        };
        let mut columns = BTreeMap::new();
        subject.visit_plan(|node| add_columns(node, &mut columns));
        subject.columns = columns;
        let mut named: BTreeMap<_, Vec<_>> = BTreeMap::new();
        subject.visit_text(|expr| {
            if column_name(expr).is_some()
                && let Some(field) = subject.columns.get(&place(expr))
            {
                named.entry(expr.to_string()).or_default().push(FieldRef::clone(field));
            }
        });
        subject.named = named;
        subject
    }

    /// Visits what the file itself says of the plan: the plans of the views it reads are part of its own.
    pub(super) fn visit_plan(&self, mut visit: impl FnMut(&LogicalPlan)) {
        // The closure never fails.
        let _ = self.plan.apply_with_subqueries(|node| {
            if is_view(node) {
                return Ok(TreeNodeRecursion::Jump);
            }
            visit(node);
            Ok(TreeNodeRecursion::Continue)
        });
    }

    /// Visits every expression of the text.
    pub(super) fn visit_text(&self, mut visit: impl FnMut(&Expr)) {
        if let Statement::Statement(statement) = &self.file.statement {
            let _: ControlFlow<()> = visit_expressions(statement, |expr| {
                visit(expr);
                ControlFlow::Continue(())
            });
        }
    }

    /// The column that `expr` names; none if it is something else, or the plan does not tell.
    pub(super) fn column(&self, expr: &Expr) -> Option<&FieldRef> {
        let expr = bare(expr);
        column_name(expr)?;
        self.columns.get(&place(expr)).or_else(|| {
            // Of GROUP BY and HAVING the plan keeps one place only. The name is enough where it means one thing.
            let fields = self.named.get(&expr.to_string())?;
            let first = fields.first()?;
            let is_same = |field: &FieldRef| {
                (field.data_type(), field.is_nullable()) == (first.data_type(), first.is_nullable())
            };
            fields.iter().all(is_same).then_some(first)
        })
    }

    /// Where an expression stands.
    pub(super) fn span(&self, expr: &Expr) -> Range<usize> {
        bytes(&self.file.file, expr.span())
    }
}

/// Line and column of an expression's first letter.
fn place(expr: &Expr) -> (u64, u64) {
    let Span { start, .. } = expr.span();
    (start.line, start.column)
}

/// Whether a node is a table of the catalog whose plan became part of this one: only those have a schema in their name.
pub(super) fn is_view(node: &LogicalPlan) -> bool {
    matches!(node, LogicalPlan::SubqueryAlias(view) if view.alias.schema().is_some())
}

fn add_columns(node: &LogicalPlan, columns: &mut BTreeMap<(u64, u64), FieldRef>) {
    let _ = node.apply_expressions(|expr| {
        expr.apply(|part| {
            if let PlanExpr::Column(column) = part {
                let inputs = node.inputs();
                let mut fields =
                    inputs.iter().filter_map(|input| input.schema().field_from_column(column).ok());
                if let Some(field) = fields.next() {
                    for span in column.spans.iter() {
                        let start = (span.start.line, span.start.column);
                        columns.entry(start).or_insert_with(|| FieldRef::clone(field));
                    }
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })
    });
}

#[derive(Default)]
struct Conditions {
    conditions: Vec<Condition>,
}

impl Conditions {
    fn add<'a>(&mut self, found: impl IntoIterator<Item = &'a Expr>) {
        let condition =
            |expr: &Expr| Condition { expr: expr.clone(), whens: Arc::default(), index: 0 };
        self.conditions.extend(found.into_iter().map(condition));
    }
}

impl Visitor for Conditions {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.add(&select.selection);
        self.add(&select.having);
        self.add(&select.qualify);
        let joins = select.from.iter().flat_map(|from| &from.joins);
        self.add(joins.filter_map(|join| match &join.join_operator {
            JoinOperator::Join(JoinConstraint::On(on))
            | JoinOperator::Inner(JoinConstraint::On(on))
            | JoinOperator::Left(JoinConstraint::On(on))
            | JoinOperator::LeftOuter(JoinConstraint::On(on))
            | JoinOperator::Right(JoinConstraint::On(on))
            | JoinOperator::RightOuter(JoinConstraint::On(on))
            | JoinOperator::FullOuter(JoinConstraint::On(on))
            | JoinOperator::Semi(JoinConstraint::On(on))
            | JoinOperator::LeftSemi(JoinConstraint::On(on))
            | JoinOperator::RightSemi(JoinConstraint::On(on))
            | JoinOperator::Anti(JoinConstraint::On(on))
            | JoinOperator::LeftAnti(JoinConstraint::On(on))
            | JoinOperator::RightAnti(JoinConstraint::On(on)) => Some(on),
            _ => None,
        }));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(call) => self.add(call.filter.as_deref()),
            Expr::Case { operand: None, conditions, .. } => {
                let whens: Arc<[Expr]> =
                    conditions.iter().map(|when| when.condition.clone()).collect();
                for (index, expr) in whens.iter().enumerate() {
                    let whens = Arc::clone(&whens);
                    self.conditions.push(Condition { expr: expr.clone(), whens, index });
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
