//! The membership of a night that is published, read back whole and as it was committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chrono::NaiveDate;
use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchReader};
use datafusion::arrow::compute::{concat_batches, partition};
use datafusion::arrow::datatypes::FieldRef;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::column;
use crate::commit::Log;
use crate::core::{Input, Manifest, Night};
use crate::error::{Error, Result};

/// The rows of an earlier night; empty before the first.
#[derive(Debug, Clone, Default)]
pub struct Published {
    /// Which night; none before the first.
    pub as_of: Option<NaiveDate>,
    /// By segmentation.
    pub segmentations: BTreeMap<String, PublishedRows>,
    /// Its extracts, by source.
    pub inputs: BTreeMap<String, Vec<Input>>,
    /// Rows in them.
    pub input_rows: BTreeMap<String, u64>,
    /// All rows as they were read.
    pub batches: Vec<RecordBatch>,
}

/// An earlier night's rows of one segmentation: all columns of the membership table.
#[derive(Debug, Clone)]
pub struct PublishedRows(pub RecordBatch);

impl Published {
    /// Reads a night's membership.
    ///
    /// # Errors
    /// Files that are missing, or not those that were committed.
    pub async fn read(log: &Log, night: &Night) -> Result<Self> {
        let manifest = log.manifest(night).await?;
        let files = manifest.tables.get("membership").map(|table| table.files.as_slice());
        let mut batches = Vec::new();
        for file in files.unwrap_or_default() {
            let bytes = log.read_file(file).await?;
            let decoded = decode(bytes).map_err(|cause| log.damaged(file, &cause))?;
            batches.extend(decoded);
        }
        let segmentations = split(&batches)
            .map_err(|error| Error::Bug(format!("membership of {}: {error}", night.as_of)))?;
        let Manifest { inputs, input_rows, .. } = manifest;
        Ok(Self { as_of: Some(night.as_of), segmentations, inputs, input_rows, batches })
    }

    /// The entity key's column.
    ///
    /// # Errors
    /// Files without it.
    pub fn key(&self, name: &str) -> Result<FieldRef> {
        let schema = self.batches.first().map(RecordBatch::schema);
        let field = schema.and_then(|schema| schema.field_with_name(name).cloned().ok());
        field.map(Arc::new).ok_or_else(|| Error::Setting {
            message: format!("the published rows have no key `{name}`"),
            help: "set `key` in roster.toml to what it was, or publish to a new output location"
                .into(),
        })
    }

    /// Whether its entity key is the one of now: followers could not tell keys of two types apart.
    ///
    /// # Errors
    /// It is another.
    pub fn check_key(&self, key: &FieldRef) -> Result<()> {
        let Some(batch) = self.batches.first() else { return Ok(()) };
        let schema = batch.schema();
        let before = schema.field_with_name(key.name()).ok();
        if before.is_some_and(|field| field.data_type() == key.data_type()) {
            return Ok(());
        }
        let was = before.map_or("another column".to_owned(), |field| field.data_type().to_string());
        Err(Error::Setting {
            message: format!(
                "the key `{}` is {} now, and was {was} in the nights before",
                key.name(),
                key.data_type()
            ),
            help: "CAST it back in staging SQL, or publish to a new output location".to_owned(),
        })
    }
}

impl PublishedRows {
    /// A column of the membership table.
    ///
    /// # Errors
    /// A file without it.
    pub fn column(&self, name: &str) -> datafusion::error::Result<ArrayRef> {
        column(&self.0, name)
    }
}

/// The rows of a published Parquet file; one empty batch where there are none.
pub(crate) fn decode(bytes: Bytes) -> Result<Vec<RecordBatch>, String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)
        .and_then(ParquetRecordBatchReaderBuilder::build)
        .map_err(|error| error.to_string())?;
    let schema = reader.schema();
    let batches: Result<Vec<_>, _> = reader.collect();
    let mut batches = batches.map_err(|error| error.to_string())?;
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    Ok(batches)
}

/// The file is sorted by segmentation.
fn split(batches: &[RecordBatch]) -> datafusion::error::Result<BTreeMap<String, PublishedRows>> {
    let mut parts: BTreeMap<String, Vec<RecordBatch>> = BTreeMap::new();
    for batch in batches {
        let names = column(batch, "segmentation")?;
        for range in partition(&[Arc::clone(&names)])?.ranges() {
            let name = names.as_string::<i32>().value(range.start).to_owned();
            parts.entry(name).or_default().push(batch.slice(range.start, range.len()));
        }
    }
    parts
        .into_iter()
        .map(|(name, parts)| {
            let schema = parts[0].schema();
            Ok((name, PublishedRows(concat_batches(&schema, &parts)?)))
        })
        .collect()
}
