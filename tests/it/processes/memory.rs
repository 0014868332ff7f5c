//! Little memory changes no byte of a night; too little is told, with the knob.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::collections::BTreeMap;

use super::project;
use crate::support::Project;

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
