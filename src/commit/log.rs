//! Reads the log.

use std::io::{Seek, Write};

use bytes::Bytes;
use datafusion::error::DataFusionError;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::core::{FORMAT, File, Manifest, Night, Record};
use crate::error::{Error, Result};
use crate::spool;
use crate::store::Root;

/// The hint's file: where readers start to look. May lag, never lies, need not be there.
pub const LATEST: &str = "latest.json";

/// The log of an output root.
#[derive(Debug, Clone)]
pub struct Log {
    /// The output root.
    pub root: Root,
    /// Whose it must be; a reader without a project takes any.
    project: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Hint {
    version: u64,
}

impl Log {
    /// The log below a project's output.
    ///
    /// # Errors
    /// An output that can not be opened.
    pub fn open(config: &Config) -> Result<Self> {
        let root = Root::open(&config.output.text, &config.directory, &config.object_store)?;
        Ok(Self::of(root, config.name.as_str()))
    }

    /// The log of `project` below a root.
    #[must_use]
    pub fn of(root: Root, project: &str) -> Self {
        Self { root, project: Some(project.to_owned()) }
    }

    /// The log below a root, whosever it is: for reading only.
    #[must_use]
    pub fn of_any_project(root: Root) -> Self {
        Self { root, project: None }
    }

    /// Where a version's record is.
    #[must_use]
    pub fn path(&self, version: u64) -> Path {
        self.root.path(&format!("log/{version:020}.json"))
    }

    /// The newest record; none before the first commit.
    ///
    /// # Errors
    /// A store that does not answer, a log of another project, or one that can not be understood.
    pub async fn head(&self) -> Result<Option<Record>> {
        let hinted = match self.hint().await {
            Some(version) => self.record(version).await?,
            None => None,
        };
        let mut head = match hinted {
            Some(record) => Some(record),
            None => match self.last_listed().await {
                Ok(Some(version)) => self.record(version).await?,
                Ok(None) => None,
                // Plain http can not list: then a reader walks from the first.
                Err(Error::Store { .. }) if self.project.is_none() => None,
                Err(error) => return Err(error),
            },
        };
        loop {
            let next = Record::version_after(head.as_ref());
            if let Some(record) = self.record(next).await? {
                head = Some(record);
                continue;
            }
            // A record that was lost must not let another one take its slot: look past it.
            if self.record(next + 1).await?.is_none() {
                return Ok(head);
            }
            match self.record(next).await? {
                Some(record) => head = Some(record), // written just now, with one behind it
                None => return Err(self.gap(next)),
            }
        }
    }

    /// The record of a version, if there is one.
    ///
    /// # Errors
    /// As [`Log::head`].
    pub async fn record(&self, version: u64) -> Result<Option<Record>> {
        let path = self.path(version);
        match self.bytes(&path).await? {
            Some(bytes) => self.understand(version, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// All records from the first.
    ///
    /// # Errors
    /// As [`Log::head`]; and a record that is missing between others.
    pub async fn records(&self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        let Some(head) = self.head().await? else { return Ok(records) };
        for version in 1..=head.version {
            match self.record(version).await? {
                Some(record) => records.push(record),
                None => return Err(self.gap(version)),
            }
        }
        Ok(records)
    }

    /// The files of a night.
    ///
    /// # Errors
    /// A manifest that is missing, or not the one that was committed.
    pub async fn manifest(&self, night: &Night) -> Result<Manifest> {
        self.manifest_of(&night.attempt_id, &night.manifest_sha256).await
    }

    /// The files of an attempt that the log names.
    ///
    /// # Errors
    /// A manifest that is missing, or not the one that was committed.
    pub async fn manifest_of(&self, attempt_id: &str, sha256: &str) -> Result<Manifest> {
        let path = self.root.path(&format!("attempts/{attempt_id}/manifest.json"));
        let problem = |what: &str| Error::Log {
            message: format!("{}: {what}", self.root.show(&path)),
            help: "restore the file from the bucket's versions or a backup; the log names it"
                .into(),
        };
        let bytes = self.bytes(&path).await?;
        let bytes = bytes.ok_or_else(|| problem("the committed manifest is missing"))?;
        if hex::encode(Sha256::digest(&bytes)) != sha256 {
            return Err(problem("not the manifest that was committed"));
        }
        serde_json::from_slice(&bytes).map_err(|error| problem(&error.to_string()))
    }

    /// A data file as it was committed, in a file without a name: it may be larger than memory, and is gone when it is
    /// closed.
    ///
    /// # Errors
    /// A file that is missing, or has other bytes; a spill directory without room.
    pub async fn fetch(&self, file: &File) -> Result<std::fs::File> {
        let spill = |error: std::io::Error| spool::failure(&DataFusionError::IoError(error));
        let mut copy = tempfile::tempfile().map_err(spill)?;
        self.stream_to(file, &mut copy).await?;
        copy.rewind().map_err(spill)?;
        Ok(copy)
    }

    /// Reads a data file to its end.
    ///
    /// # Errors
    /// A file that is missing, or has other bytes than were committed.
    pub async fn verify(&self, file: &File) -> Result<()> {
        self.stream_to(file, &mut std::io::sink()).await
    }

    async fn stream_to(&self, file: &File, to: &mut (impl Write + Send)) -> Result<()> {
        let mut hash = Sha256::new();
        let mut bytes = match self.root.store.get(&self.root.path(&file.path)).await {
            Ok(found) => found.into_stream(),
            Err(error) => return Err(self.unread(file, &error)),
        };
        while let Some(bytes) = bytes.try_next().await.map_err(|error| self.unread(file, &error))? {
            hash.update(&bytes);
            let written = to.write_all(&bytes);
            written.map_err(|error| spool::failure(&DataFusionError::IoError(error)))?;
        }
        self.check(file, hash)
    }

    /// A data file's bytes, as they were committed.
    ///
    /// # Errors
    /// A file that is missing, or has other bytes.
    pub async fn read_file(&self, file: &File) -> Result<Bytes> {
        let path = self.root.path(&file.path);
        let read = async { self.root.store.get(&path).await?.bytes().await };
        let bytes = read.await.map_err(|error| self.unread(file, &error))?;
        self.check(file, Sha256::new_with_prefix(&bytes))?;
        Ok(bytes)
    }

    fn unread(&self, file: &File, error: &object_store::Error) -> Error {
        match error {
            object_store::Error::NotFound { .. } => {
                self.damaged(file, "the committed file is missing")
            }
            error => self.root.error("read", &self.root.path(&file.path), error),
        }
    }

    fn check(&self, file: &File, read: Sha256) -> Result<()> {
        match hex::encode(read.finalize()) == file.sha256 {
            true => Ok(()),
            false => Err(self.damaged(file, "not the bytes that were committed")),
        }
    }

    /// Says what to do about a data file that is not as it was committed.
    #[must_use]
    pub fn damaged(&self, file: &File, cause: &str) -> Error {
        Error::Log {
            message: format!("{}: {cause}", self.root.show(&self.root.path(&file.path))),
            help: "restore the file from the bucket's versions or a backup, or roll back to an earlier night"
                .to_owned(),
        }
    }

    /// Tells readers where to start; failure is for the caller to warn about.
    pub(super) async fn write_hint(&self, version: u64) -> object_store::Result<()> {
        let path = self.root.path(LATEST);
        let json = serde_json::json!({ "version": version }).to_string();
        self.root.store.put(&path, PutPayload::from(json)).await.map(|_| ())
    }

    /// What is in a slot, as bytes.
    pub(super) async fn bytes(&self, path: &Path) -> Result<Option<Bytes>> {
        let read = async { self.root.store.get(path).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.root.error("read", path, &error)),
        }
    }

    pub(super) fn understand(&self, version: u64, bytes: &[u8]) -> Result<Record> {
        let path = self.path(version);
        let problem = |what: String, help: &str| Error::Log {
            message: format!("{}: {what}", self.root.show(&path)),
            help: help.to_owned(),
        };
        let restore =
            "nothing is skipped: restore the record from the bucket's versions or a backup";
        if bytes.trim_ascii_start().starts_with(b"<") {
            let cause = "the answer is a page or an error of something between, and no log record";
            return Err(Error::Store {
                doing: "read",
                url: self.root.show(&path),
                cause: cause.to_owned(),
                help: "check what answers at this address, then run the same command again",
            });
        }
        let json: serde_json::Value = serde_json::from_slice(bytes)
            .map_err(|error| problem(format!("no log record ({error})"), restore))?;
        let format = json.get("format").and_then(serde_json::Value::as_u64);
        if format.is_some_and(|format| format > u64::from(FORMAT)) {
            let what = format!(
                "written in format {}, this program reads {FORMAT}",
                format.unwrap_or_default()
            );
            return Err(problem(what, "run a newer roster"));
        }
        let record: Record = serde_json::from_value(json)
            .map_err(|error| problem(format!("no log record ({error})"), restore))?;
        if record.version != version {
            return Err(problem(format!("it says it is version {}", record.version), restore));
        }
        if let Some(project) = self.project.as_ref().filter(|project| **project != record.project) {
            return Err(problem(
                format!("the log belongs to project `{}`, not `{project}`", record.project),
                "give each project an output location of its own",
            ));
        }
        Ok(record)
    }

    async fn hint(&self) -> Option<u64> {
        let bytes = self.bytes(&self.root.path(LATEST)).await.ok()??;
        serde_json::from_slice(&bytes).ok().map(|hint: Hint| hint.version)
    }

    /// Without a usable hint the folder is listed once; that the list may lag is why the head is still walked to.
    async fn last_listed(&self) -> Result<Option<u64>> {
        let folder = self.root.path("log");
        let listed: Vec<_> = match self.root.store.list(Some(&folder)).try_collect().await {
            Ok(listed) => listed,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(self.root.error("list", &folder, &error)),
        };
        let version = |path: &Path| path.filename()?.strip_suffix(".json")?.parse().ok();
        let mut versions: Vec<u64> =
            listed.iter().filter_map(|meta| version(&meta.location)).collect();
        versions.sort_unstable();
        // A list may lag, or name what is gone: only the objects themselves say where a record is missing.
        while let Some(last) = versions.last()
            && self.bytes(&self.path(*last)).await?.is_none()
        {
            versions.pop();
        }
        let Some(last) = versions.last().copied() else { return Ok(None) };
        for version in 1..last {
            if versions.binary_search(&version).is_err()
                && self.bytes(&self.path(version)).await?.is_none()
            {
                return Err(self.gap(version));
            }
        }
        Ok(Some(last))
    }

    /// Says that a record is missing before others.
    pub(crate) fn gap(&self, version: u64) -> Error {
        Error::Log {
            message: format!(
                "{} is missing, later ones are there",
                self.root.show(&self.path(version))
            ),
            help: "nothing is skipped: restore the record from the bucket's versions or a backup"
                .into(),
        }
    }
}
