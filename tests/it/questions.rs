//! `roster sql` and `roster preview`: questions beside the nights, over the project's tables and what is published.
#![cfg(test)] // so that clippy takes the helpers for tests too

use crate::support::data::{int, read, table, text};
use crate::support::{Ended, Project, assert_unchanged};

/// Two nights: b goes from iron to gold, c leaves, nobody is ever tin.
fn project() -> Project {
    let project = Project::new(
        "[sources.people]\nlocation = \"in/people/\"\nsnapshot = \"dt\"\npii = [\"mail\"]\n\
         columns = { id = \"text!\", tier = \"text\", n = \"int\", mail = \"text\" }\n",
    );
    for (day, ids, tiers) in [
        ("2026-06-01", ["a", "b", "c"], ["gold", "iron", "iron"]),
        ("2026-06-02", ["a", "b", "d"], ["gold", "gold", "iron"]),
    ] {
        let mails = text(&["a@x", "b@x", "c@x"]);
        let columns =
            [("id", text(&ids)), ("tier", text(&tiers)), ("n", int(&[1, 2, 0])), ("mail", mails)];
        project.parquet(&format!("in/people/dt={day}/part.parquet"), &table(&columns));
    }
    project.sql("features/account", "SELECT id, tier, n, mail FROM raw.people");
    project.sql(
        "segments/tier",
        "/*\n+++\nexclusive = true\nlabels = [\"gold\", \"iron\", \"tin\"]\n+++\n*/\n\
         SELECT id, tier AS segment, n AS score FROM feature.account",
    );
    project.night("2026-06-01");
    project.night("2026-06-02");
    project
}

/// The lines of the answer as CSV, behind the one of names.
#[track_caller]
fn rows(project: &Project, sql: &str) -> Vec<String> {
    let ended = project.roster(&["sql", sql, "--format", "csv"]);
    assert_eq!(ended.code, Some(0), "{sql}: {}{}", ended.out, ended.err);
    ended.out.lines().skip(1).map(str::to_owned).collect()
}

#[track_caller]
fn refused(project: &Project, sql: &str, words: &[&str]) -> Ended {
    let ended = project.roster(&["sql", sql]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{sql}: {}", ended.err);
    ended.says(words);
    ended
}

#[test]
fn the_text_of_any_file_of_the_project_is_a_question() {
    let project = project();
    let audit = "/*\n+++\nseverity = \"warn\"\n+++\n*/\nSELECT id FROM raw.people WHERE n = 0";
    assert_eq!(rows(&project, audit), ["d"]);
    let segment = std::fs::read_to_string(project.path("sql/segments/tier.sql")).unwrap();
    assert_eq!(rows(&project, &segment).len(), 3);
}

#[test]
fn segment_members_are_those_of_the_current_night_of_a_day_or_of_a_version() {
    let project = project();
    let members = |arguments: &str| {
        rows(&project, &format!("SELECT id, as_of FROM segment_members({arguments}) ORDER BY id"))
    };
    assert_eq!(members("'tier', 'gold'"), ["a,2026-06-02", "b,2026-06-02"]);
    for first in ["DATE '2026-06-01'", "'2026-06-01'", "1"] {
        assert_eq!(members(&format!("'tier', 'gold', {first}")), ["a,2026-06-01"], "{first}");
    }
    assert_eq!(members("'tier', 'tin'"), [""; 0], "declared, and nobody is");
    let joined = "SELECT count(*) FROM segment_members('tier', 'gold') AS now \
                  JOIN segment_members('tier', 'iron', 1) AS earlier USING (id)";
    assert_eq!(rows(&project, joined), ["1"]);
}

#[test]
fn segment_members_of_a_name_that_is_not_there_are_a_mistake_with_a_suggestion() {
    let project = project();
    let members = |arguments: &str| format!("SELECT *\nFROM segment_members({arguments})");
    refused(
        &project,
        &members("'tier', 'golt'"),
        &["no segment of tier, 'golt'", "'gold'?", ":2:6"],
    );
    refused(
        &project,
        &members("'teir', 'gold'"),
        &["no segmentation 'teir'", "did you mean 'tier'?"],
    );
    refused(&project, &members("tier, 'gold'"), &["segmentation must be text in single quotes"]);
    refused(&project, &members("'tier'"), &["segment_members('segmentation', 'segment'", "got 1"]);
    refused(&project, &members("'tier', 'gold', 9"), &["there is no version 9", "roster log"]);
    refused(&project, &members("'tier', 'gold', 'x'"), &["a version of the log or a day"]);
    let day = members("'tier', 'gold', DATE '2026-05-01'");
    refused(&project, &day, &["2026-05-01 is not committed", "2026-06-01, 2026-06-02"]);
}

#[test]
fn membership_history_has_a_key_on_all_live_nights() {
    let project = project();
    let history = |key: &str| {
        let sql = format!("SELECT as_of, segment, since FROM membership_history({key}) ORDER BY 1");
        rows(&project, &sql)
    };
    assert_eq!(history("'b'"), ["2026-06-01,iron,2026-06-01", "2026-06-02,gold,2026-06-02"]);
    assert_eq!(history("'c'"), ["2026-06-01,iron,2026-06-01"]);
    assert_eq!(history("'nobody'"), [""; 0]);
    refused(&project, "SELECT * FROM membership_history(b)", &["a constant id, text"]);
    project.roster(&["forget", "b"]);
    assert_eq!(history("'b'"), [""; 0]);
}

#[test]
fn a_question_of_what_is_published_needs_no_sound_sql() {
    let project = project();
    project.sql("segments/broken", "SELECT oops FROM nowhere");
    let sql = "SELECT segment, members FROM published.summary ORDER BY segment";
    assert_eq!(rows(&project, sql), ["gold,2", "iron,1", "tin,0"]);
    let ended = project.roster(&["sql", "SELECT * FROM feature.account"]);
    assert_eq!(ended.code, Some(2));
    ended.says(&["sql/segments/broken.sql"]);
}

#[test]
fn the_tables_of_the_project_are_those_of_the_night_that_is_asked_for() {
    let project = project();
    let sql = "SELECT count(*) FROM feature.account a JOIN segment.tier s USING (id) \
               WHERE s.segment = 'gold' AND s.score >= 1";
    assert_eq!(rows(&project, sql), ["2"], "by itself the current night");
    let earlier = project.roster(&["sql", sql, "--format", "csv", "--as-of", "2026-06-01"]);
    assert_eq!(earlier.out, "count(*)\n1\n");
    let previous = "SELECT id FROM previous.membership WHERE segment = 'gold'";
    assert_eq!(rows(&project, previous), ["a"]);
}

#[test]
fn a_question_reads_the_segments_of_a_group_as_they_are_settled() {
    let project = project();
    for (name, priority) in [("first", 1), ("second", 2)] {
        let header = format!("/*\n+++\ngroup = \"g\"\npriority = {priority}\n+++\n*/\n");
        project.sql(
            &format!("segments/{name}"),
            &format!("{header}SELECT id FROM feature.account WHERE n < {priority}"),
        );
    }
    assert_eq!(rows(&project, "SELECT id FROM segment.second"), ["a"], "d is first already");
}

#[test]
fn before_the_first_night_the_day_is_asked_for() {
    let project =
        Project::new("[sources.people]\nlocation = \"in/\"\ncolumns = { id = \"text\" }\n");
    project.parquet("in/part.parquet", &table(&[("id", text(&["a"]))]));
    project.sql("segments/all", "SELECT id FROM raw.people");
    refused(&project, "SELECT * FROM raw.people", &["no night is committed", "--as-of"]);
    refused(&project, "SELECT * FROM published.membership", &["--as-of"]);
    let ended = project.roster(&["sql", "SELECT * FROM raw.people", "--as-of", "2026-06-01"]);
    assert_eq!(ended.out, "+----+\n| id |\n+----+\n| a  |\n+----+\n");
    let ended =
        project.roster(&["sql", "SELECT * FROM published.membership", "--as-of", "2026-06-01"]);
    assert_eq!(ended.code, Some(2));
    ended.says(&["nothing is committed yet", "roster run"]);
}

#[test]
fn mistakes_are_shown_where_they_stand_in_the_question() {
    let project = project();
    refused(
        &project,
        "SELECT iid\nFROM feature.account",
        &["error[unknown_column]", "query:1:8", "`id`?"],
    );
    refused(
        &project,
        "SELECT * FROM published.membershp",
        &["did you mean `published.membership`?"],
    );
    refused(&project, "SELECT * FROM '/etc/passwd'", &["is not a table of the project"]);
    refused(&project, "DROP TABLE raw.people", &["DROP is not a SELECT"]);
    refused(&project, "SELECT now()", &["error[volatile]"]);
    let ended = project.roster(&["sql", "SELECT 1 / n AS x FROM feature.account"]);
    assert_eq!(ended.code, Some(2));
    ended.says(&["a division by zero", "NULLIF"]);
}

#[test]
fn personal_columns_are_left_out_unless_they_are_asked_for() {
    let project = project();
    let sql = "SELECT id, mail, upper(mail) AS m FROM feature.account ORDER BY id";
    let ended = project.roster(&["sql", sql, "--format", "json"]);
    assert_eq!(ended.out.lines().next().unwrap(), "{\"id\":\"a\"}");
    ended.says(&["personal columns are left out: mail, m", "--show-values"]);
    let ended = project.roster(&["sql", sql, "--format", "json", "--show-values"]);
    assert_eq!(ended.out.lines().next().unwrap(), "{\"id\":\"a\",\"mail\":\"a@x\",\"m\":\"A@X\"}");
}

#[test]
fn a_night_may_not_look_at_what_is_published_later() {
    let project = project();
    project.sql("segments/peek", "SELECT id FROM segment_members('tier', 'gold')");
    project.sql("segments/look", "SELECT id FROM published.membership");
    let ended = project.roster(&["check", "--as-of", "2026-06-02"]);
    assert_eq!(ended.code, Some(2));
    ended.says(&[
        "sql/segments/peek.sql:1:16",
        "previous.membership",
        "segment.look must not read published",
    ]);
}

#[test]
fn rows_go_into_a_file_that_is_whole_or_not_there() {
    let project = project();
    let path = project.path("rows.parquet");
    let to = path.to_str().unwrap();
    let parquet = ["--format", "parquet", "--output", to];
    let ask = |sql| project.roster(&[&["sql", sql], &parquet[..]].concat());
    let before = project.published();
    assert_eq!(ask("SELECT 1 / n FROM feature.account").code, Some(2));
    assert!(!path.exists());
    assert_eq!(ask("SELECT * FROM published.account").code, Some(0));
    assert_eq!(read(&path)[0].num_rows(), 3);
    assert_eq!(
        std::fs::read_dir(project.path("."))
            .unwrap()
            .filter(|entry| {
                entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".tmp")
            })
            .count(),
        0
    );
    assert_unchanged(&before, &project.published());
    let ended = project.roster(&["sql", "SELECT 1", "--output", "/nowhere/x"]);
    assert_eq!(ended.code, Some(2));
    ended.says(&["cannot write the rows", "--output"]);
}

#[test]
fn lists_need_another_format_than_csv() {
    let project = project();
    let sql = "SELECT memberships FROM published.account";
    let ended = project.roster(&["sql", sql, "--format", "csv"]);
    assert_eq!(ended.code, Some(2));
    ended.says(&["not supported in CSV", "--format json"]);
}

#[test]
fn whoever_closes_the_pipe_has_read_enough() {
    let project = project();
    let sql = "SELECT a.id FROM feature.account a, generate_series(1, 200000) g";
    let mut command = project.command(&["sql", sql, "--format", "csv"]);
    let mut child = command.arg("--project").arg(project.path("")).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn a_preview_tells_size_share_and_some_rows_and_publishes_nothing() {
    let project = project();
    let before = project.published();
    let ended = project.roster(&["preview", "tier", "--limit", "2"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    insta::assert_snapshot!(ended.out, @r"
    tier on 2026-06-02: 3 of 3 keys; nothing is published

    segment  members   share
    gold           2  66.7 %
    iron           1  33.3 %
    tin            0   0.0 %

    +----+---------+-------+
    | id | segment | score |
    +----+---------+-------+
    | a  | gold    | 1.0   |
    | b  | gold    | 2.0   |
    +----+---------+-------+
    ");
    let earlier = ["preview", "segment.tier", "--as-of", "2026-06-01", "--format", "json"];
    let json: serde_json::Value = serde_json::from_str(&project.roster(&earlier).out).unwrap();
    assert_eq!((&json["members"], &json["segments"][1]["segment"]), (&3.into(), &"iron".into()));
    assert_eq!(json["sample"][1], serde_json::json!({"id": "b", "segment": "iron", "score": 2.0}));
    assert_unchanged(&before, &project.published());
}

#[test]
fn a_preview_reads_only_what_it_rests_on_and_shows_nothing_personal() {
    let project = project();
    project.sql("segments/broken", "SELECT id, 1 / n AS score FROM feature.account");
    project.sql("segments/mail", "SELECT id, mail, n FROM feature.account");
    let ended = project.roster(&["preview", "mail"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.contains("| id | segment | score | n |"), "{}", ended.out);
    let ended = project.roster(&["preview", "broken"]);
    assert_eq!(ended.code, Some(2));
    ended.says(&["sql/segments/broken.sql", "a division by zero"]);
    let ended = project.roster(&["preview", "teir"]);
    assert_eq!(ended.code, Some(2));
    ended.says(&["there is no segmentation `teir`", "did you mean `tier`?"]);
}

#[test]
fn forgotten_keys_are_in_no_answer() {
    let project = project();
    assert_eq!(project.roster(&["forget", "a"]).code, Some(0));
    assert!(project.roster(&["preview", "tier"]).out.contains("tier on 2026-06-02: 2 of 2 keys"));
    project.sql("segments/gold", "SELECT id FROM segment.tier WHERE segment = 'gold'");
    assert_eq!(rows(&project, "SELECT id FROM segment.tier ORDER BY id"), ["b", "d"]);
}
