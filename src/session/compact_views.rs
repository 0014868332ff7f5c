//! Joins without the texts of all the other rows. A view keeps every buffer that its array was picked from: what joins put out
//! has all buffers of a side in each batch, and a join of such a join all of them times its batches. Five joins of a million
//! accounts took gigabytes for lists of buffers, and most of a night.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::TryStreamExt;

/// Rows whose texts are theirs alone: in one buffer, which no other rows keep.
///
/// # Errors
/// None: the columns stay what they are.
pub fn compact(rows: &RecordBatch) -> Result<RecordBatch> {
    let columns = rows.columns().iter().map(compact_column).collect();
    let count = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(rows.schema(), columns, &count)?)
}

/// The same for a column.
#[must_use]
pub fn compact_column(column: &ArrayRef) -> ArrayRef {
    if let Some(texts) = column.as_string_view_opt().filter(|it| !it.data_buffers().is_empty()) {
        Arc::new(texts.gc())
    } else if let Some(bytes) =
        column.as_binary_view_opt().filter(|it| !it.data_buffers().is_empty())
    {
        Arc::new(bytes.gc())
    } else {
        Arc::clone(column)
    }
}

/// Puts [`CompactViews`] over hash joins; the others put out batches that are compact.
#[derive(Debug)]
pub(super) struct CompactJoins;

impl PhysicalOptimizerRule for CompactJoins {
    fn name(&self) -> &'static str {
        "compact_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let compacted = plan.transform_up(|node| {
            Ok(match node.is::<HashJoinExec>() {
                true => Transformed::yes(Arc::new(CompactViews { rows: node }) as _),
                false => Transformed::no(node),
            })
        });
        compacted.data()
    }
}

/// The same rows, compact.
#[derive(Debug)]
struct CompactViews {
    rows: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for CompactViews {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("CompactViews")
    }
}

impl ExecutionPlan for CompactViews {
    fn name(&self) -> &'static str {
        "CompactViews"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.rows.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.rows]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self { rows: children.swap_remove(0) }))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows = self.rows.execute(partition, context)?;
        let compacted = rows.and_then(|rows| async move { compact(&rows) });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), compacted)))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use chrono::NaiveDate;
    use chrono_tz::Tz;
    use datafusion::arrow::array::{BinaryViewArray, StringViewArray};
    use datafusion::arrow::compute::concat_batches;
    use datafusion::arrow::datatypes::Schema;
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::catalog::{
        CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider,
    };
    use datafusion::datasource::MemTable;

    use super::*;
    use crate::config::RunSettings;
    use crate::core::AsOf;
    use crate::session::{CATALOG, context};

    /// Ten batches of texts and bytes that a view does not hold itself.
    fn table() -> MemTable {
        let batch = |nth: usize| {
            let texts =
                || (0..20).map(move |row| format!("a long account number {}", nth * 20 + row));
            let bytes: ArrayRef = Arc::new(BinaryViewArray::from_iter_values(texts()));
            let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts()));
            RecordBatch::try_from_iter([("k", texts), ("v", bytes)]).unwrap()
        };
        let batches: Vec<_> = (0..10).map(batch).collect();
        MemTable::try_new(batches[0].schema(), vec![batches]).unwrap()
    }

    /// The rows of two joins in a session of Roster, and the most buffers that a column of a batch has.
    async fn joined(sql: &str, plain: bool) -> (String, usize) {
        let as_of = AsOf::new(NaiveDate::from_ymd_opt(2026, 6, 1).unwrap(), Tz::UTC).unwrap();
        let settings = RunSettings { threads: NonZeroUsize::new(2), plain, ..Default::default() };
        let (context, _spill) = context(&settings, as_of, &Arc::default()).unwrap();
        // Few rows in many batches; those of the night have 8,192.
        {
            let state = context.state_ref();
            let mut state = state.write();
            let options = state.config_mut().options_mut();
            options.set("datafusion.execution.batch_size", "16").unwrap();
        }
        let (catalog, schema) =
            (MemoryCatalogProvider::new(), Arc::new(MemorySchemaProvider::new()));
        catalog.register_schema("t", Arc::clone(&schema) as _).unwrap();
        for name in ["a", "b", "c"] {
            schema.register_table(name.to_owned(), Arc::new(table())).unwrap();
        }
        context.register_catalog(CATALOG, Arc::new(catalog));
        let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
        let columns = || batches.iter().flat_map(RecordBatch::columns);
        let texts = columns().filter_map(|column| column.as_string_view_opt());
        let bytes = columns().filter_map(|column| column.as_binary_view_opt());
        let texts = texts.map(|texts| texts.data_buffers().len());
        let most = texts.chain(bytes.map(|bytes| bytes.data_buffers().len())).max();
        let rows = concat_batches(&batches[0].schema(), &batches).unwrap();
        let rows = pretty_format_batches(&[rows]).unwrap().to_string();
        let mut lines: Vec<_> = rows.lines().collect();
        lines.sort_unstable();
        (lines.join("\n"), most.unwrap())
    }

    #[tokio::test]
    async fn joins_of_joins_keep_no_buffers_of_other_rows() {
        let sql = "SELECT a.k, a.v, b.v AS b, c.k AS c FROM t.a LEFT JOIN t.b ON a.k = b.k LEFT JOIN t.c ON a.k = c.k";
        let ((rows, most), (expected, before)) =
            (joined(sql, false).await, joined(sql, true).await);
        assert_eq!(rows, expected);
        assert!(most <= 1, "{most} buffers");
        assert!(before >= 10, "{before} in the engine by itself: the rule is needless");
    }

    #[test]
    fn rows_without_columns_stay_as_many() {
        let count = RecordBatchOptions::new().with_row_count(Some(3));
        let none = Arc::new(Schema::empty());
        let rows = RecordBatch::try_new_with_options(none, Vec::new(), &count).unwrap();
        assert_eq!(compact(&rows).unwrap().num_rows(), 3);
    }
}
