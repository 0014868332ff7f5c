//! Real file systems that are full, read-only, or out of inodes.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{QUICK, project};
use crate::support::{Ended, Project, TABLES, assert_unchanged};

/// A file system in memory, mounted as long as it lives.
struct Disk {
    folder: PathBuf,
}

fn mount(arguments: &[&str], folder: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(arguments).arg(folder);
    command.output().is_ok_and(|output| output.status.success())
}

impl Disk {
    /// None where a process may not mount.
    fn at(folder: PathBuf, options: &str) -> Option<Self> {
        std::fs::create_dir_all(&folder).unwrap();
        mount(&["-t", "tmpfs", "-o", options, "tmpfs"], &folder).then_some(Self { folder })
    }

    fn remount(&self, options: &str) {
        assert!(mount(&["-o", &format!("remount,{options}")], &self.folder), "{options}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that is still ending may have it open.
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}

/// No failure in CI either: rights can not be installed. `.ci/run` says so at its beginning.
const NOT_ROOT: &str =
    "SKIPPED: small disks can not be mounted: run as root, with the right to mount";

fn files(project: &Project) -> BTreeMap<String, String> {
    project.published().into_iter().filter(|(_, hash)| hash != "folder").collect()
}

/// The night ends with 3, says so, leaves nothing, and the night before is served as it was.
#[track_caller]
fn stops(project: &Project, night: &str, words: &[&str]) -> Ended {
    let before = files(project);
    let ended = project.run(night);
    assert_eq!(ended.code, Some(3), "{}\n{}", ended.out, ended.err);
    assert_eq!(ended.report()["code"], "store_failed", "{}", ended.err);
    ended.says(words);
    assert!(ended.err.trim_end().lines().count() < 20, "{}", ended.err);
    assert_unchanged(&before, &files(project));
    assert_eq!(project.roster(&["verify", "--deep"]).code, Some(0));
    assert_eq!(project.left_in_tmp(), 0, "a spill directory stays");
    ended
}

/// A night of 3,000 rows, whose proof can not be compressed.
const LARGE: &str = "SELECT id, sha256(id) AS proof FROM raw.x";

#[test]
fn a_full_disk_ends_the_night_and_the_same_command_succeeds_once_there_is_room() {
    let project = project(QUICK);
    let Some(disk) = Disk::at(project.path("out"), "size=1m") else {
        return eprintln!("{NOT_ROOT}");
    };
    project.night("2026-06-01");
    project.sql("segments/all", LARGE);
    let used = files(&project).into_keys().map(|path| {
        std::fs::metadata(project.path("out").join(path)).unwrap().len().div_ceil(4096) * 4
    });
    // In KiB: room for the probe and half a table.
    let room = used.sum::<u64>() + 64;
    disk.remount(&format!("size={room}k"));
    stops(
        &project,
        "2026-06-02",
        &["cannot write", "tables/", "No space left", "has room", "run the same command again"],
    );
    disk.remount("size=8m");
    project.night("2026-06-02");
}

#[test]
fn a_disk_without_inodes_ends_the_night() {
    let project = project(QUICK);
    let Some(disk) = Disk::at(project.path("out"), "size=8m") else {
        return eprintln!("{NOT_ROOT}");
    };
    project.night("2026-06-01");
    let used = project.published().len() + 1;
    // Room for the probe, then for ever more of the tables and the manifest.
    for more in 0..2 * TABLES.len() {
        disk.remount(&format!("nr_inodes={}", used + more));
        stops(&project, "2026-06-02", &["No space left", "has room", "run the same command again"]);
    }
    disk.remount("nr_inodes=1000");
    project.night("2026-06-02");
}

#[test]
fn a_record_that_has_no_room_is_unknown_and_the_next_run_commits() {
    let project = project(QUICK);
    let Some(disk) = Disk::at(project.path("out"), "size=8m") else {
        return eprintln!("{NOT_ROOT}");
    };
    project.night("2026-06-01");
    // The tables and the manifest, each with its folder.
    let room = 2 * (TABLES.len() + 1);
    disk.remount(&format!("nr_inodes={}", project.published().len() + 1 + room));
    let ended = project.run("2026-06-02");
    let told = (ended.code, &ended.report()["code"]);
    assert_eq!(told, (Some(3), &"outcome_unknown".into()), "{}", ended.err);
    ended.says(&["No space left", "run the same command again"]);
    assert_eq!(project.log().len(), 1);
    disk.remount("nr_inodes=1000");
    project.night("2026-06-02");
}

#[test]
fn a_disk_that_became_read_only_is_told_before_anything_is_computed() {
    let project = project(QUICK);
    let Some(disk) = Disk::at(project.path("out"), "size=8m") else {
        return eprintln!("{NOT_ROOT}");
    };
    project.night("2026-06-01");
    project.sql("segments/all", "SELECT id, 1 / 0 AS score FROM raw.x");
    disk.remount("ro");
    stops(&project, "2026-06-02", &["Read-only file system", "run the same command again"]);
    project.sql("segments/all", QUICK);
    disk.remount("rw");
    project.night("2026-06-02");
}

/// Sorts more than it may hold in memory.
const SPILLING: &str = "SELECT id, CAST(min(place) AS DOUBLE) AS score \
    FROM (SELECT id, row_number() OVER (ORDER BY md5(id || g.value)) AS place \
          FROM raw.x CROSS JOIN generate_series(1, 60) AS g (value)) GROUP BY id";

#[test]
fn a_full_spill_directory_ends_the_night_and_names_it() {
    let project = project(QUICK);
    project.night("2026-06-01");
    // Another segmentation does not make it a night with a stale one.
    project.sql("segments/all", SPILLING).sql("segments/other", QUICK);
    project.set("[run]\nmemory_limit = \"16MiB\"\nthreads = 1");
    let Some(disk) = Disk::at(project.path("tmp"), "size=1m") else {
        return eprintln!("{NOT_ROOT}");
    };
    stops(&project, "2026-06-02", &["spill", "TMPDIR"]);
    disk.remount("size=1g");
    project.night("2026-06-02");
    assert_eq!(project.left_in_tmp(), 0, "a spill directory stays");
}

#[test]
fn a_spill_directory_that_can_not_be_made_is_told() {
    let project = project(QUICK);
    project.night("2026-06-01");
    let Some(disk) = Disk::at(project.path("tmp"), "size=1m") else {
        return eprintln!("{NOT_ROOT}");
    };
    disk.remount("ro");
    stops(&project, "2026-06-02", &["Read-only file system", "TMPDIR"]);
}
