//! Joins without the texts of all the other rows. A view keeps every buffer that its array was picked from: what joins put out
//! has all buffers of a side in each batch, and a join of such a join all of them times its batches. Five joins of a million
//! accounts took gigabytes for lists of buffers, and most of a night.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
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
    let columns = rows.columns().iter().map(|column| match column.as_string_view_opt() {
        Some(texts) if !texts.data_buffers().is_empty() => Arc::new(texts.gc()) as ArrayRef,
        _ => Arc::clone(column),
    });
    let count = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(rows.schema(), columns.collect(), &count)?)
}

/// Puts [`CompactViews`] over joins.
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
            let is_join = node.is::<HashJoinExec>()
                || node.is::<SortMergeJoinExec>()
                || node.is::<NestedLoopJoinExec>();
            let schema = node.schema();
            let mut types = schema.fields().iter().map(|field| field.data_type());
            Ok(match is_join && types.any(|known| *known == DataType::Utf8View) {
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
    use datafusion::arrow::array::StringViewArray;
    use datafusion::arrow::compute::concat_batches;
    use datafusion::arrow::datatypes::Schema;
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::datasource::MemTable;
    use datafusion::execution::session_state::SessionStateBuilder;
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;

    /// Ten batches of texts that a view does not hold itself.
    fn table() -> MemTable {
        let batch = |nth: usize| {
            let texts = (0..20).map(|row| format!("a long account number {}", nth * 20 + row));
            let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
            RecordBatch::try_from_iter([("k", texts)]).unwrap()
        };
        let batches: Vec<_> = (0..10).map(batch).collect();
        MemTable::try_new(batches[0].schema(), vec![batches]).unwrap()
    }

    /// The rows of two joins, and the most buffers that a column of a batch has.
    async fn joined(compact: bool) -> (String, usize) {
        let config = SessionConfig::new().with_batch_size(16).with_target_partitions(2);
        let mut state = SessionStateBuilder::new_with_default_features().with_config(config);
        if compact {
            state = state.with_physical_optimizer_rule(Arc::new(CompactJoins));
        }
        #[expect(clippy::disallowed_methods, reason = "one with the rule, one without")]
        let context = SessionContext::new_with_state(state.build());
        for name in ["a", "b", "c"] {
            context.register_table(name, Arc::new(table())).unwrap();
        }
        let sql = "SELECT a.k, b.k AS b, c.k AS c FROM a LEFT JOIN b ON a.k = b.k LEFT JOIN c ON a.k = c.k";
        let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
        let columns = batches.iter().flat_map(RecordBatch::columns);
        let most = columns.map(|column| column.as_string_view().data_buffers().len()).max();
        let rows = concat_batches(&batches[0].schema(), &batches).unwrap();
        let rows = pretty_format_batches(&[rows]).unwrap().to_string();
        let mut lines: Vec<_> = rows.lines().collect();
        lines.sort_unstable();
        (lines.join("\n"), most.unwrap())
    }

    #[tokio::test]
    async fn joins_of_joins_keep_no_buffers_of_other_rows() {
        let ((rows, most), (expected, before)) = (joined(true).await, joined(false).await);
        assert_eq!(rows, expected);
        assert!(most <= 1, "{most} buffers");
        assert!(before > 10, "the engine has {before} by itself: the rule is not needed any more");
    }

    #[test]
    fn rows_without_columns_stay_as_many() {
        let count = RecordBatchOptions::new().with_row_count(Some(3));
        let rows = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let rows = RecordBatch::try_new_with_options(rows.schema(), Vec::new(), &count).unwrap();
        assert_eq!(compact(&rows).unwrap().num_rows(), 3);
    }
}
