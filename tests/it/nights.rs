//! What nights publish, one after the other.
#![cfg(test)] // so that clippy takes the helpers for tests too

use serde_json::Value;

use crate::support::data::{cents, date, float, int, int32, table, text};
use crate::support::{Project, TABLES, assert_unchanged};

/// Daily copies of people with a plan and a number.
fn copies() -> Project {
    let project = Project::new(
        "[sources.people]\nlocation = \"in/people/\"\nsnapshot = \"dt\"\n\
         columns = { id = \"text!\", plan = \"text\", n = \"int\" }\n",
    );
    project.sql("segments/plan", "/*\n+++\nexclusive = true\n+++\n*/\nSELECT id, plan AS segment, n AS score FROM raw.people");
    project
}

/// The copy of a day: `id plan n` for each person.
fn copy(project: &Project, day: &str, people: &[(&str, &str, i64)]) {
    let ids: Vec<&str> = people.iter().map(|person| person.0).collect();
    let plans: Vec<&str> = people.iter().map(|person| person.1).collect();
    let numbers: Vec<i64> = people.iter().map(|person| person.2).collect();
    let rows = table(&[("id", text(&ids)), ("plan", text(&plans)), ("n", int(&numbers))]);
    project.parquet(&format!("in/people/dt={day}/part.parquet"), &rows);
}

const CHANGE: &str = "id change segment previous_segment score previous_score previous_as_of";
const DAY_1: &str = "2026-06-01";
const DAY_2: &str = "2026-06-02";
const DAY_3: &str = "2026-06-03";

fn three_nights() -> Project {
    let project = copies();
    copy(&project, DAY_1, &[("a", "pro", 1), ("b", "pro", 2), ("c", "free", 3)]);
    copy(&project, DAY_2, &[("a", "pro", 9), ("b", "free", 4), ("d", "pro", 5)]);
    copy(&project, DAY_3, &[("a", "pro", 9), ("b", "pro", 6), ("c", "free", 7)]);
    for day in [DAY_1, DAY_2, DAY_3] {
        project.night(day);
    }
    project
}

#[test]
fn on_the_first_night_everyone_enters_and_nobody_was_before() {
    let project = three_nights();
    assert_eq!(
        project.rows(DAY_1, "change", CHANGE),
        ["a entered pro - 1.0 - -", "b entered pro - 2.0 - -", "c entered free - 3.0 - -"]
    );
}

#[test]
fn entries_moves_and_exits_carry_the_last_known_values() {
    let project = three_nights();
    assert_eq!(
        project.rows(DAY_2, "change", CHANGE),
        [
            "b moved free pro 4.0 2.0 2026-06-01",
            "c left - free - 3.0 2026-06-01",
            "d entered pro - 5.0 - 2026-06-01",
        ]
    );
}

#[test]
fn a_stay_lasts_until_it_is_broken_and_then_begins_anew() {
    let project = three_nights();
    let rows = |day| project.rows(day, "membership", "segment id since");
    assert_eq!(rows(DAY_2), ["free b 2026-06-02", "pro a 2026-06-01", "pro d 2026-06-02"]);
    // b was in pro on the first night, and not on the second; so was c in free.
    assert_eq!(rows(DAY_3), ["free c 2026-06-03", "pro a 2026-06-01", "pro b 2026-06-03"]);
}

#[test]
fn without_exclusiveness_a_move_is_an_exit_and_an_entry() {
    let project = copies();
    project.sql("segments/plan", "SELECT id, plan AS segment, n AS score FROM raw.people");
    copy(&project, DAY_1, &[("a", "pro", 1)]);
    copy(&project, DAY_2, &[("a", "free", 2)]);
    project.night(DAY_1);
    project.night(DAY_2);
    assert_eq!(
        project.rows(DAY_2, "change", CHANGE),
        ["a entered free - 2.0 - 2026-06-01", "a left - pro - 1.0 2026-06-01"]
    );
}

#[test]
fn a_segmentation_that_is_taken_out_leaves_exits() {
    let project = three_nights();
    std::fs::remove_file(project.path("sql/segments/plan.sql")).unwrap();
    project.sql("segments/other", "SELECT id FROM raw.people WHERE id = 'a'");
    let report = project.night("2026-06-04");
    let changes = project.rows("2026-06-04", "change", "segmentation id change previous_segment");
    assert_eq!(
        changes,
        ["other a entered -", "plan a left pro", "plan b left pro", "plan c left free"]
    );
    let plan = report["segmentations"].as_array().unwrap().iter().find(|s| s["name"] == "plan");
    assert_eq!((&plan.unwrap()["members"], &plan.unwrap()["left"]), (&0.into(), &3.into()));
}

#[test]
fn the_lowest_number_of_a_group_wins_a_key_whatever_the_names() {
    let project = copies();
    copy(&project, DAY_1, &[("a", "x", 1), ("b", "x", 2), ("c", "x", 3)]);
    let ranked = |priority, sql: &str| {
        format!("/*\n+++\ngroup = \"g\"\npriority = {priority}\n+++\n*/\n{sql}")
    };
    project.sql("segments/aa", &ranked(20, "SELECT id FROM raw.people"));
    project.sql("segments/zz", &ranked(10, "SELECT id FROM raw.people WHERE n >= 2"));
    project.sql("segments/mm", &ranked(15, "SELECT id FROM raw.people WHERE n <= 2"));
    std::fs::remove_file(project.path("sql/segments/plan.sql")).unwrap();
    project.night(DAY_1);
    let rows = project.rows(DAY_1, "membership", "segmentation id");
    assert_eq!(rows, ["mm a", "zz b", "zz c"]);
}

#[test]
fn a_segment_reads_the_published_rows_of_another_after_priority() {
    let project = copies();
    copy(&project, DAY_1, &[("a", "x", 1), ("b", "x", 2), ("c", "-", 3)]);
    let ranked = |priority, sql: &str| {
        format!("/*\n+++\ngroup = \"g\"\npriority = {priority}\n+++\n*/\n{sql}")
    };
    project.sql("segments/first", &ranked(1, "SELECT id FROM raw.people WHERE n = 1"));
    project.sql(
        "segments/second",
        &ranked(2, "SELECT id, n * 10 AS score, plan AS why FROM raw.people"),
    );
    project
        .sql("segments/reader", "SELECT id, segment, score + 1 AS score, why FROM segment.second");
    project.sql("segments/labelled", "SELECT id FROM segment.plan");
    project.night(DAY_1);
    let rows = project.rows(DAY_1, "membership", "segmentation segment id score evidence");
    let of =
        |name: &str| rows.iter().filter(|row| row.starts_with(name)).cloned().collect::<Vec<_>>();
    assert_eq!(
        of("reader"),
        [r#"reader second b 21.0 {"why":"x"}"#, r#"reader second c 31.0 {"why":null}"#]
    );
    // c has no label: it is no member that others could see.
    assert_eq!(of("labelled"), ["labelled labelled a - -", "labelled labelled b - -"]);
}

#[test]
fn a_segment_looks_back_on_the_night_before() {
    let project = copies();
    project.sql(
        "segments/back",
        "SELECT p.id, m.segment AS was, m.since FROM raw.people AS p JOIN previous.membership AS m USING (id) \
         WHERE m.segmentation = 'plan' AND m.segment <> p.plan",
    );
    copy(&project, DAY_1, &[("a", "pro", 1), ("b", "pro", 2)]);
    copy(&project, DAY_2, &[("a", "pro", 1), ("b", "free", 2)]);
    project.night(DAY_1);
    assert_eq!(project.rows(DAY_1, "membership", "segmentation id"), ["plan a", "plan b"]);
    project.night(DAY_2);
    let rows = project.rows(DAY_2, "membership", "segmentation id evidence");
    assert_eq!(rows[0], r#"back b {"was":"pro","since":"2026-06-01"}"#);
}

#[test]
fn the_copy_of_the_night_is_the_newest_that_is_not_later() {
    let project = copies();
    copy(&project, DAY_1, &[("a", "pro", 1)]);
    copy(&project, "2026-06-04", &[("a", "free", 1)]);
    project.night(DAY_3);
    assert_eq!(project.rows(DAY_3, "membership", "id segment"), ["a pro"]);
}

#[test]
fn a_key_keeps_its_type() {
    let project = Project::new("[sources.x]\nlocation = \"in/x/\"\n");
    project.parquet("in/x/a.parquet", &table(&[("id", int32(&[7, -3]))]));
    project.sql("segments/all", "SELECT id FROM raw.x");
    project.night(DAY_1);
    for table in ["membership", "change"] {
        let batches = project.batches(DAY_1, table);
        let schema = batches[0].schema();
        assert_eq!(
            schema.field_with_name("id").unwrap().data_type(),
            &arrow::datatypes::DataType::Int32
        );
        assert_eq!(project.rows(DAY_1, table, "id"), ["-3", "7"]);
    }
}

#[test]
fn an_optional_source_that_is_absent_is_an_empty_table() {
    let project = copies();
    copy(&project, DAY_1, &[("a", "pro", 1)]);
    project.set("[sources.visits]\noptional = true\nevent_time = \"at\"\ncolumns = { id = \"text!\", at = \"timestamp!\" }");
    project.sql(
        "segments/visited",
        "SELECT p.id, count(v.at) AS score FROM raw.people AS p LEFT JOIN raw.visits AS v USING (id) GROUP BY p.id",
    );
    project.night(DAY_1);
    assert_eq!(project.rows(DAY_1, "membership", "segmentation id score")[1], "visited a 0.0");
}

#[test]
fn evidence_is_one_json_object_with_every_further_column() {
    let project = Project::new("[sources.x]\nlocation = \"in/x/\"\n");
    let rows = table(&[
        ("id", text(&["a", "b"])),
        ("note", text(&["two\nlines \"quoted\" \u{202e}ü", "-"])),
        ("amount", cents(&[1999, -5])),
        ("on", date(&["2026-02-28", "-"])),
        ("ratio", float(&[0.5, f64::NAN])),
    ]);
    project.parquet("in/x/a.parquet", &rows);
    project.sql("segments/all", "SELECT id, note, amount, \"on\", ratio, [1, 2] AS list, n > 1 AS flag FROM raw.x CROSS JOIN (SELECT 2 AS n) AS y");
    project.night(DAY_1);
    let rows = project.rows(DAY_1, "membership", "evidence");
    let first: Value = serde_json::from_str(&rows[0]).unwrap();
    assert_eq!(first["note"], "two\nlines \"quoted\" \u{202e}ü");
    assert_eq!(first["on"], "2026-02-28");
    assert_eq!((&first["list"], &first["flag"]), (&serde_json::json!([1, 2]), &true.into()));
    assert!(rows[0].contains("\"amount\":19.99"), "{}", rows[0]);
    let second: Value = serde_json::from_str(&rows[1]).unwrap();
    assert_eq!((&second["note"], &second["on"]), (&Value::Null, &Value::Null));
    assert!(second.as_object().unwrap().contains_key("ratio"));
}

#[test]
fn the_same_night_again_is_answered_and_writes_nothing() {
    let project = three_nights();
    let before = project.published();
    let again = project.run(DAY_3);
    assert_eq!(again.code, Some(0), "{}", again.err);
    assert_eq!(again.report()["code"], "already_committed");
    assert_eq!(again.report()["version"], 3);
    // An earlier night, too.
    assert_eq!(project.run(DAY_1).report()["version"], 1);
    let replaced = project.run_with(DAY_3, &["--replace"]);
    assert_eq!(replaced.report()["code"], "already_committed");
    assert_unchanged(&before, &project.published());
}

#[test]
fn a_night_under_other_sql_or_inputs_is_refused_with_what_differs() {
    let project = three_nights();
    let sql = std::fs::read_to_string(project.path("sql/segments/plan.sql")).unwrap();
    project.sql("segments/plan", &sql.replace("n AS score", "n + 1 AS score"));
    let ended = project.fails(DAY_3, 5, "committed_differently");
    ended.says(&["version 3", "not the same: sql/segments/plan.sql\n", "--replace"]);

    project.sql("segments/plan", &sql);
    copy(&project, DAY_3, &[("a", "pro", 9)]);
    project.fails(DAY_3, 5, "committed_differently").says(&["not the same: raw.people\n"]);

    project.edit_toml("snapshot", "unique = [\"id\"]\nsnapshot");
    let ended = project.fails(DAY_3, 5, "committed_differently");
    ended.says(&["raw.people", "roster.toml"]);
}

#[test]
fn what_changes_no_outcome_makes_no_other_night() {
    let project = three_nights();
    project
        .edit_toml("[project]", "# a comment\n[project]")
        .set("[run]\nthreads = 1\nmemory_limit = \"1GiB\"");
    assert_eq!(project.run(DAY_3).report()["code"], "already_committed");
}

#[test]
fn a_night_older_than_the_current_is_late_and_with_replace_a_side_night() {
    let project = three_nights();
    copy(&project, "2026-05-31", &[("z", "pro", 1)]);
    let ended = project.fails("2026-05-31", 5, "late");
    ended.says(&["2026-06-03 is current", "--replace"]);

    let current = project.hashes(DAY_3);
    let report = project.run_with("2026-05-31", &["--replace"]).committed();
    assert_eq!((&report["advances"], &report["version"]), (&false.into(), &4.into()));
    let log = project.log();
    assert_eq!((&log[3]["feed"], &log[3]["state"]["current"]), (&Value::Null, &DAY_3.into()));
    assert_eq!(project.rows("2026-05-31", "membership", "id"), ["z"]);
    assert_eq!(current, project.hashes(DAY_3));
}

#[test]
fn replacing_the_current_night_feeds_the_difference_to_the_one_replaced() {
    let project = three_nights();
    // Against the night before: a stays, c enters, b and d leave. Against the one replaced: b leaves, no more.
    copy(&project, DAY_3, &[("a", "pro", 9), ("c", "free", 7)]);
    let report = project.run_with(DAY_3, &["--replace"]).committed();
    assert_eq!(report["previous_as_of"], DAY_2);
    let change = project.rows(DAY_3, "change", "id change previous_as_of");
    assert_eq!(change, ["b left 2026-06-02", "c entered 2026-06-02", "d left 2026-06-02"]);
    let feed = project.rows(DAY_3, "feed", "id change previous_segment previous_as_of");
    assert_eq!(feed, ["b left pro 2026-06-03"]);
    let record = project.log().pop().unwrap();
    assert_eq!(record["feed"]["table"], "feed");
    assert_eq!(record["state"]["retained"].as_array().unwrap().len(), 1);
}

#[test]
fn an_ordinary_night_has_no_feed_beside_its_change() {
    let project = three_nights();
    assert_eq!(project.hashes(DAY_2).keys().collect::<Vec<_>>(), TABLES);
    assert_eq!(project.log()[1]["feed"]["table"], "change");
}

#[test]
fn a_dry_run_computes_everything_and_writes_nothing() {
    let project = copies();
    copy(&project, DAY_1, &[("a", "pro", 1)]);
    let ended = project.run_with(DAY_1, &["--dry-run"]);
    let report = ended.report();
    assert_eq!((ended.code, &report["outcome"]), (Some(0), &"dry_run".into()), "{}", ended.err);
    assert_eq!(report["segmentations"][0]["entered"], 1);
    assert!(!project.path("out").exists());
    assert_eq!(project.left_in_tmp(), 0);

    let project = three_nights();
    let before = project.published();
    copy(&project, DAY_3, &[("a", "free", 9)]);
    let ended = project.run_with(DAY_3, &["--dry-run"]);
    assert_eq!(ended.report()["segmentations"][0]["moved"], 1, "{}", ended.err);
    assert_unchanged(&before, &project.published());
}

#[test]
fn the_log_tells_who_stood_on_whom() {
    let project = three_nights();
    let log = project.log();
    for (older, newer) in log.iter().zip(&log[1..]) {
        assert_eq!(newer["previous"], older["attempt_id"]);
        assert_eq!(newer["advances"], true);
    }
    let latest = std::fs::read_to_string(project.path("out/latest.json")).unwrap();
    assert_eq!(latest, r#"{"version":3}"#);
    // Nothing but what the records name, and the hint.
    assert_eq!(
        project.published().iter().filter(|(_, hash)| *hash != "folder").count(),
        3 + 3 + 3 * TABLES.len() + 1
    );
}
