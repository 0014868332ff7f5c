//! Rows set aside until their turn comes: in memory while they are few, in files of the spill directory beyond that.
//! `DataFusion`'s `SpillManager` gives back streams for its operators, and keeps nothing in memory.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::FileReader;
use datafusion::arrow::ipc::writer::FileWriter;
use datafusion::error::{DataFusionError, Result};
use tempfile::{TempDir, TempPath};

use crate::error::Error;

/// Bytes that a spool keeps in memory: the nights of a few thousand accounts never touch the disk.
const MEMORY_BYTES: usize = 32 << 20;

/// What the names of all spill directories begin with.
pub const SPILL_PREFIX: &str = "roster-spill-";

/// Where rows wait. They may outlive it.
#[derive(Debug, Default)]
pub struct Spool {
    kept_bytes: AtomicUsize,
    directory: Mutex<Option<Arc<TempDir>>>,
}

/// Rows that wait.
#[derive(Debug, Clone)]
pub struct Spooled {
    schema: SchemaRef,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Memory(RecordBatch),
    /// The file goes when its last owner does, and the directory after it.
    Disk {
        path: Arc<TempPath>,
        _directory: Arc<TempDir>,
    },
}

impl Spool {
    /// Sets rows aside.
    ///
    /// # Errors
    /// A spill directory without room.
    pub fn set_aside(&self, rows: RecordBatch) -> Result<Spooled> {
        let (schema, size) = (rows.schema(), rows.get_array_memory_size());
        if self.kept_bytes.fetch_add(size, Ordering::Relaxed) + size <= MEMORY_BYTES {
            return Ok(Spooled { schema, place: Place::Memory(rows) });
        }
        self.kept_bytes.fetch_sub(size, Ordering::Relaxed);
        let directory = self.directory()?;
        let (file, path) = tempfile::NamedTempFile::new_in(directory.path())?.into_parts();
        let mut writer = FileWriter::try_new(BufWriter::new(file), &schema)?;
        writer.write(&rows)?;
        writer.finish()?;
        Ok(Spooled { schema, place: Place::Disk { path: Arc::new(path), _directory: directory } })
    }

    /// For the job's user alone, as the system makes such directories: it holds rows.
    fn directory(&self) -> Result<Arc<TempDir>> {
        let mut directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(directory) = directory.as_ref() {
            return Ok(Arc::clone(directory));
        }
        let made = Arc::new(tempfile::Builder::new().prefix(SPILL_PREFIX).tempdir()?);
        Ok(Arc::clone(directory.insert(made)))
    }
}

impl Spooled {
    /// All rows, in one batch.
    ///
    /// # Errors
    /// A file that is gone.
    pub fn rows(&self) -> Result<RecordBatch> {
        match &self.place {
            Place::Memory(rows) => Ok(rows.clone()),
            Place::Disk { path, .. } => {
                let file = BufReader::new(File::open(path.as_ref())?);
                let batches = FileReader::try_new(file, None)?.collect::<Result<Vec<_>, _>>()?;
                Ok(concat_batches(&self.schema, &batches)?)
            }
        }
    }

    /// The columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

/// What it means that `rows` could not be written to the spill directory, or read from it; none where the file system is
/// not to blame. Queries fail on it with errors that wrap the file system's once more.
#[must_use]
pub fn disk_failure(rows: &str, error: &DataFusionError) -> Option<Error> {
    let root = error.find_root();
    let is_io = match root {
        DataFusionError::IoError(_) => true,
        DataFusionError::ArrowError(error, _) => matches!(**error, ArrowError::IoError(..)),
        _ => false,
    };
    is_io.then(|| Error::Store {
        doing: "write",
        url: format!("spill files of {rows}"),
        cause: root.strip_backtrace(),
        help: "make room where TMPDIR points to, then run the same command again",
    })
}

/// What it means that rows which were sound could not be set aside, read back or compared.
#[must_use]
pub fn failure(error: &DataFusionError) -> Error {
    disk_failure("the membership", error).unwrap_or_else(|| Error::Bug(error.strip_backtrace()))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    fn rows(count: i64) -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count));
        let texts = (0..count).map(|n| (n % 3 > 0).then(|| format!("number {n}")));
        let texts: ArrayRef = Arc::new(texts.collect::<StringArray>());
        RecordBatch::try_from_iter([("n", numbers), ("t", texts)]).unwrap()
    }

    #[test]
    fn rows_come_back_as_they_were_from_memory_and_from_disk() {
        let spool = Spool::default();
        let many = i64::try_from(MEMORY_BYTES / 16).unwrap();
        for count in [0, 5, many, 5] {
            let put = spool.set_aside(rows(count)).unwrap();
            assert_eq!(put.rows().unwrap(), rows(count), "{count} rows");
        }
        assert!(spool.directory.lock().unwrap().is_some(), "all of it stayed in memory");
    }

    #[test]
    fn nothing_stays_on_disk_once_the_rows_are_dropped() {
        let spool = Spool::default();
        let put = spool.set_aside(rows(i64::try_from(MEMORY_BYTES / 8).unwrap())).unwrap();
        let directory = spool.directory().unwrap().path().to_owned();
        drop(spool);
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
        drop(put);
        assert!(!directory.exists());
    }
}
