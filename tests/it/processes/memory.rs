//! Little memory changes no byte of a night; too little is told, with the knob.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::{ENDLESS, project};
use crate::support::{Ended, Project};

/// Per limit, the hashes of a night's tables; none where there was too little.
fn by_limit(project: &Project, limits: &[&str]) -> Vec<Option<BTreeMap<String, String>>> {
    let toml = std::fs::read_to_string(project.path("roster.toml")).unwrap();
    let night = "2026-06-30";
    let hashes = limits.iter().map(|limit| {
        project.text(
            "roster.toml",
            &format!("{toml}\n[run]\nmemory_limit = \"{limit}\"\nthreads = 2\n"),
        );
        let _ = std::fs::remove_dir_all(project.path("out"));
        let _ = std::fs::remove_dir_all(project.path("published"));
        let ended = project.run(night);
        assert_eq!(project.left_in_tmp(), 0, "a spill directory stays");
        if ended.code == Some(0) {
            return Some(project.hashes(night));
        }
        let told = (ended.code, &ended.report()["code"]);
        assert_eq!(told, (Some(2), &"resources_exhausted".into()), "{limit}: {}", ended.err);
        ended.says(&["more memory", "raise `memory_limit` under [run] in roster.toml"]);
        None
    });
    hashes.collect()
}

const ROWS: &str = "(SELECT id, md5(concat(id, g.value)) AS proof FROM raw.x CROSS JOIN generate_series(1, 40) AS g (value))";

#[test]
fn sorts_aggregations_and_joins_in_little_memory_give_the_same_bytes() {
    for (query, limits) in [
        (
            format!(
                "SELECT id, CAST(min(place) AS DOUBLE) AS score \
                 FROM (SELECT id, row_number() OVER (ORDER BY proof) AS place FROM {ROWS}) GROUP BY id"
            ),
            ["24MiB", "8MiB"],
        ),
        (
            format!(
                "SELECT id, CAST(count(*) AS DOUBLE) AS score \
                 FROM (SELECT id, proof, count(*) AS n FROM {ROWS} GROUP BY id, proof) GROUP BY id"
            ),
            ["32MiB", "1MiB"],
        ),
        (
            format!(
                "SELECT a.id, CAST(count(*) AS DOUBLE) AS score \
                 FROM {ROWS} AS a JOIN {ROWS} AS b USING (proof) GROUP BY a.id"
            ),
            ["64MiB", "4MiB"],
        ),
    ] {
        let project = project(&query);
        let [enough, little, too_little] =
            by_limit(&project, &["4GiB", limits[0], limits[1]]).try_into().unwrap();
        assert!(enough.is_some() && enough == little, "{query}: {little:?}");
        assert_eq!(too_little, None, "{query}");
    }
}

#[test]
fn the_demo_in_little_memory_gives_the_same_bytes() {
    let hashes = by_limit(&Project::demo(100), &["4GiB", "128MiB", "64MiB", "32MiB"]);
    assert!(hashes[0].is_some() && hashes.iter().all(|night| *night == hashes[0]), "{hashes:?}");
}

/// A control group, as a container is one.
struct Container(PathBuf);

impl Container {
    /// None where they can not be made.
    fn with(bytes: usize) -> Option<Self> {
        let of_memory = Path::new("/sys/fs/cgroup/memory");
        let (all, limit) = match of_memory.exists() {
            true => (of_memory, "memory.limit_in_bytes"),
            false => (Path::new("/sys/fs/cgroup"), "memory.max"),
        };
        let made = Self(all.join(format!("roster-test-{}", std::process::id())));
        std::fs::create_dir(&made.0).ok()?;
        std::fs::write(made.0.join(limit), bytes.to_string()).ok().map(|()| made)
    }

    fn night(&self, project: &Project) -> Ended {
        let night = project.command(&["run", "--as-of", "2026-06-30", "--json", "--project"]);
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "echo $$ > \"$0\"/cgroup.procs && exec \"$@\""]).arg(&self.0);
        shell.arg(night.get_program()).args(night.get_args()).arg(project.path(""));
        shell.env_clear().envs(night.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Ended::of(shell.output().unwrap())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn a_container_that_is_too_small_ends_a_night_and_kills_none() {
    let rows = ROWS.replace("40)", "400)"); // of which 64 bytes each are sorted, and grouped
    let project = project(&format!(
        "SELECT id, CAST(count(*) AS DOUBLE) AS score \
         FROM (SELECT id, proof, count(*) AS n FROM {rows} GROUP BY id, proof) GROUP BY id"
    ));
    let mut codes = Vec::new();
    for bytes in [1 << 30, 256 << 20, 96 << 20] {
        let Some(container) = Container::with(bytes) else {
            eprintln!("SKIPPED: control groups can not be made: run as root, with the right to");
            return;
        };
        let _ = std::fs::remove_dir_all(project.path("out"));
        let ended = container.night(&project);
        if ended.code == Some(2) {
            ended.says(&["more memory", "or what the container may have"]);
        }
        codes.push(ended.code);
    }
    assert_eq!(codes, [Some(0), Some(0), Some(2)]);
}

#[test]
fn threads_share_the_heaps_of_the_process_that_was_started() {
    let project = project(ENDLESS);
    let mut night = project.start("2026-06-30");
    let variables = format!("/proc/{}/environ", night.id());
    let shares = || {
        let variables = std::fs::read(&variables).unwrap_or_default();
        variables.split(|byte| *byte == 0).any(|known| known.starts_with(b"MALLOC_ARENA_MAX="))
    };
    let begun = Instant::now();
    while !shares() && begun.elapsed() < Duration::from_mins(1) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let (shares, ended) = (shares(), night.try_wait().unwrap());
    night.kill().unwrap();
    night.wait().unwrap();
    assert!(shares && ended.is_none(), "{ended:?}");
}
