//! Batches to one Parquet file. The same batches make the same bytes.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use datafusion::parquet::basic::{Compression, ConvertedType, Type, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::SortingColumn;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::schema::types::ColumnPath;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::{EVIDENCE, KEY, Table};
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
        let properties = properties(table, key, schema).map_err(|error| bug(table.name, &error))?;
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

/// A table whose rows are encoded on a task of their own, while the next ones are made.
pub(super) struct Encoding {
    rows: mpsc::Sender<RecordBatch>,
    task: SpawnedTask<Result<TableWriter>>,
}

impl Encoding {
    pub(super) fn begin(mut writer: TableWriter) -> Self {
        // One batch waits while another is encoded: no more are in memory.
        let (rows, mut waiting) = mpsc::channel(1);
        let task = SpawnedTask::spawn(async move {
            while let Some(rows) = waiting.recv().await {
                writer.write(&rows).await?;
            }
            Ok(writer)
        });
        Self { rows, task }
    }

    /// Adds rows; whether somebody takes them. If nobody does, [`Encoding::end`] says why.
    pub(super) async fn write(&self, rows: RecordBatch) -> bool {
        self.rows.send(rows).await.is_ok()
    }

    /// Waits until all rows are encoded.
    pub(super) async fn end(self) -> Result<TableWriter> {
        drop(self.rows);
        self.task.join().await.unwrap_or_else(|panic| Err(Error::Bug(panic.to_string())))
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

fn properties(
    table: &Table,
    key: &str,
    schema: &SchemaRef,
) -> Result<WriterProperties, ParquetError> {
    let sorting = table.sorted_by.iter().filter_map(|name| {
        let name = if *name == KEY { key } else { *name };
        let index = i32::try_from(schema.index_of(name).ok()?).ok()?;
        Some(SortingColumn { column_idx: index, descending: false, nulls_first: true })
    });
    let key = ColumnPath::from(key);
    let mut properties = WriterProperties::builder()
        .set_column_bloom_filter_enabled(key.clone(), table.looked_up_by_key)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(sorting.collect()));
    // Keys, scores and evidence are different in each row: a dictionary of them takes time, and is given up in the end. Days
    // are few, and so short that their numbers in a dictionary take more time than they save room.
    let all = ArrowSchemaConverter::new().convert(schema)?;
    for column in all.columns() {
        let path = column.path();
        let plain = *path == key
            || path.string() == EVIDENCE
            || column.physical_type() == Type::DOUBLE
            || column.converted_type() == ConvertedType::DATE;
        if plain {
            properties = properties.set_column_dictionary_enabled(path.clone(), false);
        }
    }
    Ok(properties.build())
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
