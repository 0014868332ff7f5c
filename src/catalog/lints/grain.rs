//! Features that clearly can have several rows of one key.
//!
//! Most plans tell neither way: then nothing is said.

use datafusion::common::JoinType;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Distinct, Expr, Join, LogicalPlan, Operator};

use super::Finding;
use super::subject::{Subject, is_view};
use crate::catalog::diagnose;
use crate::core::{Layer, Name, TableName};
use crate::project::Project;

/// How often a value of some columns can come.
#[derive(Debug)]
enum Grain {
    Once,
    /// More than once, and why.
    Several(String),
    Unknown,
}

pub(super) fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let key = &subject.project.config.key;
    let fields = subject.plan.schema().fields();
    let index = fields.iter().position(|field| field.name() == key);
    let Some(index) = index.filter(|_| subject.file.table.layer == Layer::Feature) else {
        return Vec::new();
    };
    match grain(subject.project, subject.plan, &[index]) {
        Grain::Several(why) => vec![Finding {
            span: diagnose::select(&subject.file.file.text),
            message: format!("a feature has one row per `{key}`, and this can have several: {why}"),
            help: format!(
                "GROUP BY {key}; or, where the rows are unique already, say so: unique = [...] of the source in roster.toml"
            ),
        }],
        Grain::Once | Grain::Unknown => Vec::new(),
    }
}

/// How often a value of `columns`, which are of the output of `plan`, can come.
fn grain(project: &Project, plan: &LogicalPlan, columns: &[usize]) -> Grain {
    let below = |input: &LogicalPlan| grain(project, input, columns);
    if let Some(known) = of_table(project, plan, columns) {
        return known;
    }
    match plan {
        LogicalPlan::SubqueryAlias(alias) => below(&alias.input),
        LogicalPlan::Sort(sort) => below(&sort.input),
        LogicalPlan::Projection(projection) => {
            let input = projection.input.schema();
            let columns =
                columns.iter().map(|index| match projection.expr[*index].clone().unalias() {
                    Expr::Column(column) => input.index_of_column(&column).ok(),
                    _ => None,
                });
            let columns: Option<Vec<_>> = columns.collect();
            columns.map_or(Grain::Unknown, |columns| grain(project, &projection.input, &columns))
        }
        LogicalPlan::Filter(filter) => match below(&filter.input) {
            // `is_current`, `row_number = 1`: such may choose one of several.
            Grain::Several(_) if !is_range(&filter.predicate) => Grain::Unknown,
            grain => grain,
        },
        LogicalPlan::Window(window)
            if columns.iter().all(|index| *index < window.input.schema().fields().len()) =>
        {
            below(&window.input)
        }
        LogicalPlan::Aggregate(aggregate) => {
            if (0..aggregate.group_expr.len()).all(|index| columns.contains(&index)) {
                Grain::Once
            } else {
                Grain::Unknown
            }
        }
        LogicalPlan::Distinct(Distinct::All(input)) => {
            if (0..input.schema().fields().len()).all(|index| columns.contains(&index)) {
                Grain::Once
            } else {
                Grain::Unknown
            }
        }
        LogicalPlan::Union(union) => {
            let mut inputs = union.inputs.iter().map(|input| below(input));
            inputs.find(|grain| matches!(grain, Grain::Several(_))).unwrap_or(Grain::Unknown)
        }
        LogicalPlan::Join(join) => of_join(project, join, columns),
        _ => Grain::Unknown,
    }
}

/// What roster.toml promises of a source, and other features of themselves; none where the view's plan has to tell.
fn of_table(project: &Project, plan: &LogicalPlan, columns: &[usize]) -> Option<Grain> {
    let table = match plan {
        LogicalPlan::SubqueryAlias(view) if is_view(plan) => &view.alias,
        LogicalPlan::TableScan(scan) => &scan.table_name,
        _ => return None,
    };
    let layer = Layer::of_schema(table.schema()?)?;
    let name = Name::new(table.table())?;
    let has = |name: &str| columns.iter().any(|index| plan.schema().field(*index).name() == name);
    match layer {
        Layer::Staging => None,
        Layer::Feature => Some(if has(&project.config.key) { Grain::Once } else { Grain::Unknown }),
        Layer::Raw => {
            let source = project.config.sources.get(&name)?;
            let table = TableName::new(layer, name);
            Some(if source.unique.is_empty() {
                Grain::Several(format!("{table} promises no unique columns"))
            } else if source.unique.iter().all(|column| has(column)) {
                Grain::Once
            } else {
                let unique = source.unique.join(", ");
                Grain::Several(format!("{table} has one row per {unique}"))
            })
        }
        _ => Some(Grain::Unknown),
    }
}

/// A row comes as often as the other side has rows that it joins with.
fn of_join(project: &Project, join: &Join, columns: &[usize]) -> Grain {
    let width = join.left.schema().fields().len();
    let of_left = columns.iter().all(|index| *index < width);
    if matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti) {
        return grain(project, &join.left, columns);
    }
    let (own, own_columns, other) = match join.join_type {
        JoinType::Inner | JoinType::Left if of_left => (&join.left, columns.to_vec(), &join.right),
        JoinType::Inner | JoinType::Right if columns.iter().all(|index| *index >= width) => {
            let columns = columns.iter().map(|index| index - width);
            (&join.right, columns.collect(), &join.left)
        }
        _ => return Grain::Unknown,
    };
    match grain(project, own, &own_columns) {
        Grain::Once => {}
        grain => return grain,
    }
    let (joined, alone) = joined_columns(join, other);
    match grain(project, other, &joined) {
        // What else ON says may leave one of several.
        Grain::Several(_) if !alone => Grain::Unknown,
        grain => grain,
    }
}

/// The columns of `other` that a join compares by `=` with columns of the other side, and whether it asks nothing else.
fn joined_columns(join: &Join, other: &LogicalPlan) -> (Vec<usize>, bool) {
    let schema = other.schema();
    let index = |expr: &Expr| match expr {
        Expr::Column(column) => schema.maybe_index_of_column(column),
        _ => None,
    };
    let pairs = join.on.iter().map(|(left, right)| (left, right));
    let facts = join.filter.iter().flat_map(split_conjunction);
    let facts = facts.map(|fact| match fact {
        Expr::BinaryExpr(equal) if equal.op == Operator::Eq => Some((&*equal.left, &*equal.right)),
        _ => None,
    });
    let mut joined = Vec::new();
    let mut alone = true;
    for pair in pairs.map(Some).chain(facts) {
        match pair.map(|(left, right)| (index(left), index(right))) {
            Some((Some(index), None) | (None, Some(index))) => joined.push(index),
            _ => alone = false,
        }
    }
    (joined, alone)
}

/// Whether a condition only says where a range begins or ends, or that a value is there.
fn is_range(predicate: &Expr) -> bool {
    split_conjunction(predicate).into_iter().all(|fact| match fact {
        Expr::BinaryExpr(comparison) => {
            matches!(comparison.op, Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
        }
        Expr::IsNotNull(_) | Expr::Between(_) => true,
        _ => false,
    })
}
