//! What must hold, whatever happens: the invariants of `shared/COMMIT.md`, named as in its model.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use roster::core::{Kind, Manifest, Night, Record, State};
use roster::error::Error;

use super::rows::{Keys, decode, keys};
use super::scenes::{Actor, Audit, Work, date};

/// What was seen of the store, and what must be in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Ghost {
    actors: Vec<Actor>,
    pub(super) log: Vec<Record>,
    slots: Vec<Bytes>,
    /// What each committed attempt must contain.
    rows: BTreeMap<String, Keys>,
    /// The version that each attempt was planned on.
    pub(super) bases: BTreeMap<String, u64>,
    /// Who was failed on purpose.
    pub(super) failed: BTreeSet<char>,
    pub(super) alarms: Vec<String>,
    pub(super) reader_version: u64,
    pub(super) token: u64,
    pub(super) followed: Keys,
}

impl Ghost {
    pub(super) fn knows(&mut self, actors: &[Actor]) {
        self.actors.extend(actors);
    }

    pub(super) fn alarm(&mut self, holds: bool, what: &str) {
        if !holds && !self.alarms.iter().any(|alarm| alarm == what) {
            self.alarms.push(what.to_owned());
        }
    }

    pub(super) fn state(&self) -> State {
        self.log.last().map(|record| record.state.clone()).unwrap_or_default()
    }

    pub(super) fn is_stale(&self, attempt_id: &str) -> bool {
        self.log.last().is_some_and(|head| head.state.stale.iter().any(|id| id == attempt_id))
    }

    /// Looks at the store after something in it changed.
    pub(super) fn look(&mut self, disk: &InMemory) {
        let paths = paths(disk);
        let slots = paths.iter().filter(|path| path.starts_with("log/")).count();
        for (index, known) in self.slots.clone().iter().enumerate() {
            let slot = bytes(disk, &slot(index + 1));
            self.alarm(slot.as_ref() == Some(known), "I3 a slot of the log changed");
        }
        while let Some(json) = bytes(disk, &slot(self.slots.len() + 1)) {
            let record = serde_json::from_slice(&json).unwrap();
            self.append(&record);
            self.slots.push(json);
            self.log.push(record);
        }
        self.alarm(slots == self.slots.len(), "I3 the log has a gap");
        self.check_store(disk, &paths);
    }

    fn append(&mut self, new: &Record) {
        let (before, after) = (self.state(), &new.state);
        if let (Kind::Run, Some(as_of)) = (new.kind, new.as_of) {
            self.append_run(new, &before, before.night(as_of), after.night(as_of).unwrap());
        }
        if new.kind == Kind::Forget {
            for (night, old) in after.nights.iter().zip(&before.nights) {
                if night.attempt_id != old.attempt_id {
                    let mut rows = self.rows[&old.attempt_id].clone();
                    rows.retain(|key| !is_forgotten(after, *key));
                    self.rows.insert(night.attempt_id.clone(), rows);
                }
            }
        }
        let forward = after.current >= before.current || new.kind == Kind::Rollback;
        self.alarm(forward, "I6 the current as_of went back");
        let largest = after.live().map(|night| night.as_of).max();
        self.alarm(after.current == largest, "order: current is not the largest live night");
        let replaced = |night: &Night| {
            Some(night.as_of) == new.as_of || matches!(new.kind, Kind::Rollback | Kind::Forget)
        };
        let kept = before.nights.iter().all(|n| after.nights.contains(n) || replaced(n));
        let all_there = before.nights.iter().all(|night| after.night(night.as_of).is_some());
        let fences = before.stale.iter().all(|id| after.stale.contains(id))
            && before.forgotten.iter().all(|key| after.forgotten.contains(key));
        let whole = kept && all_there && fences;
        self.alarm(whole, "I2 a committed night or a fence vanished from the state");
    }

    fn append_run(&mut self, new: &Record, before: &State, old: Option<&Night>, night: &Night) {
        let actor = self.actors.iter().find(|actor| new.attempt_id.starts_with(actor.name));
        let Some(Work::Run { rows, replace, audit, .. }) = actor.map(|actor| actor.work) else {
            return self.alarm(false, "a run by somebody who is no run");
        };
        self.alarm(audit != Audit::Aborts, "I9 an aborted night reached the log");
        let once = old.is_none() || replace;
        self.alarm(once, "I4 a run_key is committed twice without --replace");
        let newest = before.current <= new.as_of || replace;
        self.alarm(newest, "order: an older run became a side night unasked");
        let previous = before.previous_of(night.as_of).map(|night| &night.attempt_id);
        self.alarm(
            night.previous.as_ref() == previous,
            "order: the night was not computed against the committed night below it",
        );
        let base = self.bases[&new.attempt_id];
        let holds = |record: &Record| record.version > base && record.kind == Kind::Hold;
        let held = before.held.is_some() || self.log.iter().any(holds);
        self.alarm(!held, "hold: a run was published past a hold");
        let mut rows = match (audit, previous) {
            (Audit::Blocks, Some(previous)) => self.rows[previous].clone(),
            _ => keys(rows),
        };
        rows.retain(|key| !is_forgotten(before, *key));
        self.rows.insert(new.attempt_id.clone(), rows);
    }

    /// I1 and I5: all that the last record calls live or retained is there, with the right rows.
    fn check_store(&mut self, disk: &InMemory, paths: &BTreeSet<String>) {
        let state = self.state();
        let live = state.live().map(|night| (&night.attempt_id, true));
        let retained = state.retained.iter().map(|kept| (&kept.attempt_id, false));
        for (attempt_id, live) in live.chain(retained) {
            let right = self.is_right(disk, paths, attempt_id, &state);
            let (missing, wrong) = match live {
                true => ["I1 a live night's file is missing or wrong"; 2].into(),
                false => ("I5 a retained version's file is missing", "I1 a retained file is wrong"),
            };
            self.alarm(right != Err(Wrong::Missing), missing);
            self.alarm(right != Err(Wrong::Rows), wrong);
            let forgotten = right != Err(Wrong::Forgotten);
            self.alarm(forgotten, "forget: a file in use holds a forgotten key");
        }
    }

    fn is_right(
        &self,
        disk: &InMemory,
        paths: &BTreeSet<String>,
        attempt_id: &str,
        state: &State,
    ) -> Result<(), Wrong> {
        let manifest = format!("attempts/{attempt_id}/manifest.json");
        let manifest = manifest_of(bytes(disk, &manifest).ok_or(Wrong::Missing)?);
        for (table, files) in &manifest.tables {
            for file in &files.files {
                if !paths.contains(&file.path) {
                    return Err(Wrong::Missing);
                }
                let rows = decode(&bytes(disk, &file.path).ok_or(Wrong::Missing)?);
                if rows.iter().any(|(key, _)| is_forgotten(state, *key)) {
                    return Err(Wrong::Forgotten);
                }
                let rows: Keys = rows.iter().map(|(key, _)| *key).collect();
                let wanted = self.rows.get(attempt_id);
                if table == "membership" && wanted.is_some_and(|wanted| *wanted != rows) {
                    return Err(Wrong::Rows);
                }
            }
        }
        Ok(())
    }

    /// What an actor's end promises; `flying` are the attempts whose record may still land.
    pub(super) fn exit(&mut self, actor: &Actor, end: &Result<(), Error>, flying: &[String]) {
        let mine = |attempt_id: &String| attempt_id.starts_with(actor.name);
        let code = end.as_ref().map_or_else(Error::exit_code, |()| 0);
        match code {
            0 => {
                let Work::Run { day, inputs, .. } = actor.work else { return };
                let same = |night: &Night| night.as_of == date(day) && night.fingerprint == inputs;
                let there = self.log.iter().any(|record| record.state.live().any(same));
                self.alarm(there, "I8 exit 0, but the run is not in the log");
            }
            2 | 5 => {
                let damaged = matches!(end, Err(Error::Log { .. }));
                self.alarm(!damaged, &format!("a healthy log is called damaged: {end:?}"));
                let logged = self.log.iter().any(|record| mine(&record.attempt_id));
                let no = !logged && !flying.iter().any(mine);
                let text = "I8 a final no (2, 5), but the record is in the log or may still land";
                self.alarm(no, text);
            }
            3 => {
                let excused = self.failed.contains(&actor.name);
                self.alarm(excused, &format!("exit 3 without a fault: {end:?}"));
            }
            _ => self.alarm(false, &format!("exit {code}: {end:?}")),
        }
    }

    /// What any reader of a version is promised about the night that was current there.
    pub(super) fn read(&mut self, who: &str, version: u64, read: Option<&Keys>) {
        let night = self.current_at(version);
        match read {
            Some(rows) => {
                let right = self.rows.get(&night.attempt_id) == Some(rows);
                self.alarm(right, &format!("I1 {who}: wrong rows"));
            }
            None => {
                let named = self.is_stale(&night.attempt_id);
                self.alarm(named, &format!("I5 {who}: a file is gone that no record named"));
            }
        }
    }

    pub(super) fn current_at(&self, version: u64) -> Night {
        let record = &self.log[usize::try_from(version).unwrap() - 1];
        let current = record.state.current_night().cloned();
        current.unwrap_or_else(|| record.state.live().next_back().unwrap().clone())
    }

    /// A follower holds `rows` as of a version.
    pub(super) fn follows(&mut self, version: u64, rows: &Keys) {
        let right = self.rows.get(&self.current_at(version).attempt_id) == Some(rows);
        self.alarm(right, "feed: a follower's membership is not the current one");
        (self.token, self.followed) = (version, rows.clone());
    }

    /// I7: after a crash of everybody the next night was committed and a vacuum ran, both alone.
    pub(super) fn recovered(&mut self, disk: &InMemory, day: u32, ends: &[Result<(), Error>]) {
        let held = self.state().held.is_some();
        let there = self.state().night(date(day)).is_some();
        let unaided = there != held && ends.iter().skip(usize::from(held)).all(Result::is_ok);
        self.alarm(
            unaided,
            &format!("I7 after a crash the next run does not succeed unaided: {ends:?}"),
        );
        let state = self.state();
        let live = |path: &str| {
            path.starts_with("log/")
                || path == "latest.json"
                || state.live().any(|night| path.contains(&format!("/{}/", night.attempt_id)))
        };
        let garbage: Vec<_> = paths(disk).into_iter().filter(|path| !live(path)).collect();
        self.alarm(garbage.is_empty(), "I7 garbage that no vacuum finds");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Missing,
    Rows,
    Forgotten,
}

fn is_forgotten(state: &State, key: char) -> bool {
    state.forgotten.iter().any(|forgotten| forgotten.is(&key.to_string()))
}

fn slot(version: usize) -> String {
    format!("log/{version:020}.json")
}

fn manifest_of(json: Bytes) -> Arc<Manifest> {
    let parse = |json: &Bytes| Arc::new(serde_json::from_slice(json).unwrap());
    MANIFESTS.with_borrow_mut(|known| {
        let parsed = known.get(&json).cloned();
        parsed.unwrap_or_else(|| known.entry(json).or_insert_with_key(parse).clone())
    })
}

thread_local! {
    static MANIFESTS: RefCell<HashMap<Bytes, Arc<Manifest>>> = RefCell::default();
}

/// A store in memory never waits.
pub(super) fn bytes(disk: &InMemory, path: &str) -> Option<Bytes> {
    let path = Path::from(path);
    let read = async { disk.get(&path).await?.bytes().await };
    read.now_or_never().unwrap().ok()
}

fn paths(disk: &InMemory) -> BTreeSet<String> {
    let listed = disk.list(None).map_ok(|meta| meta.location.to_string());
    listed.try_collect().now_or_never().unwrap().unwrap()
}
