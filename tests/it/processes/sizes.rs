//! What a night costs: memory against rows and limits, and cores against `threads`.
#![cfg(test)] // so that clippy takes the helpers for tests too

use super::{project, set_or};
use crate::support::Project;
use crate::support::cost::Cost;
use crate::support::data::{int, table, text};

const MIB: u64 = 1 << 20;
/// The program with one small night, in the dev profile: 125 MiB were measured, and its pages differ from build to build.
const BASE_BYTES: u64 = 160 * MIB;
/// What waits for its turn in memory, however many rows there are: rows of segmentations (32 MiB), memberships on the way to
/// their accounts (24 MiB), and of three tables a row group that is still open (16 MiB).
const WAITING_BYTES: u64 = 104 * MIB;
/// A planned segmentation; 50 KiB were measured.
const PLAN_BYTES: u64 = 64 << 10;
/// A row of the one segmentation that is in memory, sorted, compared and written at a time.
const ROW_BYTES: u64 = 512;

/// A project whose segments hold all its accounts.
fn everyone(accounts: u32, segments: u32) -> Project {
    let project = Project::new("[sources.x]\nlocation = \"in/x/\"\n");
    project.set("[run]\nmemory_limit = \"64MiB\"\nthreads = 2");
    let ids: Vec<String> = (0..accounts).map(|id| format!("key-{id:08}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let numbers: Vec<i64> = (0..accounts).map(i64::from).collect();
    project.parquet("in/x/a.parquet", &table(&[("id", text(&ids)), ("n", int(&numbers))]));
    project.sql("features/account", "SELECT id, n FROM raw.x");
    for segment in 0..segments {
        let sql = format!(
            "SELECT id, n AS score, n + {segment} AS why FROM feature.account WHERE n >= 0"
        );
        project.sql(&format!("segments/s{segment:03}"), &sql);
    }
    project
}

fn cost_of(accounts: u32, segments: u32) -> Cost {
    let project = everyone(accounts, segments);
    let (ended, cost) = project.cost_of("2026-06-01");
    let rows = accounts * segments;
    assert_eq!(ended.committed()["tables"]["membership"]["rows"], rows);
    println!(
        "{accounts:>8} accounts x {segments:>4} segments = {rows:>9} rows: peak {:>5} MiB, {:>6.1} CPU s",
        cost.peak_bytes / MIB,
        cost.cpu.as_secs_f64()
    );
    cost
}

/// `ROSTER_ACCOUNTS` says how many accounts the first company has.
#[test]
fn memory_does_not_grow_with_the_rows_of_all_segmentations_together() {
    let accounts = u32::try_from(set_or("ROSTER_ACCOUNTS", 1000)).unwrap();
    for (accounts, segments) in [(accounts, 10), (accounts, 100), (10 * accounts, 100)] {
        let cost = cost_of(accounts, segments);
        let grows = u64::from(segments) * PLAN_BYTES + u64::from(accounts) * ROW_BYTES;
        assert!(cost.peak_bytes <= BASE_BYTES + WAITING_BYTES + grows, "{cost:?}");
    }
}

/// Keeps 300,000 groups of 800 bytes.
const GROUPING: &str = "SELECT id, CAST(count(*) AS DOUBLE) AS score \
    FROM (SELECT id, repeat(md5(id || g.value), 24) AS proof, count(*) AS n \
          FROM raw.x CROSS JOIN generate_series(1, 100) AS g (value) GROUP BY 1, 2) GROUP BY id";

/// Batches of 8,192 rows on their way between operators, 7 MB each here, are in no limit.
const IN_FLIGHT_BYTES: u64 = 32 * MIB;

#[test]
#[ignore = "a minute of spilling: .ci/full"]
fn what_queries_keep_stays_within_the_memory_limit() {
    let project = project(GROUPING);
    project.set("[run]\nmemory_limit = \"32MiB\"\nthreads = 1");
    let (ended, limited) = project.cost_of("2026-06-01");
    ended.committed();
    project.edit_toml("memory_limit", "# memory_limit");
    let (ended, free) = project.cost_of("2026-06-02");
    ended.committed();
    println!("{limited:?}, without a limit {free:?}");
    let ceiling_bytes = BASE_BYTES + 32 * MIB + IN_FLIGHT_BYTES;
    assert!(limited.peak_bytes <= ceiling_bytes, "{limited:?}");
    assert!(free.peak_bytes > ceiling_bytes, "there was nothing to limit: {free:?}");
}

#[test]
fn one_thread_computes_on_one_core() {
    let project = project(GROUPING);
    project.set("[run]\nthreads = 1");
    let (ended, cost) = project.cost_of("2026-06-01");
    ended.committed();
    // Reading, writing and signals are beside it.
    assert!(cost.cpu.as_secs_f64() <= cost.wall.as_secs_f64() * 1.25, "{cost:?}");
}
