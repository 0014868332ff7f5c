//! The change feed across nights: what a follower that holds version `since` applies, in order.

use serde::Serialize;

use super::open;
use crate::config::Config;
use crate::core::{File, Record};
use crate::error::{Error, Result};

/// The rows of one record that changed the current night.
#[derive(Debug, Serialize)]
pub struct ChangeSet {
    /// Of the record: the token after applying it.
    pub version: u64,
    /// The night that is current afterwards.
    pub as_of: Option<chrono::NaiveDate>,
    /// Where its rows are.
    pub files: Vec<ChangeFile>,
}

/// A file of changes.
#[derive(Debug, Serialize)]
pub struct ChangeFile {
    /// Path or URL.
    pub url: String,
    /// As committed.
    #[serde(flatten)]
    pub file: File,
}

/// All change sets behind version `since`, contiguous; and the version they lead to, the next token.
///
/// # Errors
/// A token that is no version, or a feed whose files are gone: the follower has to read the current night again.
pub async fn changes(config: &Config, since: u64) -> Result<(Vec<ChangeSet>, u64)> {
    let (log, head) = open(config).await?;
    if since > head.version {
        return Err(Error::Setting {
            message: format!(
                "there is no version {since} to go on from; the newest is {}",
                head.version
            ),
            help: "a token is the version of the last record that was applied, 0 before the first"
                .into(),
        });
    }
    let mut sets = Vec::new();
    for version in since + 1..=head.version {
        let record = log.record(version).await?;
        let record = record.ok_or_else(|| Error::Bug(format!("no record {version}")))?;
        let Some(feed) = &record.feed else {
            // A forget changed rows in place: no feed leads to that.
            if record.kind == crate::core::Kind::Forget {
                return Err(rebase(&record, &head, "a key was forgotten there"));
            }
            continue;
        };
        if !head.state.is_kept(&feed.attempt_id) {
            return Err(rebase(&record, &head, "its files are past retention"));
        }
        let manifest = log.manifest_of(&feed.attempt_id, &feed.manifest_sha256).await?;
        let files = manifest.tables.get(&feed.table).map(|table| table.files.clone());
        let files = files.unwrap_or_default().into_iter().map(|file| {
            let url = log.root.show(&log.root.path(&file.path));
            ChangeFile { url, file }
        });
        sets.push(ChangeSet { version, as_of: record.state.current, files: files.collect() });
    }
    Ok((sets, head.version))
}

fn rebase(record: &Record, head: &Record, why: &str) -> Error {
    Error::Setting {
        message: format!("the feed has a gap at version {}: {why}", record.version),
        help: format!(
            "read the current night whole (roster resolve --table membership --version {0}) and go on with \
             --since {0}",
            head.version
        ),
    }
}
