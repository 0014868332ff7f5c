//! The membership of a night that is published, read back as it was committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{AsArray, RecordBatch, RecordBatchReader};
use datafusion::arrow::compute::{concat_batches, partition};
use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::common::exec_datafusion_err;
use datafusion::error::Result as EngineResult;
use datafusion::parquet::arrow::arrow_reader::{
    ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use datafusion::parquet::file::reader::ChunkReader;

use crate::commit::Log;
use crate::core::{Input, Manifest, Night, type_name};
use crate::error::{Error, Result};
use crate::segment::MemberBatch;
use crate::spool::{self, Spool, Spooled};

/// Columns of the membership table beside the entity key and what is the same in a whole segmentation, in the order that
/// [`MemberBatch`] has them after the key.
const ABOUT: [&str; 4] = ["segment", "score", "evidence", "since"];
const SAME: [&str; 2] = ["as_of", "segmentation"];

/// The rows of an earlier night, set aside; none before the first.
#[derive(Debug, Default)]
pub struct Published {
    /// Which night; none before the first.
    pub as_of: Option<NaiveDate>,
    /// By segmentation: `<key>, segment, score, evidence, since`, by segment, then key.
    pub segmentations: BTreeMap<String, Spooled>,
    /// Its extracts, by source.
    pub inputs: BTreeMap<String, Vec<Input>>,
    /// Rows in them.
    pub input_rows: BTreeMap<String, u64>,
    /// The entity key.
    key: Option<FieldRef>,
}

impl Published {
    /// Reads a night's membership.
    ///
    /// # Errors
    /// Files that are missing, or not those that were committed.
    pub async fn read(log: &Log, night: &Night, spool: &Spool) -> Result<Self> {
        let Manifest { tables, inputs, input_rows, .. } = log.manifest(night).await?;
        let (mut key, mut parts) = (None, Parts::new(spool));
        for file in tables.get("membership").into_iter().flat_map(|table| &table.files) {
            let batches = reader(log.fetch(file).await?);
            let batches = batches.map_err(|cause| log.damaged(file, &cause))?;
            key = key.or(key_of(&batches.schema()));
            for batch in batches {
                let batch = batch.map_err(|error| log.damaged(file, &error.to_string()))?;
                parts.add(&batch).map_err(|error| spool::failure(&error))?;
            }
        }
        let segmentations = parts.end().map_err(|error| spool::failure(&error))?;
        Ok(Self { as_of: Some(night.as_of), segmentations, inputs, input_rows, key })
    }

    /// The rows of a segmentation.
    ///
    /// # Errors
    /// Rows that were set aside on a disk that is gone.
    pub fn rows(&self, segmentation: &str) -> EngineResult<Option<MemberBatch>> {
        let rows = self.segmentations.get(segmentation);
        rows.map(|rows| Ok(MemberBatch::published(rows.rows()?))).transpose()
    }

    /// The entity key's column; none before the first night.
    #[must_use]
    pub fn key(&self) -> Option<&FieldRef> {
        self.key.as_ref()
    }

    /// Whether its entity key is the one of now: followers could not tell keys of two types apart.
    ///
    /// # Errors
    /// It is another.
    pub fn check_key(&self, key: &FieldRef) -> Result<()> {
        let Some(before) = &self.key else { return Ok(()) };
        if before.name() == key.name() && before.data_type() == key.data_type() {
            return Ok(());
        }
        let was = match before.name() == key.name() {
            true => type_name(before.data_type()),
            false => "another column".to_owned(),
        };
        Err(Error::Setting {
            message: format!(
                "the key `{}` is {} now, and was {was} in the nights before",
                key.name(),
                type_name(key.data_type())
            ),
            help: "CAST it back in staging SQL, or publish to a new output location".to_owned(),
        })
    }
}

/// The rows of a published Parquet file, batch by batch.
pub(crate) fn reader(file: impl ChunkReader + 'static) -> Result<ParquetRecordBatchReader, String> {
    ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(ParquetRecordBatchReaderBuilder::build)
        .map_err(|error| error.to_string())
}

fn key_of(schema: &Schema) -> Option<FieldRef> {
    let mut fields = schema.fields().iter();
    let known = |name: &str| SAME.contains(&name) || ABOUT.contains(&name);
    fields.find(|field| !known(field.name())).cloned()
}

/// A night's rows as they are read: the file is sorted by segmentation, and one of them is in memory at a time.
struct Parts<'a> {
    spool: &'a Spool,
    done: BTreeMap<String, Spooled>,
    open: Option<(String, Vec<RecordBatch>)>,
}

impl<'a> Parts<'a> {
    fn new(spool: &'a Spool) -> Self {
        Self { spool, done: BTreeMap::new(), open: None }
    }

    fn add(&mut self, batch: &RecordBatch) -> EngineResult<()> {
        let schema = batch.schema();
        let missing = |name: &str| exec_datafusion_err!("a published file has no `{name}`");
        let key = key_of(&schema).ok_or_else(|| missing("key"))?;
        let columns = [key.name().as_str()]
            .into_iter()
            .chain(ABOUT)
            .map(|name| schema.index_of(name).map_err(|_| missing(name)));
        let rows = batch.project(&columns.collect::<EngineResult<Vec<_>>>()?)?;
        let names = batch.column_by_name(SAME[1]).ok_or_else(|| missing(SAME[1]))?;
        for range in partition(&[Arc::clone(names)])?.ranges() {
            let name = names.as_string::<i32>().value(range.start);
            let rows = rows.slice(range.start, range.len());
            match &mut self.open {
                Some((open, parts)) if open == name => parts.push(rows),
                _ => {
                    self.close()?;
                    self.open = Some((name.to_owned(), vec![rows]));
                }
            }
        }
        Ok(())
    }

    fn close(&mut self) -> EngineResult<()> {
        if let Some((name, parts)) = self.open.take() {
            let rows = concat_batches(&parts[0].schema(), &parts)?;
            self.done.insert(name, self.spool.set_aside(rows)?);
        }
        Ok(())
    }

    fn end(mut self) -> EngineResult<BTreeMap<String, Spooled>> {
        self.close()?;
        Ok(self.done)
    }
}
