//! The real process, interrupted, killed, doubled, and without room.
#![cfg(test)] // so that clippy takes the helpers for tests too

mod crowds;
mod disks;
mod kills;
mod memory;
mod signals;
mod sizes;
mod zombies;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::data::{int, table, text};
use crate::support::{Ended, Project, TABLES, assert_unchanged};

fn project(segment: &str) -> Project {
    let project = Project::new("[sources.x]\nlocation = \"in/x/\"\n");
    let ids: Vec<String> = (0..3000).map(|id| format!("key-{id:05}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    project.parquet("in/x/a.parquet", &table(&[("id", text(&ids)), ("n", int(&vec![7; 3000]))]));
    project.sql("segments/all", segment);
    project
}

const QUICK: &str = "SELECT id, n AS score FROM raw.x";
/// Years of work, in memory of a few megabytes.
const ENDLESS: &str = "SELECT x.id FROM raw.x AS x JOIN (SELECT count(*) AS c FROM generate_series(1, 3000000) AS a (v) \
    CROSS JOIN generate_series(1, 3000000) AS b (v) WHERE a.v * b.v % 7 = 3) AS y ON x.n > y.c";

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// Waits for a line of standard error that says `what`; the rest of it goes on being read.
fn wait_for(child: &mut Child, what: &str) {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let found = lines.any(|line| line.unwrap().contains(what));
    assert!(found, "it never said {what:?}");
    std::thread::spawn(move || lines.for_each(drop));
}

fn wait(mut child: Child, limit: Duration) -> (Option<i32>, String) {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            let mut out = String::new();
            child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
            return (status.code(), out);
        }
        if started.elapsed() > limit {
            child.kill().unwrap();
            panic!("still running after {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_signal_ends_a_long_query_within_ten_seconds_and_leaves_nothing() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let project = project(QUICK);
        project.set("[run]\nthreads = 1");
        project.night("2026-06-01");
        project.sql("segments/all", ENDLESS);
        let before = project.published();
        let mut child = project.start("2026-06-02");
        wait_for(&mut child, "evaluating segments");
        std::thread::sleep(Duration::from_millis(300));
        kill_process(pid(&child), signal).unwrap();
        let (ended, out) = wait(child, Duration::from_secs(10));
        assert_eq!(ended, Some(code));
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&report["code"], &report["exit_code"]), (&"interrupted".into(), &code.into()));
        // The probe was written and taken away again.
        assert_unchanged(&before, &project.published());
        assert_eq!(project.left_in_tmp(), 0, "a spill directory stays");
    }
}

/// A number that the environment may set.
pub(crate) fn set_or(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn files_below(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.map(|path| if path.is_dir() { files_below(&path) } else { 1 }).sum()
}

/// Kills a command on `project` at a random moment: some time after its start, or when it has changed how many files there
/// are so many times, `most` at most.
fn kill_at_random(
    project: &Project,
    arguments: &[&str],
    (whole, most): (Duration, usize),
    dice: &mut ChaCha8Rng,
) {
    let out = project.path("out");
    let mut before = files_below(&out);
    let mut child = project.spawn(arguments);
    let started = Instant::now();
    let (after, mut changes) = (dice.random_range(0.0..1.0), dice.random_range(1..=most));
    let by_changes = dice.random_bool(0.6);
    while child.try_wait().unwrap().is_none() {
        let now = files_below(&out);
        changes = changes.saturating_sub(usize::from(now != before));
        before = now;
        let due = if by_changes { changes == 0 } else { started.elapsed() > whole.mul_f64(after) };
        if due {
            break;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    // Perhaps it has ended by itself.
    let _ = kill_process(pid(&child), Signal::KILL);
    child.wait().unwrap();
}

/// Attempts that have a manifest.
fn kept_attempts(project: &Project) -> BTreeSet<String> {
    let paths = project.published().into_keys();
    let attempts = paths
        .filter_map(|path| Some(path.strip_prefix("attempts/")?.split('/').next()?.to_owned()));
    attempts.collect()
}

/// Attempts that the log names as live.
fn live_attempts(project: &Project) -> BTreeSet<String> {
    let log = project.log();
    let nights = log.last().unwrap()["state"]["nights"].as_array().unwrap();
    let live = nights.iter().filter(|night| night["live"] == true);
    live.map(|night| night["attempt_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn killed_at_any_moment_a_night_is_whole_or_absent_the_next_run_finishes_and_vacuum_leaves_what_is_live()
 {
    let (kills, seed) =
        (set_or("ROSTER_KILLS", 50), set_or("ROSTER_SEED", u64::from(std::process::id())));
    println!("ROSTER_KILLS={kills} ROSTER_SEED={seed}");
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let (mut left, mut committed) = (0, 0);
    // A log of some length, and not one that is read over and over.
    for first in (0..kills).step_by(25) {
        let project = project(QUICK);
        let started = Instant::now();
        project.night("2026-01-01");
        let whole = started.elapsed();
        let (mut live, mut longest) = (1, whole);
        for nth in first..kills.min(first + 25) {
            let night = format!("2026-02-{:02}", nth - first + 1);
            let before = files_below(&project.path("out/tables"));
            let started = Instant::now();
            // The probe comes and goes, then the tables, a manifest, the record; the hint is there already.
            kill_at_random(
                &project,
                &["run", "--as-of", &night],
                (whole, TABLES.len() + 5),
                &mut dice,
            );
            longest = longest.max(started.elapsed());
            let log = project.log().len();
            assert!(log == live || log == live + 1, "{seed}, {night}: {log} records");
            committed += log - live;
            if log == live + 1 {
                assert_eq!(project.rows(&night, "membership", "id").len(), 3000, "{seed}, {night}");
            } else {
                left += usize::from(files_below(&project.path("out/tables")) > before);
            }
            assert_eq!(project.roster(&["verify"]).code, Some(0), "{seed}, {night}");
            let started = Instant::now();
            let again = project.run(&night);
            longest = longest.max(started.elapsed());
            assert_eq!(again.code, Some(0), "{seed}, {night}: {}", again.err);
            live += 1;
            assert_eq!(project.log().len(), live, "{seed}, {night}");
            assert_eq!(project.rows(&night, "membership", "id").len(), 3000, "{seed}, {night}");
        }
        // Younger than twice the longest run is left alone.
        std::thread::sleep(longest * 2 + Duration::from_millis(100));
        let swept = project.roster(&["vacuum", "--older-than", "0m", "--yes"]);
        assert_eq!(swept.code, Some(0), "{seed}: {}", swept.err);
        let verified = project.roster(&["verify", "--deep"]);
        assert_eq!(verified.code, Some(0), "{seed}: {}", verified.err);
        assert_eq!(kept_attempts(&project), live_attempts(&project), "{seed}");
        // Of each night its tables; and no file of a put that was cut off.
        assert_eq!(files_below(&project.path("out/tables")), TABLES.len() * live, "{seed}");
        assert_eq!(files_below(&project.path("out/probe")), 0, "{seed}");
    }
    println!(
        "{committed} of {kills} were committed when they were killed, {left} left files of a night that was not"
    );
}

#[test]
fn an_output_that_can_not_be_written_is_told_before_anything_is_computed() {
    let project = project("SELECT id, 1 / 0 AS score FROM raw.x");
    project.text("file", "in the way");
    project.edit_toml("\"out/\"", "\"file/out/\"");
    let ended = project.run("2026-06-01");
    assert_eq!(
        (ended.code, &ended.report()["code"]),
        (Some(3), &"store_failed".into()),
        "{}",
        ended.err
    );
    ended.says(&["file/out", "then run"]);
    assert_eq!(std::fs::read_to_string(project.path("file")).unwrap(), "in the way");
}

#[test]
fn a_disk_that_takes_no_more_ends_the_night_and_leaves_no_half_file() {
    let project = project("SELECT id, sha256(id) AS proof FROM raw.x");
    let before = project.published();
    let ended = limited(&project, 16);
    assert_eq!(
        (ended.code, &ended.report()["code"]),
        (Some(3), &"store_failed".into()),
        "{}",
        ended.err
    );
    ended.says(&["tables/membership/", "room"]);
    let files = |project: &Project| {
        project.published().into_iter().filter(|(_, hash)| hash != "folder").collect()
    };
    assert_unchanged(&before, &files(&project));
    project.night("2026-06-01");
}

/// A night whose files may have so many blocks of 512 bytes.
fn limited(project: &Project, blocks: u32) -> Ended {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = Command::new("/bin/sh");
    command.env_clear().env("TMPDIR", project.path("tmp")).args(["-c", &script]);
    command.arg(env!("CARGO_BIN_EXE_roster"));
    command.args(["run", "--json", "--as-of", "2026-06-01", "--project"]).arg(project.path(""));
    command.stdin(Stdio::null());
    Ended::of(command.output().unwrap())
}

#[test]
fn files_are_for_the_jobs_user_and_group_only() {
    use std::os::unix::fs::PermissionsExt;
    let project = project(QUICK);
    project.night("2026-06-01");
    for path in project.published().keys() {
        let mode = std::fs::metadata(project.path("out").join(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o027, 0, "{path} is {mode:o}");
    }
}

#[test]
fn a_store_that_does_not_answer_is_told_within_a_minute_and_without_its_secret() {
    // Closed again: connections are refused.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let project = project(QUICK);
    project.edit_toml("\"out/\"", "\"s3://bucket/out/\"");
    project.set(&format!(
        "[object_store]\nendpoint = \"http://{address}\"\nallow_http = \"true\"\nregion = \"x\"\n\
         access_key_id = \"canary-key-id\"\nsecret_access_key = \"canary-secret-value\""
    ));
    let started = Instant::now();
    let ended = project.run("2026-06-01");
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
    let code = (ended.code, &ended.report()["code"]);
    assert_eq!(code, (Some(3), &"store_failed".into()), "{}", ended.err);
    ended.says(&["s3://bucket/out", "run the same command again"]);
    for secret in ["canary-secret-value", "canary-key-id"] {
        assert!(!ended.err.contains(secret) && !ended.out.contains(secret), "{}", ended.err);
    }
}
