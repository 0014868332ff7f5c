//! A table that is planned over before it is there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::common::{Result, exec_err};
use datafusion::datasource::{MemTable, TableType};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;

use super::ordered::Ordered;
use crate::core::TableName;

/// Filled once, when its turn in the order comes.
#[derive(Debug)]
pub struct Deferred {
    table: TableName,
    schema: SchemaRef,
    planning: AtomicBool,
    /// The column that its rows are sorted by, if their order matters to somebody.
    order: OnceLock<String>,
    rows: OnceLock<Rows>,
}

#[derive(Debug)]
struct Rows {
    table: MemTable,
    /// All of them, where they have an order.
    ordered: Option<Ordered>,
    _memory: MemoryReservation,
}

/// Rows of a batch that readers get of a table with an order, as many as the engine makes of others.
const READ_ROWS: usize = 8192;

impl Deferred {
    /// A table of that schema, still without rows.
    #[must_use]
    pub fn new(table: TableName, schema: SchemaRef) -> Self {
        let planning = AtomicBool::new(true);
        Self { table, schema, planning, order: OnceLock::new(), rows: OnceLock::new() }
    }

    /// From now on a reader that comes before the rows is an error: until then it only tries whether it could be planned.
    pub(super) fn end_planning(&self) {
        self.planning.store(false, Ordering::Relaxed);
    }

    /// Keeps its rows in the order of a column, if it has that.
    pub(super) fn sort_by(&self, column: &str) {
        if self.schema.index_of(column).is_ok() {
            let _ = self.order.set(column.to_owned());
        }
    }

    /// All its rows, once they are there, if they have an order.
    #[must_use]
    pub fn ordered(&self) -> Option<&Ordered> {
        self.rows.get()?.ordered.as_ref()
    }

    /// Gives it its rows, one list of batches for each partition that its readers shall have. They count against `pool`
    /// for as long as the table lives.
    ///
    /// # Errors
    /// No room in the pool, or batches of another schema.
    pub fn fill(
        &self,
        partitions: Vec<Vec<RecordBatch>>,
        pool: &Arc<dyn MemoryPool>,
    ) -> Result<()> {
        let memory = MemoryConsumer::new(self.table.to_string()).register(pool);
        // Batches are often slices of one: what they share is there once.
        let mut counter = RecordBatchMemoryCounter::new();
        let size_bytes = partitions.iter().flatten().map(|batch| counter.count_batch(batch)).sum();
        memory.try_grow(size_bytes)?;
        // Queries produce what they were planned to, but for nullability, which only narrows.
        let widen = |batch: RecordBatch| {
            RecordBatch::try_new(Arc::clone(&self.schema), batch.columns().to_vec())
        };
        let partitions = partitions
            .into_iter()
            .map(|batches| batches.into_iter().map(widen).collect())
            .collect::<Result<Vec<Vec<_>>, _>>()?;
        let (ordered, partitions) = match self.order.get() {
            None => (None, partitions),
            Some(column) => {
                let parts = partitions.len().max(1);
                let batches = partitions.into_iter().flatten();
                let rows = Ordered::sort(batches, &self.schema, self.schema.index_of(column)?)?;
                // What came may have been slices of more.
                let mut counter = RecordBatchMemoryCounter::new();
                let size_bytes =
                    rows.batches().iter().map(|batch| counter.count_batch(batch)).sum();
                memory.try_resize(size_bytes)?;
                let all = rows.num_rows();
                let length = all.div_ceil(parts).max(1);
                let part = |start| rows.pieces(start..all.min(start + length), READ_ROWS).collect();
                // A table has one partition at least.
                let parts = (0..all.max(1)).step_by(length).map(part).collect();
                (Some(rows), parts)
            }
        };
        // A second filling would be the same rows.
        let table = MemTable::try_new(Arc::clone(&self.schema), partitions)?;
        let _ = self.rows.set(Rows { table, ordered, _memory: memory });
        Ok(())
    }
}

#[async_trait]
impl TableProvider for Deferred {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match self.rows.get() {
            Some(rows) => rows.table.scan(state, projection, filters, limit).await,
            None if self.planning.load(Ordering::Relaxed) => {
                let schema = match projection {
                    Some(columns) => Arc::new(self.schema.project(columns)?),
                    None => Arc::clone(&self.schema),
                };
                Ok(Arc::new(EmptyExec::new(schema)))
            }
            None => exec_err!("{} was read before it was computed", self.table),
        }
    }
}
