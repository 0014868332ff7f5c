//! Groups of texts, and `count(DISTINCT text)`, straight over files that keep the texts in dictionaries: over their numbers.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{
    Aggregate, Expr, Filter, LogicalPlan, LogicalPlanBuilder, Projection, ScalarUDF, SubqueryAlias,
    TableScan, TableScanBuilder, cast,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::distinct_count::DistinctCount;
use super::numbered_groups::NumberOfText;
use crate::source::{Numbers, PinnedTable, text_of};

/// Puts numbers in the place of texts, from the files up to the groups, when all filters are where they belong: a text that
/// is compared with another stays a text. Names and types of what comes out stay as they are.
#[derive(Debug)]
pub(super) struct NumberedKeys;

impl OptimizerRule for NumberedKeys {
    fn name(&self) -> &'static str {
        "numbered_keys"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        Ok(match over_numbers(aggregate)? {
            Some(plan) => Transformed::yes(plan),
            None => Transformed::no(plan),
        })
    }
}

/// The columns of a plan that are numbers, by position, and the texts behind them.
type Numbered = BTreeMap<usize, Arc<Numbers>>;

fn over_numbers(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let schema = aggregate.input.schema();
    let position = |expr: &Expr| match expr {
        Expr::Column(column) => schema.maybe_index_of_column(column),
        _ => None,
    };
    let mut uses = Uses::default();
    for group in &aggregate.group_expr {
        match position(group) {
            Some(at) => drop(uses.by_number.insert(at)),
            None => uses.add(group, schema)?,
        }
    }
    for call in &aggregate.aggr_expr {
        match distinct_values(call).map(|(value, filter)| (position(value), filter)) {
            Some((Some(at), filter)) => {
                uses.by_number.insert(at);
                filter.map_or(Ok(()), |filter| uses.add(filter, schema))?;
            }
            _ => uses.add(call, schema)?,
        }
    }
    let Some((input, numbered)) = with_numbers(&aggregate.input, &uses.only_by_number())? else {
        return Ok(None);
    };
    let texts_of = |group: &Expr| position(group).and_then(|at| numbered.get(&at));
    let number = ScalarUDF::from(NumberOfText::default());
    let groups = aggregate.group_expr.iter().map(|group| match group {
        Expr::Column(Column { relation, name, .. }) if texts_of(group).is_some() => {
            number.call(vec![group.clone()]).alias_qualified(relation.clone(), by_number(name))
        }
        _ => group.clone(),
    });
    let (groups, calls) = (groups.collect(), aggregate.aggr_expr.clone());
    let plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(input), groups, calls)?);
    let columns = aggregate.schema.iter().enumerate().map(|(at, (table, field))| {
        match aggregate.group_expr.get(at).and_then(texts_of) {
            Some(texts) => {
                let number = Expr::Column(Column::new(table.cloned(), by_number(field.name())));
                let text = text_of(Arc::clone(texts)).call(vec![number]);
                cast(text, field.data_type().clone()).alias_qualified(table.cloned(), field.name())
            }
            None => Expr::Column(Column::from((table, field))),
        }
    });
    let columns: Vec<_> = columns.collect();
    Ok(Some(LogicalPlanBuilder::from(plan).project(columns)?.build()?))
}

/// A name that no text has: the engine finds the column that ORDER BY .. LIMIT sorts by its name, below the projection that makes
/// texts of numbers too, and the least number is not the least text.
fn by_number(name: &str) -> String {
    format!("{name} by number")
}

/// Whose different values a call counts, and of which rows.
fn distinct_values(call: &Expr) -> Option<(&Expr, Option<&Expr>)> {
    let call = match call {
        Expr::Alias(alias) => alias.expr.as_ref(),
        call => call,
    };
    let Expr::AggregateFunction(count) = call else { return None };
    let is_count = (count.func.inner().as_ref() as &dyn Any).is::<DistinctCount>();
    let [value] = count.params.args.as_slice() else { return None };
    is_count.then_some((value, count.params.filter.as_deref()))
}

/// How a node uses the columns of its input, by position.
#[derive(Default)]
struct Uses {
    /// Where a number is as good as its text.
    by_number: BTreeSet<usize>,
    as_text: BTreeSet<usize>,
}

impl Uses {
    /// Of an expression, for which a text is as good as its number only where it is asked whether it is NULL.
    fn add(&mut self, expr: &Expr, schema: &DFSchema) -> Result<()> {
        expr.apply(|part| {
            Ok(match part {
                Expr::IsNull(value) | Expr::IsNotNull(value)
                    if matches!(**value, Expr::Column(_)) =>
                {
                    TreeNodeRecursion::Jump
                }
                Expr::Column(column) => {
                    self.as_text.extend(schema.maybe_index_of_column(column));
                    TreeNodeRecursion::Continue
                }
                // It may ask for any column of the row that it is asked for.
                Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::ScalarSubquery(_) => {
                    self.as_text.extend(0..schema.fields().len());
                    TreeNodeRecursion::Stop
                }
                _ => TreeNodeRecursion::Continue,
            })
        })?;
        Ok(())
    }

    fn only_by_number(&self) -> BTreeSet<usize> {
        self.by_number.difference(&self.as_text).copied().collect()
    }
}

/// The plan with numbers for as many of the `wanted` columns as it can have; nothing if that is none.
fn with_numbers(
    plan: &LogicalPlan,
    wanted: &BTreeSet<usize>,
) -> Result<Option<(LogicalPlan, Numbered)>> {
    if wanted.is_empty() {
        return Ok(None);
    }
    match plan {
        LogicalPlan::TableScan(scan) => scan_numbers(scan, wanted),
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) => {
            let Some((input, numbered)) = with_numbers(input, wanted)? else { return Ok(None) };
            let alias = SubqueryAlias::try_new(Arc::new(input), alias.clone())?;
            Ok(Some((LogicalPlan::SubqueryAlias(alias), numbered)))
        }
        LogicalPlan::Filter(Filter { predicate, input, .. }) => {
            let mut uses = Uses { by_number: wanted.clone(), ..Uses::default() };
            uses.add(predicate, input.schema())?;
            let Some((input, numbered)) = with_numbers(input, &uses.only_by_number())? else {
                return Ok(None);
            };
            let filter = Filter::try_new(predicate.clone(), Arc::new(input))?;
            Ok(Some((LogicalPlan::Filter(filter), numbered)))
        }
        LogicalPlan::Projection(Projection { expr, input, .. }) => {
            let mut uses = Uses::default();
            // The column of the input that a wanted one is.
            let mut below = BTreeMap::new();
            for (at, expr) in expr.iter().enumerate() {
                match expr.clone().unalias() {
                    Expr::Column(column) if wanted.contains(&at) => {
                        below.extend(
                            input.schema().maybe_index_of_column(&column).map(|of| (at, of)),
                        );
                    }
                    _ => uses.add(expr, input.schema())?,
                }
            }
            uses.by_number.extend(below.values());
            let Some((input, numbered)) = with_numbers(input, &uses.only_by_number())? else {
                return Ok(None);
            };
            let above = below.iter();
            let above = above.filter_map(|(at, of)| Some((*at, Arc::clone(numbered.get(of)?))));
            let above = above.collect();
            let projection = Projection::try_new(expr.clone(), Arc::new(input))?;
            Ok(Some((LogicalPlan::Projection(projection), above)))
        }
        _ => Ok(None),
    }
}

fn scan_numbers(
    scan: &TableScan,
    wanted: &BTreeSet<usize>,
) -> Result<Option<(LogicalPlan, Numbered)>> {
    let provider = source_as_provider(&scan.source)?;
    let Some(table) = (provider.as_ref() as &dyn Any).downcast_ref::<PinnedTable>() else {
        return Ok(None);
    };
    let mut uses = Uses { by_number: wanted.clone(), ..Uses::default() };
    for filter in &scan.filters {
        uses.add(filter, &scan.projected_schema)?;
    }
    let name = |at: &usize| scan.projected_schema.field(*at).name().as_str();
    let (table, numbers) = table.numbered(uses.only_by_number().iter().map(name));
    if numbers.is_empty() {
        return Ok(None);
    }
    let numbered = wanted.iter();
    let numbered = numbered.filter_map(|at| Some((*at, Arc::clone(numbers.get(name(at))?))));
    let numbered = numbered.collect();
    let source = provider_as_source(Arc::new(table));
    let scan = TableScanBuilder::new(scan.table_name.clone(), source)
        .with_projection(scan.projection.clone())
        .with_filters(scan.filters.clone())
        .with_fetch(scan.fetch)
        .build()?;
    Ok(Some((LogicalPlan::TableScan(scan), numbered)))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::fs::File;
    use std::num::NonZeroUsize;
    use std::path::Path;
    use std::sync::LazyLock;

    use chrono::NaiveDate;
    use chrono_tz::Tz;
    use datafusion::arrow::array::{
        ArrayRef, Int64Array, LargeStringArray, RecordBatch, StringArray,
    };
    use datafusion::arrow::compute::concat_batches;
    use datafusion::arrow::datatypes::DataType;
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::catalog::{
        CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider,
    };
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::parquet::file::properties::WriterProperties;
    use datafusion::physical_plan::{collect, displayable};
    use datafusion::prelude::SessionContext;
    use proptest::prelude::*;
    use tempfile::TempDir;
    use tokio::runtime::Runtime;

    use crate::config::{Config, RunSettings};
    use crate::core::{AsOf, ProjectFile};
    use crate::session::{CATALOG, context};
    use crate::source;
    use crate::store::PinnedStore;

    use super::*;

    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

    /// Key, feature, and a number.
    type Row = (Option<u16>, Option<u8>, i64);

    /// What a view holds itself, what it does not, and nothing.
    fn text(value: u16) -> String {
        match value % 5 {
            0 if value == 0 => String::new(),
            0 => format!("a key that is longer than twelve bytes: {value}"),
            _ => value.to_string(),
        }
    }

    fn batch(rows: &[Row], large: bool) -> RecordBatch {
        let keys = || rows.iter().map(|(key, ..)| key.map(text));
        let features: StringArray =
            rows.iter().map(|(_, it, _)| it.map(|it| text(it.into()))).collect();
        let numbers: Int64Array = rows.iter().map(|(.., number)| Some(*number)).collect();
        let keys: ArrayRef = match large {
            true => Arc::new(keys().collect::<LargeStringArray>()),
            false => Arc::new(keys().collect::<StringArray>()),
        };
        RecordBatch::try_from_iter_with_nullable([
            ("k", keys, true),
            ("f", Arc::new(features) as _, true),
            ("n", Arc::new(numbers) as _, true),
        ])
        .unwrap()
    }

    fn write(path: &Path, rows: &RecordBatch, rows_of_group: usize, dictionaries: bool) {
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(rows_of_group))
            .set_dictionary_enabled(dictionaries)
            .build();
        let file = File::create(path).unwrap();
        let mut writer = ArrowWriter::try_new(file, rows.schema(), Some(properties)).unwrap();
        writer.write(rows).unwrap();
        writer.close().unwrap();
    }

    /// Files of `rows` as they come from many writers: row groups of a few rows, texts of another type, the last file without
    /// dictionaries.
    fn files(rows: &[Row], plain_rows: &[Row], rows_of_file: usize) -> TempDir {
        let directory = TempDir::new().unwrap();
        let write = |name: &str, rows: &RecordBatch, dictionaries: bool| {
            write(&directory.path().join(name), rows, rows_of_file * 2 / 5, dictionaries);
        };
        for (nth, rows) in rows.chunks(rows_of_file).enumerate() {
            write(&format!("{nth:03}.parquet"), &batch(rows, nth % 2 == 1), true);
        }
        if !plain_rows.is_empty() {
            write("plain.parquet", &batch(plain_rows, false), false);
        }
        directory
    }

    /// A session of Roster that knows the files as `raw.t`.
    async fn session(directory: &Path, settings: RunSettings) -> (SessionContext, TempDir) {
        session_where(directory, settings, "k = \"text\", f = \"text\", n = \"int\"").await
    }

    async fn session_where(
        directory: &Path,
        settings: RunSettings,
        columns: &str,
    ) -> (SessionContext, TempDir) {
        let as_of = AsOf::new(NaiveDate::from_ymd_opt(2026, 6, 1).unwrap(), Tz::UTC).unwrap();
        let text = format!(
            "[project]\nname = \"t\"\nkey = \"k\"\ntime_zone = \"UTC\"\n[output]\nlocation = \"out/\"\n\
             [sources.t]\nlocation = \"{}/\"\noptional = true\n\
             columns = {{ {columns} }}\n",
            directory.display()
        );
        let file = ProjectFile::new("roster.toml", &text);
        let problems = RefCell::default();
        let config = Config::parse(directory, file, &|_| None, &problems);
        let config = config.unwrap_or_else(|| panic!("{problems:?}"));
        let store = Arc::new(PinnedStore::default());
        let (context, spill) = context(&settings, as_of, &store).unwrap();
        let source = config.sources.values().next().unwrap();
        let listing = source::list(source, &config, as_of).await.unwrap();
        let pinned = source::pin(source, listing.files, &store, &context).await.unwrap();
        let catalog = MemoryCatalogProvider::new();
        let raw = Arc::new(MemorySchemaProvider::new());
        catalog.register_schema("raw", Arc::clone(&raw) as _).unwrap();
        raw.register_table("t".to_owned(), pinned.table).unwrap();
        context.register_catalog(CATALOG, Arc::new(catalog));
        (context, spill)
    }

    fn settings(plain: bool) -> RunSettings {
        RunSettings { threads: NonZeroUsize::new(2), plain, ..Default::default() }
    }

    /// The sorted lines of an answer.
    async fn ask(context: &SessionContext, sql: &str) -> Vec<String> {
        let frame = context.sql(sql).await.unwrap();
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let rows = concat_batches(&schema, &frame.collect().await.unwrap()).unwrap();
        let mut lines: Vec<_> = pretty_format_batches(&[rows])
            .unwrap()
            .to_string()
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort_unstable();
        lines.insert(0, format!("{schema:?}"));
        lines
    }

    /// Which columns of the files a query reads as numbers; and its plan.
    async fn plan(context: &SessionContext, sql: &str) -> (BTreeSet<String>, String) {
        let frame = context.sql(sql).await.unwrap();
        let mut columns = BTreeSet::new();
        frame
            .clone()
            .into_optimized_plan()
            .unwrap()
            .apply_with_subqueries(|node| {
                if let LogicalPlan::TableScan(scan) = node {
                    let fields = scan.projected_schema.fields().iter();
                    let numbers = fields.filter(|field| *field.data_type() == DataType::UInt32);
                    columns.extend(numbers.map(|field| field.name().clone()));
                }
                Ok(TreeNodeRecursion::Continue)
            })
            .unwrap();
        let plan = frame.create_physical_plan().await.unwrap();
        (columns, displayable(plan.as_ref()).indent(false).to_string())
    }

    /// Columns that are read as numbers, whether groups are found by number, and the query.
    const QUERIES: [(&str, bool, &str); 17] = [
        (
            "k",
            true,
            "SELECT k, count(*), sum(n), max(n) FILTER (WHERE n > 5), avg(n) FROM raw.t GROUP BY k",
        ),
        (
            "fk",
            true,
            "SELECT k AS id, count(DISTINCT f) AS fs FROM raw.t WHERE k IS NOT NULL AND n > 3 GROUP BY k",
        ),
        (
            "k",
            true,
            "SELECT id, count(*) FROM (SELECT k AS id, n + 1 AS m FROM raw.t) AS s WHERE m > 1 GROUP BY id",
        ),
        ("f", true, "SELECT DISTINCT f FROM raw.t"),
        (
            "f",
            true,
            "SELECT a.f, a.n, b.n FROM (SELECT f, sum(n) AS n FROM raw.t GROUP BY f) AS a \
                     JOIN (SELECT f, min(n) AS n FROM raw.t GROUP BY f) AS b ON a.f = b.f",
        ),
        (
            "k",
            true,
            "SELECT length(k) AS l, max(k) FROM (SELECT k, sum(n) AS n FROM raw.t GROUP BY k) AS s GROUP BY 1",
        ),
        (
            "k",
            true,
            "SELECT k, sum(n) FILTER (WHERE f IS NULL) FROM raw.t GROUP BY k HAVING sum(n) > 0",
        ),
        ("k", true, "SELECT DISTINCT k FROM raw.t ORDER BY k LIMIT 3"),
        ("k", true, "SELECT k FROM raw.t GROUP BY k ORDER BY k DESC LIMIT 3"),
        (
            "k",
            true,
            "SELECT k AS id, max(n) AS n FROM raw.t GROUP BY k ORDER BY n DESC, id LIMIT 5",
        ),
        // Two numbers have no place in an array.
        ("fk", false, "SELECT k, f, count(*), sum(n) FROM raw.t GROUP BY k, f"),
        ("k", false, "SELECT n, count(DISTINCT k) FILTER (WHERE f IS NULL) FROM raw.t GROUP BY n"),
        // What is compared is a text.
        ("", false, "SELECT k, max(f), count(*) FROM raw.t WHERE k > '2' GROUP BY k"),
        ("", false, "SELECT k, count(*) FROM raw.t WHERE k IN (SELECT f FROM raw.t) GROUP BY k"),
        (
            "",
            false,
            "SELECT k, max(k), count(DISTINCT f) FILTER (WHERE f > '2') FROM raw.t GROUP BY k",
        ),
        ("", false, "SELECT k, sum(n) FROM raw.t GROUP BY k HAVING k <> ''"),
        (
            "",
            false,
            "SELECT k, count(*) FROM raw.t AS t WHERE EXISTS (SELECT 1 FROM raw.t AS u WHERE u.f = t.k) GROUP BY k",
        ),
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))] // each plans 34 queries

        #[test]
        fn groups_by_number_are_those_of_texts(
            rows in prop::collection::vec((prop::option::of(0..300_u16), prop::option::of(0..20_u8), -9..9_i64), 1..700),
            plain in 0..10_usize,
        ) {
            let plain = &rows[..rows.len() * plain / 100];
            let directory = files(&rows, plain, 100);
            RUNTIME.block_on(async {
                let (fast, _spill) = session(directory.path(), settings(false)).await;
                let (reference, _spill) = session(directory.path(), settings(true)).await;
                for (_, _, sql) in QUERIES {
                    assert_eq!(ask(&fast, sql).await, ask(&reference, sql).await, "{sql}");
                }
            });
        }
    }

    #[test]
    fn texts_are_numbered_where_their_order_and_their_letters_do_not_matter() {
        let rows: Vec<Row> =
            (0..500).map(|n| (Some(n % 70), Some((n % 9) as u8), n.into())).collect();
        let directory = files(&rows, &[], 100);
        RUNTIME.block_on(async {
            let (fast, _spill) = session(directory.path(), settings(false)).await;
            for (columns, by_number, sql) in QUERIES {
                let (numbered, plan) = plan(&fast, sql).await;
                assert_eq!(numbered.into_iter().collect::<String>(), columns, "{sql}\n{plan}");
                assert_eq!(plan.contains("NumberedAggregateExec"), by_number, "{sql}\n{plan}");
            }
        });
    }

    #[test]
    fn texts_that_are_never_null_are_numbered_too() {
        let rows: Vec<Row> = (0..500).map(|n| (Some(n % 70), Some(1), n.into())).collect();
        let directory = files(&rows, &[], 100);
        let columns = "k = \"text!\", f = \"text!\", n = \"int!\"";
        RUNTIME.block_on(async {
            let fast = session_where(directory.path(), settings(false), columns).await;
            let reference = session_where(directory.path(), settings(true), columns).await;
            for (_, _, sql) in QUERIES {
                assert_eq!(ask(&fast.0, sql).await, ask(&reference.0, sql).await, "{sql}");
            }
        });
    }

    #[test]
    fn a_column_that_came_later_is_null_in_older_files() {
        let rows: Vec<Row> = (0..500).map(|n| (Some(n % 70), Some((n % 9) as u8), 1)).collect();
        let directory = files(&rows, &[], 100);
        let older = batch(&rows[..50], false).project(&[0, 2]).unwrap();
        write(&directory.path().join("older.parquet"), &older, 50, true);
        let columns = "k = \"text\", f = \"text?\", n = \"int\"";
        RUNTIME.block_on(async {
            let fast = session_where(directory.path(), settings(false), columns).await;
            let reference = session_where(directory.path(), settings(true), columns).await;
            for (numbered, _, sql) in QUERIES {
                assert_eq!(ask(&fast.0, sql).await, ask(&reference.0, sql).await, "{sql}");
                let found = plan(&fast.0, sql).await.0;
                assert_eq!(found.into_iter().collect::<String>(), numbered, "{sql}");
            }
        });
    }

    #[test]
    fn files_without_dictionaries_are_read_as_texts() {
        let rows: Vec<Row> = (0..500).map(|n| (Some(n % 70), None, 1)).collect();
        let directory = files(&rows[..300], &rows[300..], 100);
        RUNTIME.block_on(async {
            let (fast, _spill) = session(directory.path(), settings(false)).await;
            let (numbered, plan) = plan(&fast, QUERIES[0].2).await;
            assert_eq!(numbered, BTreeSet::new(), "{plan}");
        });
    }

    #[test]
    fn groups_that_do_not_fit_are_put_out_before_their_time() {
        const KEYS: u16 = 30_000;
        let rows: Vec<Row> =
            (0..KEYS).map(|n| (Some(n), Some((n % 250) as u8), n.into())).collect();
        let directory =
            files(&[rows.clone(), rows.clone(), rows.clone(), rows].concat(), &[], 10_000);
        let sql = "SELECT k, sum(n) AS s, count(DISTINCT f) AS c FROM raw.t GROUP BY k";
        RUNTIME.block_on(async {
            let limited = |limit| RunSettings { memory_limit: Some(limit), ..settings(false) };
            let (small, _spill) = session(directory.path(), limited(8 << 20)).await;
            let (reference, _spill) = session(directory.path(), settings(true)).await;
            let all = format!("SELECT count(*), sum(s), max(c), min(k) FROM ({sql}) AS t");
            assert_eq!(ask(&small, &all).await, ask(&reference, &all).await);

            // Alone they need less.
            let (small, _spill) = session(directory.path(), limited(3 << 20)).await;
            let plan = small.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
            let mut groups = None;
            plan.apply(|node| {
                groups =
                    (node.name() == "NumberedGroups").then(|| Arc::clone(node)).or(groups.take());
                Ok(TreeNodeRecursion::Continue)
            })
            .unwrap();
            let states = collect(groups.unwrap(), small.task_ctx()).await.unwrap();
            let states: usize = states.iter().map(RecordBatch::num_rows).sum();
            assert!(
                states > 2 * usize::from(KEYS),
                "{states}: each of two threads held all of them"
            );
        });
    }
}
