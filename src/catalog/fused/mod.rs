//! Queries that pick rows of one table in memory, evaluated together: most segments are such. The table is read once for many
//! of them, a condition that several have is evaluated once, and one of a single text column once for each different text.
//!
//! Answers are those of the engine: each condition is an expression of its own. A query that fails among others is evaluated
//! alone, and fails or not as it does there.

mod pass;
mod texts;

use std::any::Any;
use std::sync::Arc;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::compute::{concat_batches, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, exec_err};
use datafusion::datasource::source_as_provider;
use datafusion::execution::SessionState;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

pub use pass::passing;

use super::{Deferred, Ordered};

/// A query that picks rows of a table, and computes columns of each by itself.
#[derive(Debug, Clone)]
pub struct Pick {
    /// The table.
    pub table: Arc<Deferred>,
    conditions: Vec<Condition>,
    columns: Vec<Arc<dyn PhysicalExpr>>,
    /// Of the table, those that `columns` read.
    read: Vec<usize>,
    schema: SchemaRef,
}

/// What a row has to fulfil, one of several things.
#[derive(Debug, Clone)]
struct Condition {
    holds: Arc<dyn PhysicalExpr>,
    /// Whether it can not fail, on whatever row.
    safe: bool,
    /// The only column of the table that it reads, if it is only one.
    column: Option<usize>,
}

impl Pick {
    /// A planned query as such a pick; none where it is more than that.
    #[must_use]
    pub fn of(plan: &LogicalPlan, state: &SessionState) -> Option<Self> {
        // What does not optimize fails when its turn comes.
        let plan = state.optimize(plan).ok()?;
        let fields = plan.schema().fields().iter();
        let mut columns: Vec<_> = fields.map(|field| by_name(field.name())).collect();
        let schema = Arc::new(plan.schema().as_arrow().clone());
        let mut conditions = Vec::new();
        let mut node = &plan;
        let scan = loop {
            match node {
                LogicalPlan::Projection(projection) => {
                    let of = projection.schema.fields().iter().map(|field| field.name().as_str());
                    let of: Vec<_> = of.zip(&projection.expr).collect();
                    for expr in columns.iter_mut().chain(&mut conditions) {
                        *expr = substituted(expr.clone(), &of)?;
                    }
                    node = &projection.input;
                }
                LogicalPlan::Filter(filter) => {
                    let before = split_conjunction(&filter.predicate).into_iter();
                    let before = before.map(without_qualifiers).collect::<Option<Vec<_>>>()?;
                    conditions.splice(0..0, before);
                    node = &filter.input;
                }
                LogicalPlan::SubqueryAlias(alias) => node = &alias.input,
                LogicalPlan::TableScan(scan) if scan.filters.is_empty() && scan.fetch.is_none() => {
                    break scan;
                }
                _ => return None,
            }
        };
        let table = source_as_provider(&scan.source).ok()?;
        let table = (table as Arc<dyn Any + Send + Sync>).downcast::<Deferred>().ok()?;
        Self::bound(table, &conditions, &columns, schema, state)
    }

    fn bound(
        table: Arc<Deferred>,
        conditions: &[Expr],
        columns: &[Expr],
        schema: SchemaRef,
        state: &SessionState,
    ) -> Option<Self> {
        let of_table = DFSchema::try_from(table.schema()).ok()?;
        let physical = |expr: &Expr| {
            let context = PhysicalPlanningContext::default();
            create_physical_expr(expr, &of_table, state.execution_props(), &context).ok()
        };
        let condition = |expr: &Expr| {
            let holds = physical(expr)?;
            let read = collect_columns(&holds);
            let column = read.iter().next().filter(|_| read.len() == 1).map(PhysicalColumn::index);
            Some(Condition { holds, safe: is_safe(expr, &of_table), column })
        };
        let whole = conditions.to_vec();
        let mut conditions = conditions.iter().map(condition).collect::<Option<Vec<_>>>()?;
        if !conditions.iter().all(|condition| condition.safe) {
            // Which of them guards which, and when the engine looks at both, is its own to decide, as where it is alone.
            conditions = vec![condition(&conjunction(whole)?)?];
        }
        let columns = columns.iter().map(physical).collect::<Option<Vec<_>>>()?;
        let mut read: Vec<_> =
            columns.iter().flat_map(collect_columns).map(|column| column.index()).collect();
        read.sort_unstable();
        read.dedup();
        let of_read = table.schema().project(&read).ok()?;
        let columns =
            columns.into_iter().map(|column| reassign_expr_columns(column, &of_read).ok());
        let columns = columns.collect::<Option<Vec<_>>>()?;
        Some(Self { table, conditions, columns, read, schema })
    }

    /// The rows that passed, of `all` rows of the table, in one batch.
    ///
    /// # Errors
    /// What the query fails on.
    pub fn rows(&self, all: &Ordered, passed: &BooleanArray) -> Result<RecordBatch> {
        let mut start = 0;
        let picked = all.batches().iter().map(|batch| {
            let passed = passed.slice(start, batch.num_rows());
            start += batch.num_rows();
            filter_record_batch(&batch.project(&self.read)?, &passed)
        });
        let picked = picked.collect::<Result<Vec<_>, _>>()?;
        let picked = concat_batches(&Arc::new(all.schema().project(&self.read)?), &picked)?;
        let columns = self
            .columns
            .iter()
            .map(|column| column.evaluate(&picked)?.into_array(picked.num_rows()));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

fn by_name(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// One table is read: names alone say which column. None where an expression reads more than its row.
fn without_qualifiers(expr: &Expr) -> Option<Expr> {
    substituted(expr.clone(), &[])
}

fn substituted(expr: Expr, of: &[(&str, &Expr)]) -> Option<Expr> {
    let replace = |expr: Expr| match &expr {
        Expr::Column(column) => {
            let known = of.iter().find(|(name, _)| *name == column.name);
            match known {
                Some((_, known)) => {
                    let known = (*known).clone().unalias();
                    let plain = known.transform_up(|expr| match expr {
                        Expr::Column(column) => Ok(Transformed::yes(by_name(&column.name))),
                        other => Ok(Transformed::no(other)),
                    })?;
                    Ok(Transformed::new(plain.data, true, TreeNodeRecursion::Jump))
                }
                None => Ok(Transformed::yes(by_name(&column.name))),
            }
        }
        Expr::Exists(_)
        | Expr::InSubquery(_)
        | Expr::ScalarSubquery(_)
        | Expr::SetComparison(_)
        | Expr::OuterReferenceColumn(..) => exec_err!("reads another table"),
        _ => Ok(Transformed::no(expr)),
    };
    Some(expr.transform_down(replace).ok()?.data)
}

/// Whether an expression gives an answer for whatever values its columns have.
fn is_safe(expr: &Expr, schema: &DFSchema) -> bool {
    let safe = |expr: &Expr| match expr {
        Expr::Column(_)
        | Expr::Literal(..)
        | Expr::Not(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNotFalse(_)
        | Expr::Between(_)
        | Expr::Like(_)
        | Expr::InList(_) => true,
        Expr::BinaryExpr(binary) => {
            use Operator::{
                And, Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq, Or,
            };
            matches!(
                binary.op,
                And | Or | Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom
            )
        }
        Expr::Cast(cast) => {
            let from = cast.expr.get_type(schema);
            from.is_ok_and(|from| widens(&from, cast.field.data_type()))
        }
        _ => false,
    };
    let mut all = true;
    let seen = expr.apply(|expr| {
        all &= safe(expr);
        Ok(if all { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    seen.is_ok() && all
}

fn widens(from: &DataType, to: &DataType) -> bool {
    match to {
        DataType::Float64 => from.is_numeric(),
        DataType::Int64 => matches!(from, DataType::Int8 | DataType::Int16 | DataType::Int32),
        DataType::Utf8View => matches!(from, DataType::Utf8 | DataType::LargeUtf8),
        DataType::Utf8 => matches!(from, DataType::Utf8View),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use datafusion::arrow::array::{AsArray, Float64Array, Int64Array, StringArray};
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::{SessionConfig, SessionContext};
    use proptest::prelude::*;
    use tokio::runtime::Runtime;

    use super::*;
    use crate::core::TableName;

    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

    type Row = (Option<i8>, Option<u8>, Option<u8>);

    /// `k`, a whole number `i`, a float `f` that may be NaN, a text `s`; in two partitions, as a join might leave them.
    fn table(rows: &[Row]) -> (SessionContext, Arc<Deferred>) {
        let keys = (0..rows.len()).rev().map(|key| format!("key {key:06}"));
        let floats = rows
            .iter()
            .map(|(_, f, _)| f.map(|f| if f == 0 { f64::NAN } else { f64::from(f) / 8.0 }));
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("k", Arc::new(StringArray::from_iter_values(keys)) as _, false),
            (
                "i",
                Arc::new(rows.iter().map(|(i, ..)| i.map(i64::from)).collect::<Int64Array>()) as _,
                true,
            ),
            ("f", Arc::new(floats.collect::<Float64Array>()) as _, true),
            (
                "s",
                Arc::new(
                    rows.iter().map(|(.., s)| s.map(|s| format!("s{s}"))).collect::<StringArray>(),
                ) as _,
                true,
            ),
        ])
        .unwrap();
        let table = TableName::parse("feature.t").unwrap();
        let table = Arc::new(Deferred::new(table, batch.schema()));
        table.sort_by("k");
        #[expect(clippy::disallowed_methods, reason = "no project is needed")]
        let context =
            SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
        let half = rows.len() / 2;
        let parts = vec![vec![batch.slice(0, half)], vec![batch.slice(half, rows.len() - half)]];
        table.fill(parts, &context.runtime_env().memory_pool).unwrap();
        context.register_table("t", Arc::clone(&table) as _).unwrap();
        (context, table)
    }

    fn condition() -> impl Strategy<Value = String> {
        let number = || prop_oneof![-3..20_i32, Just(0)];
        let of_row = prop_oneof![
            (prop::sample::select(vec!["<", "<=", ">", ">=", "=", "<>"]), number())
                .prop_map(|(op, n)| format!("i {op} {n}")),
            (prop::sample::select(vec!["<", ">=", "="]), number())
                .prop_map(|(op, n)| format!("f {op} {n}.5")),
            number().prop_map(|n| format!("i BETWEEN {n} AND {}", n + 4)),
            number().prop_map(|n| format!("s IN ('s{n}', 's3', 's4')")),
            number().prop_map(|n| format!("s NOT IN ('s{n}', 's5')")),
            number().prop_map(|n| format!("s LIKE 's{n}%'")),
            number().prop_map(|n| format!("10 / i > {n}")),
            number().prop_map(|n| format!("CASE WHEN i = 0 THEN f ELSE 100 / i END > {n}")),
            Just("i <> 0".to_owned()),
            Just("s IS NULL".to_owned()),
            Just("f IS NOT NULL".to_owned()),
            Just("upper(s) = 'S2'".to_owned()),
            Just("true".to_owned()),
        ];
        of_row.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4)
                    .prop_map(|all| format!("({})", all.join(" AND "))),
                prop::collection::vec(inner.clone(), 2..4)
                    .prop_map(|all| format!("({})", all.join(" OR "))),
                inner.prop_map(|one| format!("NOT ({one})")),
            ]
        })
    }

    fn query() -> impl Strategy<Value = String> {
        let columns = prop::sample::select(vec![
            "k",
            "k, f AS score",
            "k, i + 1 AS i, s",
            "k, 100 / i AS share",
            "k, CASE WHEN f > 10 THEN 'high' WHEN f > 1 THEN 'low' END AS segment",
        ]);
        (columns, condition(), any::<bool>()).prop_map(|(columns, condition, nested)| match nested {
            true => format!("WITH c AS (SELECT {columns}, i AS j FROM t WHERE {condition}) SELECT * FROM c WHERE j < 15"),
            false => format!("SELECT {columns} FROM t AS c WHERE {condition}"),
        })
    }

    fn told(batch: &RecordBatch) -> String {
        pretty_format_batches(std::slice::from_ref(batch)).unwrap().to_string()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn together_they_answer_what_each_does_alone(
            rows in prop::collection::vec(
                (prop::option::of(-2..20_i8), prop::option::of(0..200_u8), prop::option::of(0..9_u8)), 0..40,
            ),
            queries in prop::collection::vec(query(), 1..6),
        ) {
            RUNTIME.block_on(async {
                let (context, table) = table(&rows);
                let (mut alone, mut picks) = (Vec::new(), Vec::new());
                for sql in &queries {
                    let plan = context.sql(sql).await.unwrap();
                    picks.push(Pick::of(plan.logical_plan(), &context.state()));
                    let schema = Arc::new(plan.schema().as_arrow().clone());
                    let rows = plan.sort_by(vec![datafusion::prelude::col("k")]).unwrap().collect().await;
                    alone.push(rows.map(|rows| concat_batches(&schema, &rows).unwrap()));
                }
                let taken = picks.iter().flatten().cloned().collect::<Vec<_>>();
                let passed = passing(&taken, table.ordered().unwrap(), 2).await;
                let safe = taken.iter().flat_map(|pick| &pick.conditions).all(|condition| condition.safe);
                prop_assert!(passed.is_ok() || !safe, "{queries:?}");
                let Ok(passed) = passed else { return Ok(()) };
                let mut passed = passed.iter();
                for ((pick, alone), sql) in picks.iter().zip(&alone).zip(&queries) {
                    let Some(pick) = pick else { continue };
                    let rows = pick.rows(table.ordered().unwrap(), passed.next().unwrap());
                    if let (Ok(rows), Ok(alone)) = (&rows, alone) {
                        prop_assert_eq!(told(rows), told(alone), "{}", sql);
                    }
                    prop_assert!(rows.is_ok() || alone.is_err(), "{sql} alone has an answer");
                }
                Ok(())
            })?;
        }
    }

    #[test]
    fn rows_of_several_batches_are_picked_as_those_of_one() {
        let rows: Vec<Row> = (0..150_000)
            .map(|n| (i8::try_from(n % 20).ok(), None, u8::try_from(n % 9).ok()))
            .collect();
        let (context, table) = table(&rows);
        RUNTIME.block_on(async {
            let sql = "SELECT k, i FROM t WHERE i > 3 AND s IN ('s1', 's4')";
            let plan = context.sql(sql).await.unwrap();
            let pick = Pick::of(plan.logical_plan(), &context.state()).unwrap();
            let all = table.ordered().unwrap();
            assert!(all.batches().len() > 2);
            let passed = passing(std::slice::from_ref(&pick), all, 2).await.unwrap();
            let together = pick.rows(all, &passed[0]).unwrap();
            let alone =
                plan.sort_by(vec![datafusion::prelude::col("k")]).unwrap().collect().await.unwrap();
            assert_eq!(together, concat_batches(&together.schema(), &alone).unwrap());
        });
    }

    #[test]
    fn a_table_is_in_the_order_of_its_key_if_it_has_that() {
        let (context, table) = table(&[(Some(1), None, None), (Some(2), None, None)]);
        let keys = table.ordered().unwrap().batches()[0].column(0).as_string::<i32>().clone();
        assert_eq!(keys, StringArray::from(vec!["key 000000", "key 000001"]));
        let other = Deferred::new(TableName::parse("feature.u").unwrap(), table.schema());
        other.sort_by("id");
        let rows = table.ordered().unwrap().batches().to_vec();
        other.fill(vec![rows], &context.runtime_env().memory_pool).unwrap();
        assert!(other.ordered().is_none());
    }

    #[test]
    fn most_segments_are_such_and_others_are_not() {
        let (context, _) = table(&[(Some(1), Some(8), Some(1))]);
        let is_pick = |sql: &str| {
            RUNTIME.block_on(async {
                let plan = context.sql(sql).await.unwrap();
                Pick::of(plan.logical_plan(), &context.state()).is_some()
            })
        };
        for sql in [
            "SELECT k FROM t",
            "SELECT k, f AS score FROM t WHERE i > 3 AND s IN ('a', 'b')",
            "WITH labelled AS (SELECT k, CASE WHEN f > 1 THEN 'a' END AS segment FROM t AS x WHERE x.i > 0)
             SELECT * FROM labelled WHERE segment IS NOT NULL",
        ] {
            assert!(is_pick(sql), "{sql}");
        }
        for sql in [
            "SELECT k FROM t WHERE f > (SELECT avg(f) FROM t)",
            "SELECT k FROM t WHERE s IN (SELECT s FROM t WHERE i = 1)",
            "SELECT k FROM t ORDER BY f LIMIT 3",
            "SELECT k, rank() OVER (ORDER BY f) AS score FROM t",
            "SELECT a.k FROM t AS a JOIN t AS b ON a.i = b.i",
            "SELECT min(k) AS k FROM t GROUP BY i",
        ] {
            assert!(!is_pick(sql), "{sql}");
        }
    }
}
