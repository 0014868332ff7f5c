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
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{execute_stream, execute_stream_partitioned};
use futures::TryStreamExt;
use futures::future::try_join_all;

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
            let gathered = self.gather(table, execute_stream(plan, state.task_ctx())?).await?;
            Ok(gathered.batches)
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
            let partitions = streams.into_iter().map(|stream| self.gather(table, stream));
            // The first that fails ends the others at their next batch, so that they do not take what it gave up.
            let partitions = try_join_all(partitions).await?;
            // All count until the table counts them itself.
            let partitions = partitions.into_iter().map(|gathered| gathered.batches).collect();
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
        stream: SendableRecordBatchStream,
    ) -> impl Future<Output = Result<Gathered, DataFusionError>> + use<> {
        let pool = &self.context.runtime_env().memory_pool;
        let memory = MemoryConsumer::new(format!("rows of {table}")).register(pool);
        let rows = SpawnedTask::spawn(gathered(stream, memory));
        async {
            rows.join().await.map_err(|panic| DataFusionError::ExecutionJoin(Box::new(panic)))?
        }
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

/// Rows of a stream, which count as long as this is there.
struct Gathered {
    batches: Vec<RecordBatch>,
    _memory: MemoryReservation,
}

async fn gathered(
    mut stream: SendableRecordBatchStream,
    memory: MemoryReservation,
) -> Result<Gathered, DataFusionError> {
    let (mut batches, mut small, mut small_rows) = (Vec::new(), Vec::new(), 0);
    // Batches are often slices of one: what they share is there once. A counter knows it by its place: those of small batches
    // are free for others once they are joined.
    let (mut kept, mut counter) =
        (RecordBatchMemoryCounter::new(), RecordBatchMemoryCounter::new());
    while let Some(batch) = stream.try_next().await? {
        let batch = compact(&batch)?;
        memory.try_grow(counter.count_batch(&batch))?;
        small_rows += batch.num_rows();
        small.push(batch);
        if small_rows >= ordered::BATCH_ROWS {
            let joined = concat_batches(&stream.schema(), &small)?;
            small.clear();
            small_rows = 0;
            counter = RecordBatchMemoryCounter::new();
            kept.count_batch(&joined);
            batches.push(joined);
            memory.try_resize(kept.memory_usage())?;
        }
        // Here it ends when nobody waits for it any more.
        tokio::task::yield_now().await;
    }
    batches.append(&mut small);
    Ok(Gathered { batches, _memory: memory })
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use datafusion::arrow::array::{ArrayRef, Int64Array};
    use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use futures::stream;

    use super::*;

    const BATCH_BYTES: usize = 8192 * size_of::<i64>();

    fn batch(at: i64) -> Result<RecordBatch, DataFusionError> {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(at..at + 8192));
        Ok(RecordBatch::try_from_iter([("n", numbers)])?)
    }

    fn gather(
        batches: impl Iterator<Item = Result<RecordBatch, DataFusionError>> + Send + 'static,
        limit: usize,
    ) -> SpawnedTask<Result<Gathered, DataFusionError>> {
        let schema = batch(0).unwrap().schema();
        let rows = RecordBatchStreamAdapter::new(schema, stream::iter(batches));
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(limit));
        SpawnedTask::spawn(gathered(Box::pin(rows), MemoryConsumer::new("rows").register(&pool)))
    }

    #[tokio::test]
    async fn all_rows_that_are_gathered_count_once() {
        const BATCHES: usize = 67; // three are left at the end
        let bytes = BATCHES * BATCH_BYTES;
        // Made one after the other, where those before them were.
        let each = || (0..).map(batch).take(BATCHES);
        let enough = gather(each(), bytes + bytes / 4).join().await.unwrap().unwrap();
        let rows: usize = enough.batches.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows * size_of::<i64>(), bytes);
        let too_little = gather(each(), bytes / 2).join().await.unwrap().err();
        assert!(matches!(too_little, Some(DataFusionError::ResourcesExhausted(_))));
    }

    #[tokio::test]
    async fn a_stream_that_always_has_rows_ends_when_nobody_waits_for_them() {
        let made = Arc::new(AtomicI64::new(0));
        let endless = Arc::clone(&made);
        let endless =
            std::iter::repeat_with(move || batch(endless.fetch_add(1, Ordering::Relaxed)));
        let rows = gather(endless, 1000 * BATCH_BYTES);
        tokio::task::yield_now().await;
        drop(rows);
        tokio::task::yield_now().await;
        let made = made.load(Ordering::Relaxed);
        assert!((1..10).contains(&made), "{made} batches");
    }
}
