//! Who is counted: every key a night knows of, with what may be published about it.

mod order;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, make_comparator, new_empty_array};
use datafusion::arrow::compute::{
    SortColumn, SortOptions, concat, concat_batches, filter_record_batch, lexsort_to_indices,
    take_record_batch,
};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::TableReference;
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::{cast, ident};

use crate::catalog::Catalog;
use crate::core::{Forgotten, TableName};
use crate::error::Result;
use crate::project::Project;
use crate::segment::{MemberBatch, Members, remembered};
use crate::source::published_type;
use crate::spool;
use order::Order;

/// All who are counted.
#[derive(Debug, Clone)]
pub struct Universe {
    schema: SchemaRef,
    keys: ArrayRef,
    order: Order,
    /// By key, each with the number of its first row: they share what they can with the table that they were read from.
    batches: Vec<(usize, RecordBatch)>,
}

impl Universe {
    /// Of rows that are in the order of their keys.
    fn new(schema: SchemaRef, keys: ArrayRef, batches: Vec<RecordBatch>) -> Self {
        let order = Order::of(&keys);
        let mut rows = 0;
        let batches = batches.into_iter().filter(|batch| batch.num_rows() > 0).map(|batch| {
            rows += batch.num_rows();
            (rows - batch.num_rows(), batch)
        });
        Self { schema, batches: batches.collect(), keys, order }
    }

    /// Their keys, in order. Of a universe table they are distinct and not NULL once the night has passed its audits; without
    /// one they are the keys of all segmentations, once each.
    #[must_use]
    pub fn keys(&self) -> &ArrayRef {
        &self.keys
    }

    /// The entity key, then the columns of the universe table that may be published, as they are published.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// What may be published of some, by the numbers of their [`Universe::keys`].
    ///
    /// # Errors
    /// Text that no longer fits 32-bit offsets.
    pub fn about(&self, accounts: Range<usize>) -> EngineResult<RecordBatch> {
        let first = self.batches.partition_point(|(start, _)| *start <= accounts.start);
        let of = self.batches[first.saturating_sub(1)..].iter();
        let parts = of.take_while(|(start, _)| *start < accounts.end).map(|(start, rows)| {
            let from = accounts.start.max(*start);
            rows.slice(from - start, accounts.end.min(start + rows.num_rows()) - from)
        });
        Ok(concat_batches(&self.schema, &parts.collect::<Vec<_>>())?)
    }

    /// Where each row's key stands among them, of rows that are by segment, then key; none of a key that is not counted.
    ///
    /// # Errors
    /// Keys that can not be compared: a bug.
    pub fn places(&self, rows: &MemberBatch) -> EngineResult<Vec<Option<usize>>> {
        let (accounts, keys) = (self.keys.len(), rows.keys());
        let order = self.order.against(keys, &self.keys)?;
        let mut of_rows = vec![None; rows.len()];
        for run in rows.runs()?.into_values() {
            let nulls = run.clone().take_while(|row| keys.is_null(*row)).count();
            let known = run.start + nulls..run.end;
            let mut account = 0;
            for (row, wanted) in known.clone().zip(order.keys(known)) {
                let is_counted;
                (account, is_counted) = order.find(account..accounts, &wanted);
                of_rows[row] = is_counted.then_some(account);
            }
        }
        Ok(of_rows)
    }

    /// Reads the universe table, without the keys that are `forgotten`; else the keys of all `members`.
    ///
    /// # Errors
    /// A table that can not be read.
    pub async fn read(
        catalog: &Catalog,
        project: &Project,
        members: &[Members],
        forgotten: &[Forgotten],
    ) -> Result<Self> {
        let Some(table) = project.universe() else {
            let read = Self::of_members(catalog, project, members);
            return read.map_err(|error| spool::failure(&error));
        };
        let read = async {
            let (schema, mut batches) = read_table(catalog, project, &table).await?;
            for batch in &mut batches {
                if let Some(keep) = remembered(batch.column(0), forgotten)? {
                    *batch = filter_record_batch(batch, &keep)?;
                }
            }
            let mut keys = keys_of(&schema, &batches)?;
            let order = make_comparator(&keys, &keys, SortOptions::default())?;
            // In their order they are where a feature that is sorted for segments is the universe.
            if !(1..keys.len()).all(|row| order(row - 1, row).is_le()) {
                let key = SortColumn { values: Arc::clone(&keys), options: None };
                let order = lexsort_to_indices(&[key], None)?;
                let sorted = take_record_batch(&concat_batches(&schema, &batches)?, &order)?;
                keys = Arc::clone(sorted.column(0));
                batches = vec![sorted];
            }
            Ok(Self::new(schema, keys, batches))
        };
        match read.await {
            Ok(universe) => Ok(universe),
            Err(error) => Err(catalog.failure(project, &table, &error).await),
        }
    }

    fn of_members(catalog: &Catalog, project: &Project, members: &[Members]) -> EngineResult<Self> {
        let field = Field::new(&project.config.key, catalog.key_type.clone(), true);
        let converter = RowConverter::new(vec![SortField::new(catalog.key_type.clone())])?;
        let mut all = BTreeSet::new();
        for members in members {
            let keys = converter.convert_columns(&[Arc::clone(members.read()?.keys())])?;
            all.extend(keys.iter().map(|key| key.owned()));
        }
        let keys = converter.convert_rows(all.iter().map(OwnedRow::row))?.swap_remove(0);
        let schema = Arc::new(Schema::new(vec![field]));
        let rows = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::clone(&keys)])?;
        Ok(Self::new(schema, keys, vec![rows]))
    }
}

fn keys_of(schema: &SchemaRef, batches: &[RecordBatch]) -> EngineResult<ArrayRef> {
    let parts: Vec<_> = batches.iter().map(|batch| batch.column(0).as_ref()).collect();
    Ok(match parts.is_empty() {
        true => new_empty_array(schema.field(0).data_type()),
        false => concat(&parts)?,
    })
}

/// The key as it is published, then all columns that are not personal.
async fn read_table(
    catalog: &Catalog,
    project: &Project,
    table: &TableName,
) -> EngineResult<(SchemaRef, Vec<RecordBatch>)> {
    let key = &project.config.key;
    let reference = TableReference::partial(table.layer.schema(), table.name.as_str());
    let frame = catalog.context.table(reference).await?;
    let query = catalog.queries.get(table);
    let personal = |name: &str| query.is_some_and(|query| query.personal.contains(name));
    let fields = frame.schema().fields().iter();
    let rest = fields.filter(|field| field.name() != key && !personal(field.name()));
    let rest = rest.map(|field| (field.name(), published_type(field.data_type())));
    let columns = std::iter::once((key, catalog.key_type.clone())).chain(rest);
    let columns: Vec<_> =
        columns.map(|(name, published)| cast(ident(name), published).alias(name)).collect();
    let frame = frame.select(columns)?;
    let schema = Arc::new(frame.schema().as_arrow().clone());
    Ok((schema, frame.collect_partitioned().await?.concat()))
}
