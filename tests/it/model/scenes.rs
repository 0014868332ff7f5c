//! The scenes of `shared/model/commit_model.py`, by the same names, actors and rows.
#![cfg(test)] // so that clippy takes the helpers for tests too

use chrono::NaiveDate;

pub(super) fn date(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 6, day).unwrap()
}

/// What an actor is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Run {
        day: u32,
        rows: &'static str,
        inputs: &'static str,
        replace: bool,
        audit: Audit,
    },
    /// To the version of the model plus one: its log begins with 0.
    Rollback {
        to: u64,
    },
    Hold,
    Release,
    Vacuum,
    Forget {
        key: char,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audit {
    Passes,
    /// The rows of the previous night are carried.
    Blocks,
    Aborts,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Actor {
    pub(super) name: char,
    pub(super) work: Work,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Scene {
    pub(super) name: &'static str,
    /// These ran one after the other before, behind night 1.
    pub(super) history: &'static [Actor],
    pub(super) actors: &'static [Actor],
    /// An uncommitted attempt of a run that died long ago.
    pub(super) garbage: bool,
}

pub(super) const fn run(name: char, day: u32, rows: &'static str) -> Actor {
    let work = Work::Run { day, rows, inputs: "f", replace: false, audit: Audit::Passes };
    Actor { name, work }
}

/// With `--replace`, or a backfill.
const fn again(name: char, day: u32, rows: &'static str, inputs: &'static str) -> Actor {
    Actor { name, work: Work::Run { day, rows, inputs, replace: true, audit: Audit::Passes } }
}

const fn audited(actor: Actor, audit: Audit) -> Actor {
    let Work::Run { day, rows, inputs, replace, .. } = actor.work else { panic!() };
    Actor { work: Work::Run { day, rows, inputs, replace, audit }, ..actor }
}

const fn back(name: char, to: u64) -> Actor {
    Actor { name, work: Work::Rollback { to } }
}

const fn scene(name: &'static str, history: &'static [Actor], actors: &'static [Actor]) -> Scene {
    Scene { name, history, actors, garbage: false }
}

const fn garbage(scene: Scene) -> Scene {
    Scene { garbage: true, ..scene }
}

/// k is the key to be forgotten; x, y and e are in one night only, or a wrong feed may by luck lead to the right set.
pub(super) const FIRST: Actor = run('Z', 1, "abk");
const A2: Actor = run('A', 2, "bcx");
const A3: Actor = run('A', 3, "cdy");
const B3: Actor = run('B', 3, "cdy");
const N2: Actor = run('N', 2, "bck");
const M3: Actor = run('M', 3, "cdy");
const A2_AGAIN: Actor = again('A', 2, "e", "g");
const Q2_AGAIN: Actor = again('Q', 2, "e", "g");
const V: Actor = Actor { name: 'V', work: Work::Vacuum };
const U: Actor = Actor { name: 'U', work: Work::Vacuum };
const H: Actor = Actor { name: 'H', work: Work::Hold };
const L: Actor = Actor { name: 'L', work: Work::Release };
const F: Actor = Actor { name: 'F', work: Work::Forget { key: 'k' } };
const BLOCKED_B3: Actor = audited(run('B', 3, ""), Audit::Blocks);

pub(super) const SCENES: [Scene; 24] = [
    scene("one night twice", &[], &[A2, run('B', 2, "bcx")]),
    scene("one night, other inputs", &[], &[A2, Actor { name: 'B', work: OTHER_INPUTS }]),
    scene("two nights", &[], &[A2, BLOCKED_B3]),
    scene("night and backfill", &[], &[again('A', 2, "bcx", "f"), B3]),
    scene(
        "two backfills and a night",
        &[run('M', 4, "cdy")],
        &[
            again('A', 2, "bd", "f"),
            audited(again('B', 3, "", "f"), Audit::Blocks),
            run('C', 5, "ce"),
        ],
    ),
    scene("replace current and next", &[N2], &[again('A', 2, "de", "g"), B3]),
    scene(
        "two replaces",
        &[N2],
        &[again('A', 2, "de", "g"), again('B', 2, "e", "h"), again('C', 2, "de", "g")],
    ),
    scene(
        "replace an older night",
        &[N2],
        &[again('A', 1, "e", "g"), audited(again('B', 2, "", "g"), Audit::Blocks)],
    ),
    scene("rollback and commit", &[N2], &[back('R', 1), A3]),
    scene(
        "rollback, retry, replace",
        &[N2],
        &[back('R', 1), run('A', 2, "bck"), again('B', 2, "e", "g")],
    ),
    scene("two rollbacks and commit", &[N2, M3], &[back('R', 1), back('S', 2), run('A', 4, "e")]),
    scene("nights after a rollback", &[N2, back('R', 1)], &[A2_AGAIN, B3]),
    scene("rollback and vacuum", &[N2, Q2_AGAIN], &[back('R', 2), V]),
    scene("hold and commit", &[], &[H, A2, B3]),
    scene("hold, release, commit", &[], &[H, L, A2]),
    scene("hold, rollback, commit", &[N2], &[H, back('R', 1), A3]),
    garbage(scene("vacuum and commit", &[], &[V, A2])),
    garbage(scene("two vacuums and commit", &[N2, Q2_AGAIN], &[V, U, A3])),
    scene("vacuum and replace", &[N2], &[V, A2_AGAIN, B3]),
    scene("vacuum and side nights", &[M3], &[V, again('A', 2, "e", "f")]),
    scene("forget and commit", &[N2], &[F, run('A', 3, "cdk")]),
    scene("forget and vacuum", &[N2], &[F, V, A2_AGAIN]),
    scene("forget and rollback", &[N2, M3], &[F, back('R', 2)]),
    scene("abort", &[], &[audited(A2, Audit::Aborts), run('B', 2, "bcx")]),
];

const OTHER_INPUTS: Work =
    Work::Run { day: 2, rows: "cdy", inputs: "g", replace: false, audit: Audit::Passes };

pub(super) fn scene_named(name: &str) -> &'static Scene {
    SCENES.iter().find(|scene| scene.name == name).unwrap()
}
