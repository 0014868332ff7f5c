//! Each table of the current night as a Delta table: `tables/<table>/_delta_log/` beside the data files.
//!
//! Written after <https://github.com/delta-io/delta/blob/master/PROTOCOL.md>, of which a table that is replaced whole
//! needs five actions and a checkpoint. A commit follows from the one before it and from the log, without a clock or
//! anything drawn by lot: two writers write the same bytes, and create-if-absent is all they need to agree on.
//!
//! - Version `v - 1` of the Delta table is version `v` of the log, also where a record does not change what is current:
//!   then its commit names no files. The rows are those of the night that was current.
//! - Whoever comes writes all that is missing, from version 1 of the log on, in order, holes included.
//! - A version whose files are deleted can not be read: its `add` stays, also where it is written only after they were.
//!   Files named for deletion may be missing from any version but the newest.
//! - Statistics are numbers of rows only: the least and the greatest key would be ones that `forget` can not take out.
//! - Nobody else may write. A writer feature that no other program has says so ([`WRITER_FEATURE`]), and retention of a
//!   century to those who delete files without looking at it.

mod checkpoint;
mod schema;

use std::collections::BTreeSet;

use bytes::Bytes;
use datafusion::parquet::DecodeResult;
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataPushDecoder};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use checkpoint::{reconcile, to_parquet};
use schema::struct_type;

use crate::commit::{DELTA_LOG, Exclusivity, Log, create, overwrite};
use crate::core::{File, Night, Record};
use crate::error::{Error, Result};
use crate::output::tables_of_a_night;

/// Required of every writer and known to none: readers need not care, and all others refuse to write.
const WRITER_FEATURE: &str = "rosterView";

/// Readers fetch every commit behind the last checkpoint; one in this many versions is far below what they notice.
const CHECKPOINT_EVERY: u64 = 100;

/// Commits read at once for a checkpoint.
const COMMITS_AT_ONCE: usize = 32;

/// What is in the table after a commit; kept in its `commitInfo`, so that the next one needs no other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Snapshot {
    /// The Delta table's identifier.
    id: String,
    /// The night's.
    attempt_id: Option<String>,
    /// Of [`crate::core::TableFiles`]; none while there was no file.
    schema_sha256: Option<String>,
    files: Vec<DataFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct DataFile {
    /// Below the table's folder.
    path: String,
    size: u64,
    /// Not known of a file that was deleted before this view was written.
    rows: Option<u64>,
}

/// The schema of a version of the log whose files are there, for those before it whose are not.
struct Later {
    version: u64,
    schema_sha256: String,
    schema: Value,
}

/// One table's view.
struct View<'a> {
    log: &'a Log,
    table: &'static str,
    exclusivity: Exclusivity,
}

/// Writes what the Delta tables lack.
pub(super) async fn refresh(log: &Log, exclusivity: Exclusivity) -> Result<()> {
    loop {
        let Some(head) = log.head().await? else { return Ok(()) };
        let refreshed = async {
            for table in tables_of_a_night() {
                View { log, table: table.name, exclusivity }.catch_up(&head).await?;
            }
            Ok(())
        };
        match refreshed.await {
            // A vacuum or forget may have taken the files meanwhile, and has said so.
            Err(_) if log.head().await?.is_some_and(|now| now.version > head.version) => {}
            ended => return ended,
        }
    }
}

/// What the Delta tables say otherwise than the log.
pub(super) async fn problems(log: &Log) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for table in tables_of_a_night() {
        let view = View { log, table: table.name, exclusivity: Exclusivity::Store };
        let listed = view.list().await?;
        let Some(head) = log.head().await? else { continue };
        let folder = log.root.show(&view.folder());
        let missing = (0..head.version).filter(|version| !listed.commits.contains(version)).count();
        if missing > 0 {
            problems.push(format!(
                "{folder}: {missing} of {} versions are missing; the next command that writes to the log, or \
                 the same run again, writes them",
                head.version
            ));
        } else {
            let checked = async { view.check(&head, &view.snapshot(head.version - 1).await?) };
            problems.extend(checked.await.err().map(|error| error.to_string()));
        }
    }
    Ok(problems)
}

/// What there is of a table's view.
struct Listed {
    commits: BTreeSet<u64>,
    checkpoints: BTreeSet<u64>,
}

impl View<'_> {
    fn folder(&self) -> Path {
        self.log.root.path(&format!("tables/{}/{DELTA_LOG}", self.table))
    }

    fn path(&self, name: &str) -> Path {
        self.log.root.path(&format!("tables/{}/{DELTA_LOG}/{name}", self.table))
    }

    fn commit_path(&self, version: u64) -> Path {
        self.path(&format!("{version:020}.json"))
    }

    async fn list(&self) -> Result<Listed> {
        let folder = self.folder();
        let listed: Vec<_> = match self.log.root.store.list(Some(&folder)).try_collect().await {
            Ok(listed) => listed,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(self.log.root.error("list", &folder, &error)),
        };
        let names: Vec<_> = listed.iter().filter_map(|meta| meta.location.filename()).collect();
        let with = |end: &str| {
            names.iter().filter_map(|name| name.strip_suffix(end)?.parse().ok()).collect()
        };
        Ok(Listed { commits: with(".json"), checkpoints: with(".checkpoint.parquet") })
    }

    /// Writes all that is missing up to `head`.
    async fn catch_up(&self, head: &Record) -> Result<()> {
        let listed = self.list().await?;
        let mut last: Option<(u64, Snapshot)> = None;
        let mut later = None;
        for version in (0..head.version).filter(|version| !listed.commits.contains(version)) {
            let before = match (version.checked_sub(1), last.take()) {
                (None, _) => None,
                (Some(earlier), Some((known, snapshot))) if known == earlier => Some(snapshot),
                (Some(earlier), _) => Some(self.snapshot(earlier).await?),
            };
            let record = match version + 1 == head.version {
                true => head.clone(),
                false => {
                    let record = self.log.record(version + 1).await?;
                    record.ok_or_else(|| self.log.gap(version + 1))?
                }
            };
            let commit = self.commit(&record, head, before.as_ref(), &mut later).await?;
            let path = self.commit_path(version);
            let there = create(self.log, &path, commit, self.exclusivity).await?;
            last = Some((version, self.understand(&path, &there)?));
        }
        let snapshot = match last {
            Some((version, snapshot)) if version + 1 == head.version => snapshot,
            _ => self.snapshot(head.version - 1).await?,
        };
        self.check(head, &snapshot)?;
        let due = (head.version - 1) / CHECKPOINT_EVERY * CHECKPOINT_EVERY;
        if due > 0 && !listed.checkpoints.contains(&due) {
            self.write_checkpoint(due).await?;
        }
        Ok(())
    }

    /// What the commit of a version says is in the table.
    async fn snapshot(&self, version: u64) -> Result<Snapshot> {
        let path = self.commit_path(version);
        self.understand(&path, &self.read(&path).await?)
    }

    async fn read(&self, path: &Path) -> Result<Bytes> {
        let read = async { self.log.root.store.get(path).await?.bytes().await };
        read.await.map_err(|error| self.log.root.error("read", path, &error))
    }

    fn understand(&self, path: &Path, bytes: &[u8]) -> Result<Snapshot> {
        let info = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let info: Option<Value> = serde_json::from_slice(info).ok();
        let snapshot = info.and_then(|mut info| {
            serde_json::from_value(info.get_mut("commitInfo")?.get_mut("roster")?.take()).ok()
        });
        snapshot.ok_or_else(|| self.foreign(path))
    }

    /// Whether the last commit is about the night that is current.
    fn check(&self, head: &Record, snapshot: &Snapshot) -> Result<()> {
        let current = head.state.current_night().map(|night| &night.attempt_id);
        match snapshot.attempt_id.as_ref() == current {
            true => Ok(()),
            false => Err(self.foreign(&self.commit_path(head.version - 1))),
        }
    }

    fn foreign(&self, path: &Path) -> Error {
        Error::Log {
            message: format!(
                "{} is not what the log says: somebody else wrote to this Delta table, or damaged it",
                self.log.root.show(path)
            ),
            help: format!(
                "delete {}: the same run again writes it anew, and data files stay as they are",
                self.log.root.show(&self.folder())
            ),
        }
    }

    /// The commit that leads from `before` to the table as `record` left it.
    async fn commit(
        &self,
        record: &Record,
        head: &Record,
        before: Option<&Snapshot>,
        later: &mut Option<Later>,
    ) -> Result<Bytes> {
        let is_first = before.is_none();
        let new = || Snapshot { id: self.table_id(record), ..Snapshot::default() };
        let before = before.cloned().unwrap_or_else(new);
        let (after, mut schema) = self.next(&before, record, head, later).await?;
        if is_first {
            // A table has to have one; while no file is known it has no columns.
            schema = schema.or_else(|| Some(json!({ "type": "struct", "fields": [] })));
        }
        let at = record.written_at.timestamp_millis();
        let mut actions = vec![self.info(record, &after)];
        if is_first {
            actions.push(json!({ "protocol": {
                "minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": [WRITER_FEATURE],
            }}));
        }
        actions.extend(schema.map(|schema| self.metadata(record, &after, &schema)));
        let gone = before.files.iter().filter(|file| !after.files.contains(file));
        actions.extend(gone.map(|file| file.remove(at)));
        let new = after.files.iter().filter(|file| !before.files.contains(file));
        actions.extend(new.map(|file| file.add(at)));
        let lines: Vec<_> = actions.iter().map(Value::to_string).collect();
        Ok((lines.join("\n") + "\n").into())
    }

    /// What is in the table after `record`, and its schema if that is another than before.
    async fn next(
        &self,
        before: &Snapshot,
        record: &Record,
        head: &Record,
        later: &mut Option<Later>,
    ) -> Result<(Snapshot, Option<Value>)> {
        let mut after = before.clone();
        let night = record.state.current_night();
        after.attempt_id = night.map(|night| night.attempt_id.clone());
        if after.attempt_id == before.attempt_id {
            return Ok((after, None));
        }
        after.files.clear();
        let Some(night) = night else { return Ok((after, None)) };
        if head.state.stale.contains(&night.attempt_id) {
            after.files.push(DataFile::deleted(night));
            // A commit behind this one may be there already, and rest on the schema that this one told.
            if later.as_ref().is_none_or(|later| later.version <= record.version) {
                *later = self.later(record, head).await?;
            }
            let new = later
                .as_ref()
                .filter(|later| before.schema_sha256.as_ref() != Some(&later.schema_sha256));
            if let Some(later) = new {
                after.schema_sha256 = Some(later.schema_sha256.clone());
            }
            return Ok((after, new.map(|later| later.schema.clone())));
        }
        let Some(table) = self.log.manifest(night).await?.tables.remove(self.table) else {
            return Ok((after, None));
        };
        after.files = self.data_files(&table.files)?;
        let mut schema = None;
        if let Some(file) = table.files.first()
            && before.schema_sha256.as_ref() != Some(&table.schema_sha256)
        {
            schema = Some(self.schema_of(file).await?);
            after.schema_sha256 = Some(table.schema_sha256);
        }
        Ok((after, schema))
    }

    /// The next version behind `record` whose files are there.
    async fn later(&self, record: &Record, head: &Record) -> Result<Option<Later>> {
        for version in record.version + 1..=head.version {
            let record = self.log.record(version).await?;
            let record = record.ok_or_else(|| self.log.gap(version))?;
            let night = record.state.current_night();
            let there = night.filter(|night| !head.state.stale.contains(&night.attempt_id));
            let Some(night) = there else { continue };
            if let Some(table) = self.log.manifest(night).await?.tables.remove(self.table)
                && let Some(file) = table.files.first()
            {
                let (schema_sha256, schema) = (table.schema_sha256, self.schema_of(file).await?);
                return Ok(Some(Later { version, schema_sha256, schema }));
            }
        }
        Ok(None)
    }

    /// The same for all versions, and of no other log.
    fn table_id(&self, first: &Record) -> String {
        let of = format!("{}\n{}\n{}", first.project, first.attempt_id, self.table);
        let hash: [u8; 32] = Sha256::digest(of).into();
        let (id, _) = hash.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        uuid::Builder::from_custom_bytes(*id).into_uuid().to_string()
    }

    fn data_files(&self, files: &[File]) -> Result<Vec<DataFile>> {
        let prefix = format!("tables/{}/", self.table);
        let below = files.iter().map(|file| {
            let path = file.path.strip_prefix(&prefix);
            let path =
                path.ok_or_else(|| Error::Bug(format!("{} is no file of {prefix}", file.path)))?;
            Ok(DataFile { path: path.to_owned(), size: file.size, rows: Some(file.rows) })
        });
        below.collect()
    }

    fn info(&self, record: &Record, snapshot: &Snapshot) -> Value {
        let current = record.state.current.map(|night| night.to_string()).unwrap_or_default();
        json!({ "commitInfo": {
            "timestamp": record.written_at.timestamp_millis(),
            "operation": format!("ROSTER {:?}", record.kind).to_uppercase(),
            "operationParameters": { "table": self.table, "version": record.version.to_string(), "current": current },
            "isBlindAppend": false,
            "engineInfo": record.producer,
            "roster": snapshot,
        }})
    }

    fn metadata(&self, record: &Record, snapshot: &Snapshot, schema: &Value) -> Value {
        json!({ "metaData": {
            "id": snapshot.id,
            "name": self.table,
            "description": format!("{} of the current night of {}; written by roster alone", self.table, record.project),
            "format": { "provider": "parquet", "options": {} },
            "schemaString": schema.to_string(),
            "partitionColumns": [],
            "createdTime": record.written_at.timestamp_millis(),
            "configuration": {
                "delta.deletedFileRetentionDuration": "interval 36500 days",
                "delta.enableExpiredLogCleanup": "false",
                "delta.logRetentionDuration": "interval 36500 days",
            },
        }})
    }

    /// The schema of a data file, from its footer alone.
    async fn schema_of(&self, file: &File) -> Result<Value> {
        let path = self.log.root.path(&file.path);
        let failed = |cause: String| Error::Store {
            doing: "read the schema of",
            url: self.log.root.show(&path),
            cause,
            help: "check that the store answers, then run the same command again",
        };
        let damaged = |error: ParquetError| failed(error.to_string());
        let mut decoder = ParquetMetaDataPushDecoder::try_new(file.size)
            .map_err(damaged)?
            .with_page_index_policy(PageIndexPolicy::Skip);
        let metadata = loop {
            match decoder.try_decode().map_err(damaged)? {
                DecodeResult::Data(metadata) => break metadata,
                DecodeResult::NeedsData(ranges) => {
                    let read = self.log.root.store.get_ranges(&path, &ranges).await;
                    let read = read.map_err(|error| self.log.root.error("read", &path, &error))?;
                    decoder.push_ranges(ranges, read).map_err(damaged)?;
                }
                DecodeResult::Finished => return Err(failed("no footer".to_owned())),
            }
        };
        let metadata = ArrowReaderMetadata::try_new(metadata.into(), ArrowReaderOptions::default());
        let metadata = metadata.map_err(damaged)?;
        let fields = metadata.schema().fields();
        struct_type(fields).map_err(|message| self.no_type(&message))
    }

    fn no_type(&self, message: &str) -> Error {
        Error::Setting {
            message: format!("table {}: {message}", self.table),
            help: "CAST the column in staging SQL, or set `delta = false`".to_owned(),
        }
    }

    /// All of the table's state after a version in one Parquet file.
    async fn write_checkpoint(&self, version: u64) -> Result<()> {
        let commits = (0..=version).map(|version| self.commit_path(version));
        let commits = commits.map(|path| async move { self.read(&path).await });
        let commits: Vec<Bytes> =
            stream::iter(commits).buffered(COMMITS_AT_ONCE).try_collect().await?;
        let bug =
            |cause: String| Error::Bug(format!("Delta checkpoint of {}: {cause}", self.table));
        let actions = reconcile(&commits).map_err(|error| bug(error.to_string()))?;
        let parquet = to_parquet(&actions).map_err(|error| bug(error.to_string()))?;
        let path = self.path(&format!("{version:020}.checkpoint.parquet"));
        create(self.log, &path, parquet.into(), self.exclusivity).await?;
        let last = json!({ "version": version, "size": actions.len() }).to_string();
        overwrite(self.log, &self.path("_last_checkpoint"), last.into()).await
    }
}

impl DataFile {
    /// The file of a night whose manifest is gone with it. A reader of that version is to fail, as it would had the view
    /// been there before: no rows would be a wrong answer.
    fn deleted(night: &Night) -> Self {
        let path = format!("{}/part-00000.parquet", night.attempt_id);
        Self { path, size: 0, rows: None }
    }

    fn add(&self, at: i64) -> Value {
        let mut add = json!({ "add": {
            "path": self.path,
            "partitionValues": {},
            "size": self.size,
            "modificationTime": at,
            "dataChange": true,
        }});
        if let Some(rows) = self.rows {
            add["add"]["stats"] = json!({ "numRecords": rows }).to_string().into();
        }
        add
    }

    fn remove(&self, at: i64) -> Value {
        json!({ "remove": {
            "path": self.path,
            "deletionTimestamp": at,
            "dataChange": true,
            "extendedFileMetadata": true,
            "partitionValues": {},
            "size": self.size,
        }})
    }
}
