//! Who is counted: every key a night knows of, with what may be published about it.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::{
    SortColumn, concat_batches, filter_record_batch, lexsort_to_indices, take_record_batch,
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
use crate::segment::{Members, remembered};
use crate::source::published_type;
use crate::spool;

/// All who are counted.
#[derive(Debug, Clone)]
pub struct Universe {
    /// The entity key, then the columns of the universe table that may be published, as they are published; by key. Of a
    /// universe table the keys are distinct and not NULL once the night has passed its audits; without one they are the
    /// keys of all segmentations, once each.
    pub rows: RecordBatch,
}

impl Universe {
    /// Their keys.
    #[must_use]
    pub fn keys(&self) -> &ArrayRef {
        self.rows.column(0)
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
            let key = SortColumn { values: Arc::clone(rows.column(0)), options: None };
            Ok(take_record_batch(&rows, &lexsort_to_indices(&[key], None)?)?)
        };
        match read.await {
            Ok(rows) => Ok(Self { rows }),
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
        Ok(Self { rows: RecordBatch::try_new(Arc::new(Schema::new(vec![field])), rows)? })
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
