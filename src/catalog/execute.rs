//! Runs planned queries.

use std::any::Any;
use std::sync::Arc;

use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{collect, collect_partitioned};

use super::Catalog;
use crate::core::{Layer, TableName};
use crate::error::Result;
use crate::project::Project;
use crate::source::PinnedTable;

impl Catalog {
    /// All rows of a plan, in its order if it has one.
    ///
    /// # Errors
    /// What the failure means for `table`, whose query this is.
    pub async fn rows(
        &self,
        project: &Project,
        table: &TableName,
        plan: &LogicalPlan,
    ) -> Result<Vec<RecordBatch>> {
        let run = async {
            let state = self.context.state();
            let plan = state.create_physical_plan(plan).await?;
            // On a task of its own: whoever waits here can be woken while an operator does not pause.
            let rows = SpawnedTask::spawn(collect(plan, state.task_ctx()));
            rows.join().await.map_err(|panic| DataFusionError::ExecutionJoin(Box::new(panic)))?
        };
        match run.await {
            Ok(batches) => Ok(batches),
            Err(error) => Err(self.failure(project, table, &error).await),
        }
    }

    /// Computes a table that several queries read, if it is one.
    ///
    /// # Errors
    /// As [`Catalog::rows`].
    pub async fn fill_shared(&self, project: &Project, table: &TableName) -> Result<()> {
        let Some(query) = self.queries.get(table) else { return Ok(()) };
        let Some(shared) = &query.shared else { return Ok(()) };
        let run = async {
            let state = self.context.state();
            let plan = state.create_physical_plan(&query.plan).await?;
            let partitions = SpawnedTask::spawn(collect_partitioned(plan, state.task_ctx()));
            let partitions = partitions.join().await;
            let partitions =
                partitions.map_err(|panic| DataFusionError::ExecutionJoin(Box::new(panic)))??;
            shared.fill(partitions, &self.context.runtime_env().memory_pool)
        };
        match run.await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failure(project, table, &error).await),
        }
    }

    /// Compressed bytes of the extracts that the night's queries read at most. Each shared table is computed once; what
    /// nobody computes by itself, views, is counted where it is read.
    #[must_use]
    pub fn bytes_of_all_queries(&self) -> u64 {
        let run = self.queries.iter().filter(|(table, query)| {
            query.shared.is_some()
                || matches!(table.layer, Layer::Segment | Layer::Audit | Layer::Question)
        });
        // A plan that does not optimize fails when its turn comes.
        run.map(|(_, query)| self.bytes_to_scan(&query.plan).unwrap_or_default()).sum()
    }

    fn bytes_to_scan(&self, plan: &LogicalPlan) -> Result<u64, DataFusionError> {
        let mut bytes = 0;
        self.context.state().optimize(plan)?.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                let provider = source_as_provider(&scan.source)?;
                let columns = scan.projected_schema.fields().iter();
                if let Some(files) = (provider.as_ref() as &dyn Any).downcast_ref::<PinnedTable>() {
                    bytes += files.bytes_of(columns.map(|field| field.name().as_str()));
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(bytes)
    }
}

/// A batch of all rows; the schema says the columns where there are none.
///
/// # Errors
/// Text that no longer fits 32-bit offsets.
pub fn one_batch(
    plan: &LogicalPlan,
    batches: &[RecordBatch],
) -> Result<RecordBatch, DataFusionError> {
    let schema = match batches.first() {
        Some(batch) => batch.schema(),
        None => Arc::new(plan.schema().as_arrow().clone()),
    };
    Ok(concat_batches(&schema, batches)?)
}
