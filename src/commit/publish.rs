//! The one moment of publication: put-if-absent of `log/<version>.json`, read back whenever the answer is unclear.

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use object_store::{PutMode, PutPayload};

use super::sync::sync;
use super::{Exclusivity, Log};
use crate::core::{Night, Record, Refusal, Verdict};
use crate::error::{Error, Result};

/// The same object is put again this often before the outcome counts as unknown.
const TRIES: u32 = 5;

/// No further try begins after this long: each may have waited for a store that hangs.
const LAST_TRY: Duration = Duration::from_secs(45);

/// The wait before the second try; doubled for each further one.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// What is to be said in the log.
pub trait Proposal {
    /// The record for the slot behind `base`: built on the state there, never on an older one.
    fn record(&self, base: Option<&Record>) -> Record;

    /// What somebody else's record in that slot means for it.
    fn judge(&self, foreign: &Record) -> Verdict;
}

/// What became of a proposal.
#[derive(Debug)]
pub enum Published {
    /// It is in the log.
    Committed {
        /// As what.
        record: Box<Record>,
        /// Why readers were not told where to look first, if they were not.
        hint_failed: Option<String>,
    },
    /// The same night is there already, by somebody else.
    Done(Night),
    /// The log says already what it was to say.
    AlreadySo,
    /// It is not in the log and never will be.
    Refused(Refusal),
    /// Nor is this one: what it was prepared on has changed. Once more, under a new attempt.
    Restart,
}

/// Publishes what was prepared on the log as of `base`.
///
/// # Errors
/// A store that certainly did not take it, or one that leaves the outcome unknown.
pub async fn publish(
    log: &Log,
    mut base: Option<Record>,
    proposal: &(dyn Proposal + Sync),
    exclusivity: Exclusivity,
) -> Result<Published> {
    loop {
        let record = proposal.record(base.as_ref());
        let json = serde_json::to_vec_pretty(&record)
            .map_err(|error| Error::Bug(format!("log record: {error}")))?;
        let foreign = match settle(log, record.version, json.into(), exclusivity).await? {
            None => {
                sync(&log.root, &log.path(record.version)).await?;
                let hint = log.write_hint(record.version).await;
                let hint_failed = hint.err().map(|error| log.root.redact(&error.to_string()));
                return Ok(Published::Committed { record: Box::new(record), hint_failed });
            }
            Some(bytes) => log.understand(record.version, &bytes)?,
        };
        match proposal.judge(&foreign) {
            Verdict::Next => base = Some(foreign),
            Verdict::Restart => return Ok(Published::Restart),
            Verdict::Done(night) => return Ok(Published::Done(night)),
            Verdict::AlreadySo => return Ok(Published::AlreadySo),
            Verdict::Refused(refusal) => return Ok(Published::Refused(refusal)),
        }
    }
}

/// Puts an object into a slot until it is known what is there: nothing foreign (it is mine), or whose it is.
async fn settle(
    log: &Log,
    version: u64,
    mine: Bytes,
    exclusivity: Exclusivity,
) -> Result<Option<Bytes>> {
    let path = log.path(version);
    let mut wait = FIRST_WAIT;
    let mut last_try = std::pin::pin!(tokio::time::sleep(LAST_TRY));
    let mut cause = String::new();
    for attempt in 0..TRIES {
        if attempt > 0 && last_try.as_mut().now_or_never().is_some() {
            break;
        }
        if attempt > 0 {
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        let mode = match exclusivity {
            Exclusivity::Store => PutMode::Create,
            Exclusivity::SingleWriter => match log.bytes(&path).await? {
                Some(theirs) => return Ok((theirs != mine).then_some(theirs)),
                None => PutMode::Overwrite,
            },
        };
        let put = log.root.store.put_opts(&path, PutPayload::from(mine.clone()), mode.into()).await;
        let Err(error) = put else { return Ok(None) };
        // Whatever it says, it may have been applied, and a conflict may be one's own write of a moment ago.
        match log.bytes(&path).await {
            Ok(Some(theirs)) => return Ok((theirs != mine).then_some(theirs)),
            Ok(None) => cause = log.root.redact(&error.to_string()),
            Err(unreadable) => {
                cause = format!("{}; and {unreadable}", log.root.redact(&error.to_string()));
            }
        }
    }
    Err(Error::OutcomeUnknown { cause: format!("{}: {cause}", log.root.show(&path)) })
}
