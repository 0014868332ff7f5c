//! `roster run --select` and `--plan`: some segmentations of a night, and what a run would do.
#![cfg(test)] // so that clippy takes the helpers for tests too

use serde_json::Value;

use crate::support::data::{int, table, text};
use crate::support::{Ended, Project, assert_unchanged};

const DAY: &str = "2026-06-02";

/// `low` and `high` rest on nothing, `both` reads them, `first` and `second` are a group.
fn project() -> Project {
    let project = Project::new("[sources.people]\nlocation = \"in/\"\n");
    people(&project, &[1, 2, 3]);
    project.sql("features/account", "SELECT id, n FROM raw.people");
    let header = |text: &str| format!("/*\n+++\n{text}\n+++\n*/\n");
    let low = header("owner = \"ada\"\ntags = [\"size\"]");
    project.sql("segments/low", &format!("{low}SELECT id FROM feature.account WHERE n < 2"));
    let high = header("owner = \"bob\"\ntags = [\"size\"]");
    project.sql("segments/high", &format!("{high}SELECT id FROM feature.account WHERE n > 2"));
    project.sql("segments/both", "SELECT id FROM segment.low UNION SELECT id FROM segment.high");
    for (name, priority) in [("first", 1), ("second", 2)] {
        let group = header(&format!("group = \"g\"\npriority = {priority}"));
        project.sql(&format!("segments/{name}"), &format!("{group}SELECT id FROM feature.account"));
    }
    project.sql(
        "audits/low_is_low",
        "SELECT id FROM segment.low JOIN feature.account USING (id) WHERE n > 2",
    );
    project.sql(
        "audits/high_is_high",
        "SELECT id FROM segment.high JOIN feature.account USING (id) WHERE n < 2",
    );
    project
}

fn people(project: &Project, numbers: &[i64]) {
    let columns = [("id", text(&["a", "b", "c"])), ("n", int(numbers))];
    project.parquet("in/part.parquet", &table(&columns));
}

#[track_caller]
fn names(report: &Value) -> Vec<&str> {
    let segmentations = report["segmentations"].as_array().unwrap().iter();
    segmentations.map(|segmentation| segmentation["name"].as_str().unwrap()).collect()
}

#[track_caller]
fn looked_at(project: &Project, which: &[&str]) -> Value {
    let select: Vec<_> = which.iter().flat_map(|which| ["--select", which]).collect();
    let ended = project.run_with(DAY, &[&["--dry-run"], &select[..]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    ended.report()
}

#[test]
fn a_selection_is_a_name_what_it_reads_what_reads_it_a_tag_or_an_owner() {
    let project = project();
    for (which, chosen) in [
        (&["low"][..], &["low"][..]),
        (&["+both"], &["both", "high", "low"]),
        (&["low+"], &["both", "low"]),
        (&["tag:size"], &["high", "low"]),
        (&["owner:ada", "high"], &["high", "low"]),
        (&["second"], &["first", "second"]),
    ] {
        assert_eq!(names(&looked_at(&project, which)), chosen, "{which:?}");
    }
}

#[test]
fn a_look_computes_what_was_chosen_and_writes_nothing() {
    let project = project();
    project.sql("segments/broken", "SELECT id, 1 / (n - n) AS score FROM feature.account");
    let report = looked_at(&project, &["low"]);
    assert_eq!(report["segmentations"][0]["members"], 1);
    assert!(!project.path("out").exists());
}

fn replace(project: &Project, which: &str) -> Ended {
    project.run_with(DAY, &["--replace", "--select", which])
}

#[test]
fn a_selection_goes_into_a_committed_night_and_the_others_stay() {
    let project = project();
    project.night("2026-06-01");
    project.night(DAY);
    let manifest = project.manifest(DAY);
    // Everybody is low now.
    people(&project, &[1, 1, 1]);
    let ended = replace(&project, "low");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(names(&ended.report()), ["both", "first", "high", "low", "second"]);
    let rows = project.rows(DAY, "membership", "segmentation id since");
    let of = |name: &str| rows.iter().filter(|row| row.starts_with(name)).count();
    assert_eq!((of("low "), of("high "), of("both ")), (3, 1, 2));
    assert!(rows.contains(&"high c 2026-06-01".to_owned()), "{rows:?}");
    assert_eq!(project.manifest(DAY)["input_rows"], manifest["input_rows"]);
    // The same again is there already; the whole night is another one.
    assert_eq!(replace(&project, "low").report()["code"], "already_committed");
    let whole = project.fails(DAY, 5, "committed_differently");
    whole.says(&["--select"]);
    assert_eq!(project.run_with(DAY, &["--replace"]).code, Some(0));
    assert_eq!(project.rows(DAY, "membership", "segmentation id").len(), 3 + 3 + 3);
    assert_eq!(project.roster(&["verify", "--deep"]).code, Some(0));
}

#[test]
fn a_chosen_segmentation_that_fails_stops_the_run_and_one_that_is_kept_stale_stays_so() {
    let project = project();
    project.sql("segments/rate", "SELECT id, 6 / (n - 1) AS score FROM feature.account");
    people(&project, &[2, 3, 4]);
    project.night("2026-06-01");
    people(&project, &[1, 2, 3]);
    assert_eq!(project.run(DAY).code, Some(4));
    let ended = replace(&project, "low");
    assert_eq!(ended.code, Some(4), "{}", ended.err);
    assert_eq!(ended.report()["stale"][0]["segmentation"], "rate");
    let before = project.published();
    assert_eq!(replace(&project, "rate").code, Some(2));
    assert_unchanged(&before, &project.published());
}

#[test]
fn a_selection_needs_a_committed_night_or_a_dry_run() {
    let project = project();
    let ended = project.run_with(DAY, &["--select", "low"]);
    assert_eq!(ended.code, Some(2));
    ended.says(&["--dry-run", "--replace"]);
    let ended = replace(&project, "low");
    assert_eq!(ended.code, Some(2));
    ended.says(&["the night of 2026-06-02 is not committed", "--dry-run"]);
    assert!(!project.path("out").exists());
}

#[test]
fn a_slip_in_a_selection_gets_a_suggestion() {
    let project = project();
    for (which, words) in [
        ("lo", "no segmentation `lo`"),
        ("+hgih", "did you mean `high`?"),
        ("tag:sise", "did you mean `size`?"),
        ("owner:zoe", "there are: ada, bob"),
    ] {
        let ended = project.run_with(DAY, &["--dry-run", "--select", which]);
        assert_eq!(ended.code, Some(2), "{which}");
        ended.says(&[words]);
    }
}

#[test]
fn a_plan_says_what_would_be_read_and_written_and_does_neither() {
    let project = project();
    let plan = |options: &[&str]| project.run_with(DAY, &[&["--plan"], options].concat());
    let ahead = plan(&["--select", "low"]).report();
    assert_eq!(ahead["segmentations"], serde_json::json!(["low"]));
    assert_eq!((&ahead["version"], &ahead["committed"]), (&1.into(), &Value::Null));
    let source = &ahead["sources"]["people"];
    assert_eq!((&source["files"], &source["rows"]), (&1.into(), &3.into()));
    assert!(source["scan_bytes"].as_u64().unwrap() > 0);
    assert!(!project.path("out").exists());
    project.night(DAY);
    let before = project.published();
    assert_eq!(plan(&[]).report()["committed"], 1);
    let table = project.roster(&["run", "--plan", "--as-of", "2026-06-03"]).out;
    assert!(table.contains("would be version 2, compared with 2026-06-02"), "{table}");
    people(&project, &[7, 7, 7]);
    let ended = plan(&[]);
    assert_eq!(
        (ended.code, ended.report()["code"].as_str()),
        (Some(5), Some("committed_differently"))
    );
    assert_unchanged(&before, &project.published());
}
