//! Reads what is published, without a project: for sync jobs and services. No roster.toml and no SQL is needed, only the
//! place where a project publishes, and the right to read and list there.
//!
//! [`Reader::latest`] pins a [`Snapshot`]: whatever is published meanwhile, its tables are those of one night.
//! [`Reader::changes`] leads a follower from the version it holds, its token, to the newest. A job reads the membership
//! whole once, keeps the snapshot's version as its token, in one transaction with the rows, and from then on applies
//! changes. `examples/read_latest.rs` is such a job.
//!
//! ```no_run
//! # async fn job() -> Result<(), roster::reader::ReadError> {
//! use futures::TryStreamExt;
//! let reader = roster::reader::Reader::open("s3://lake/segments", &Default::default())?;
//! let snapshot = reader.latest().await?;
//! let membership = snapshot.table("membership")?;
//! let mut batches = std::pin::pin!(membership.batches());
//! while let Some(batch) = batches.try_next().await? {
//!     println!("{}: {} rows", snapshot.as_of, batch.num_rows());
//! }
//! # Ok(())
//! # }
//! ```

mod error;
mod snapshot;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chrono::NaiveDate;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

pub use error::{Next, ReadError, Result};
pub use snapshot::{DataFile, Snapshot, Table};

use crate::commit::Log;
use crate::config::option_is_known;
use crate::core::{Kind, Night, Record};
use crate::error::Error;
use crate::store::Root;
use error::named_stale;

/// Why a feed can not be read any more.
const DELETED: &str = "its files are past retention";

/// Manifests read at once; each is one small request.
const MANIFESTS_AT_ONCE: usize = 32;

/// Reads what one project publishes.
#[derive(Debug, Clone)]
pub struct Reader {
    log: Arc<Log>,
}

/// What leads from one version to the newest.
#[derive(Debug)]
pub struct Changes {
    /// To be applied in this order; records that did not change the current night have none.
    pub sets: Vec<ChangeSet>,
    /// The newest version: the next token, also where there is no set.
    pub token: u64,
}

/// The rows of one record that changed the current night.
#[derive(Debug, Serialize)]
pub struct ChangeSet {
    /// Of the record: the token once the set is applied.
    pub version: u64,
    /// The night that is current afterwards. A rollback leads to an earlier one.
    pub as_of: Option<NaiveDate>,
    /// `as_of, segmentation, <key>, change, segment, previous_segment, score, previous_score, previous_as_of`. `entered`
    /// adds the key to the segment, `left` takes it out of `previous_segment`, `moved` does both.
    #[serde(flatten)]
    pub table: Table,
}

impl Reader {
    /// A reader of what is published at `location`: a path, or a URL of `s3://`, `gs://`, `az://`, `abfss://`, `https://`
    /// or `file://`. `options` are those of `[object_store]` in roster.toml; the stores' environment variables count too.
    /// Nothing is read yet.
    ///
    /// # Errors
    /// A location or an option that no store understands.
    pub fn open(location: &str, options: &BTreeMap<String, String>) -> Result<Self> {
        if let Some(unknown) = options.keys().find(|key| !option_is_known(key)) {
            return Err(ReadError::Other(Error::Setting {
                message: format!("no object store knows the option `{unknown}`"),
                help: "use the names of [object_store]: endpoint, region, access_key_id ...".into(),
            }));
        }
        let root = Root::open(location, Path::new("."), options)?;
        Ok(Self::of(Log::of_any_project(root)))
    }

    /// A reader of this log.
    #[must_use]
    pub fn of(log: Log) -> Self {
        Self { log: Arc::new(log) }
    }

    /// The current night.
    ///
    /// # Errors
    /// Nothing is published yet, a store that does not answer, or a log that can not be understood: of a newer format,
    /// or damaged.
    pub async fn latest(&self) -> Result<Snapshot> {
        loop {
            let head = self.head().await?;
            match self.pin(&head, current(&head)?).await {
                // A record named it since the head was read: there is a newer head now.
                Err(ReadError::Expired { .. }) => {}
                pinned => return pinned,
            }
        }
    }

    /// The night that was current at a version of the log, as readers saw it then.
    ///
    /// # Errors
    /// As [`Reader::latest`]; and [`ReadError::Expired`] once its files are deleted.
    pub async fn at(&self, version: u64) -> Result<Snapshot> {
        let record = self.log.record(version).await?;
        let record = record.ok_or_else(|| {
            not_there(format!("there is no version {version}"), "`roster log` lists them")
        })?;
        self.pin(&record, current(&record)?).await
    }

    /// The live night of a day, side nights included.
    ///
    /// # Errors
    /// As [`Reader::latest`]; and a night that is not live.
    pub async fn night(&self, as_of: NaiveDate) -> Result<Snapshot> {
        loop {
            let head = self.head().await?;
            let night = head.state.live().find(|night| night.as_of == as_of).ok_or_else(|| {
                let nights = head.state.live().map(|night| night.as_of.to_string());
                let nights: Vec<_> = nights.collect();
                let help = format!("committed are: {}", nights.join(", "));
                not_there(format!("the night of {as_of} is not committed"), &help)
            })?;
            match self.pin(&head, night).await {
                Err(ReadError::Expired { .. }) => {}
                pinned => return pinned,
            }
        }
    }

    /// All live nights, oldest first, as one version of the log has them.
    ///
    /// # Errors
    /// As [`Reader::latest`].
    pub async fn nights(&self) -> Result<Vec<Snapshot>> {
        loop {
            let head = self.head().await?;
            let nights: Vec<_> = head.state.live().cloned().collect();
            let head = &head;
            let pinned = stream::iter(nights)
                .map(|night| async move { self.pin(head, &night).await })
                .buffered(MANIFESTS_AT_ONCE);
            match pinned.try_collect().await {
                Err(ReadError::Expired { .. }) => {}
                pinned => return pinned,
            }
        }
    }

    /// All change sets behind the version `since`, which a follower holds, without a gap.
    ///
    /// # Errors
    /// [`ReadError::Gap`] where no feed leads on: read [`Reader::latest`] whole, go on from its version. A token that is
    /// no version of this log. And as [`Reader::latest`].
    pub async fn changes(&self, since: u64) -> Result<Changes> {
        let head = self.head().await?;
        if since > head.version {
            let newest = head.version;
            return Err(not_there(
                format!("there is no version {since} to go on from; the newest is {newest}"),
                "a token is the version of the last record that was applied, 0 before the first; it \
                 belongs to one output location",
            ));
        }
        let mut sets = Vec::new();
        for version in since + 1..=head.version {
            let record = self.log.record(version).await?;
            let record = record.ok_or_else(|| self.log.gap(version))?;
            if let Some(set) = self.change_set(&record, &head).await? {
                sets.push(set);
            }
        }
        Ok(Changes { sets, token: head.version })
    }

    async fn change_set(&self, record: &Record, head: &Record) -> Result<Option<ChangeSet>> {
        let version = record.version;
        let gap = |why| ReadError::Gap { version, why, newest: head.version };
        if record.kind == Kind::Forget {
            return Err(gap("a key was forgotten there")); // rows were rewritten in place: no feed leads to that
        }
        let Some(feed) = &record.feed else { return Ok(None) };
        if !head.state.is_kept(&feed.attempt_id) {
            return Err(gap(DELETED));
        }
        let manifest = self.log.manifest_of(&feed.attempt_id, &feed.manifest_sha256).await;
        let manifest = match manifest {
            Ok(manifest) => manifest,
            Err(_) if named_stale(&self.log, &feed.attempt_id).await => return Err(gap(DELETED)),
            Err(error) => return Err(error.into()),
        };
        let Some(files) = manifest.tables.get(&feed.table) else {
            return Err(ReadError::Other(Error::Log {
                message: format!(
                    "version {version} names a feed `{}` that is not there",
                    feed.table
                ),
                help: "read the current night whole and go on from its version".to_owned(),
            }));
        };
        let log = Arc::clone(&self.log);
        let gone = (version, DELETED, head.version);
        let table = Table::of_feed(log, &feed.table, &feed.attempt_id, files, gone);
        Ok(Some(ChangeSet { version, as_of: record.state.current, table }))
    }

    async fn head(&self) -> Result<Record> {
        let help =
            "run a night first: roster run; and compare the place with `location` of [output]";
        let head = self.log.head().await?;
        head.ok_or_else(|| {
            not_there(format!("nothing is committed yet at {}", self.log.root.shown), help)
        })
    }

    async fn pin(&self, record: &Record, night: &Night) -> Result<Snapshot> {
        let manifest = match self.log.manifest(night).await {
            Ok(manifest) => manifest,
            Err(_) if named_stale(&self.log, &night.attempt_id).await => {
                return Err(ReadError::Expired { version: record.version, as_of: night.as_of });
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Snapshot::new(Arc::clone(&self.log), record, night, manifest))
    }
}

fn current(record: &Record) -> Result<&Night> {
    let none = || not_there("no night is live".to_owned(), "`roster log` tells what happened");
    record.state.current_night().ok_or_else(none)
}

fn not_there(message: String, help: &str) -> ReadError {
    ReadError::NotThere { message, help: help.to_owned() }
}
