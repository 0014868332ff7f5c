//! Takes one key out of every file: live nights are written again without it, everything else that holds it is deleted.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch, RecordBatchReader};
use datafusion::arrow::compute::{cast, filter_record_batch, not};
use datafusion::arrow::datatypes::DataType;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::{author, head};
use crate::commit::{
    Attempt, Exclusivity, Forget, Garbage, Listing, Log, Published, delete_attempts, list_attempts,
    probe, publish,
};
use crate::config::Config;
use crate::core::{Forgotten, Night, Record};
use crate::error::{Error, Result};
use crate::membership::reader;
use crate::output;
use crate::run::Host;
use crate::view;

/// What was forgotten.
#[derive(Debug)]
pub struct Erased {
    /// Live nights that were written again.
    pub nights: usize,
    /// Attempts that were deleted.
    pub attempts: usize,
    /// The record; none where the log and its files knew nothing of the key any more.
    pub version: Option<u64>,
}

/// Forgets `key`, the entity key as text, in the project's log.
///
/// # Errors
/// A store that does not answer, or one that leaves the outcome unknown. Once it has succeeded no file that the log
/// names holds the key, no view names one that did, and no later night will.
pub async fn forget(
    log: &Log,
    config: &Config,
    key: &str,
    exclusivity: Exclusivity,
    host: &dyn Host,
) -> Result<Erased> {
    let column = config.key.as_str();
    loop {
        let head = head(log).await?;
        let author = author(config, host);
        let listing = list_attempts(log, &author.attempt_id).await?;
        let holding = holding(log, &head, &listing, column, key).await?;
        let known = head.state.forgotten.iter().any(|forgotten| forgotten.is(key));
        if holding.is_empty() && known {
            let stale = head.state.stale.iter().cloned().collect();
            let viewed = view::refresh(config, exclusivity).await;
            delete_attempts(log, &listing, &stale, None).await?;
            viewed.map_err(|error| still_viewed(log, &error))?;
            return Ok(Erased { nights: 0, attempts: 0, version: None });
        }
        probe(log, &author.attempt_id, exclusivity).await?;
        let mut attempts = Vec::new();
        let rewritten = async {
            let mut rewritten = Vec::new();
            for night in head.state.live().filter(|night| holding.contains(&night.attempt_id)) {
                let attempt = Attempt::new(host.attempt_id(), log.root.clone());
                let again = write_again(log, night, column, key, &attempt).await;
                attempts.push(attempt);
                rewritten.push((night.attempt_id.clone(), again?));
            }
            Ok::<_, Error>(rewritten)
        };
        let rewritten = match rewritten.await {
            Ok(rewritten) => rewritten,
            Err(error) => {
                discard(&attempts).await;
                return Err(error);
            }
        };
        let nights = rewritten.len();
        let salt = author.attempt_id.clone();
        let key = (!known).then(|| Forgotten::new(&salt, key));
        let forget = Forget { author, rewritten, named: holding.clone(), key };
        match publish(log, Some(head), &forget, exclusivity).await? {
            Published::Committed { record, .. } => {
                let stale = record.state.stale.iter().cloned().collect();
                // First the views, so that their readers are led to what stays.
                let viewed = view::refresh(config, exclusivity).await;
                delete_attempts(log, &listing, &stale, None).await?;
                viewed.map_err(|error| still_viewed(log, &error))?;
                let version = Some(record.version);
                return Ok(Erased { nights, attempts: holding.len(), version });
            }
            Published::Restart => discard(&attempts).await,
            other => return Err(Error::Bug(format!("a forget came to {other:?}"))),
        }
    }
}

/// The key is out of every file, but a view leads its readers to files that are gone.
fn still_viewed(log: &Log, error: &Error) -> Error {
    Error::Store {
        doing: "forget in the views of",
        url: log.root.shown.clone(),
        cause: error.to_string(),
        help: "no file holds the key any more, but a view still names files that did: run the same \
               command again",
    }
}

async fn discard(attempts: &[Attempt]) {
    for attempt in attempts {
        attempt.discard().await;
    }
}

/// Attempts that hold the key, live or not. One whose files can not be read holds it for all we know; unless it is live:
/// then somebody has to look.
async fn holding(
    log: &Log,
    head: &Record,
    listing: &Listing,
    column: &str,
    key: &str,
) -> Result<BTreeSet<String>> {
    let mut holding = BTreeSet::new();
    for (id, garbage) in &listing.attempts {
        if head.state.stale.contains(id) {
            continue;
        }
        let holds = match holds(log, garbage, column, key).await {
            Err(error) if head.state.is_kept(id) => return Err(error),
            holds => holds.unwrap_or(true),
        };
        if holds {
            holding.insert(id.clone());
        }
    }
    Ok(holding)
}

async fn holds(log: &Log, garbage: &Garbage, column: &str, key: &str) -> Result<bool> {
    for path in garbage.paths.iter().filter(|path| path.extension() == Some("parquet")) {
        for batch in read(log, path).await? {
            let batch = batch.map_err(|error| unreadable(log, path, &error.to_string()))?;
            if is_key(&batch, column, key)?.true_count() > 0 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

async fn read(log: &Log, path: &Path) -> Result<ParquetRecordBatchReader> {
    let read = async { log.root.store.get(path).await?.bytes().await };
    let bytes: Bytes = read.await.map_err(|error| log.root.error("read", path, &error))?;
    reader(bytes).map_err(|cause| unreadable(log, path, &cause))
}

fn unreadable(log: &Log, path: &Path, cause: &str) -> Error {
    Error::Log {
        message: format!("{}: {cause}", log.root.show(path)),
        help: "restore the file from the bucket's versions or a backup; then forget again"
            .to_owned(),
    }
}

/// Which rows are the key's. None of a table that counts keys and names none.
fn is_key(batch: &RecordBatch, column: &str, key: &str) -> Result<BooleanArray> {
    let Some(keys) = batch.column_by_name(column) else {
        return Ok(std::iter::repeat_n(Some(false), batch.num_rows()).collect());
    };
    let keys = cast(keys, &DataType::Utf8).map_err(|error| Error::Bug(error.to_string()))?;
    let keys = keys.as_string::<i32>();
    Ok(keys.iter().map(|text| Some(text == Some(key))).collect())
}

/// Writes all tables of a night again, without the key.
async fn write_again(
    log: &Log,
    night: &Night,
    column: &str,
    key: &str,
    attempt: &Attempt,
) -> Result<Night> {
    let mut manifest = log.manifest(night).await?;
    let mut tables = BTreeMap::new();
    for (name, table) in &manifest.tables {
        let mut writer = None;
        for file in &table.files {
            let batches = reader(log.fetch(file).await?);
            let batches = batches.map_err(|cause| log.damaged(file, &cause))?;
            let mut open = match writer.take() {
                Some(open) => open,
                None => output::rewrite(name, column, &batches.schema(), attempt)?,
            };
            for batch in batches {
                let batch = batch.map_err(|error| log.damaged(file, &error.to_string()))?;
                let keep = not(&is_key(&batch, column, key)?);
                let kept = keep.and_then(|keep| filter_record_batch(&batch, &keep));
                open.write(&kept.map_err(|error| Error::Bug(error.to_string()))?).await?;
            }
            writer = Some(open);
        }
        if let Some(writer) = writer {
            tables.insert(name.clone(), writer.finish().await?);
        }
    }
    manifest.attempt_id.clone_from(&attempt.id);
    manifest.tables = tables;
    let manifest_sha256 = attempt.write_manifest(&manifest).await?;
    Ok(Night { attempt_id: attempt.id.clone(), manifest_sha256, ..night.clone() })
}
