//! Many processes at once over one log.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::{Date32Type, Float64Type};
use futures::TryStreamExt;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use roster::reader::{Next, ReadError, Reader, Snapshot};
use serde_json::Value;
use tokio::task::JoinSet;

use super::{QUICK, files_below, project, set_or};
use crate::support::{Ended, Project, TABLES};

/// How they ended, each with the code of its report.
fn ended(children: Vec<std::process::Child>) -> Vec<(Option<i32>, String)> {
    let ended = children.into_iter().map(|child| Ended::of(child.wait_with_output().unwrap()));
    ended.map(|ended| (ended.code, ended.report()["code"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn runs_of_one_night_at_once_all_succeed_and_commit_once() {
    for runs in [2, 2, 4, 16] {
        let project = project(QUICK);
        let ended = ended((0..runs).map(|_| project.start("2026-06-01")).collect());
        let committed = ended.iter().filter(|(_, told)| told == "committed").count();
        let already = ended.iter().filter(|(_, told)| told == "already_committed").count();
        assert_eq!((committed, already), (1, runs - 1), "{ended:?}");
        assert!(ended.iter().all(|(code, _)| *code == Some(0)), "{ended:?}");
        assert_eq!(project.log().len(), 1);
        // Those that were late have taken their files away.
        assert_eq!(
            files_below(&project.path("out/tables")),
            TABLES.len(),
            "{:?}",
            project.published()
        );
        assert_eq!(files_below(&project.path("out/probe")), 0);
        assert_eq!(project.rows("2026-06-01", "membership", "id").len(), 3000);
    }
}

#[test]
fn runs_of_one_night_under_two_sqls_commit_one_of_them_and_the_others_are_told() {
    let (one, other) = (project(QUICK), project("SELECT id FROM raw.x"));
    other.edit_toml("\"out/\"", &format!("\"{}\"", one.path("out").display()));
    let mut children = Vec::new();
    for _ in 0..4 {
        children.extend([one.start("2026-06-01"), other.start("2026-06-01")]);
    }
    let ended = ended(children);
    let count = |code, told: &str| {
        ended.iter().filter(|end| **end == (Some(code), told.to_owned())).count()
    };
    let counts =
        [count(0, "committed"), count(0, "already_committed"), count(5, "committed_differently")];
    assert_eq!(counts, [1, 3, 4], "{ended:?}");
    assert_eq!((one.log().len(), files_below(&one.path("out/tables"))), (1, TABLES.len()));
}

#[test]
fn nights_that_finish_out_of_order_are_committed_or_late_and_the_current_one_never_goes_back() {
    let seed = set_or("ROSTER_SEED", u64::from(std::process::id()));
    let project = project(QUICK);
    let mut nights: Vec<_> = (1..=8).map(|day| format!("2026-06-{day:02}")).collect();
    nights.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let ended = ended(nights.iter().map(|night| project.start(night)).collect());
    let log = project.log();
    let current: Vec<_> = log.iter().map(|record| record["state"]["current"].to_string()).collect();
    assert!(current.is_sorted(), "{current:?}");
    assert_eq!(*current.last().unwrap(), "\"2026-06-08\"", "{nights:?}: {ended:?}");
    let committed: BTreeSet<_> =
        log.iter().map(|record| record["as_of"].as_str().unwrap()).collect();
    for (night, (code, told)) in nights.iter().zip(&ended) {
        let expected = if committed.contains(night.as_str()) {
            (Some(0), "committed")
        } else {
            (Some(5), "late")
        };
        assert_eq!((*code, told.as_str()), expected, "{nights:?}: {ended:?}");
    }
    assert_eq!(
        (log.len(), files_below(&project.path("out/tables"))),
        (committed.len(), TABLES.len() * committed.len())
    );
}

/// What a reader saw: by version the attempt, and what its rows say.
type Seen = BTreeMap<u64, (String, String)>;

/// One night, whole: all rows of one day and one SQL.
async fn rows(snapshot: &Snapshot) -> Result<String, ReadError> {
    let batches: Vec<_> = snapshot.table("membership")?.batches().try_collect().await?;
    let mut found = BTreeSet::new();
    let mut count = 0;
    for batch in &batches {
        let days = batch.column_by_name("as_of").unwrap().as_primitive::<Date32Type>();
        let scores = batch.column_by_name("score").unwrap().as_primitive::<Float64Type>();
        count += batch.num_rows();
        for row in 0..batch.num_rows() {
            found.insert(format!("{} {}", days.value_as_date(row).unwrap(), scores.value(row)));
        }
    }
    assert_eq!((count, found.len()), (3000, 1), "version {}: {found:?}", snapshot.version);
    Ok(found.pop_first().unwrap())
}

async fn poll(reader: Reader, done: Arc<AtomicBool>) -> Seen {
    let (mut seen, mut last) = (Seen::new(), 0);
    while !done.load(Ordering::SeqCst) {
        let snapshot = reader.latest().await.unwrap();
        assert!(snapshot.version >= last, "from version {last} back to {}", snapshot.version);
        last = snapshot.version;
        match rows(&snapshot).await {
            Ok(rows) => {
                let saw = (snapshot.attempt_id.clone(), rows);
                let before = seen.insert(last, saw.clone()).unwrap_or_else(|| saw.clone());
                assert_eq!(before, saw, "version {last}");
            }
            // Swept under the reader: nothing is kept that is not live.
            Err(error) => assert!(matches!(error.next(), Next::ResolveAgain), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    seen
}

/// Every act must end with 0; 3 means that the same command is to come again.
fn acts(project: &Project, arguments: &[&str]) {
    let mut ended = project.roster(arguments);
    if ended.code == Some(3) {
        ended = project.roster(arguments);
    }
    assert_eq!(ended.code, Some(0), "{arguments:?}: {}{}", ended.out, ended.err);
}

/// Nights, replacements, a rollback and a hold.
fn publish(project: &Project, rounds: u64) {
    let mut score = 0;
    let mut night = |day: chrono::NaiveDate| {
        score += 1;
        project.sql("segments/all", &format!("SELECT id, {score} AS score FROM raw.x"));
        acts(project, &["run", "--replace", "--as-of", &day.to_string()]);
    };
    let first = chrono::NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
    for (round, day) in (0..rounds).zip(first.iter_days().step_by(3)) {
        let days: Vec<_> = day.iter_days().take(3).collect();
        night(days[0]);
        night(days[1]);
        let good = project.log().len().to_string();
        night(days[2]);
        night(days[0]); // a side night
        acts(project, &["rollback", "--to", &good, "--why", "test"]);
        night(days[2]);
        if round % 2 == 0 {
            acts(project, &["hold", "--why", "test"]);
            acts(project, &["release"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_while_others_publish_roll_back_and_sweep_sees_whole_versions_in_order() {
    let rounds = set_or("ROSTER_COMMITS", 32).div_ceil(8);
    let project = project(QUICK);
    project.edit_toml("[output]", "[output]\nretain = \"0m\"");
    acts(&project, &["run", "--as-of", "2025-12-31"]);
    let (project, done) = (Arc::new(project), Arc::new(AtomicBool::new(false)));
    let out = project.path("out");
    let reader = || Reader::open(out.to_str().unwrap(), &BTreeMap::new()).unwrap();
    let mut readers = JoinSet::new();
    for _ in 0..2 {
        readers.spawn(poll(reader(), Arc::clone(&done)));
    }
    let sweepers = [(); 2].map(|()| {
        let (project, done) = (Arc::clone(&project), Arc::clone(&done));
        std::thread::spawn(move || {
            while !done.load(Ordering::SeqCst) {
                acts(&project, &["vacuum", "--older-than", "0m", "--yes"]);
                std::thread::sleep(Duration::from_millis(300));
            }
        })
    });
    let shared = Arc::clone(&project);
    let published = tokio::task::spawn_blocking(move || publish(&shared, rounds)).await;
    done.store(true, Ordering::SeqCst);
    published.unwrap();
    for sweeper in sweepers {
        sweeper.join().unwrap();
    }
    let log = project.log();
    let mut versions = 0;
    for seen in readers.join_all().await {
        for (version, (attempt, _)) in seen {
            let state = &log[usize::try_from(version).unwrap() - 1]["state"];
            let nights = state["nights"].as_array().unwrap().iter();
            let current = nights.filter(|night| night["as_of"] == state["current"]);
            let current: Vec<_> = current.map(|night| &night["attempt_id"]).collect();
            assert_eq!(current, [&Value::from(attempt)], "version {version}");
            versions += 1;
        }
    }
    let back = log.windows(2).filter(|pair| {
        let [before, after] = [0, 1].map(|at| pair[at]["state"]["current"].to_string());
        after < before && pair[1]["kind"] != "rollback"
    });
    assert_eq!(back.count(), 0, "the current night went back without a rollback");
    let kind = |kind: &str| log.iter().filter(|record| record["kind"] == kind).count();
    println!("{} records, {} of them vacuums; read {versions} versions", log.len(), kind("vacuum"));
    assert!(kind("vacuum") > 0 && versions > log.len() / 4, "{versions} of {}", log.len());
    assert_eq!(project.roster(&["verify", "--deep"]).code, Some(0));
}
