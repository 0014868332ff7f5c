//! Batches to one Parquet file. The same batches make the same bytes.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result as EngineResult;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::metadata::SortingColumn;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::schema::types::ColumnPath;
use sha2::{Digest, Sha256};

use super::{KEY, Rows, Table};
use crate::commit::{Attempt, Upload};
use crate::core::TableFiles;
use crate::error::{Error, Result};

pub(super) async fn write(
    table: &Table,
    key: &str,
    rows: EngineResult<Rows<'_>>,
    attempt: &Attempt,
) -> Result<TableFiles> {
    let bug = |error: &dyn std::fmt::Display| Error::Bug(format!("table {}: {error}", table.name));
    let Rows { schema, batches } = rows.map_err(|error| bug(&error))?;
    let properties = properties(table, key, &schema);
    let mut upload = attempt.upload(table.name);
    let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties))
        .map_err(|error| bug(&error))?;
    let mut row_count = 0;
    for batch in batches {
        let batch = batch.map_err(|error| bug(&error))?;
        row_count += batch.num_rows() as u64;
        writer.write(&batch).map_err(|error| bug(&error))?;
        drain(writer.inner_mut(), &mut upload).await?;
    }
    let mut rest = writer.into_inner().map_err(|error| bug(&error))?;
    drain(&mut rest, &mut upload).await?;
    let file = upload.finish(row_count).await?;
    Ok(TableFiles { schema_sha256: schema_sha256(&schema), files: vec![file] })
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
