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

use crate::core::TableName;

/// Filled once, when its turn in the order comes.
#[derive(Debug)]
pub struct Deferred {
    table: TableName,
    schema: SchemaRef,
    planning: AtomicBool,
    rows: OnceLock<(MemTable, MemoryReservation)>,
}

impl Deferred {
    /// A table of that schema, still without rows.
    #[must_use]
    pub fn new(table: TableName, schema: SchemaRef) -> Self {
        let planning = AtomicBool::new(true);
        Self { table, schema, planning, rows: OnceLock::new() }
    }

    /// From now on a reader that comes before the rows is an error: until then it only tries whether it could be planned.
    pub(super) fn end_planning(&self) {
        self.planning.store(false, Ordering::Relaxed);
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
        let partitions: Result<Vec<Vec<_>>, _> = partitions
            .into_iter()
            .map(|batches| batches.into_iter().map(widen).collect())
            .collect();
        // A second filling would be the same rows.
        let rows = MemTable::try_new(Arc::clone(&self.schema), partitions?)?;
        let _ = self.rows.set((rows, memory));
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
            Some((rows, _)) => rows.scan(state, projection, filters, limit).await,
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
