//! The commit log's records and manifests, format 1: the only format, with the change feed, that outsiders depend on.
//!
//! `log/<version>.json` is a [`Record`]: what happened, and the whole state after it. A night in the state names its
//! attempt; `attempts/<attempt_id>/manifest.json`, a [`Manifest`] written before the record and never changed, names
//! the attempt's files. Paths are relative to the output root.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::Severity;

/// The version of the log's format that this binary writes, and the largest it reads.
pub const FORMAT: u32 = 1;

/// What identifies a night: a project and a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunKey {
    /// The project's name.
    pub project: String,
    /// The night.
    pub as_of: NaiveDate,
}

impl std::fmt::Display for RunKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.project, self.as_of)
    }
}

/// What a record does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Publishes a night.
    Run,
    /// Withdraws nights.
    Rollback,
    /// Stops runs from publishing.
    Hold,
    /// Lets them publish again.
    Release,
    /// Names files to be deleted.
    Vacuum,
    /// Takes a key out of all live files.
    Forget,
}

/// One commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// See [`FORMAT`].
    pub format: u32,
    /// The slot in the log, from 1.
    pub version: u64,
    /// What it does.
    pub kind: Kind,
    /// Whose log this is.
    pub project: String,
    /// Who wrote it.
    pub attempt_id: String,
    /// Of a run: `project/as_of`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_key: Option<String>,
    /// Of a run: the night.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<NaiveDate>,
    /// Whether a committed night may be recomputed by it.
    #[serde(default)]
    pub replace: bool,
    /// Of a run: becomes current; otherwise it is a side night.
    #[serde(default)]
    pub advances: bool,
    /// Of a run: attempt of the night that it was computed against.
    #[serde(default)]
    pub previous: Option<String>,
    /// What leads followers from the night that was current before this record to the one that is after it; none if
    /// that did not change.
    #[serde(default)]
    pub feed: Option<Feed>,
    /// Of a run: whether all its inputs were seen as they were that night.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_in_time: Option<bool>,
    /// Of a run: SQL, configuration, functions and inputs, by hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// Of a rollback: the version whose current night is current again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// Of a rollback or hold: the reason that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Of a run: what its audits said, those that found something.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audits: Vec<Audit>,
    /// Program and version; told, never compared.
    pub producer: String,
    /// By the writer's clock; told, never compared.
    pub written_at: DateTime<Utc>,
    /// All that is live after this record.
    pub state: State,
}

/// Rows of the change table's shape: applied in the order of the log they always hold the current membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// Whose files it is.
    pub attempt_id: String,
    /// `change` of an ordinary run; `feed` where the night that was current is not the one computed against.
    pub table: String,
    /// SHA-256 of that attempt's manifest.
    pub manifest_sha256: String,
}

/// What is live after a record; built on the state of the record before, never on an older one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// By day.
    pub nights: Vec<Night>,
    /// The largest live night.
    pub current: Option<NaiveDate>,
    /// Why runs may not publish, if they may not.
    #[serde(default)]
    pub held: Option<String>,
    /// Attempts no longer live, kept for rollback, time travel and followers.
    #[serde(default)]
    pub retained: Vec<Retained>,
    /// Attempts named for deletion: nobody may refer to them again.
    #[serde(default)]
    pub stale: Vec<String>,
    /// Keys that no night may hold again.
    #[serde(default)]
    pub forgotten: Vec<Forgotten>,
}

/// A forgotten key, as a salted hash: known when it is seen again. Whoever reads the log and has a list of keys can try
/// them; the key itself is not to be had from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// Drawn for this key; in hex.
    pub salt: String,
    /// HMAC-SHA256 of the key's text under the salt; in hex.
    pub hmac_sha256: String,
}

impl Forgotten {
    /// The key `text`, to be known again.
    #[must_use]
    pub fn new(salt: &str, text: &str) -> Self {
        // A key of any length will do: see the trait's documentation.
        let hmac = Hmac::<Sha256>::new_from_slice(salt.as_bytes()).map(|mut hmac| {
            hmac.update(text.as_bytes());
            hex::encode(hmac.finalize().into_bytes())
        });
        Self { salt: salt.to_owned(), hmac_sha256: hmac.unwrap_or_default() }
    }

    /// Whether it is the key `text`.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        *self == Self::new(&self.salt, text)
    }
}

/// An attempt that is no longer live.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Retained {
    /// Whose files they are.
    pub attempt_id: String,
    /// The record since which it is not live: from when the time it is kept counts.
    pub since_version: u64,
}

/// A night that has been published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Night {
    /// The day.
    pub as_of: NaiveDate,
    /// Whose files it is.
    pub attempt_id: String,
    /// The record that published it.
    pub version: u64,
    /// False once withdrawn by a rollback; its run key stays known.
    pub live: bool,
    /// [`Fingerprint::sha256`] of its run.
    pub fingerprint: String,
    /// Attempt of the night it was computed against.
    pub previous: Option<String>,
    /// Whether all inputs were seen as they were that night.
    pub point_in_time: bool,
    /// 0, or 4 with segmentations carried forward: what a repeated run answers.
    pub exit_code: u8,
    /// SHA-256 of the attempt's manifest.
    pub manifest_sha256: String,
    /// Segmentations that are not of this night, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale: Vec<Stale>,
}

/// A segmentation that could not be computed or must not be published, and is carried forward from the night before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// Its name.
    pub segmentation: String,
    /// The first night in a row on which it was carried forward.
    pub since: NaiveDate,
    /// What failed.
    pub because: String,
}

impl Stale {
    /// What a run answers that carries these forward, and whenever it is repeated.
    #[must_use]
    pub fn exit_code(carried: &[Self]) -> u8 {
        if carried.is_empty() { 0 } else { 4 }
    }
}

/// What a night was computed from. Threads, memory, credentials and endpoints are not in it, nor is the producer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Over all parts, by name.
    pub sha256: String,
    /// SHA-256 of each part: a file of the project, `functions`, or the pinned files of a `raw.` table.
    pub parts: BTreeMap<String, String>,
}

impl Fingerprint {
    /// The parts that are not the same in both.
    #[must_use]
    pub fn differing_parts(&self, other: &Self) -> Vec<String> {
        let names = self.parts.keys().chain(other.parts.keys());
        let mut differing: Vec<_> =
            names.filter(|name| self.parts.get(*name) != other.parts.get(*name)).cloned().collect();
        differing.sort();
        differing.dedup();
        differing
    }
}

/// What an audit came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditOutcome {
    /// Found something, and the night went on.
    Warned,
    /// Found something, and the segmentation or the night must not be published.
    Failed,
    /// Found something, and somebody lets it through for this night.
    Accepted,
}

/// An audit that found something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// What was audited: `segment.health`, `raw.orders`, `audit.no_currency`.
    pub of: String,
    /// A stable name of the rule.
    pub rule: String,
    /// What its failure does.
    pub severity: Severity,
    /// What it came to.
    pub outcome: AuditOutcome,
    /// What was found, with at most five keys, and what to do.
    pub message: String,
    /// The part of the message that names keys.
    #[serde(skip)]
    pub named_keys: String,
}

/// The rules without which readers could not tell rows apart.
const KEY_RULES: [&str; 2] = ["null_key", "duplicate_key"];

impl Audit {
    /// What a person names to accept it: `segment.health:max_change`; a project's own query by its name alone,
    /// `audit.no_currency`.
    #[must_use]
    pub fn id(&self) -> String {
        match self.rule.as_str() {
            "query" => self.of.clone(),
            rule => format!("{}:{rule}", self.of),
        }
    }

    /// Whether what it found can be published at all.
    #[must_use]
    pub fn can_be_accepted(&self) -> bool {
        !KEY_RULES.contains(&self.rule.as_str())
    }

    /// The same without keys: what the log, which nobody can change, may keep of it.
    #[must_use]
    pub fn without_keys(&self) -> Self {
        let message = match self.named_keys.is_empty() {
            true => self.message.clone(),
            false => self.message.replace(&self.named_keys, ""),
        };
        Self { message, named_keys: String::new(), ..self.clone() }
    }
}

/// A published data file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Relative to the output root.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// Number of rows.
    pub rows: u64,
    /// Of the whole file, in hex.
    pub sha256: String,
}

/// The files of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFiles {
    /// SHA-256 over names, types and nullability of its columns.
    pub schema_sha256: String,
    /// In the order of their rows.
    pub files: Vec<File>,
}

/// The files of one attempt, complete: written after all of them and before the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// See [`FORMAT`].
    pub format: u32,
    /// The attempt.
    pub attempt_id: String,
    /// `project/as_of`.
    pub run_key: String,
    /// By table name.
    pub tables: BTreeMap<String, TableFiles>,
    /// The pinned inputs by source: path, size and etag of each file read.
    pub inputs: BTreeMap<String, Vec<Input>>,
    /// Rows in them, by source, before the night's cut.
    #[serde(default)]
    pub input_rows: BTreeMap<String, u64>,
}

/// A pinned input file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Below the source's location.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// As the store told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// Who writes a record.
#[derive(Debug, Clone)]
pub struct Author {
    /// The project's name.
    pub project: String,
    /// The attempt.
    pub attempt_id: String,
    /// Program and version.
    pub producer: String,
    /// By the writer's clock.
    pub written_at: DateTime<Utc>,
}

impl Record {
    /// A record for the slot behind `base` with nothing in it but its author and the state after it.
    #[must_use]
    pub fn new(kind: Kind, author: &Author, base: Option<&Self>, state: State) -> Self {
        Self {
            format: FORMAT,
            version: Self::version_after(base),
            kind,
            project: author.project.clone(),
            attempt_id: author.attempt_id.clone(),
            run_key: None,
            as_of: None,
            replace: false,
            advances: false,
            previous: None,
            feed: None,
            point_in_time: None,
            fingerprint: None,
            to: None,
            why: None,
            audits: Vec::new(),
            producer: author.producer.clone(),
            written_at: author.written_at,
            state,
        }
    }

    /// The slot behind `base`.
    #[must_use]
    pub fn version_after(base: Option<&Self>) -> u64 {
        base.map_or(1, |record| record.version + 1)
    }
}

impl State {
    /// The night of a day, live or withdrawn.
    #[must_use]
    pub fn night(&self, as_of: NaiveDate) -> Option<&Night> {
        self.nights.iter().find(|night| night.as_of == as_of)
    }

    /// Nights that readers see, by day.
    #[must_use = "an iterator"]
    pub fn live(&self) -> impl DoubleEndedIterator<Item = &Night> {
        self.nights.iter().filter(|night| night.live)
    }

    /// The night that readers see when they ask for none.
    #[must_use]
    pub fn current_night(&self) -> Option<&Night> {
        self.current.and_then(|as_of| self.night(as_of))
    }

    /// The largest live night below `as_of`: what a run of that day is computed against.
    #[must_use]
    pub fn previous_of(&self, as_of: NaiveDate) -> Option<&Night> {
        self.live().rfind(|night| night.as_of < as_of)
    }

    /// Whether some live night is of that attempt.
    #[must_use]
    pub fn is_live(&self, attempt_id: &str) -> bool {
        self.live().any(|night| night.attempt_id == attempt_id)
    }

    /// Whether the attempt's files may be referred to: live, or kept.
    #[must_use]
    pub fn is_kept(&self, attempt_id: &str) -> bool {
        self.is_live(attempt_id)
            || self.retained.iter().any(|retained| retained.attempt_id == attempt_id)
    }

    /// The state with `night` published: it takes the place of one of the same day, whose attempt is kept.
    #[must_use]
    pub fn with_night(&self, night: Night) -> Self {
        let (version, as_of) = (night.version, night.as_of);
        let others = self.nights.iter().filter(|other| other.as_of != as_of);
        let nights = others.cloned().chain([night]).collect();
        self.next(version, nights, &[], &[])
    }

    /// The state after the record `version` with these nights. What was live and no longer is becomes retained, as does
    /// the attempt `used` by the record itself; what is named becomes stale for ever.
    #[must_use]
    pub(super) fn next(
        &self,
        version: u64,
        mut nights: Vec<Night>,
        used: &[String],
        named: &[String],
    ) -> Self {
        nights.sort_by_key(|night| night.as_of);
        let mut stale: Vec<_> = self.stale.iter().chain(named).cloned().collect();
        stale.sort();
        stale.dedup();
        let mut next = Self { nights, stale, ..self.clone() };
        next.current = next.live().map(|night| night.as_of).max();
        let mut since: BTreeMap<String, u64> = (self.live())
            .map(|night| &night.attempt_id)
            .chain(used)
            .map(|attempt_id| (attempt_id.clone(), version))
            .collect();
        let earlier = self.retained.iter();
        since.extend(earlier.map(|kept| (kept.attempt_id.clone(), kept.since_version)));
        since.retain(|attempt_id, _| !next.is_live(attempt_id) && !next.stale.contains(attempt_id));
        let retained = since.into_iter();
        let retained =
            retained.map(|(attempt_id, since_version)| Retained { attempt_id, since_version });
        next.retained = retained.collect();
        next
    }
}
