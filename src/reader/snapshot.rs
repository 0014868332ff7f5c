//! The files of one night or change set, pinned.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, NaiveDate};
use datafusion::arrow::array::{RecordBatch, RecordBatchReader};
use datafusion::parquet::arrow::arrow_reader::{
    ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use datafusion::parquet::errors::Result as ParquetResult;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use object_store::ObjectMeta;
use serde::Serialize;

use super::error::named_stale;
use super::{ReadError, Result};
use crate::commit::Log;
use crate::core::{File, Layer, Manifest, Night, Record, TableFiles, nearest};
use crate::store::PinnedStore;

/// One night as it was at one version. It stays what it is, whatever is published meanwhile, until its files are deleted:
/// that is [`ReadError::Expired`], and takes at least the project's `retain`, unless a key of it is forgotten.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The version of the log that it was read at: a follower's token.
    pub version: u64,
    /// The night.
    pub as_of: NaiveDate,
    /// Whose log it is.
    pub project: String,
    /// Whose files they are.
    pub attempt_id: String,
    /// Whether all inputs of the night were seen as they were that day.
    pub point_in_time: bool,
    log: Arc<Log>,
    tables: BTreeMap<String, TableFiles>,
}

/// The files of a table.
#[derive(Debug, Clone, Serialize)]
pub struct Table {
    /// Its name.
    #[serde(skip)]
    pub name: String,
    /// SHA-256 over names, types and nullability of its columns.
    #[serde(skip)]
    pub schema_sha256: String,
    /// In the order of their rows.
    pub files: Vec<DataFile>,
    #[serde(skip)]
    attempt_id: String,
    #[serde(skip)]
    log: Arc<Log>,
    /// What it means if they are no longer there.
    #[serde(skip)]
    gone: Gone,
}

/// A published file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataFile {
    /// Path or URL, without secrets.
    pub url: String,
    /// Path below the output root, size, rows and hash, as committed.
    #[serde(flatten)]
    pub file: File,
}

#[derive(Debug, Clone, Copy)]
enum Gone {
    Gap { version: u64, why: &'static str, newest: u64 },
    Expired { version: u64, as_of: NaiveDate },
}

impl Snapshot {
    pub(super) fn new(log: Arc<Log>, record: &Record, night: &Night, manifest: Manifest) -> Self {
        Self {
            version: record.version,
            as_of: night.as_of,
            project: record.project.clone(),
            attempt_id: night.attempt_id.clone(),
            point_in_time: night.point_in_time,
            log,
            tables: manifest.tables,
        }
    }

    /// Names of its tables.
    #[must_use = "an iterator"]
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// One of its tables.
    ///
    /// # Errors
    /// A night without it.
    pub fn table(&self, name: &str) -> Result<Table> {
        let Some(files) = self.tables.get(name) else {
            let help = match nearest(name, self.tables()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("published are: {}", self.tables().collect::<Vec<_>>().join(", ")),
            };
            let message = format!("the night of {} has no table `{name}`", self.as_of);
            return Err(ReadError::NotThere { message, help });
        };
        let gone = Gone::Expired { version: self.version, as_of: self.as_of };
        Ok(Table::new(Arc::clone(&self.log), name, &self.attempt_id, files, gone))
    }
}

impl Table {
    fn new(log: Arc<Log>, name: &str, attempt_id: &str, files: &TableFiles, gone: Gone) -> Self {
        let data_file = |file: &File| {
            let url = log.root.show(&log.root.path(&file.path));
            DataFile { url, file: file.clone() }
        };
        Self {
            name: name.to_owned(),
            schema_sha256: files.schema_sha256.clone(),
            files: files.files.iter().map(data_file).collect(),
            attempt_id: attempt_id.to_owned(),
            log,
            gone,
        }
    }

    /// The rows that lead to the version of a record that changed the current night.
    pub(super) fn of_feed(
        log: Arc<Log>,
        name: &str,
        attempt_id: &str,
        files: &TableFiles,
        (version, why, newest): (u64, &'static str, u64),
    ) -> Self {
        Self::new(log, name, attempt_id, files, Gone::Gap { version, why, newest })
    }

    /// Number of rows, as committed.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.file.rows).sum()
    }

    /// The rows, in their order. Each file is fetched whole and compared with its committed size and hash before its first
    /// batch is given out; one file is held in memory at a time. A file without rows gives one empty batch, so that the
    /// schema is known.
    ///
    /// # Errors
    /// A file that is gone, [`ReadError::Expired`] or, of a change set, [`ReadError::Gap`]; one that is not as it was
    /// committed; a store that does not answer.
    pub fn batches(&self) -> impl Stream<Item = Result<RecordBatch>> + Send + '_ {
        stream::iter(&self.files).then(|file| self.open(&file.file)).try_flatten()
    }

    /// Gives the files to a store that queries read from; the answer is how they see each, and its rows.
    pub(crate) fn pin(&self, store: &PinnedStore) -> Vec<(ObjectMeta, u64)> {
        let pinned = self.files.iter().map(|DataFile { file, .. }| {
            let meta = ObjectMeta {
                location: self.log.root.path(&file.path),
                // Written once under a name of their own: their size is all there is to compare.
                last_modified: DateTime::UNIX_EPOCH,
                size: file.size,
                e_tag: None,
                version: None,
            };
            (store.pin(Layer::Published.schema(), &self.log.root, meta), file.rows)
        });
        pinned.collect()
    }

    async fn open<'a>(
        &'a self,
        file: &'a File,
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'a> {
        let bytes = match self.log.read_file(file).await {
            Ok(bytes) => bytes,
            Err(_) if named_stale(&self.log, &self.attempt_id).await => {
                return Err(self.gone.into());
            }
            Err(error) => return Err(error.into()),
        };
        let damaged = |cause: &dyn std::fmt::Display| {
            ReadError::Other(self.log.damaged(file, &cause.to_string()))
        };
        let reader = decoder(bytes).map_err(|error| damaged(&error))?;
        let empty = (file.rows == 0).then(|| Ok(RecordBatch::new_empty(reader.schema())));
        let batches = reader.map(move |batch| batch.map_err(|error| damaged(&error)));
        Ok(stream::iter(empty.into_iter().chain(batches)))
    }
}

fn decoder(bytes: Bytes) -> ParquetResult<ParquetRecordBatchReader> {
    ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()
}

impl From<Gone> for ReadError {
    fn from(gone: Gone) -> Self {
        match gone {
            Gone::Gap { version, why, newest } => Self::Gap { version, why, newest },
            Gone::Expired { version, as_of } => Self::Expired { version, as_of },
        }
    }
}
