//! Batches to one Parquet file. The same batches make the same bytes.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use datafusion::parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use datafusion::parquet::basic::{Compression, ConvertedType, Type, ZstdLevel};
use datafusion::parquet::errors::Result as ParquetResult;
use datafusion::parquet::file::metadata::SortingColumn;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::file::writer::SerializedFileWriter;
use datafusion::parquet::schema::types::ColumnPath;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::row_group::{Encoder, RowGroup};
use super::{EVIDENCE, KEY, Table};
use crate::commit::{Attempt, Upload};
use crate::core::TableFiles;
use crate::error::{Error, Result};

/// What a row group has at most: it waits in memory while it is open, that of several tables at once, and a reader who
/// looks for one segmentation may have to read all of one.
const ROW_GROUP_ROWS: usize = 128 << 10;
const ROW_GROUP_BYTES: usize = 16 << 20;

/// Rows that are encoded before the bytes of the row group are counted again: a hundredth of them where a row has 16 bytes,
/// the whole of them where it has 2 KiB.
const STEP_ROWS: usize = 8 << 10;

/// The file of a table, being written.
pub struct TableWriter {
    table: &'static str,
    schema: SchemaRef,
    upload: Upload,
    file: SerializedFileWriter<Vec<u8>>,
    factory: ArrowRowGroupWriterFactory,
    /// Of each leaf of the schema, who encodes it.
    encoders: Vec<Encoder>,
    open: Option<RowGroup>,
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
        let open = || {
            let properties = properties(table, key, schema)?;
            let writer =
                ArrowWriter::try_new(Vec::new(), SchemaRef::clone(schema), Some(properties))?;
            writer.into_serialized_writer()
        };
        let (file, factory) = open().map_err(|error| bug(table.name, &error))?;
        let leaves = file.schema_descr().columns().iter();
        let encoders = leaves.map(|leaf| Encoder::of(table, key, leaf)).collect();
        let (upload, schema) = (attempt.upload(table.name), SchemaRef::clone(schema));
        Ok(Self { table: table.name, schema, upload, file, factory, encoders, open: None, rows: 0 })
    }

    /// Adds rows. What repeats may be there in runs or by number, whatever the table's schema says.
    ///
    /// # Errors
    /// A store that does not take them.
    pub async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.rows += rows.num_rows() as u64;
        let mut at = 0;
        while at < rows.num_rows() {
            at += self.encode(rows, at).map_err(|error| bug(self.table, &error))?;
            drain(self.file.inner_mut(), &mut self.upload).await?;
        }
        Ok(())
    }

    /// Encodes some of the rows, from `first` on; how many.
    fn encode(&mut self, rows: &RecordBatch, first: usize) -> ParquetResult<usize> {
        let mut group = match self.open.take() {
            Some(open) => open,
            None => RowGroup::open(&self.file, &self.factory, &self.encoders)?,
        };
        let taken = STEP_ROWS.min(ROW_GROUP_ROWS - group.rows()).min(rows.num_rows() - first);
        group.write(&rows.slice(first, taken))?;
        if group.rows() == ROW_GROUP_ROWS || group.bytes() >= ROW_GROUP_BYTES {
            group.close(&mut self.file)?;
        } else {
            self.open = Some(group);
        }
        Ok(taken)
    }

    /// Writes the rest.
    ///
    /// # Errors
    /// A store that does not take it.
    pub async fn finish(mut self) -> Result<TableFiles> {
        let mut close = || {
            if let Some(group) = self.open.take() {
                group.close(&mut self.file)?;
            }
            self.file.finish()
        };
        close().map_err(|error| bug(self.table, &error))?;
        drain(self.file.inner_mut(), &mut self.upload).await?;
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

fn properties(table: &Table, key: &str, schema: &SchemaRef) -> ParquetResult<WriterProperties> {
    let sorting = table.sorted_by.iter().filter_map(|name| {
        let name = if *name == KEY { key } else { *name };
        let index = i32::try_from(schema.index_of(name).ok()?).ok()?;
        Some(SortingColumn { column_idx: index, descending: false, nulls_first: true })
    });
    let key = ColumnPath::from(key);
    let mut properties = WriterProperties::builder()
        .set_column_bloom_filter_enabled(key.clone(), table.looked_up_by_key)
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
