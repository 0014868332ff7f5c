//! Takes away what nobody may need any more: named in the log first, deleted afterwards.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use object_store::ObjectStoreExt;
use uuid::Uuid;

use super::{author, head};
use crate::commit::{
    Exclusivity, Listing, Log, Published, Vacuum, delete_attempts, list_attempts, probe, publish,
};
use crate::config::Config;
use crate::core::{Record, plan_vacuum};
use crate::error::{Error, Result};
use crate::run::Host;

/// What a vacuum deletes, or would.
#[derive(Debug, Default)]
pub struct Swept {
    /// Attempts by id, each with its files' size in bytes.
    pub attempts: Vec<(String, u64)>,
    /// The record that names them; none where earlier records named all.
    pub version: Option<u64>,
}

/// Deletes retained attempts past the project's `retain`, attempts that were never committed and are older than
/// `older_than`, and what earlier records named. `dry_run` only tells.
///
/// # Errors
/// A store that does not answer, or one that leaves the outcome unknown.
pub async fn vacuum(
    log: &Log,
    config: &Config,
    older_than: TimeDelta,
    dry_run: bool,
    exclusivity: Exclusivity,
    host: &dyn Host,
) -> Result<Swept> {
    loop {
        let head = head(log).await?;
        let author = author(config, host);
        let listing = list_attempts(log, &author.attempt_id).await?;
        let grace = older_than.max(twice_the_longest_run(log).await?);
        let before = listing.now - grace;
        let candidates = candidates(config, log, &head, &listing, before).await?;
        let named = plan_vacuum(&head.state, &candidates);
        let stale = named.iter().chain(&head.state.stale).cloned().collect();
        if dry_run {
            return Ok(swept(&listing, &stale, None));
        }
        let version = if named.is_empty() {
            None
        } else {
            probe(log, &author.attempt_id, exclusivity).await?;
            let vacuum = Vacuum { author, named };
            match publish(log, Some(head), &vacuum, exclusivity).await? {
                Published::Committed { record, .. } => Some(record.version),
                Published::Restart => continue,
                other => return Err(Error::Bug(format!("a vacuum came to {other:?}"))),
            }
        };
        delete_attempts(log, &listing, &stale, Some(before)).await?;
        return Ok(swept(&listing, &stale, version));
    }
}

fn swept(listing: &Listing, stale: &BTreeSet<String>, version: Option<u64>) -> Swept {
    let there =
        stale.iter().filter_map(|id| Some((id.clone(), listing.attempts.get(id)?.size_bytes)));
    Swept { attempts: there.collect(), version }
}

/// What may go, by its age: kept attempts count from the record that made them no longer live, others from their files.
async fn candidates(
    config: &Config,
    log: &Log,
    head: &Record,
    listing: &Listing,
    before: DateTime<Utc>,
) -> Result<BTreeSet<String>> {
    let mut candidates = BTreeSet::new();
    for kept in &head.state.retained {
        let path = log.path(kept.since_version);
        let meta = log.root.store.head(&path).await;
        let since = meta.map_err(|error| log.root.error("read", &path, &error))?.last_modified;
        if listing.now - since > config.retain {
            candidates.insert(kept.attempt_id.clone());
        }
    }
    let unknown = listing
        .attempts
        .iter()
        .filter(|(id, garbage)| !head.state.is_kept(id) && garbage.newest < before);
    candidates.extend(unknown.map(|(id, _)| id.clone()));
    Ok(candidates)
}

/// A run that is still going must not lose its files: attempts are named after the time at which they began.
async fn twice_the_longest_run(log: &Log) -> Result<TimeDelta> {
    let mut longest = TimeDelta::zero();
    for record in log.records().await? {
        let began = Uuid::parse_str(&record.attempt_id).ok().and_then(|id| id.get_timestamp());
        let began = began.and_then(|time| {
            let (seconds, nanoseconds) = time.to_unix();
            DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)
        });
        longest = longest.max(began.map_or(longest, |began| record.written_at - began));
    }
    Ok(longest * 2)
}
