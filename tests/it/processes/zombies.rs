//! A run that is stopped once it has written, and goes on when the log has moved: nothing of it may come to light.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::collections::BTreeSet;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use super::{QUICK, files_below, pid, project, wait};
use crate::support::{Project, TABLES};

const NIGHT: &str = "2026-06-02";

/// A project with one night, and a run of the next that stands still behind its first upload.
struct Zombie {
    project: Project,
    child: Child,
    attempt: String,
    /// How long the first night took.
    whole: Duration,
}

fn attempts(project: &Project) -> BTreeSet<String> {
    let folder = project.path("out/tables/membership");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let uploaded = entries.filter(|entry| entry.path().join("part-00000.parquet").exists());
    uploaded.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

fn is_stopped(child: &Child) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    stat.rsplit_once(") ").unwrap().1.starts_with('T')
}

impl Zombie {
    fn new() -> Self {
        let project = project(QUICK);
        project.edit_toml("[output]", "[output]\nretain = \"0m\"");
        let started = Instant::now();
        project.night("2026-06-01");
        let whole = started.elapsed();
        let before = attempts(&project);
        // Some tries commit before they are caught.
        for _ in 0..50 {
            let mut child = project.start(NIGHT);
            while attempts(&project) == before && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_micros(100));
            }
            let _ = kill_process(pid(&child), Signal::STOP);
            let started = Instant::now();
            while child.try_wait().unwrap().is_none() && !is_stopped(&child) {
                assert!(started.elapsed() < Duration::from_secs(10), "it does not stop");
            }
            if project.log().len() == 1 && is_stopped(&child) {
                let attempt = attempts(&project).difference(&before).next().unwrap().clone();
                return Self { project, child, attempt, whole };
            }
            let _ = kill_process(pid(&child), Signal::KILL);
            child.wait().unwrap();
            std::fs::remove_dir_all(project.path("out")).unwrap();
            project.night("2026-06-01");
        }
        panic!("it always committed before it could be stopped");
    }

    /// Goes on. What a reader sees stays as it is, and of the zombie nothing does, unless it may still publish.
    fn wakes(self) -> (Project, Option<i32>, serde_json::Value) {
        let Self { project, child, attempt, .. } = self;
        let log = project.log();
        kill_process(pid(&child), Signal::CONT).unwrap();
        let (code, out) = wait(child, Duration::from_secs(30));
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        let now = project.log();
        assert_eq!(now[..log.len()], log[..]);
        assert!(!project.published().keys().any(|path| path.contains(&attempt)), "{out}");
        assert_eq!(project.roster(&["verify", "--deep"]).code, Some(0));
        (project, code, report["code"].clone())
    }

    /// Sweeps until its files are gone, which a younger run's would not be.
    fn vacuum(&self) {
        std::thread::sleep(self.whole * 2 + Duration::from_millis(100));
        let started = Instant::now();
        while attempts(&self.project).contains(&self.attempt) {
            assert!(started.elapsed() < Duration::from_secs(30), "vacuum leaves it");
            let swept = self.project.roster(&["vacuum", "--older-than", "0m", "--yes"]);
            assert_eq!(swept.code, Some(0), "{}", swept.err);
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn a_zombie_whose_night_was_committed_and_whose_files_were_swept_changes_nothing() {
    let zombie = Zombie::new();
    zombie.project.night(NIGHT);
    zombie.project.night("2026-06-03");
    zombie.vacuum();
    let records = zombie.project.log().len();
    let (project, code, told) = zombie.wakes();
    // It may stand before the look at its first file, which is gone.
    let expected = [(Some(0), "already_committed".into()), (Some(3), "store_failed".into())];
    assert!(expected.contains(&(code, told.clone())), "{code:?} {told}");
    assert_eq!(project.log().len(), records);
    assert_eq!(project.log().last().unwrap()["state"]["current"], "2026-06-03");
    let again = project.run(NIGHT);
    assert_eq!((again.code, &again.report()["code"]), (Some(0), &"already_committed".into()));
    assert_eq!(files_below(&project.path("out/tables")), 3 * TABLES.len());
}

#[test]
fn a_zombie_whose_files_were_swept_commits_others_or_fails() {
    let zombie = Zombie::new();
    zombie.vacuum();
    let records = zombie.project.log().len();
    let (project, code, told) = zombie.wakes();
    match code {
        Some(0) => assert_eq!((told, project.log().len()), ("committed".into(), records + 1)),
        _ => assert_eq!((code, told), (Some(3), "store_failed".into())),
    }
    assert_eq!(project.run(NIGHT).code, Some(0));
    assert_eq!(files_below(&project.path("out/tables")), 2 * TABLES.len());
}

#[test]
fn a_zombie_that_finds_a_newer_night_is_late() {
    let zombie = Zombie::new();
    zombie.project.night("2026-06-03");
    let (project, code, told) = zombie.wakes();
    assert_eq!((code, told), (Some(5), "late".into()));
    assert_eq!(project.log().last().unwrap()["state"]["current"], "2026-06-03");
}

#[test]
fn a_zombie_that_finds_its_night_under_other_sql_differs() {
    let zombie = Zombie::new();
    zombie.project.sql("segments/all", "SELECT id FROM raw.x WHERE n = 7");
    zombie.project.night(NIGHT);
    let (project, code, told) = zombie.wakes();
    assert_eq!((code, told), (Some(5), "committed_differently".into()));
    assert_eq!(project.rows(NIGHT, "membership", "score")[0], "-");
}

#[test]
fn a_zombie_over_whom_a_hold_came_and_went_publishes_nothing() {
    let zombie = Zombie::new();
    for said in [&["hold", "--why", "a test"][..], &["release"]] {
        assert_eq!(zombie.project.roster(said).code, Some(0));
    }
    let (project, code, told) = zombie.wakes();
    assert_eq!((code, told), (Some(2), "held".into()));
    project.night(NIGHT);
}
