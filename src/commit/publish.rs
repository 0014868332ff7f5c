//! The one moment of publication: put-if-absent of `log/<version>.json`, read back whenever the answer is unclear.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::{PutMode, PutPayload};

use super::sync::sync;
use super::{Exclusivity, Log};
use crate::core::{
    Audit, FORMAT, Feed, Fingerprint, Ground, Kind, Night, Record, Refusal, RunKey, Verdict, Wish,
    judge,
};
use crate::error::{Error, Result};

/// The same object is put again this often before the outcome counts as unknown; with the store's own retries below
/// each, that is minutes.
const TRIES: u32 = 5;

/// The wait before the second try; doubled for each further one.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// A night that is written and audited, all but its place in the log.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The project and the night.
    pub run_key: RunKey,
    /// Whose files it is.
    pub attempt_id: String,
    /// Whether it may take the place of a committed night.
    pub replace: bool,
    /// What it was computed on.
    pub ground: Ground,
    /// Of a night that becomes current: the rows for followers.
    pub feed: Option<Feed>,
    /// Whether all inputs were seen as they were that night.
    pub point_in_time: bool,
    /// What it was computed from.
    pub fingerprint: Fingerprint,
    /// What its audits found.
    pub audits: Vec<Audit>,
    /// Program and version.
    pub producer: String,
    /// By the writer's clock.
    pub written_at: DateTime<Utc>,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// What the run answers, now and when it is repeated.
    pub exit_code: u8,
}

/// What became of a draft.
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
    /// It is not in the log and never will be.
    Refused(Refusal),
    /// Nor is this one: what it was computed on has changed. Once more, under a new attempt.
    Restart,
}

impl Draft {
    fn wish(&self) -> Wish<'_> {
        let (as_of, replace) = (self.run_key.as_of, self.replace);
        Wish { as_of, fingerprint: &self.fingerprint.sha256, replace }
    }

    /// The record for the slot behind `base`: built on the state there, never on an older one.
    fn record(&self, base: Option<&Record>) -> Record {
        let version = base.map_or(1, |record| record.version + 1);
        let previous = self.ground.previous.as_ref().map(|night| night.attempt_id.clone());
        let night = Night {
            as_of: self.run_key.as_of,
            attempt_id: self.attempt_id.clone(),
            version,
            live: true,
            fingerprint: self.fingerprint.sha256.clone(),
            previous: previous.clone(),
            point_in_time: self.point_in_time,
            exit_code: self.exit_code,
            manifest_sha256: self.manifest_sha256.clone(),
        };
        Record {
            format: FORMAT,
            version,
            kind: Kind::Run,
            project: self.run_key.project.clone(),
            attempt_id: self.attempt_id.clone(),
            run_key: Some(self.run_key.to_string()),
            as_of: Some(self.run_key.as_of),
            replace: self.replace,
            advances: self.ground.advances,
            previous,
            feed: self.feed.clone(),
            point_in_time: Some(self.point_in_time),
            fingerprint: Some(self.fingerprint.clone()),
            audits: self.audits.clone(),
            producer: self.producer.clone(),
            written_at: self.written_at,
            state: base.map(|record| record.state.clone()).unwrap_or_default().with_night(night),
        }
    }
}

/// Publishes a draft that was computed on the log as of `base`.
///
/// # Errors
/// A store that certainly did not take it, or one that leaves the outcome unknown.
pub async fn publish(
    log: &Log,
    mut base: Option<Record>,
    draft: &Draft,
    exclusivity: Exclusivity,
) -> Result<Published> {
    loop {
        let record = draft.record(base.as_ref());
        let json = serde_json::to_vec_pretty(&record)
            .map_err(|error| Error::Bug(format!("log record: {error}")))?;
        let foreign = match settle(log, record.version, json.into(), exclusivity).await? {
            None => {
                sync(&log.root, &log.path(record.version)).await?;
                let hint = log.write_hint(record.version).await;
                let hint_failed = hint.err().map(|error| error.to_string());
                return Ok(Published::Committed { record: Box::new(record), hint_failed });
            }
            Some(bytes) => log.understand(record.version, &bytes)?,
        };
        match judge(draft.wish(), &draft.attempt_id, &draft.ground, &foreign) {
            Verdict::Next => base = Some(foreign),
            Verdict::Restart => return Ok(Published::Restart),
            Verdict::Done(night) => return Ok(Published::Done(night)),
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
    let mut cause = String::new();
    for attempt in 0..TRIES {
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
            Ok(None) => cause = error.to_string(),
            Err(unreadable) => cause = format!("{error}; and {unreadable}"),
        }
    }
    Err(Error::OutcomeUnknown { cause: format!("{}: {cause}", log.root.show(&path)) })
}
