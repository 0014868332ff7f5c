//! `kill -9` at random moments of what people do to a log beside running nights.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{QUICK, files_below, kept_attempts, kill_at_random, live_attempts, project, set_or};
use crate::support::data::read;
use crate::support::{Project, TABLES, as_text};

const NIGHTS: [&str; 3] = ["2026-06-01", "2026-06-02", "2026-06-03"];

/// A project with three nights, which keeps nothing that is not live.
fn three_nights() -> (Project, Duration) {
    let project = project(QUICK);
    project.edit_toml("[output]", "[output]\nretain = \"0m\"");
    let started = Instant::now();
    project.night(NIGHTS[0]);
    let whole = started.elapsed();
    project.night(NIGHTS[1]);
    project.night(NIGHTS[2]);
    (project, whole)
}

/// Other SQL than before: a night that is computed again is another one.
fn replace(project: &Project, nth: u64) {
    project.sql("segments/all", &format!("SELECT id, n + {nth} AS score FROM raw.x"));
    project.run_with(NIGHTS[2], &["--replace"]).committed();
}

/// Kills the command at random moments, `prepare` before each; then all is whole, the same command succeeds, and a vacuum
/// leaves what is live. `holds` looks at what the command was for.
fn kill(
    prepare: impl Fn(&Project, u64),
    arguments: impl Fn(u64) -> Vec<String>,
    most: usize,
    holds: impl Fn(&Project, u64),
) {
    // A fifth of the kills of a night: each of these commands is looked at alone.
    let kills = set_or("ROSTER_KILLS", 50).div_ceil(5);
    let seed = set_or("ROSTER_SEED", u64::from(std::process::id()));
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let (project, whole) = three_nights();
    for nth in 1..=kills {
        prepare(&project, nth);
        let arguments = arguments(nth);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let what = format!("ROSTER_SEED={seed}, kill {nth} of {arguments:?}");
        let before = project.log();
        kill_at_random(&project, &arguments, (whole, most), &mut dice);
        let after = project.log();
        assert!(after.len() >= before.len() && after[..before.len()] == before, "{what}");
        let verified = project.roster(&["verify", "--deep"]);
        assert_eq!(verified.code, Some(0), "{what}: {}{}", verified.out, verified.err);
        let again = project.roster(&arguments);
        assert_eq!(again.code, Some(0), "{what}: {}", again.err);
        holds(&project, nth);
    }
    sweep(&project);
    assert_eq!(project.roster(&["verify", "--deep"]).code, Some(0), "ROSTER_SEED={seed}");
}

/// What is younger than twice the longest run is left alone: vacuums until only what is live is left.
fn sweep(project: &Project) {
    let started = Instant::now();
    loop {
        let swept = project.roster(&["vacuum", "--older-than", "0m", "--yes"]);
        assert_eq!(swept.code, Some(0), "{}", swept.err);
        let live = live_attempts(project);
        let left = files_below(&project.path("out/probe"));
        if kept_attempts(project) == live && with_data(project) == live && left == 0 {
            return;
        }
        let waited = started.elapsed();
        assert!(waited < Duration::from_mins(1), "vacuum leaves {:?}", project.published().keys());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Below `tables/`, half written ones too.
fn data_files(project: &Project) -> impl Iterator<Item = String> {
    let published = project.published().into_iter();
    let files = published.filter(|(path, hash)| path.starts_with("tables/") && hash != "folder");
    files.map(|(path, _)| path)
}

/// Attempts of these files.
fn with_data(project: &Project) -> BTreeSet<String> {
    data_files(project).map(|path| path.split('/').nth(2).unwrap().to_owned()).collect()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn current(project: &Project) -> serde_json::Value {
    project.log().last().unwrap()["state"]["current"].clone()
}

#[test]
fn a_replacement_that_was_killed_is_finished_by_the_same_command() {
    let sql = |project: &Project, nth| {
        project.sql("segments/all", &format!("SELECT id, n + {nth} AS score FROM raw.x"));
    };
    let run = |_| words("run --as-of 2026-06-03 --replace");
    // Probe, tables, the feed, manifest, record.
    kill(sql, run, TABLES.len() + 6, |project, nth| {
        let scores = project.rows(NIGHTS[2], "membership", "score");
        assert_eq!((scores.len(), &scores[0]), (3000, &format!("{}.0", 7 + nth)));
    });
}

#[test]
fn a_rollback_that_was_killed_is_finished_by_the_same_command() {
    let forward =
        |project: &Project, _| drop(project.run_with("2026-06-04", &["--replace"]).committed());
    let back = |_| words("rollback --to 3 --why test");
    // Probe, feed, manifest, record.
    kill(forward, back, 6, |project, _| assert_eq!(current(project), NIGHTS[2]));
}

#[test]
fn a_vacuum_that_was_killed_is_finished_by_the_same_command() {
    let vacuum = |_| words("vacuum --older-than 0m --yes");
    // Marker, probe, record, and the files of the replaced night.
    kill(replace, vacuum, TABLES.len() + 7, |project, nth| {
        assert_eq!(with_data(project), live_attempts(project), "{nth}");
    });
}

#[test]
fn a_forget_that_was_killed_is_finished_by_the_same_command() {
    let key = |nth: u64| format!("key-{nth:05}");
    let forget = |nth| vec!["forget".to_owned(), key(nth)];
    // Marker, probe, the files of three nights written and deleted, and between them the record.
    kill(
        |_, _| (),
        forget,
        6 * (TABLES.len() + 1) + 5,
        |project, nth| {
            for file in data_files(project).filter(|file| file.ends_with(".parquet")) {
                let mut batches = read(&project.path("out").join(&file));
                batches.retain(|batch| batch.column_by_name("id").is_some());
                assert!(!as_text(&batches, "id").contains(&key(nth)), "{file}");
            }
            let ids = project.rows(NIGHTS[2], "membership", "id");
            assert_eq!(ids.len(), 3000 - usize::try_from(nth).unwrap());
        },
    );
}

#[test]
fn a_backfill_that_was_killed_is_finished_by_the_same_command() {
    let first = chrono::NaiveDate::from_ymd_opt(2026, 7, 1).unwrap();
    let nights = |nth: u64| first.iter_days().skip(2 * usize::try_from(nth).unwrap()).take(2);
    let fill = |nth| {
        let nights: Vec<_> = nights(nth).map(|night| night.to_string()).collect();
        words(&format!("backfill --jobs 2 --from {} --to {}", nights[0], nights[1]))
    };
    // Of both nights what a run has.
    kill(
        |_, _| (),
        fill,
        14,
        |project, nth| {
            for night in nights(nth) {
                let ids = project.rows(&night.to_string(), "membership", "id");
                assert_eq!(ids.len(), 3000, "{night}");
            }
        },
    );
}
