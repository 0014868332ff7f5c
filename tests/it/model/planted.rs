//! The model's planted bugs, as switches of the test: around the proposals and judgements of the real protocol, or in
//! place of what carries them out.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use chrono::NaiveDate;
use object_store::{Error as StoreError, ObjectStore, PutMode};
use roster::commit::{
    Attempt, Exclusivity, Hold, Log, Proposal, Published, Rollback, Vacuum, delete_attempts,
    list_attempts, publish as commit,
};
use roster::core::{
    Feed, Kind, Record, Refusal, RollbackPlan, RunKey, State, Verdict, plan_rollback, plan_vacuum,
};
use roster::error::Error;
use roster::operate::forget;
use roster::run::Host;

use super::actors::{CONFIG, Scope, refused, write_manifest};
use super::ghost::Ghost;
use super::rows::{Rows, read};
use super::scenes::Work;

/// What a protocol could do wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bug {
    AbortPublished,
    DeleteOnError,
    FollowerKeepsForgotten,
    ForgetDeletesFirst,
    IgnoreFencing,
    IgnoreRunKey,
    LateRunAsSideNight,
    NotRecomputed,
    PointerOverwrite,
    ReadsOnlyTheLastRecord,
    RecordBuiltOnBase,
    ReplaceFeedAgainstPrevious,
    RollbackIgnoresVacuum,
    RollbackKeepsNightsLive,
    RollbackWithoutFeed,
    RunIgnoresForget,
    RunIgnoresHold,
    SideNightBecomesCurrent,
    TimeoutMeansNo,
    TrustAlreadyExists,
    VacuumForgetsSideNights,
    VacuumKeepsItsPlan,
    VacuumLeavesACrashedOne,
    VacuumWithoutRecord,
}

/// Each with the scene that must catch it, and as what.
pub(super) const BUGS: [(Bug, &str, &str); 24] = [
    (Bug::AbortPublished, "abort", "I9 an aborted night reached the log"),
    (Bug::DeleteOnError, "one night twice", "I1 a live night's file is missing or wrong"),
    (Bug::FollowerKeepsForgotten, "forget and rollback", FEED),
    (Bug::ForgetDeletesFirst, "forget and commit", "I1 a live night's file is missing or wrong"),
    (Bug::IgnoreFencing, "vacuum and commit", "I1 a live night's file is missing or wrong"),
    (Bug::IgnoreRunKey, "one night, other inputs", I4),
    (Bug::LateRunAsSideNight, "two nights", "order: an older run became a side night unasked"),
    (Bug::NotRecomputed, "night and backfill", ORDER),
    (Bug::PointerOverwrite, "two nights", "I6 a reader's version went back"),
    (Bug::ReadsOnlyTheLastRecord, "hold, release, commit", PAST_A_HOLD),
    (Bug::RecordBuiltOnBase, "hold and commit", "I6 the current as_of went back"),
    (Bug::ReplaceFeedAgainstPrevious, "replace current and next", STRANGER),
    (
        Bug::RollbackIgnoresVacuum,
        "rollback and vacuum",
        "I1 a live night's file is missing or wrong",
    ),
    (Bug::RollbackKeepsNightsLive, "rollback and commit", LARGEST),
    (Bug::RollbackWithoutFeed, "rollback and commit", FEED),
    (Bug::RunIgnoresForget, "forget and commit", "forget: a file in use holds a forgotten key"),
    (Bug::RunIgnoresHold, "hold and commit", PAST_A_HOLD),
    (Bug::SideNightBecomesCurrent, "night and backfill", "I6 the current as_of went back"),
    (Bug::TimeoutMeansNo, "one night twice", I8),
    (Bug::TrustAlreadyExists, "one night twice", I4),
    (
        Bug::VacuumForgetsSideNights,
        "vacuum and side nights",
        "I1 a live night's file is missing or wrong",
    ),
    (Bug::VacuumKeepsItsPlan, "vacuum and commit", "I1 a live night's file is missing or wrong"),
    (Bug::VacuumLeavesACrashedOne, "two vacuums and commit", "I7 garbage that no vacuum finds"),
    (Bug::VacuumWithoutRecord, "vacuum and commit", "I1 a live night's file is missing or wrong"),
];

const FEED: &str = "feed: a follower's membership is not the current one";
const STRANGER: &str = "feed: an exit of a stranger or an entry of a member";
const ORDER: &str = "order: the night was not computed against the committed night below it";
const LARGEST: &str = "order: current is not the largest live night";
const PAST_A_HOLD: &str = "hold: a run was published past a hold";
const I4: &str = "I4 a run_key is committed twice without --replace";
const I8: &str = "I8 a final no (2, 5), but the record is in the log or may still land";

impl Bug {
    /// Whether it is one of an operation that is then done here.
    pub(super) fn is_of(self, work: Work) -> bool {
        match work {
            Work::Hold => self == Self::RecordBuiltOnBase,
            Work::Rollback { .. } => matches!(
                self,
                Self::RollbackIgnoresVacuum
                    | Self::RollbackKeepsNightsLive
                    | Self::RollbackWithoutFeed
            ),
            Work::Vacuum => matches!(
                self,
                Self::VacuumForgetsSideNights
                    | Self::VacuumKeepsItsPlan
                    | Self::VacuumLeavesACrashedOne
                    | Self::VacuumWithoutRecord
            ),
            Work::Forget { .. } => self == Self::ForgetDeletesFirst,
            Work::Run { .. } | Work::Release => false,
        }
    }
}

/// The state as a run with the bug sees it.
pub(super) fn seen(bug: Option<Bug>, state: &State, as_of: NaiveDate) -> State {
    let mut state = state.clone();
    match bug {
        Some(Bug::RunIgnoresHold) => state.held = None,
        Some(Bug::IgnoreRunKey) => state.nights.retain(|night| night.as_of != as_of),
        _ => {}
    }
    state
}

/// A proposal with a bug.
struct Planted<'a> {
    bug: Bug,
    inner: &'a (dyn Proposal + Sync),
    base: Option<Record>,
    ghost: Arc<Mutex<Ghost>>,
}

impl Proposal for Planted<'_> {
    fn record(&self, before: Option<&Record>) -> Record {
        let built_on = if self.bug == Bug::RecordBuiltOnBase { self.base.as_ref() } else { before };
        let mut record = self.inner.record(built_on);
        record.version = Record::version_after(before);
        match (self.bug, before) {
            (Bug::SideNightBecomesCurrent, _) => record.state.current = record.as_of,
            (Bug::RollbackWithoutFeed, _) => record.feed = None,
            (Bug::RollbackKeepsNightsLive, Some(before)) => {
                for night in &mut record.state.nights {
                    night.live |= before.state.is_live(&night.attempt_id);
                }
            }
            _ => {}
        }
        record
    }

    fn judge(&self, foreign: &Record) -> Verdict {
        let mut foreign = foreign.clone();
        let as_of = self.inner.record(None).as_of.unwrap_or_default();
        match self.bug {
            Bug::RunIgnoresForget if foreign.kind == Kind::Forget => return Verdict::Next,
            Bug::VacuumKeepsItsPlan => return Verdict::Next,
            Bug::IgnoreFencing => foreign.state.stale.clear(),
            Bug::RunIgnoresHold | Bug::IgnoreRunKey => {
                foreign.kind = Kind::Release;
                foreign.state = seen(Some(self.bug), &foreign.state, as_of);
            }
            Bug::ReadsOnlyTheLastRecord => {
                foreign.clone_from(self.ghost.lock().unwrap().log.last().unwrap());
            }
            _ => {}
        }
        match (self.bug, self.inner.judge(&foreign)) {
            (Bug::NotRecomputed, Verdict::Restart)
            | (Bug::RollbackIgnoresVacuum, Verdict::Refused(Refusal::Expired(_))) => Verdict::Next,
            (_, verdict) => verdict,
        }
    }
}

/// Publishes as the program does, unless the bug says otherwise.
pub(super) async fn publish(
    scope: &Scope,
    log: &Log,
    base: Option<Record>,
    proposal: &(dyn Proposal + Sync),
    attempt: &Attempt,
) -> Result<Published, Error> {
    match scope.bug {
        None => commit(log, base, proposal, Exclusivity::Store).await,
        Some(Bug::TrustAlreadyExists | Bug::DeleteOnError | Bug::TimeoutMeansNo) => {
            first_written(scope, log, base, proposal, attempt).await
        }
        Some(bug) => {
            let (ghost, inner) = (Arc::clone(&scope.ghost), proposal);
            let planted = Planted { bug, inner, base: base.clone(), ghost };
            commit(log, base, &planted, Exclusivity::Store).await
        }
    }
}

/// `publish` as one would write it first.
async fn first_written(
    scope: &Scope,
    log: &Log,
    mut base: Option<Record>,
    proposal: &(dyn Proposal + Sync),
    attempt: &Attempt,
) -> Result<Published, Error> {
    loop {
        let record = proposal.record(base.as_ref());
        let (version, path) = (record.version, log.path(record.version));
        let json = serde_json::to_vec(&record).unwrap().into();
        let put = log.root.store.put_opts(&path, json, PutMode::Create.into()).await;
        let exists = matches!(put, Err(StoreError::AlreadyExists { .. }));
        if put.is_err() && scope.has(Bug::DeleteOnError) {
            attempt.discard().await;
            return Err(Error::OutcomeUnknown { cause: "planted".to_owned() });
        }
        if put.is_ok() {
            return Ok(Published::Committed { record: Box::new(record), hint_failed: None });
        }
        match log.record(version).await? {
            Some(there) if exists && scope.has(Bug::TrustAlreadyExists) => base = Some(there),
            Some(there) if there.attempt_id == record.attempt_id => {
                return Ok(Published::Committed { record: Box::new(record), hint_failed: None });
            }
            Some(there) => match proposal.judge(&there) {
                Verdict::Next => base = Some(there),
                Verdict::Restart => return Ok(Published::Restart),
                Verdict::Done(night) => return Ok(Published::Done(night)),
                Verdict::AlreadySo => return Ok(Published::AlreadySo),
                Verdict::Refused(refusal) => return Ok(Published::Refused(refusal)),
            },
            None if scope.has(Bug::TimeoutMeansNo) => {
                return Err(refused(Refusal::Held("the store did not answer".to_owned())));
            }
            None => {}
        }
    }
}

/// Operations on the proposals of the real ones.
pub(super) async fn operate(scope: &Scope, work: Work) -> Result<(), Error> {
    let log = scope.log();
    let head = log.head().await?.unwrap();
    let id = scope.attempt_id();
    let (author, attempt) = (scope.author(&id), Attempt::new(id, log.root.clone()));
    match work {
        Work::Hold => {
            let hold = Hold { author, why: Some("why".to_owned()) };
            publish(scope, &log, Some(head), &hold, &attempt).await.map(drop)
        }
        Work::Rollback { to } => rollback(scope, &log, head, to, &attempt).await,
        Work::Vacuum => vacuum(scope, &log, head, &attempt).await,
        Work::Forget { key } => {
            let listing = list_attempts(&log, &attempt.id).await?;
            let mut holding = BTreeSet::new();
            for night in head.state.live() {
                if read(&log, night).await?.contains(&key) {
                    holding.insert(night.attempt_id.clone());
                }
            }
            delete_attempts(&log, &listing, &holding, None).await?;
            forget(&log, &CONFIG, &key.to_string(), Exclusivity::Store, scope).await.map(drop)
        }
        Work::Run { .. } | Work::Release => unreachable!("no bug is of them"),
    }
}

async fn rollback(
    scope: &Scope,
    log: &Log,
    head: Record,
    to: u64,
    attempt: &Attempt,
) -> Result<(), Error> {
    let to = log.record(to).await?.unwrap();
    let (target, stands) = match plan_rollback(&to, &head.state) {
        Some(RollbackPlan::Compute { target, stands }) => (target, stands),
        Some(RollbackPlan::Refused(refusal)) => return Err(refused(refusal)),
        _ => return Ok(()),
    };
    let (now, before) = (read(log, &target).await?, read(log, &stands).await?);
    let rows = Rows::change("feed", 1, &before, &now);
    let tables = [("feed".to_owned(), rows.write(attempt).await?)].into();
    let run_key = RunKey { project: head.project.clone(), as_of: target.as_of };
    let manifest_sha256 = write_manifest(attempt, &run_key, tables).await?;
    let attempt_id = attempt.id.clone();
    let feed = Feed { attempt_id, table: "feed".to_owned(), manifest_sha256 };
    let (author, why) = (scope.author(&attempt.id), "why".to_owned());
    let rollback = Rollback { author, to, target, stands, feed, why };
    match publish(scope, log, Some(head), &rollback, attempt).await? {
        Published::Refused(refusal) => Err(refused(refusal)),
        _ => Ok(()),
    }
}

async fn vacuum(
    scope: &Scope,
    log: &Log,
    mut head: Record,
    attempt: &Attempt,
) -> Result<(), Error> {
    loop {
        let state = &head.state;
        let listing = list_attempts(log, &attempt.id).await?;
        let mut named = plan_vacuum(state, &listing.attempts.keys().cloned().collect());
        if scope.has(Bug::VacuumForgetsSideNights) {
            let side = state.live().filter(|night| Some(night.as_of) != state.current);
            named.extend(side.map(|night| night.attempt_id.clone()));
        }
        let mut gone: BTreeSet<_> = state.stale.iter().chain(&named).cloned().collect();
        if scope.has(Bug::VacuumLeavesACrashedOne) {
            gone.clone_from(&named);
        }
        if !named.is_empty() && !scope.has(Bug::VacuumWithoutRecord) {
            let vacuum = Vacuum { author: scope.author(&attempt.id), named };
            if let Published::Restart = publish(scope, log, Some(head), &vacuum, attempt).await? {
                head = log.head().await?.unwrap();
                continue;
            }
        }
        return delete_attempts(log, &listing, &gone, None).await;
    }
}
