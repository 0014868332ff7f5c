//! Batches to one Parquet file. The same batches make the same bytes.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::metadata::SortingColumn;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::schema::types::ColumnPath;
use sha2::{Digest, Sha256};

use super::{KEY, Table};
use crate::commit::{Attempt, Upload};
use crate::core::TableFiles;
use crate::error::{Error, Result};

/// What a row group has at most: it waits in memory while it is open, that of several tables at once, and a reader who
/// looks for one segmentation may have to read all of one.
const ROW_GROUP_ROWS: usize = 128 << 10;
const ROW_GROUP_BYTES: usize = 16 << 20;

/// The file of a table, being written.
pub struct TableWriter {
    table: &'static str,
    schema: SchemaRef,
    upload: Upload,
    writer: ArrowWriter<Vec<u8>>,
    rows: u64,
}

impl TableWriter {
    /// Begins it; `key` is the entity key's name.
    pub(super) fn open(
        table: &Table,
        key: &str,
        schema: &SchemaRef,
        attempt: &Attempt,
    ) -> Result<Self> {
        let properties = properties(table, key, schema);
        let writer = ArrowWriter::try_new(Vec::new(), SchemaRef::clone(schema), Some(properties));
        let writer = writer.map_err(|error| bug(table.name, &error))?;
        let (upload, schema) = (attempt.upload(table.name), SchemaRef::clone(schema));
        Ok(Self { table: table.name, schema, upload, writer, rows: 0 })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// A store that does not take them.
    pub async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.rows += rows.num_rows() as u64;
        self.writer.write(rows).map_err(|error| bug(self.table, &error))?;
        drain(self.writer.inner_mut(), &mut self.upload).await
    }

    /// Writes the rest.
    ///
    /// # Errors
    /// A store that does not take it.
    pub async fn finish(mut self) -> Result<TableFiles> {
        let mut rest = self.writer.into_inner().map_err(|error| bug(self.table, &error))?;
        drain(&mut rest, &mut self.upload).await?;
        let file = self.upload.finish(self.rows).await?;
        Ok(TableFiles { schema_sha256: schema_sha256(&self.schema), files: vec![file] })
    }
}

fn bug(table: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Bug(format!("table {table}: {error}"))
}

/// Hands over what the writer has finished so far.
async fn drain(finished: &mut Vec<u8>, upload: &mut Upload) -> Result<()> {
    if finished.is_empty() {
        return Ok(());
    }
    upload.write(std::mem::take(finished).into()).await
}

fn properties(table: &Table, key: &str, schema: &SchemaRef) -> WriterProperties {
    let sorting = table.sorted_by.iter().filter_map(|name| {
        let name = if *name == KEY { key } else { *name };
        let index = i32::try_from(schema.index_of(name).ok()?).ok()?;
        Some(SortingColumn { column_idx: index, descending: false, nulls_first: true })
    });
    let key = ColumnPath::from(key);
    WriterProperties::builder()
        .set_column_bloom_filter_enabled(key, table.looked_up_by_key)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(sorting.collect()))
        .build()
}

/// Names, types and nullability of the columns, one a line.
fn schema_sha256(schema: &SchemaRef) -> String {
    let mut hash = Sha256::new();
    for field in schema.fields() {
        let null = if field.is_nullable() { "null" } else { "not null" };
        hash.update(format!("{} {} {null}\n", field.name(), field.data_type()));
    }
    hex::encode(hash.finalize())
}
