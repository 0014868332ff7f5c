//! Columns in few words, and Parquet files of them.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// A batch of these columns; those with a NULL may hold one.
pub(crate) fn table(columns: &[(&str, ArrayRef)]) -> RecordBatch {
    let field = |(name, array): &(&str, ArrayRef)| {
        Field::new(*name, array.data_type().clone(), array.null_count() > 0)
    };
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let arrays = columns.iter().map(|(_, array)| Arc::clone(array)).collect();
    RecordBatch::try_new(Arc::new(schema), arrays).unwrap()
}

/// Text; `-` is NULL.
pub(crate) fn text(values: &[&str]) -> ArrayRef {
    let values = values.iter().map(|value| (*value != "-").then_some(*value));
    Arc::new(values.collect::<StringArray>())
}

pub(crate) fn int(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

pub(crate) fn int32(values: &[i32]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

pub(crate) fn float(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

/// Amounts with two decimals, given in hundredths.
pub(crate) fn cents(values: &[i128]) -> ArrayRef {
    let array = Decimal128Array::from(values.to_vec());
    Arc::new(array.with_precision_and_scale(18, 2).unwrap())
}

/// Dates; `-` is NULL.
pub(crate) fn date(values: &[&str]) -> ArrayRef {
    let day = |value: &&str| Some(value.parse::<chrono::NaiveDate>().ok()?.to_epoch_days());
    Arc::new(values.iter().map(day).collect::<Date32Array>())
}

/// Instants, written like `2026-06-01T12:00:00Z`; `-` is NULL.
pub(crate) fn instant(values: &[&str]) -> ArrayRef {
    let micros = values.iter().map(|value| micros(value));
    Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

pub(crate) fn micros(value: &str) -> Option<i64> {
    Some(value.parse::<chrono::DateTime<chrono::Utc>>().ok()?.timestamp_micros())
}

/// A Parquet file, zstd, one row group.
pub(crate) fn parquet(rows: &RecordBatch) -> Vec<u8> {
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()));
    parquet_with(rows, properties.build())
}

pub(crate) fn parquet_with(rows: &RecordBatch, properties: WriterProperties) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties)).unwrap();
    writer.write(rows).unwrap();
    writer.into_inner().unwrap()
}

/// All batches of a Parquet file.
pub(crate) fn read(path: &Path) -> Vec<RecordBatch> {
    let bytes = Bytes::from(std::fs::read(path).unwrap());
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
    reader.map(Result::unwrap).collect()
}
