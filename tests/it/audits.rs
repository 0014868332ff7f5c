//! What is computed and must not be published: the file and the rule by name; the night, or one segmentation of it, stays as
//! it was.
#![cfg(test)] // so that clippy takes the helpers for tests too

use crate::support::data::{int, table, text};
use crate::support::{Ended, Project};

/// Three people, of whom `c` has n = 0, and a committed night.
fn committed() -> Project {
    let project = Project::new(
        "[sources.people]\nlocation = \"in/people/\"\ncolumns = { id = \"text\", word = \"text!\", n = \"int!\" }\n",
    );
    write(&project, &["a", "b", "c"]);
    project.sql("features/account", "SELECT id, word, n FROM raw.people WHERE id IS NOT NULL");
    project.sql("segments/everyone", "SELECT id FROM feature.account");
    project.night("2026-06-01");
    project
}

fn write(project: &Project, ids: &[&str]) {
    let numbers: Vec<i64> = (0..ids.len()).rev().map(|n| i64::try_from(n).unwrap()).collect();
    let words: Vec<&str> = ids.iter().map(|id| if *id == "a" { "12" } else { "x" }).collect();
    let rows = table(&[("id", text(ids)), ("word", text(&words)), ("n", int(&numbers))]);
    project.parquet("in/people/part.parquet", &rows);
}

/// A night that must go on without `segment.bad`.
#[track_caller]
fn goes_on(project: &Project, words: &[&str]) -> Ended {
    let ended = project.run("2026-06-02");
    assert_eq!(ended.code, Some(4), "{}\n{}", ended.out, ended.err);
    let report = ended.report();
    assert_eq!(report["code"], "committed_stale");
    assert_eq!(report["stale"].as_array().unwrap().len(), 1, "{}", report["stale"]);
    ended.says(&["bad is stale since 2026-06-02", "segment.bad"]).says(words);
    let rows = project.rows("2026-06-02", "membership", "segmentation");
    assert!(rows.iter().all(|name| name == "everyone"), "{rows:?}");
    ended
}

/// A segment with front matter; it must be kept back by this rule.
#[track_caller]
fn breaks(front: &str, sql: &str, rule: &str, words: &[&str]) -> Ended {
    let project = committed();
    project.sql("segments/bad", &format!("/*\n+++\n{front}\n+++\n*/\n{sql}"));
    let ended = goes_on(&project, &[&format!("({rule})")]);
    ended.says(words);
    let report = ended.report();
    let failed = report["audits"].as_array().unwrap().iter().find(|a| a["of"] == "segment.bad");
    assert_eq!(
        (&failed.unwrap()["rule"], &failed.unwrap()["outcome"]),
        (&rule.into(), &"failed".into())
    );
    ended
}

#[track_caller]
fn query_fails(sql: &str, words: &[&str]) {
    let project = committed();
    project.sql("segments/bad", sql);
    goes_on(&project, &["sql/segments/bad.sql"]).says(words);
}

#[test]
fn an_unknown_label_is_told_with_the_declared_ones() {
    breaks(
        "labels = [\"small\", \"large\"]",
        "SELECT id, CASE WHEN n > 0 THEN 'small' ELSE 'smal' END AS segment FROM feature.account",
        "unknown_label",
        &["1 row has", "`smal`", "small, large"],
    );
}

#[test]
fn a_duplicate_key_is_told_by_key() {
    let twice = "SELECT id FROM feature.account UNION ALL SELECT 'b' AS id";
    breaks("", twice, "duplicate_key", &["1 key (b)", "GROUP BY"]);
}

#[test]
fn a_key_with_two_labels_breaks_an_exclusive_segmentation_only() {
    let two = "SELECT id, 'x' AS segment FROM feature.account UNION ALL SELECT 'b', 'y'";
    breaks("exclusive = true", two, "duplicate_key", &["(b)", "exclusive"]);
    let project = committed();
    project.sql("segments/fine", two);
    project.night("2026-06-02");
}

#[test]
fn at_most_five_keys_are_shown() {
    let project = committed();
    write(&project, &["a", "b", "c", "d", "e", "f", "g"]);
    project.sql(
        "segments/bad",
        "SELECT id FROM feature.account UNION ALL SELECT id FROM feature.account",
    );
    goes_on(&project, &["7 keys (a, b, c, d, e, ...)"]);
}

#[test]
fn a_null_key_is_counted() {
    let project = committed();
    write(&project, &["a", "-", "-"]);
    project.sql("segments/bad", "SELECT id FROM raw.people");
    goes_on(&project, &["segment.bad (null_key): 2 rows have a NULL key", "IS NOT NULL"]);
}

#[test]
fn a_null_label_is_no_member() {
    let project = committed();
    project.sql(
        "segments/some",
        "SELECT id, CASE WHEN n > 0 THEN 'yes' END AS segment FROM feature.account",
    );
    project.night("2026-06-02");
    let rows = project.rows("2026-06-02", "membership", "segmentation segment id");
    assert_eq!(rows[3..], ["some yes a", "some yes b"]);
}

#[test]
fn a_total_segmentation_must_have_everyone() {
    let some = "SELECT id FROM feature.account WHERE n > 0";
    breaks("total = true", some, "total", &["1 key (c)"]);
}

#[test]
fn sizes_and_changes_beyond_the_limits_stop_the_night() {
    let all = "SELECT id FROM feature.account";
    breaks("limits = { min_members = 4 }", all, "min_members", &["3 members, at least 4"]);
    breaks("limits = { max_members = 2 }", all, "max_members", &["3 members, at most 2"]);

    let project = committed();
    write(&project, &["a", "b"]);
    project.sql(
        "segments/everyone",
        &format!("/*\n+++\nlimits = {{ max_change = 0.30 }}\n+++\n*/{all}"),
    );
    let ended = project.fails("2026-06-02", 2, "audit_failed");
    ended.says(&["segment.everyone (max_change)", "2 members after 3", "33.3 %", "30.0 %"]);
}

#[test]
fn a_change_up_to_the_limit_and_a_first_night_pass() {
    let project = committed();
    let limited = |share| {
        format!(
            "/*\n+++\nlimits = {{ max_change = {share} }}\n+++\n*/SELECT id FROM feature.account"
        )
    };
    project.sql("segments/everyone", &limited("0.34")).sql("segments/fresh", &limited("0"));
    write(&project, &["a", "b"]);
    project.night("2026-06-02");
}

#[test]
fn sizes_that_drift_beyond_the_limit_fail_and_up_to_it_pass() {
    let project = committed();
    let limited = |limit, cut| {
        let header = format!("/*\n+++\nlimits = {{ max_drift = {limit} }}\n+++\n*/");
        let select =
            format!("SELECT id, CASE WHEN id < '{cut}' THEN 'low' ELSE 'high' END AS segment");
        project.sql("segments/side", &format!("{header}{select} FROM feature.account"));
    };
    limited("0.25", "c");
    project.night("2026-06-02");
    // From two and one of three to one and two: (2/3 - 1/3) ln 2 for each label, 0.462.
    limited("0.25", "b");
    let ended = project.run("2026-06-03");
    assert_eq!(ended.code, Some(4), "{}", ended.err);
    ended.says(&["segment.side (max_drift)", "0.462", "at most 0.250"]);
    limited("0.47", "b");
    project.night("2026-06-04");
}

#[test]
fn the_universe_has_each_key_once() {
    let project = committed();
    project.sql("features/account", "SELECT id, n FROM raw.people UNION ALL SELECT 'a', 1");
    project.sql("segments/everyone", "SELECT DISTINCT id FROM feature.account");
    let ended = project.fails("2026-06-02", 2, "audit_failed");
    ended.says(&["feature.account (duplicate_key)", "(a)"]);
}

#[test]
fn an_audit_that_returns_rows_stops_the_night_and_one_that_warns_does_not() {
    let project = committed();
    let audit = |severity| {
        format!(
            "/*\n+++\ntitle = \"n is positive\"\nseverity = \"{severity}\"\n+++\n*/\nSELECT id FROM feature.account WHERE n <= 0"
        )
    };
    project.sql("audits/positive", &audit("block"));
    let ended = project.fails("2026-06-02", 2, "audit_failed");
    ended.says(&["audit.positive", "n is positive: 1 row, c", "sql/audits/positive.sql"]);

    project.sql("audits/positive", &audit("warn"));
    let ended = project.run("2026-06-02");
    ended.says(&[]);
    let report = ended.committed();
    assert_eq!(report["audits"][0]["outcome"], "warned");
    assert_eq!(project.log()[1]["audits"][0]["of"], "audit.positive");
}

#[test]
fn a_failing_division_names_its_file_and_the_guard() {
    query_fails("SELECT id, 10 / n AS score FROM feature.account", &["ivi", "zero", "NULLIF"]);
}

#[test]
fn a_failing_cast_names_its_file_and_the_way_out() {
    query_fails("SELECT id, CAST(word AS INT) AS score FROM feature.account", &["TRY_CAST"]);
}

#[test]
fn a_failing_feature_is_named_and_not_the_segment_that_reads_it() {
    let project = committed();
    project.sql("features/account", "SELECT id, 10 / n AS n FROM raw.people");
    project.sql("segments/everyone", "SELECT id, n AS score FROM feature.account");
    let ended = project.fails("2026-06-02", 2, "query_failed");
    ended.says(&["feature.account failed (sql/features/account.sql)"]);
}

#[test]
fn a_query_beyond_its_memory_names_the_knob() {
    let project = committed();
    project.set("[run]\nmemory_limit = \"2MiB\"\nthreads = 1");
    project.sql(
        "segments/bad",
        "SELECT DISTINCT a.t AS id FROM (SELECT value AS v, repeat('x', 200) AS t FROM generate_series(1, 100000)) AS a \
         JOIN (SELECT value AS v, repeat('y', 200) AS t FROM generate_series(1, 100000)) AS b ON a.t < b.t AND a.v = b.v",
    );
    let ended = project.fails("2026-06-02", 2, "resources_exhausted");
    ended.says(&["segment.bad", "memory_limit", "roster.toml"]);
}

#[test]
fn a_key_of_another_type_than_the_nights_before_is_refused() {
    let project = committed();
    project.sql("features/account", "SELECT n AS id FROM raw.people");
    let ended = project.fails("2026-06-02", 2, "invalid_setting");
    ended.says(&["`id`", "int", "text", "CAST"]);
}

#[test]
fn a_source_that_lost_more_rows_than_it_may_stops_the_night_until_somebody_accepts_it() {
    let project = committed();
    project.set("max_row_drop = 0.30");
    write(&project, &["a", "b"]);
    let ended = project.fails("2026-06-02", 2, "audit_failed");
    ended.says(&["raw.people (row_drop)", "2 rows after 3", "33.3 %", "at most 30.0 %"]);
    ended.says(&["--accept raw.people:row_drop"]);
    project.run_with("2026-06-02", &["--accept", "raw.people:row_drop"]).committed();
    // What it is compared with is the night before, not the largest ever.
    project.night("2026-06-03");
}

#[test]
fn a_row_drop_that_is_no_share_is_a_mistake_of_the_project() {
    let project = committed();
    project.set("max_row_drop = 30");
    let ended = project.fails("2026-06-02", 2, "invalid_project");
    ended.says(&["`max_row_drop` is a share", "0.30"]);
}
