//! `roster check`: all mistakes of a project at once, each where it stands and with the next step.
#![cfg(test)] // so that clippy takes the helpers for tests too

use crate::support::data::{int, table, text};
use crate::support::{Ended, Project};

/// A sound project that every test plants its mistake into.
fn sound() -> Project {
    let project = Project::new(
        r#"[sources.people]
location = "in/people/"
pii = ["email"]
columns = { id = "text!", email = "text", amount = "int!" }
unique = ["id"]
"#,
    );
    let rows = table(&[
        ("id", text(&["a", "b", "c"])),
        ("email", text(&["a@x", "b@x", "-"])),
        ("amount", int(&[1, 2, 0])),
    ]);
    project.parquet("in/people/part.parquet", &rows);
    project.sql("features/account", "SELECT id, amount, email FROM raw.people");
    project.sql("segments/everyone", "SELECT id, amount AS score FROM feature.account");
    project
}

/// `roster check` must find errors; what it says, without colours.
#[track_caller]
fn check(project: &Project) -> Ended {
    let ended = project.roster(&["check", "--as-of", "2026-06-01"]);
    assert_eq!(ended.code, Some(2), "{}{}", ended.out, ended.err);
    ended
}

/// One planted segment; the check must name it, the code and these words, and a run must agree.
#[track_caller]
fn refuses(sql: &str, code: &str, words: &[&str]) {
    let project = sound();
    project.sql("segments/bad", sql);
    let ended = check(&project);
    ended.says(&["sql/segments/bad.sql", &format!("error[{code}]")]).says(words);
    let run = project.fails("2026-06-01", 2, "invalid_project");
    let problems = run.report()["error"]["problems"].clone();
    assert_eq!(problems[0]["code"], code, "{problems}");
    assert_eq!(problems[0]["file"], "sql/segments/bad.sql", "{problems}");
}

#[test]
fn a_sound_project_passes_and_writes_nothing() {
    let project = sound();
    let ended = project.roster(&["check", "--as-of", "2026-06-01", "--warnings-as-errors"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(ended.err, "");
    assert!(ended.out.contains("1 source, 2 SQL files, 1 segmentation: no errors, 0 warnings"));
    assert!(!project.path("out").exists());
}

#[test]
fn all_mistakes_of_a_project_are_told_together_where_they_stand() {
    let project = sound();
    project.edit_toml("pii", "frehsness = \"1d\"\npii").edit_toml("\"int!\"", "\"itn!\"");
    project.sql("staging/peple", "SELECT id FROM raw.poeple\n");
    project.sql("features/usage", "SELECT id,\n       amount\nFORM staging.peple x\n");
    let labels = "/*\n+++\nlables = [\"a\"]\n+++\n*/\nSELECT id FROM feature.acount\n";
    project.sql("segments/one", labels);
    project.sql("segments/two", "DROP TABLE raw.people\n");
    project.sql("segments/three", "SELECT id FROM raw.people;\nSELECT id FROM raw.people\n");
    project.sql("segments/four", "SELECT id FROM segment.five\n");
    project.sql("segments/five", "SELECT id FROM segment.four\n");
    insta::assert_snapshot!(check(&project).err, @r#"
    error[unknown_key]: unknown key `frehsness` in a source
      --> roster.toml:11:1
       |
    11 | frehsness = "1d"
       | ^^^^^^^^^
       |
       = help: did you mean `freshness`?
    error[unknown_type]: unknown type `itn!`
      --> roster.toml:13:52
       |
    13 | columns = { id = "text!", email = "text", amount = "itn!" }
       |                                                    ^^^^^^
       |
       = help: did you mean `int`?
    error[sql_syntax]: expected end of statement, found staging
     --> sql/features/usage.sql:3:6
      |
    3 | FORM staging.peple x
      |      ^^^^^^^
      |
      = help: the SQL stops making sense here; look at what stands just before
    error[cycle]: tables read each other in a circle: segment.five (sql/segments/five.sql) -> segment.four (sql/segments/four.sql) -> segment.five (sql/segments/five.sql)
     --> sql/segments/five.sql:1:16
      |
    1 | SELECT id FROM segment.four
      |                ^^^^^^^^^^^^
      |
      = help: take one of these references out; a group's higher priority is computed first and counts too
    error[unknown_key]: unknown key `lables` in the front matter
     --> sql/segments/one.sql:3:1
      |
    3 | lables = ["a"]
      | ^^^^^^
      |
      = help: did you mean `labels`?
    error[unknown_table]: there is no table feature.acount
     --> sql/segments/one.sql:6:16
      |
    6 | SELECT id FROM feature.acount
      |                ^^^^^^^^^^^^^^
      |
      = help: did you mean `feature.account`?
    error[sql_syntax]: the file holds 2 statements
     --> sql/segments/three.sql:2:1
      |
    2 | SELECT id FROM raw.people
      | ^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: keep one SELECT; others go into files of their own
    error[sql_syntax]: DROP is not a SELECT; a project's SQL only reads
     --> sql/segments/two.sql:1:1
      |
    1 | DROP TABLE raw.people
      | ^^^^
      |
      = help: write one SELECT (WITH is fine); Roster itself writes the results
    error[unknown_table]: there is no table raw.poeple
     --> sql/staging/peple.sql:1:16
      |
    1 | SELECT id FROM raw.poeple
      |                ^^^^^^^^^^
      |
      = help: did you mean `raw.people`?

    error: the project has 9 errors
    "#);
}

#[test]
fn mistakes_in_columns_functions_and_types_are_told_together_too() {
    let project = sound();
    project.sql("segments/one", "SELECT id,\n       amonut AS score\nFROM feature.account\n");
    project
        .sql("segments/two", "SELECT id, renewal_windw(amount) AS segment FROM feature.account\n");
    project.sql("segments/three", "SELECT amount AS score FROM feature.account\n");
    project.sql("segments/four", "SELECT id, email AS contact FROM feature.account\n");
    project.sql("segments/five", "SELECT id FROM feature.account WHERE amount < now()\n");
    insta::assert_snapshot!(check(&project).err, @r#"
    warning[personal_evidence]: `contact` is personal data and stays out of the evidence
     --> sql/segments/four.sql:1:12
      |
    1 | SELECT id, email AS contact FROM feature.account
      |            ^^^^^^^^^^^^^^^^
      |
      = help: take it out of the SELECT
    error[volatile]: `now` gives another answer each time it is asked
     --> sql/segments/five.sql:1:47
      |
    1 | SELECT id FROM feature.account WHERE amount < now()
      |                                               ^^^
      |
      = help: the night has one clock: as_of() is its day, from as_of_start() until before as_of_end()
    error[unknown_column]: there is no column `amonut` here
     --> sql/segments/one.sql:2:8
      |
    2 |        amonut AS score
      |        ^^^^^^
      |
      = help: did you mean `amount`?
    error[missing_key_column]: segment.three does not return the entity key `id`
     --> sql/segments/three.sql:1:1
      |
    1 | SELECT amount AS score FROM feature.account
      | ^^^^^^
      |
      = help: it returns: score; add `id` to the SELECT
    error[unknown_function]: there is no function `renewal_windw`
     --> sql/segments/two.sql:1:12
      |
    1 | SELECT id, renewal_windw(amount) AS segment FROM feature.account
      |            ^^^^^^^^^^^^^
      |
      = help: did you mean `renewal_window`?

    error: the project has 4 errors
    "#);
}

#[test]
fn an_unknown_table_is_told_with_the_nearest_one() {
    refuses("SELECT id FROM feature.acount", "unknown_table", &["did you mean `feature.account`?"]);
    refuses("SELECT id FROM raw.nothing_like_it", "unknown_table", &["[sources.nothing_like_it]"]);
    refuses("SELECT id FROM featur.account", "unknown_table", &["did you mean `feature.account`?"]);
}

#[test]
fn an_unknown_column_or_function_is_told_with_the_nearest_one() {
    let column = "SELECT id, amonut AS score FROM feature.account";
    refuses(column, "unknown_column", &["sql/segments/bad.sql:1:12", "did you mean `amount`?"]);
    let function = "SELECT id, helth_score(amount) AS score FROM feature.account";
    refuses(function, "unknown_function", &["1:12", "did you mean `health_score`?"]);
}

#[test]
fn a_segment_without_the_key_is_told_what_it_returns() {
    refuses(
        "SELECT amount AS score FROM feature.account",
        "missing_key_column",
        &["`id`", "it returns: score"],
    );
}

#[test]
fn a_stray_character_that_is_wide_is_pointed_at() {
    refuses("SELECT 1 \u{20ac}", "sql_syntax", &["sql/segments/bad.sql:1:10", "\u{20ac}", "^"]);
}

#[test]
fn sql_only_reads_and_reads_only_the_catalog() {
    for sql in [
        "DROP TABLE raw.people",
        "INSERT INTO raw.people SELECT * FROM raw.people",
        "CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '/nowhere/x'",
        "SET datafusion.execution.batch_size = 1",
        "EXPLAIN ANALYZE SELECT id FROM raw.people",
        "COPY raw.people TO '/nowhere/copied.parquet'",
        "DELETE FROM raw.people",
        "SELECT id FROM raw.people; SELECT id FROM raw.people",
        "SELECT id FROM raw.people /* ; */; DROP TABLE raw.people",
    ] {
        refuses(sql, "sql_syntax", &["SELECT"]);
    }
    for place in
        ["/etc/passwd", "s3://other/x", "http://169.254.169.254/", "in/people/part.parquet"]
    {
        let sql = format!("SELECT * FROM '{place}'");
        refuses(&sql, "unknown_table", &[place, "files and URLs can not be read from SQL"]);
    }
    refuses("SELECT id FROM information_schema.tables", "unknown_table", &["the layers are"]);
}

#[test]
fn a_trailing_semicolon_is_no_second_statement() {
    let project = sound();
    project.sql("segments/everyone", "SELECT id FROM feature.account; -- all\n");
    project.night("2026-06-01");
}

#[test]
fn clocks_and_dice_are_refused() {
    for call in [
        "now()",
        "current_date",
        "current_date()",
        "current_timestamp",
        "current_time()",
        "random()",
        "uuid()",
        "to_local_time(now())",
    ] {
        refuses(&format!("SELECT id, {call} AS x FROM feature.account"), "volatile", &["as"]);
    }
}

#[test]
fn personal_columns_are_not_published_under_any_name() {
    for (sql, column) in [
        ("SELECT id, email AS segment FROM feature.account", "segment"),
        ("SELECT id, length(email) AS score FROM feature.account", "score"),
        ("SELECT email AS id FROM feature.account", "id"),
        (
            "WITH x AS (SELECT id, email AS e FROM raw.people) SELECT id, e || '' AS segment FROM x",
            "segment",
        ),
        (
            "SELECT id, CASE WHEN amount > 1 THEN email END AS segment FROM feature.account",
            "segment",
        ),
        ("SELECT id, max(email) AS segment FROM feature.account GROUP BY id", "segment"),
    ] {
        refuses(sql, "personal_data", &[&format!("`{column}`"), "personal"]);
    }
}

#[test]
fn personal_columns_stay_out_of_the_evidence_and_the_check_says_so() {
    let project = sound();
    project.sql(
        "segments/everyone",
        "SELECT id, amount, upper(email) AS contact FROM feature.account",
    );
    let ended = project.roster(&["check", "--as-of", "2026-06-01"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    ended.says(&["warning[personal_evidence]", "`contact`"]);
    project.night("2026-06-01");
    let rows = project.rows("2026-06-01", "membership", "id evidence");
    assert_eq!(rows[0], r#"a {"amount":1}"#);
}

#[test]
fn counts_of_personal_columns_may_be_published() {
    let project = sound();
    let sql = "SELECT id, count(DISTINCT email) AS score FROM feature.account WHERE email <> 'q' GROUP BY id";
    project.sql("segments/counted", sql);
    project.night("2026-06-01");
    let rows = project.rows("2026-06-01", "membership", "segmentation id score");
    assert!(rows.contains(&"counted a 1.0".to_owned()), "{rows:?}");
}

#[test]
fn a_layer_reads_its_own_and_lower_ones() {
    for (file, sql) in [
        ("staging/bad", "SELECT id FROM feature.account"),
        ("staging/bad", "SELECT id FROM segment.everyone"),
        ("features/bad", "SELECT id FROM segment.everyone"),
        ("features/bad", "SELECT id FROM previous.membership"),
    ] {
        let project = sound();
        project.sql(file, sql);
        let ended = check(&project);
        ended.says(&[&format!("sql/{file}.sql:1:16"), "error[layer]", "must not read"]);
    }
}

#[test]
fn a_cycle_is_told_as_a_way_with_files() {
    let project = sound();
    project.sql("segments/one", "SELECT id FROM segment.two");
    project.sql("segments/two", "SELECT id FROM segment.three");
    project.sql("segments/three", "SELECT id FROM segment.one");
    let ended = check(&project);
    ended.says(&[
        "error[cycle]",
        "segment.one (sql/segments/one.sql) -> segment.two (sql/segments/two.sql)",
    ]);
    let itself = "SELECT id FROM segment.bad";
    refuses(itself, "cycle", &["segment.bad (sql/segments/bad.sql) -> segment.bad"]);
}

#[test]
fn a_missing_extract_is_told_beside_the_mistakes_in_sql() {
    let project = sound();
    std::fs::remove_dir_all(project.path("in")).unwrap();
    project.sql("segments/bad", "SELECT id, amonut FROM feature.account");
    check(&project).says(&["error[inputs_not_ready]", "roster.toml", "error[unknown_column]"]);
}

#[test]
fn a_folder_without_a_project_says_how_to_get_one() {
    let project = sound();
    let ended =
        project.command(&["run", "--as-of", "2026-06-01", "--project", "/nowhere"]).output();
    let ended = Ended::of(ended.unwrap());
    assert_eq!(ended.code, Some(2));
    ended.says(&["/nowhere/roster.toml", "--project", "roster demo"]);
}

#[test]
fn a_night_must_be_named_and_written_as_a_date() {
    let project = sound();
    for arguments in
        [&["run"][..], &["run", "--as-of", "2026-6-1"], &["run", "--as-of", "yesterday"]]
    {
        let ended = project.roster(arguments);
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        ended.says(&["--as-of"]);
    }
    assert!(!project.path("out").exists());
}

#[test]
fn an_output_over_http_and_an_unknown_scheme_are_refused_before_anything_is_asked() {
    for location in ["http://127.0.0.1:9/out/", "ftp://host/out/"] {
        let project = sound();
        project.edit_toml("\"out/\"", &format!("\"{location}\""));
        check(&project).says(&["error[bad_location]", "roster.toml:7:12"]);
    }
}

#[test]
fn secrets_in_a_location_are_not_shown_with_its_line() {
    let project = Project::new(
        "[sources.x]\nlocation = \"s3://user:canary-pass@bucket/x/?sig=canary-sig\"\n",
    );
    project.sql("segments/all", "SELECT id FROM raw.x");
    for command in [&["check"][..], &["run", "--as-of", "2026-06-01", "--json"]] {
        let ended = project.roster(command);
        assert_eq!(ended.code, Some(2));
        ended.says(&["a location has no query", "s3://"]);
        let told = ended.out + &ended.err;
        assert!(!told.contains("canary"), "{told}");
    }
}
