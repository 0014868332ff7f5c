//! Runs planned queries.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{execute_stream, execute_stream_partitioned};
use futures::TryStreamExt;

use super::{Catalog, ordered};
use crate::core::{Layer, Name, TableName};
use crate::error::Result;
use crate::project::Project;
use crate::session::compact;

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
            let rows = self.gather(table, execute_stream(plan, state.task_ctx())?);
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
            let streams = execute_stream_partitioned(plan, state.task_ctx())?;
            let tasks: Vec<_> =
                streams.into_iter().map(|stream| self.gather(table, stream)).collect();
            let mut partitions = Vec::with_capacity(tasks.len());
            for rows in tasks {
                let rows = rows.join().await;
                partitions
                    .push(rows.map_err(|panic| DataFusionError::ExecutionJoin(Box::new(panic)))??);
            }
            shared.fill(partitions, &self.context.runtime_env().memory_pool)
        };
        match run.await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failure(project, table, &error).await),
        }
    }

    /// The rows of a stream. They count against the memory that queries may have: nothing else bounds what a join makes of
    /// few rows. On a task of its own: whoever waits here can be woken while an operator does not pause.
    fn gather(
        &self,
        table: &TableName,
        mut stream: SendableRecordBatchStream,
    ) -> SpawnedTask<Result<Vec<RecordBatch>, DataFusionError>> {
        let pool = &self.context.runtime_env().memory_pool;
        let memory = MemoryConsumer::new(format!("rows of {table}")).register(pool);
        SpawnedTask::spawn(async move {
            // Batches are often slices of one: what they share is there once.
            let mut counter = RecordBatchMemoryCounter::new();
            let (mut batches, mut small, mut small_rows) = (Vec::new(), Vec::new(), 0);
            while let Some(batch) = stream.try_next().await? {
                let batch = compact(&batch)?;
                memory.try_grow(counter.count_batch(&batch))?;
                small_rows += batch.num_rows();
                small.push(batch);
                if small_rows >= ordered::BATCH_ROWS {
                    batches.push(concat_batches(&stream.schema(), &small)?);
                    small.clear();
                    small_rows = 0;
                }
            }
            batches.append(&mut small);
            Ok(batches)
        })
    }

    /// Compressed bytes of each source that the night's queries read at most. Each shared table is computed once; what
    /// nobody computes by itself, views, is counted where it is read.
    #[must_use]
    pub fn bytes_to_scan(&self) -> BTreeMap<Name, u64> {
        let mut bytes = self.sources.keys().map(|name| (name.clone(), 0)).collect();
        let run = self.queries.iter().filter(|(table, query)| {
            query.shared.is_some()
                // A pick reads what is in memory.
                || query.pick.is_none()
                    && matches!(table.layer, Layer::Segment | Layer::Audit | Layer::Question)
        });
        for (_, query) in run {
            // A plan that does not optimize fails when its turn comes.
            let _ = self.add_bytes(&query.plan, &mut bytes);
        }
        bytes
    }

    fn add_bytes(
        &self,
        plan: &LogicalPlan,
        bytes: &mut BTreeMap<Name, u64>,
    ) -> Result<(), DataFusionError> {
        self.context.state().optimize(plan)?.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                let table = &scan.table_name;
                let raw = table.schema() == Some(Layer::Raw.schema());
                let source =
                    self.sources.iter().find(|(name, _)| raw && name.as_str() == table.table());
                if let Some((name, files)) = source {
                    let columns = scan.projected_schema.fields().iter();
                    let read = files.bytes_of(columns.map(|field| field.name().as_str()));
                    *bytes.entry(name.clone()).or_default() += read;
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(())
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
