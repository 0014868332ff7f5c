//! Who is counted: every key a night knows of, with what may be published about it.

mod order;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, make_comparator};
use datafusion::arrow::compute::{
    SortColumn, SortOptions, concat_batches, filter_record_batch, lexsort_to_indices,
    take_record_batch,
};
use datafusion::arrow::datatypes::{Field, Schema};
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
    /// The entity key, then the columns of the universe table that may be published, as they are published; by key. Of a
    /// universe table the keys are distinct and not NULL once the night has passed its audits; without one they are the
    /// keys of all segmentations, once each.
    pub rows: RecordBatch,
    order: Order,
}

impl Universe {
    fn new(rows: RecordBatch) -> Self {
        let order = Order::of(rows.column(0));
        Self { rows, order }
    }

    /// Their keys.
    #[must_use]
    pub fn keys(&self) -> &ArrayRef {
        self.rows.column(0)
    }

    /// Where each row's key stands among them, of rows that are by segment, then key; none of a key that is not counted.
    ///
    /// # Errors
    /// Keys that can not be compared: a bug.
    pub fn places(&self, rows: &MemberBatch) -> EngineResult<Vec<Option<usize>>> {
        let (accounts, keys) = (self.keys().len(), rows.keys());
        let order = self.order.against(keys, self.keys())?;
        let mut of_rows = vec![None; rows.len()];
        for run in rows.runs()?.into_values() {
            let mut account = 0;
            for row in run.filter(|row| keys.is_valid(*row)) {
                let wanted = order.key(row);
                account =
                    seek(account..accounts, |account| order.compare(account, &wanted).is_lt());
                if account < accounts && order.compare(account, &wanted).is_eq() {
                    of_rows[row] = Some(account);
                }
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
            let rows = read_table(catalog, project, &table).await?;
            let rows = match remembered(rows.column(0), forgotten)? {
                Some(keep) => filter_record_batch(&rows, &keep)?,
                None => rows,
            };
            let order = make_comparator(rows.column(0), rows.column(0), SortOptions::default())?;
            // So it is where a feature that is sorted for segments is the universe.
            if (1..rows.num_rows()).all(|row| order(row - 1, row).is_le()) {
                return Ok(rows);
            }
            let key = SortColumn { values: Arc::clone(rows.column(0)), options: None };
            Ok(take_record_batch(&rows, &lexsort_to_indices(&[key], None)?)?)
        };
        match read.await {
            Ok(rows) => Ok(Self::new(rows)),
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
        let rows = converter.convert_rows(all.iter().map(OwnedRow::row))?;
        Ok(Self::new(RecordBatch::try_new(Arc::new(Schema::new(vec![field])), rows)?))
    }
}

/// The key as it is published, then all columns that are not personal.
async fn read_table(
    catalog: &Catalog,
    project: &Project,
    table: &TableName,
) -> EngineResult<RecordBatch> {
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
    Ok(concat_batches(&schema, &frame.collect().await?)?)
}

/// The first of the accounts that does not stand before what is looked for: ever longer steps, then halves. Whoever looks
/// for many in their order pays little for each, be they dense or far between.
fn seek(accounts: Range<usize>, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut step) = (accounts.start, 1);
    while low + step < accounts.end && is_before(low + step) {
        low += step;
        step *= 2;
    }
    let mut high = accounts.end.min(low + step);
    while low < high {
        let middle = low.midpoint(high);
        if is_before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sought_is_found_wherever_it_stands() {
        for accounts in 0..20 {
            for from in 0..=accounts {
                for at in from..=accounts {
                    assert_eq!(seek(from..accounts, |account| account < at), at);
                }
            }
        }
    }
}
