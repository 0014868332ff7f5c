//! One segmentation fails among many: it is carried forward, what reads it goes with it, and the answer is 4.
#![cfg(test)] // so that clippy takes the helpers for tests too

use crate::support::data::{int, table, text};
use crate::support::{Ended, Project};

/// A day and its people: key, plan, and a number.
type Night = (&'static str, &'static [(&'static str, &'static str, i64)]);

/// Nights of people; each a name, a plan and a number, of which 0 breaks `segment.rate`.
fn project(nights: &[Night]) -> Project {
    let project = Project::new(
        "[sources.people]\nlocation = \"in/people/\"\nsnapshot = \"dt\"\n\
         columns = { id = \"text!\", plan = \"text!\", n = \"int!\" }\n",
    );
    for (day, people) in nights {
        let ids: Vec<_> = people.iter().map(|person| person.0).collect();
        let plans: Vec<_> = people.iter().map(|person| person.1).collect();
        let numbers: Vec<_> = people.iter().map(|person| person.2).collect();
        let rows = table(&[("id", text(&ids)), ("plan", text(&plans)), ("n", int(&numbers))]);
        project.parquet(&format!("in/people/dt={day}/part.parquet"), &rows);
    }
    project.sql("features/account", "SELECT id, plan, n FROM raw.people");
    project.sql("segments/plan", "SELECT id, plan AS segment FROM feature.account");
    project.sql(
        "segments/rate",
        "SELECT id, plan AS segment, 100 / n AS score, n FROM feature.account",
    );
    project
}

const FOUR_NIGHTS: &[Night] = &[
    ("2026-06-01", &[("a", "pro", 1), ("b", "pro", 2), ("c", "free", 4)]),
    ("2026-06-02", &[("a", "free", 0), ("b", "pro", 2), ("d", "pro", 5)]),
    ("2026-06-03", &[("a", "free", 0), ("b", "pro", 5)]),
    ("2026-06-04", &[("a", "free", 1), ("b", "pro", 4)]),
];

#[track_caller]
fn stale(project: &Project, day: &str, names: &[&str]) -> Ended {
    let ended = project.run(day);
    assert_eq!(ended.code, Some(4), "{}\n{}", ended.out, ended.err);
    let report = ended.report();
    let found = report["stale"].as_array().unwrap().iter();
    let found: Vec<_> = found.map(|stale| stale["segmentation"].as_str().unwrap()).collect();
    assert_eq!(found, names, "{}", ended.err);
    ended
}

#[test]
fn a_failed_segmentation_keeps_its_members_but_those_who_are_no_more_counted() {
    let project = project(FOUR_NIGHTS);
    project.night("2026-06-01");
    let ended = stale(&project, "2026-06-02", &["rate"]);
    assert_eq!(ended.report()["code"], "committed_stale");
    ended.says(&["rate is stale since 2026-06-02", "sql/segments/rate.sql", "NULLIF"]);
    let columns = "segmentation segment id score since evidence";
    assert_eq!(
        project.rows("2026-06-02", "membership", columns),
        [
            "plan free a - 2026-06-02 -",
            "plan pro b - 2026-06-01 -",
            "plan pro d - 2026-06-02 -",
            "rate pro a 100.0 2026-06-01 {\"n\":1}",
            "rate pro b 50.0 2026-06-01 {\"n\":2}",
        ]
    );
    let changes = project.rows("2026-06-02", "change", "segmentation id change previous_segment");
    assert_eq!(changes.last().unwrap(), "rate c left free");
    assert_eq!(changes.iter().filter(|row| row.starts_with("rate")).count(), 1);

    // Again: the same answer, and nothing new in the log.
    let again = stale(&project, "2026-06-02", &["rate"]);
    assert_eq!(again.report()["code"], "already_committed");
    assert_eq!(project.log().len(), 2);
    // Since when is counted from the first night in a row; nothing of the data is in the log.
    stale(&project, "2026-06-03", &["rate"]).says(&["since 2026-06-02"]);
    let night = &project.log()[2]["state"]["nights"][2];
    assert_eq!(night["exit_code"], 4);
    assert_eq!(night["stale"][0]["because"], "segment.rate failed (sql/segments/rate.sql)");
    let status = project.roster(&["status"]);
    assert!(
        status.out.contains("stale since 2026-06-02: rate: segment.rate failed"),
        "{}",
        status.out
    );

    let healed = project.night("2026-06-04");
    assert_eq!(healed["stale"], serde_json::json!([]));
    let rows = project.rows("2026-06-04", "membership", columns);
    assert_eq!(
        rows[2..],
        ["rate free a 100.0 2026-06-04 {\"n\":1}", "rate pro b 25.0 2026-06-01 {\"n\":4}"]
    );
    assert_eq!(project.roster(&["verify", "--deep"]).code, Some(0));
}

#[test]
fn what_reads_it_and_who_shares_its_group_go_with_it() {
    let project = project(FOUR_NIGHTS);
    let grouped = |priority, sql: &str| {
        format!("/*\n+++\ngroup = \"g\"\npriority = {priority}\n+++\n*/\n{sql}")
    };
    project.sql("segments/above", "SELECT id FROM segment.rate WHERE score > 10");
    project.sql("segments/top", "SELECT id FROM segment.above");
    project.sql("segments/first", &grouped(1, "SELECT id FROM feature.account WHERE n < 2"));
    project.sql("segments/second", &grouped(2, "SELECT id, 1 / n AS score FROM feature.account"));
    project.sql("audits/rated", "SELECT id FROM segment.rate WHERE score < 0");
    project.night("2026-06-01");
    let before = project.rows("2026-06-01", "membership", "segmentation segment id");
    let ended = stale(&project, "2026-06-02", &["above", "first", "rate", "second", "top"]);
    ended.says(&["top is stale since 2026-06-02", "with it: segment.rate failed"]);
    let audits = &ended.report()["audits"];
    assert_eq!(
        audits[0]["message"],
        "it was not asked: segment.rate failed (sql/segments/rate.sql)"
    );
    let after = project.rows("2026-06-02", "membership", "segmentation segment id");
    let carried = |rows: &[String]| -> Vec<String> {
        let rows = rows.iter().filter(|row| !row.starts_with("plan") && !row.ends_with(" c"));
        rows.cloned().collect()
    };
    assert_eq!(carried(&after), carried(&before));
}

#[test]
fn a_failed_feature_takes_with_it_what_reads_it_and_no_more() {
    let project = project(FOUR_NIGHTS);
    project.sql("features/rate", "SELECT id, 100 / n AS rate FROM raw.people");
    project.sql("segments/fast", "SELECT id FROM feature.rate WHERE rate > 20");
    project.sql("segments/slow", "SELECT id FROM feature.rate WHERE rate <= 20");
    project.night("2026-06-01");
    let ended = stale(&project, "2026-06-02", &["fast", "rate", "slow"]);
    ended.says(&["feature.rate failed (sql/features/rate.sql)"]);
}

#[test]
fn an_audit_of_a_segmentation_keeps_that_one_back_or_the_whole_night() {
    let audit = |severity| {
        format!(
            "/*\n+++\ntitle = \"nobody is free\"\nseverity = \"{severity}\"\n+++\n*/\n\
             SELECT id FROM segment.plan WHERE segment = 'free'"
        )
    };
    let nights: &[Night] =
        &[("2026-06-01", &[("a", "pro", 1)]), ("2026-06-02", &[("a", "free", 1), ("b", "pro", 2)])];
    let project = project(nights);
    project.sql("audits/paid", &audit("block"));
    project.night("2026-06-01");
    stale(&project, "2026-06-02", &["plan"]).says(&[
        "audit.paid (query)",
        "nobody is free",
        "1 row, a",
    ]);
    let rows = project.rows("2026-06-02", "membership", "segmentation segment id");
    assert_eq!(rows, ["plan pro a", "rate free a", "rate pro b"]);
    assert!(!project.log()[1].to_string().contains("1 row, a"), "the log names a key");

    project.sql("audits/paid", &audit("abort"));
    let before = project.published();
    let ended = project.run_with("2026-06-02", &["--replace"]);
    assert_eq!((ended.code, &ended.report()["code"]), (Some(2), &"audit_failed".into()));
    crate::support::assert_unchanged(&before, &project.published());
}

#[test]
fn a_night_of_failures_alone_and_a_failed_universe_publish_nothing() {
    let project = project(FOUR_NIGHTS);
    project.night("2026-06-01");
    project.sql("segments/plan", "SELECT id, 1 / n AS score FROM feature.account");
    project.fails("2026-06-02", 2, "query_failed").says(&["segment.plan failed"]);
    project.sql("segments/plan", "SELECT id FROM feature.account");
    project.sql("features/account", "SELECT id, plan, n, 1 / n AS inverse FROM raw.people");
    project.sql("segments/rate", "SELECT id, inverse AS score FROM feature.account");
    project.fails("2026-06-02", 2, "query_failed").says(&["feature.account failed"]);
}

#[test]
fn a_first_night_has_no_rows_of_it_and_a_dry_run_says_so_too() {
    let project = project(&FOUR_NIGHTS[1..2]);
    let dry = project.run_with("2026-06-02", &["--dry-run"]);
    assert_eq!((dry.code, &dry.report()["code"]), (Some(4), &"dry_run".into()), "{}", dry.err);
    stale(&project, "2026-06-02", &["rate"]).says(&["without members, as no night is before"]);
    assert_eq!(
        project.rows("2026-06-02", "membership", "segmentation id"),
        ["plan a", "plan b", "plan d"]
    );
}

#[test]
fn what_somebody_accepts_is_published_this_once_and_recorded() {
    let project = project(FOUR_NIGHTS);
    let limited = |severity| {
        format!(
            "/*\n+++\nseverity = \"{severity}\"\nlimits = {{ max_members = 2 }}\n+++\n*/\nSELECT id FROM feature.account"
        )
    };
    project.sql("segments/plan", &limited("abort"));
    let ended = project.fails("2026-06-01", 2, "audit_failed");
    ended.says(&["roster run --accept segment.plan:max_members"]);
    let typo = project.run_with("2026-06-01", &["--accept", "segment.plan:max_member"]);
    assert_eq!((typo.code, project.log().len()), (Some(2), 0));
    typo.says(&["did you mean `segment.plan:max_members`?"]);
    let accepted = ["--accept", "segment.plan:max_members"];
    let report = project.run_with("2026-06-01", &accepted).committed();
    assert_eq!(report["audits"][0]["outcome"], "accepted");
    assert_eq!(project.log()[0]["audits"][0]["outcome"], "accepted");
    assert_eq!(project.rows("2026-06-01", "membership", "segmentation").len(), 6);
    // The orchestrator's command, without it, finds the night done.
    let again = project.run("2026-06-01");
    assert_eq!((again.code, &again.report()["code"]), (Some(0), &"already_committed".into()));

    // Also where the night was committed without the segmentation.
    project.sql("segments/plan", &limited("block"));
    project.sql("segments/rate", "SELECT id FROM feature.account");
    stale(&project, "2026-06-02", &["plan"]).says(&["--accept segment.plan:max_members"]);
    let report =
        project.run_with("2026-06-02", &[&["--replace"], &accepted[..]].concat()).committed();
    assert_eq!((&report["stale"], &report["version"]), (&serde_json::json!([]), &3.into()));
    assert_eq!(project.rows("2026-06-02", "membership", "segmentation").len(), 6);
}

#[test]
fn keys_that_stand_twice_can_not_be_accepted() {
    let project = project(FOUR_NIGHTS);
    project.sql("segments/plan", "SELECT id FROM feature.account UNION ALL SELECT 'a'");
    let ended = project.run_with("2026-06-01", &["--accept", "segment.plan:duplicate_key"]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    ended.says(&["can not be accepted"]);
}

#[test]
fn a_backfill_says_which_of_its_nights_are_stale_and_answers_4_each_time() {
    let project = project(FOUR_NIGHTS);
    let backfill = ["backfill", "--from", "2026-06-01", "--to", "2026-06-04", "--jobs", "2"];
    for _ in 0..2 {
        let ended = project.roster(&backfill);
        assert_eq!(ended.code, Some(4), "{}{}", ended.out, ended.err);
        ended.says(&["rate is stale since 2026-06-02"]);
        assert_eq!(project.log().len(), 4);
    }
}
