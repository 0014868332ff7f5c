//! Columns to Parquet files.

use std::fs::{File, create_dir_all};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, ListBuilder, RecordBatch,
    StringArray, StringBuilder, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::schema::types::ColumnPath;

use super::calendar::Day;

/// Columns of one file. As in roster.toml, `!` behind a name says that it is never NULL.
#[derive(Debug, Default)]
pub(super) struct Columns {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Columns {
    fn with(mut self, name: &str, array: ArrayRef) -> Self {
        let (name, nullable) = name.strip_suffix('!').map_or((name, true), |name| (name, false));
        self.fields.push(Field::new(name, array.data_type().clone(), nullable));
        self.arrays.push(array);
        self
    }

    pub(super) fn text<'a, T: Into<Option<&'a str>>>(
        self,
        name: &str,
        values: impl Iterator<Item = T>,
    ) -> Self {
        self.with(name, Arc::new(values.map(Into::into).collect::<StringArray>()))
    }

    pub(super) fn int<T: Into<Option<i64>>>(
        self,
        name: &str,
        values: impl Iterator<Item = T>,
    ) -> Self {
        self.with(name, Arc::new(values.map(Into::into).collect::<Int64Array>()))
    }

    pub(super) fn flag<T: Into<Option<bool>>>(
        self,
        name: &str,
        values: impl Iterator<Item = T>,
    ) -> Self {
        self.with(name, Arc::new(values.map(Into::into).collect::<BooleanArray>()))
    }

    pub(super) fn date<T: Into<Option<Day>>>(
        self,
        name: &str,
        values: impl Iterator<Item = T>,
    ) -> Self {
        self.with(name, Arc::new(values.map(Into::into).collect::<Date32Array>()))
    }

    /// Microseconds since the epoch.
    pub(super) fn instant<T: Into<Option<i64>>>(
        self,
        name: &str,
        values: impl Iterator<Item = T>,
    ) -> Self {
        let array = values.map(Into::into).collect::<TimestampMicrosecondArray>();
        self.with(name, Arc::new(array.with_timezone("UTC")))
    }

    /// Whole units of 10 to minus `scale`.
    pub(super) fn decimal(
        self,
        name: &str,
        scale: i8,
        values: impl Iterator<Item = i64>,
    ) -> io::Result<Self> {
        let array = Decimal128Array::from_iter_values(values.map(i128::from));
        let array = array.with_precision_and_scale(18, scale).map_err(io::Error::other)?;
        Ok(self.with(name, Arc::new(array)))
    }

    pub(super) fn texts<'a>(
        self,
        name: &str,
        values: impl Iterator<Item = Option<&'a [&'static str]>>,
    ) -> Self {
        let mut lists = ListBuilder::new(StringBuilder::new());
        for list in values {
            match list {
                Some(list) => lists.append_value(list.iter().map(Some)),
                None => lists.append_null(),
            }
        }
        self.with(name, Arc::new(lists.finish()))
    }

    /// Writes one file, and says how many rows it has.
    pub(super) fn write(self, file: &Path) -> io::Result<u64> {
        let schema = Arc::new(Schema::new(self.fields));
        let batch =
            RecordBatch::try_new(Arc::clone(&schema), self.arrays).map_err(io::Error::other)?;
        let mut writer = open(file, &schema)?;
        writer.write(&batch)?;
        writer.close()?;
        Ok(batch.num_rows() as u64)
    }
}

/// `<extracts>/<table>/<folder>/part-0.parquet`.
pub(super) fn part(extracts: &Path, table: &str, folder: &str) -> PathBuf {
    extracts.join(table).join(folder).join("part-0.parquet")
}

/// A new file for rows of this schema.
pub(super) fn open(file: &Path, schema: &SchemaRef) -> io::Result<ArrowWriter<File>> {
    if let Some(folder) = file.parent() {
        create_dir_all(folder)?;
    }
    // Level 1: most of the demo's time would go into a higher one.
    let level = ZstdLevel::try_new(1).map_err(io::Error::other)?;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(200_000));
    for field in schema.fields() {
        // Instants hardly repeat: a dictionary would be built and thrown away.
        if matches!(field.data_type(), DataType::Timestamp(..)) {
            properties = properties
                .set_column_dictionary_enabled(ColumnPath::from(field.name().as_str()), false);
        }
    }
    let writer =
        ArrowWriter::try_new(File::create(file)?, Arc::clone(schema), Some(properties.build()));
    Ok(writer?)
}
