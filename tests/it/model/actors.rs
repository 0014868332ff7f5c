//! The actors of a scene, over the real code: what `roster run` does around its SQL, and all of `operate` and `reader`.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;
use roster::commit::{Attempt, Draft, Exclusivity, Log, Published, probe};
use roster::config::Config;
use roster::core::{
    Author, FORMAT, Feed, Fingerprint, Ground, Kind, Manifest, Plan, ProjectFile, Reach, Refusal,
    RunKey, State, TableFiles, Wish, plan,
};
use roster::error::Error;
use roster::operate;
use roster::reader::{Next, ReadError, Reader, Snapshot, Table};
use roster::run::{Host, Step};
use roster::store::{Root, ScanMeter};

use super::ghost::{Ghost, bytes};
use super::planted::{self, Bug};
use super::rows::{Keys, Rows, keys, of_batch, read};
use super::scenes::{Actor, Audit, Work, date};
use super::store::Stepping;

const PROJECT: &str = "tiny";

/// With nothing kept and no grace: a vacuum takes all that it may, as in the model.
pub(super) static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let toml = "[project]\nname = \"tiny\"\nkey = \"id\"\ntime_zone = \"UTC\"\n\
                [output]\nlocation = \"out\"\nretain = \"0m\"\n\
                [sources.people]\nlocation = \"in/\"\n";
    let (file, problems) = (ProjectFile::new("roster.toml", toml), RefCell::default());
    Config::parse(Path::new("."), file, &|_| None, &problems)
        .unwrap_or_else(|| panic!("{problems:?}"))
});

/// What a participant works with.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) name: char,
    pub(super) store: Stepping,
    pub(super) ghost: Arc<Mutex<Ghost>>,
    pub(super) bug: Option<Bug>,
    attempts: Arc<AtomicU64>,
}

impl Host for Scope {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn attempt_id(&self) -> String {
        format!("{}{}", self.name, self.attempts.fetch_add(1, Ordering::SeqCst) + 1)
    }

    fn step(&self, _: Step) {}

    fn scanning(&self, _: &Arc<ScanMeter>) {}

    fn segments(&self, _: usize, _: usize) {}
}

impl Scope {
    pub(super) fn new(
        name: char,
        store: Stepping,
        ghost: &Arc<Mutex<Ghost>>,
        bug: Option<Bug>,
    ) -> Self {
        Self { name, store, ghost: Arc::clone(ghost), bug, attempts: Arc::default() }
    }

    pub(super) fn log(&self) -> Log {
        Log::of(Root::of_store(Arc::new(self.store.clone()), "memory:"), PROJECT)
    }

    pub(super) fn ghost(&self) -> MutexGuard<'_, Ghost> {
        self.ghost.lock().unwrap()
    }

    pub(super) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    pub(super) fn author(&self, attempt_id: &str) -> Author {
        Author {
            project: PROJECT.to_owned(),
            attempt_id: attempt_id.to_owned(),
            producer: "test".to_owned(),
            written_at: self.now(),
        }
    }

    pub(super) async fn act(self, actor: Actor) -> Result<(), Error> {
        let (log, exclusivity) = (self.log(), Exclusivity::Store);
        let (config, host) = (&*CONFIG, &self);
        match actor.work {
            Work::Run { .. } => run(&self, actor.work).await,
            work if self.bug.is_some_and(|bug| bug.is_of(work)) => {
                planted::operate(&self, work).await
            }
            Work::Rollback { to } => {
                let none = BTreeSet::new();
                operate::rollback(&log, config, &none, to, "why", exclusivity, host).await.map(drop)
            }
            Work::Hold => {
                let why = Some("why".to_owned());
                operate::hold(&log, config, why, exclusivity, host).await.map(drop)
            }
            Work::Release => operate::hold(&log, config, None, exclusivity, host).await.map(drop),
            Work::Vacuum => {
                let grace = TimeDelta::zero();
                operate::vacuum(&log, config, grace, false, exclusivity, host).await.map(drop)
            }
            Work::Forget { key } => {
                let key = key.to_string();
                operate::forget(&log, config, &key, exclusivity, host).await.map(drop)
            }
        }
    }
}

pub(super) fn refused(refusal: Refusal) -> Error {
    Error::Refused { as_of: date(1), refusal: Box::new(refusal), differing: Vec::new() }
}

/// As `src/run.rs`: head, plan, probe, earlier nights, files, publish; what can not be in the log is taken away.
async fn run(scope: &Scope, work: Work) -> Result<(), Error> {
    let Work::Run { day, inputs, replace, .. } = work else { unreachable!() };
    let log = scope.log();
    let reach = match replace {
        true => Reach::Replace,
        false if scope.has(Bug::LateRunAsSideNight) => Reach::Beside,
        false => Reach::Newest,
    };
    let wish = Wish { as_of: date(day), fingerprint: inputs, reach };
    loop {
        let head = log.head().await?;
        let state = head.as_ref().map(|record| record.state.clone()).unwrap_or_default();
        let ground = match plan(wish, &planted::seen(scope.bug, &state, wish.as_of)) {
            Plan::Done(_) => return Ok(()),
            Plan::Refused(refusal) => return Err(refused(refusal)),
            Plan::Compute(ground) => ground,
        };
        let attempt = Attempt::new(scope.attempt_id(), log.root.clone());
        let version = head.as_ref().map_or(0, |record| record.version);
        scope.ghost().bases.insert(attempt.id.clone(), version);
        probe(&log, &attempt.id, Exclusivity::Store).await?;
        let draft = match write(scope, &log, work, reach, ground, &state, &attempt).await {
            Ok(draft) => draft,
            Err(error) => {
                attempt.discard().await;
                match error {
                    Error::Log { .. } if log.head().await? != head => continue,
                    error => return Err(error),
                }
            }
        };
        match planted::publish(scope, &log, head, &draft, &attempt).await? {
            Published::Committed { .. } => return Ok(()),
            Published::Restart | Published::AlreadySo => attempt.discard().await,
            Published::Done(_) => {
                attempt.discard().await;
                return Ok(());
            }
            Published::Refused(refusal) => {
                attempt.discard().await;
                return Err(refused(refusal));
            }
        }
    }
}

async fn write(
    scope: &Scope,
    log: &Log,
    work: Work,
    reach: Reach,
    ground: Ground,
    state: &State,
    attempt: &Attempt,
) -> Result<Draft, Error> {
    let Work::Run { day, rows, inputs, audit, .. } = work else { unreachable!() };
    let previous = match &ground.previous {
        Some(night) => read(log, night).await?,
        None => Keys::new(),
    };
    let stands = ground.stands.as_ref().filter(|_| ground.advances);
    let stands = match stands.filter(|night| ground.previous.as_ref() != Some(night)) {
        Some(night) => Some(read(log, night).await?),
        None => None,
    };
    let mut rows = match audit {
        Audit::Passes => keys(rows),
        Audit::Blocks => previous.clone(),
        Audit::Aborts if scope.has(Bug::AbortPublished) => keys(rows),
        Audit::Aborts => return Err(Error::Audits(Vec::new())),
    };
    rows.retain(|key| !state.forgotten.iter().any(|known| known.is(&key.to_string())));

    let mut written =
        vec![Rows::membership(day, &rows), Rows::change("change", day, &previous, &rows)];
    written.extend(stands.iter().map(|stands| Rows::change("feed", day, stands, &rows)));
    let mut tables = BTreeMap::new();
    for rows in &written {
        tables.insert(rows.table.to_owned(), rows.write(attempt).await?);
    }
    let run_key = RunKey { project: PROJECT.to_owned(), as_of: date(day) };
    let manifest_sha256 = write_manifest(attempt, &run_key, tables).await?;
    let feed = stands.filter(|_| !scope.has(Bug::ReplaceFeedAgainstPrevious));
    let feed = Feed {
        attempt_id: attempt.id.clone(),
        table: if feed.is_some() { "feed" } else { "change" }.to_owned(),
        manifest_sha256: manifest_sha256.clone(),
    };
    Ok(Draft {
        author: scope.author(&attempt.id),
        run_key,
        reach,
        feed: ground.advances.then_some(feed),
        ground,
        point_in_time: true,
        fingerprint: Fingerprint { sha256: inputs.to_owned(), parts: BTreeMap::new() },
        audits: Vec::new(),
        manifest_sha256,
        stale: Vec::new(),
    })
}

pub(super) async fn write_manifest(
    attempt: &Attempt,
    run_key: &RunKey,
    tables: BTreeMap<String, TableFiles>,
) -> Result<String, Error> {
    let (attempt_id, run_key) = (attempt.id.clone(), run_key.to_string());
    let inputs = BTreeMap::new();
    attempt
        .write_manifest(&Manifest {
            format: FORMAT,
            attempt_id,
            run_key,
            tables,
            inputs,
            input_rows: BTreeMap::new(),
        })
        .await
}

/// Pins the newest version and reads its current night.
pub(super) async fn reader(scope: Scope) {
    let reader = Reader::of(scope.log());
    let pinned = match scope.has(Bug::PointerOverwrite) {
        false => reader.latest().await,
        true => match hint(&scope) {
            Some(version) => reader.at(version).await,
            None => return,
        },
    };
    let snapshot = match pinned {
        Ok(snapshot) => snapshot,
        Err(error) => return scope.could_not_read("reader", None, &error),
    };
    let last = scope.ghost().reader_version;
    scope.ghost().alarm(snapshot.version >= last, "I6 a reader's version went back");
    scope.ghost().reader_version = snapshot.version;
    scope.membership("reader", &snapshot).await;
}

/// Follows the feed from its token; where it ends, reads the current night whole.
pub(super) async fn follower(scope: Scope) {
    let reader = Reader::of(scope.log());
    let token = scope.ghost().token;
    let mut held = scope.ghost().followed.clone();
    let changes = match reader.changes(token).await {
        Ok(changes) => changes,
        Err(error) => return scope.feed_ended(&reader, &error).await,
    };
    for set in &changes.sets {
        let rows = match rows_of(&set.table).await {
            Ok(rows) => rows,
            Err(error) => return scope.feed_ended(&reader, &error).await,
        };
        for (key, member) in rows {
            let sensible = if member { held.insert(key) } else { held.remove(&key) };
            let what = "feed: an exit of a stranger or an entry of a member";
            scope.ghost().alarm(sensible, what);
        }
        scope.ghost().follows(set.version, &held);
    }
    scope.ghost().follows(changes.token, &held);
}

impl Scope {
    async fn feed_ended(&self, reader: &Reader, error: &ReadError) {
        let ReadError::Gap { version, .. } = *error else {
            return self.could_not_read("follower", None, error);
        };
        {
            let mut ghost = self.ghost();
            let record = ghost.log[usize::try_from(version).unwrap() - 1].clone();
            if self.has(Bug::FollowerKeepsForgotten)
                && (record.kind, version) == (Kind::Forget, ghost.token + 1)
            {
                let held = ghost.followed.clone();
                return ghost.follows(version, &held);
            }
            let feed = record.feed.filter(|_| record.kind != Kind::Forget);
            let named = feed.is_none_or(|feed| ghost.is_stale(&feed.attempt_id));
            ghost.alarm(named, "I5 follower: a feed is gone that no record named");
        }
        match reader.latest().await {
            // Without rows it resolves again, next time.
            Ok(snapshot) => {
                if let Some(rows) = self.membership("follower", &snapshot).await {
                    self.ghost().follows(snapshot.version, &rows);
                }
            }
            Err(error) => self.could_not_read("follower", None, &error),
        }
    }

    async fn membership(&self, who: &str, snapshot: &Snapshot) -> Option<Keys> {
        match rows_of(&snapshot.table("membership").unwrap()).await {
            Ok(rows) => {
                let rows = rows.into_iter().map(|(key, _)| key).collect();
                self.ghost().read(who, snapshot.version, Some(&rows));
                Some(rows)
            }
            Err(error) => {
                self.could_not_read(who, Some(snapshot.version), &error);
                None
            }
        }
    }

    fn could_not_read(&self, who: &str, version: Option<u64>, error: &ReadError) {
        let mut ghost = self.ghost();
        match (version, error.next()) {
            (Some(version), Next::ResolveAgain) => ghost.read(who, version, None),
            (_, Next::Retry) if ghost.failed.contains(&self.name) => {}
            _ => ghost.alarm(false, &format!("I5 {who}: {error:?}")),
        }
    }
}

async fn rows_of(table: &Table) -> Result<Vec<(char, bool)>, ReadError> {
    let batches: Vec<_> = table.batches().try_collect().await?;
    Ok(batches.iter().flat_map(of_batch).collect())
}

fn hint(scope: &Scope) -> Option<u64> {
    let json = bytes(&scope.store.disk, "latest.json")?;
    serde_json::from_slice::<serde_json::Value>(&json).unwrap()["version"].as_u64()
}
