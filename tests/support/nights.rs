//! Nights of one table with made-up bytes, published as `run` publishes them: head, plan, probe, files, commit.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, NaiveDate};
use object_store::{ObjectStore, ObjectStoreExt};
use roster::commit::{Attempt, Draft, Exclusivity, Log, Published, probe, publish};
use roster::core::{
    Author, FORMAT, Feed, Fingerprint, Ground, Kind, Manifest, Plan, Reach, Record, RunKey,
    TableFiles, Wish, plan,
};
use roster::error::Error;
use roster::store::Root;

pub(crate) const PROJECT: &str = "tiny";

/// What a run wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Night {
    pub(crate) day: u32,
    pub(crate) fingerprint: &'static str,
    pub(crate) replace: bool,
}

impl Night {
    fn reach(self) -> Reach {
        if self.replace { Reach::Replace } else { Reach::Newest }
    }
}

pub(crate) fn night(day: u32) -> Night {
    Night { day, fingerprint: "f", replace: false }
}

pub(crate) fn date(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 6, day).unwrap()
}

pub(crate) fn log_on(store: Arc<dyn ObjectStore>) -> Log {
    Log::of(Root::of_store(store, "memory:"), PROJECT)
}

/// Never used before in this process.
pub(crate) fn attempt_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("attempt-{:06}", NEXT.fetch_add(1, Ordering::SeqCst))
}

/// A night that is computed, with all its files written.
pub(crate) struct Written {
    pub(crate) base: Option<Record>,
    pub(crate) draft: Draft,
    pub(crate) attempt: Attempt,
}

/// Writes the files of a night on the log as it is now; the plan if there is nothing to write.
pub(crate) async fn write(log: &Log, night: Night) -> Result<Result<Written, Plan>, Error> {
    let base = log.head().await?;
    let state = base.as_ref().map(|record| record.state.clone()).unwrap_or_default();
    let wish =
        Wish { as_of: date(night.day), fingerprint: night.fingerprint, reach: night.reach() };
    let ground = match plan(wish, &state) {
        Plan::Compute(ground) => ground,
        other => return Ok(Err(other)),
    };
    let attempt = Attempt::new(attempt_id(), log.root.clone());
    match files(log, night, &attempt, ground).await {
        Ok(draft) => Ok(Ok(Written { base, draft, attempt })),
        Err(error) => {
            attempt.discard().await;
            Err(error)
        }
    }
}

async fn files(log: &Log, night: Night, attempt: &Attempt, ground: Ground) -> Result<Draft, Error> {
    probe(log, &attempt.id, Exclusivity::Store).await?;
    let mut upload = attempt.upload("membership");
    upload.write(format!("rows of {} by {}", night.day, attempt.id).into()).await?;
    let files = vec![upload.finish(1).await?];
    let tables = [("membership".to_owned(), TableFiles { schema_sha256: "s".into(), files })];
    let run_key = RunKey { project: PROJECT.into(), as_of: date(night.day) };
    let manifest = Manifest {
        format: FORMAT,
        attempt_id: attempt.id.clone(),
        run_key: run_key.to_string(),
        tables: tables.into(),
        inputs: BTreeMap::new(),
        input_rows: BTreeMap::new(),
    };
    let manifest_sha256 = attempt.write_manifest(&manifest).await?;
    let feed = Feed {
        attempt_id: attempt.id.clone(),
        table: "change".into(),
        manifest_sha256: manifest_sha256.clone(),
    };
    Ok(Draft {
        run_key,
        author: Author {
            project: PROJECT.into(),
            attempt_id: attempt.id.clone(),
            producer: "test".into(),
            written_at: DateTime::UNIX_EPOCH,
        },
        reach: night.reach(),
        feed: ground.advances.then_some(feed),
        ground,
        point_in_time: true,
        fingerprint: Fingerprint { sha256: night.fingerprint.into(), parts: BTreeMap::new() },
        audits: Vec::new(),
        manifest_sha256,
        stale: Vec::new(),
    })
}

/// Publishes what is written; files that can not have been committed are taken away, as a run does.
pub(crate) async fn commit(log: &Log, written: Written) -> Result<Published, Error> {
    let Written { base, draft, attempt } = written;
    let published = publish(log, base, &draft, Exclusivity::Store).await?;
    if !matches!(published, Published::Committed { .. }) {
        attempt.discard().await;
    }
    Ok(published)
}

/// A whole run.
pub(crate) async fn run(store: Arc<dyn ObjectStore>, night: Night) -> Result<Published, Error> {
    run_on(&log_on(store), night).await
}

/// A whole run on a log that is open.
pub(crate) async fn run_on(log: &Log, night: Night) -> Result<Published, Error> {
    loop {
        let published = match write(log, night).await? {
            Ok(written) => commit(log, written).await?,
            Err(Plan::Done(night)) => Published::Done(night),
            Err(Plan::Refused(refusal)) => Published::Refused(refusal),
            Err(Plan::Compute(_)) => unreachable!(),
        };
        if !matches!(published, Published::Restart) {
            return Ok(published);
        }
    }
}

/// What a reader finds: the records, and the bytes of every live night, each file complete.
pub(crate) async fn read(disk: &Arc<dyn ObjectStore>) -> (Vec<Record>, BTreeMap<u32, String>) {
    read_on(&log_on(Arc::clone(disk))).await
}

/// The same, of a log that is open.
pub(crate) async fn read_on(log: &Log) -> (Vec<Record>, BTreeMap<u32, String>) {
    use chrono::Datelike;
    let records = log.records().await.unwrap();
    let mut nights = BTreeMap::new();
    let state = records.last().map(|record| record.state.clone()).unwrap_or_default();
    for night in state.live() {
        let manifest = log.manifest(night).await.unwrap();
        for file in manifest.tables.values().flat_map(|table| &table.files) {
            let read = log.root.store.get(&log.root.path(&file.path)).await.unwrap();
            let bytes = read.bytes().await.unwrap();
            assert_eq!(
                (bytes.len() as u64, crate::support::sha256(&bytes)),
                (file.size, file.sha256.clone())
            );
            nights.insert(night.as_of.day(), String::from_utf8(bytes.to_vec()).unwrap());
        }
    }
    (records, nights)
}

/// Records that publish a night.
pub(crate) fn runs_of(records: &[Record], day: u32) -> usize {
    records.iter().filter(|r| r.kind == Kind::Run && r.as_of == Some(date(day))).count()
}
