//! SQL that tries to do more than read, and SQL without end.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::net::TcpListener;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::data::{int, table, text};
use crate::support::{Ended, Project};

fn project(sql: &str) -> Project {
    let project = Project::new("[sources.x]\nlocation = \"in/x/\"\n");
    let ids: Vec<String> = (0..1000).map(|number| format!("a{number:04}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let rows = table(&[("id", text(&ids)), ("n", int(&vec![7; 1000]))]);
    project.parquet("in/x/a.parquet", &rows);
    project.sql("segments/bad", sql);
    project
}

#[track_caller]
fn refuses(sql: &str, words: &[&str]) -> Ended {
    let project = project(sql);
    let checked = project.roster(&["check", "--as-of", "2026-06-01"]);
    assert_eq!(checked.code, Some(2), "{}", checked.err);
    checked.says(&["sql/segments/bad.sql"]).says(words);
    project.fails("2026-06-01", 2, "invalid_project")
}

#[test]
fn statements_in_disguise_are_refused_too() {
    for (sql, words) in [
        ("SELECT id INTO copied FROM raw.x", "DDL"),
        ("WITH a AS (INSERT INTO raw.x VALUES ('z', 1) RETURNING id) SELECT id FROM a", "INSERT"),
        ("PREPARE a AS SELECT id FROM raw.x", "PREPARE is not a SELECT"),
        ("SHOW TABLES", "SHOW is not a SELECT"),
        ("DESCRIBE raw.x", "DESCRIBE is not a SELECT"),
        ("SELECT id FROM raw.x FOR UPDATE", "FOR UPDATE"),
        ("SELECT id FROM raw.x WHERE n = $1", "$1"),
        ("SELECT * FROM read_parquet('/etc/passwd')", "read_parquet"),
        ("SELECT * FROM parquet_metadata('/etc/passwd')", "parquet_metadata"),
        ("SELECT id FROM raw.x; -- one\n;DELETE FROM raw.x", "statements"),
        ("", "no SQL"),
        ("SELECT id\0 FROM raw.x", "\u{2400}"),
    ] {
        refuses(sql, &[words]);
    }
}

#[test]
fn a_mistake_at_a_letter_of_several_bytes_is_shown() {
    for sql in
        ["SELECT id FROM raw.x WHERE id = \u{201c}a\u{201d}", "SELECT id FROM raw.x \u{20ac}"]
    {
        refuses(sql, &["sql/segments/bad.sql:1:"]);
    }
}

#[test]
fn an_address_in_sql_is_never_called() {
    let spy = TcpListener::bind("127.0.0.1:0").unwrap();
    spy.set_nonblocking(true).unwrap();
    let port = spy.local_addr().unwrap().port();
    for sql in [
        format!("SELECT * FROM 'http://127.0.0.1:{port}/x.parquet'"),
        format!("SELECT * FROM \"http://127.0.0.1:{port}/x.parquet\""),
        format!("SELECT id FROM raw.x WHERE id IN (SELECT id FROM 's3://127.0.0.1:{port}/x')"),
        format!("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'http://127.0.0.1:{port}/x'"),
        format!("COPY raw.x TO 'http://127.0.0.1:{port}/x'"),
    ] {
        refuses(&sql, &[]);
        assert!(spy.accept().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    }
}

#[test]
fn what_a_segment_returns_is_judged_before_a_row_is_read() {
    for (sql, words) in [
        ("SELECT id, n AS score, n AS score FROM raw.x", "score"),
        ("SELECT id, id AS score FROM raw.x", "a score is a number"),
        ("SELECT id, n AS segment FROM raw.x", "a label is text"),
        ("SELECT CAST(n AS DOUBLE) AS id FROM raw.x", "a key is text or an integer"),
        ("SELECT n FROM raw.x", "does not return the entity key"),
    ] {
        refuses(sql, &[words]);
    }
}

#[test]
fn sql_that_is_deeper_than_the_stack_is_refused_and_ends_no_process() {
    let chain = |many: usize, part: &str, between: &str| vec![part; many].join(between);
    for (sql, words) in [
        (format!("SELECT id FROM raw.x WHERE {}", chain(501, "n > 1", " OR ")), "500 operators"),
        (format!("SELECT id, {} AS score FROM raw.x", chain(20_000, "n", " + ")), "500 operators"),
        (chain(600, "SELECT id FROM raw.x", " UNION ALL "), "500 operators"),
        (
            format!("SELECT id FROM raw.x WHERE {}n > 1{}", "(".repeat(999), ")".repeat(999)),
            "limit",
        ),
        (format!("SELECT id FROM raw.x WHERE n > {}1", "- ".repeat(5000)), "limit"),
        (format!("{}raw.x{}", "SELECT id FROM (".repeat(500), ")".repeat(500)), "limit"),
        (format!("DELETE FROM raw.x WHERE {}", chain(20_000, "n > 1", " OR ")), "500 operators"),
    ] {
        refuses(&sql, &[words]);
    }
}

#[test]
fn long_sql_that_is_not_deep_is_computed() {
    let list = (0..20_000).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let project = project(&format!("SELECT id FROM raw.x WHERE n IN ({list})"));
    let whens: Vec<_> = (0..300).map(|n| format!("WHEN n = {n} THEN 'l{n}'")).collect();
    let case = format!("SELECT id, CASE {} END AS segment FROM raw.x", whens.join(" "));
    project.sql("segments/labelled", &case);
    let report = project.night("2026-06-01");
    assert_eq!(report["segmentations"][0]["members"], 1000);
    assert_eq!(report["segmentations"][1]["members"], 1000);
}

const EXPLODES: &str =
    "SELECT a.id || b.id || c.id AS id FROM raw.x AS a CROSS JOIN raw.x AS b CROSS JOIN raw.x AS c";

#[test]
fn a_join_that_explodes_ends_at_the_memory_limit_and_names_the_knob() {
    for layer in ["segment", "feature"] {
        let project = project(EXPLODES);
        if layer == "feature" {
            project.sql("features/all", EXPLODES);
            project.sql("segments/bad", "SELECT id FROM feature.all");
            project.sql("segments/too", "SELECT id FROM feature.all");
        }
        project.set("[run]\nmemory_limit = \"64MiB\"\nthreads = 1");
        let ended = project.fails("2026-06-01", 2, "resources_exhausted");
        ended.says(&[layer, "memory_limit", "roster.toml"]);
        assert_eq!(project.left_in_tmp(), 0);
    }
}

#[test]
fn a_recursion_without_end_ends_by_a_signal() {
    // Few rows at a time, in bounded memory, for ever.
    let project = project(
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n % 5 + 1 FROM t) \
         SELECT id FROM raw.x WHERE n < (SELECT count(*) FROM t)",
    );
    project.set("[run]\nthreads = 1");
    let mut child = project.start("2026-06-01");
    std::thread::sleep(Duration::from_secs(2));
    assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let asked = Instant::now();
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert_eq!(ended.code, Some(143), "{}", ended.err);
    assert!(project.published().is_empty());
}
