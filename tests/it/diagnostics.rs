//! Everything that can be wrong with a project, as a person reads it: one page for each kind, in `diagnostics/`.
//! `SNAPSHOTS=overwrite` writes the pages anew; then read them aloud.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::path::Path;

use arrow::array::RecordBatch;
use snapbox::Assert;
use snapbox::data::Data;

use crate::support::data::{date, float, int, parquet, table, text};
use crate::support::{Ended, Project};

/// The pages, and what they are made of.
const PAGES: [&str; 10] = [
    "syntax",
    "names",
    "members",
    "types",
    "arguments",
    "clauses",
    "settings",
    "front_matter",
    "data",
    "extracts",
];

const PEOPLE: &str = r#"[sources.people]
location = "in/people/"
pii = ["email"]
unique = ["id"]
columns = { id = "text!", email = "text", plan = "text", amount = "int!", born = "date", share = "float" }
"#;

const PART: &str = "in/people/part.parquet";

fn people() -> RecordBatch {
    table(&[
        ("id", text(&["a", "b", "c"])),
        ("email", text(&["a@x", "b@x", "-"])),
        ("plan", text(&["free", "pro", "-"])),
        ("amount", int(&[1, 2, 0])),
        ("born", date(&["2000-01-01", "-", "2000-01-01"])),
        ("share", float(&[0.5, 0.25, 1.0])),
    ])
}

/// A sound project; `lists` has a column of a type with parts.
fn sound() -> Project {
    let project = Project::new(PEOPLE);
    project.parquet(PART, &people());
    project.sql("features/account", "SELECT id, email, plan, amount, born, share FROM raw.people");
    project.sql(
        "features/lists",
        "SELECT id, array_agg(plan ORDER BY plan) AS plans FROM raw.people GROUP BY id",
    );
    project.sql("segments/everyone", "SELECT id, amount AS score FROM feature.account");
    project
}

/// `{of}` and `{lists}` stand for what most queries read.
fn from(sql: &str) -> String {
    sql.replace("{of}", "FROM feature.account").replace("{lists}", "FROM feature.lists")
}

/// What `roster check` says of these segment files, all of them wrong.
#[track_caller]
fn told_of(segments: &[(&str, &str)]) -> String {
    let project = sound();
    for (name, sql) in segments {
        project.sql(&format!("segments/{name}"), &from(sql));
    }
    let told = check(&project);
    for (name, _) in segments {
        assert!(told.contains(&format!("sql/segments/{name}.sql")), "{name} is not told:\n{told}");
    }
    told
}

#[track_caller]
fn check(project: &Project) -> String {
    let ended = project.roster(&["check", "--as-of", "2026-06-01"]);
    assert!(ended.code.is_some_and(|code| code > 0), "{}{}", ended.out, ended.err);
    shown(project, &ended.err)
}

/// Standard error without progress, and with one name for the folder of every run.
fn shown(project: &Project, err: &str) -> String {
    let folder = std::fs::canonicalize(project.path("")).unwrap();
    let lines = err.lines().filter(|line| !line.starts_with("[ "));
    let lines = lines.map(|line| line.replace(folder.to_str().unwrap(), "/project") + "\n");
    lines.collect()
}

fn page(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/diagnostics/{name}.txt"))
}

/// The page says this, and nothing that only the engine's authors understand.
#[track_caller]
fn reads(name: &str, told: &str) {
    for internal in [
        "Arrow",
        "Utf8",
        "Int64",
        "Float64",
        "External",
        "DataFusionError",
        "Internal",
        "Span(",
        "{:?}",
    ] {
        let line = told.lines().find(|line| line.contains(internal));
        assert_eq!(line, None, "{internal} is nobody's word");
    }
    Assert::new().action_env("SNAPSHOTS").eq(told, Data::read_from(&page(name), None));
}

#[test]
fn sql_that_can_not_be_read() {
    let mut told = told_of(&[
        ("a_bracket_is_open", "SELECT id\n{of}\nWHERE (amount > 1\n"),
        ("a_quote_is_open", "SELECT id {of} WHERE plan = 'free\n"),
        ("a_word_is_misspelt", "SELECT id\nFORM feature.account a\n"),
        ("an_order_is_missing", "SELECT id, sum(amount) OVER (ORDER BY) AS score {of}"),
        ("two_statements", "SELECT id {of};\nSELECT id {of}\n"),
        ("a_table_is_dropped", "/* Away with it. */\nDROP TABLE raw.people"),
        ("rows_are_inserted", "INSERT INTO feature.account SELECT * FROM raw.people"),
        ("a_file_is_written", "COPY raw.people TO 'x.csv'"),
        ("a_plan_is_asked_for", "EXPLAIN SELECT id {of}"),
        ("a_setting_is_changed", "SET x = 1"),
        ("no_sql", "-- nothing yet\n"),
        ("a_parameter", "SELECT id {of} WHERE amount > $1"),
        ("rows_are_locked", "SELECT id {of} FOR UPDATE"),
        ("some_rows_are_drawn", "SELECT id {of} TABLESAMPLE (10 PERCENT)"),
    ]);
    let project = sound();
    project.sql("segments/Not-A-Name", "SELECT 1");
    project.sql("segment/where_is_this", "SELECT 1").text("sql/top.sql", "SELECT 1");
    told += &check(&project);
    reads("syntax", &told);
}

#[test]
fn names_that_there_are_not_or_that_must_not_be_used() {
    let told = told_of(&[
        ("column_misspelt", "SELECT id, amonut AS score {of}"),
        ("column_of_nothing_like_it", "SELECT id, revenue AS score {of}"),
        ("column_of_another_table", "SELECT a.id, b.amount {of} AS a"),
        ("column_in_capitals", "SELECT \"ID\" {of}"),
        (
            "column_of_two_tables",
            "SELECT id FROM feature.account AS a JOIN feature.lists AS l ON a.id = l.id",
        ),
        ("column_named_later", "SELECT id, amount AS a {of} WHERE a > 1"),
        ("column_twice", "SELECT id, amount, plan AS amount {of}"),
        ("columns_of_no_table", "SELECT x.* {of}"),
        (
            "field_of_a_result",
            "SELECT id, rfm(born, amount, as_of())['monetry'] AS score {of} GROUP BY id",
        ),
        (
            "field_by_a_dot",
            "SELECT id, (rfm(born, amount, as_of())).monetary AS score {of} GROUP BY id",
        ),
        ("table_misspelt", "SELECT id FROM feature.acount"),
        ("table_not_written_yet", "SELECT id FROM staging.people"),
        ("table_without_a_source", "SELECT id FROM raw.orders"),
        ("table_without_its_layer", "SELECT id FROM account"),
        ("table_of_a_misspelt_layer", "SELECT id FROM features.account"),
        ("table_of_another_catalog", "SELECT id FROM lake.feature.account"),
        ("table_of_the_night_before", "SELECT id FROM previous.account"),
        ("table_that_is_published", "SELECT id FROM published.account"),
        ("a_file", "SELECT id FROM '/etc/passwd'"),
        ("the_schema", "SELECT id FROM information_schema.tables"),
        ("function_misspelt", "SELECT id, renewal_windw(born) AS segment {of}"),
        ("function_of_nothing_like_it", "SELECT id, frobnicate(amount) AS segment {of}"),
        ("function_over_a_window", "SELECT id, row_number() AS score {of}"),
        ("function_that_makes_a_table", "SELECT id FROM frob(1)"),
        ("function_of_what_is_published", "SELECT id FROM segment_members('x', 'y')"),
        ("a_clock", "SELECT id {of} WHERE born < now()"),
        ("a_die", "SELECT id, random() AS score {of}"),
        ("type_that_there_is_not", "SELECT id, CAST(plan AS money) AS score {of}"),
        ("with_twice", "WITH x AS (SELECT id {of}), x AS (SELECT id {of}) SELECT id FROM x"),
        ("circle_1", "SELECT id FROM segment.circle_2"),
        ("circle_2", "SELECT id FROM segment.circle_1"),
    ]);
    reads("names", &told);
}

#[test]
fn members_that_can_not_be_published() {
    let mut told = told_of(&[
        ("no_key", "SELECT amount AS score {of}"),
        ("a_key_with_a_fraction", "SELECT share AS id {of}"),
        ("a_label_that_is_a_number", "SELECT id, amount AS segment {of}"),
        ("a_score_that_is_text", "SELECT id, plan AS score {of}"),
        ("a_personal_label", "SELECT id, email AS segment {of}"),
    ]);
    let project = sound();
    project.sql(
        "features/account",
        "SELECT amount, INTERVAL '1 month' AS notice, 1 AS memberships FROM raw.people",
    );
    project.sql("segments/everyone", "SELECT id FROM raw.people");
    project.sql("segments/others", "SELECT amount AS id FROM raw.people");
    told += &check(&project);
    reads("members", &told);
}

#[test]
fn types_that_do_not_fit() {
    let told = told_of(&[
        ("text_and_a_number", "SELECT id, plan + 1 AS score {of}"),
        ("a_list_and_a_text", "SELECT id {lists} WHERE plans = 'a'"),
        ("numbers_with_and", "SELECT id {of} WHERE amount AND share"),
        ("a_condition_that_is_a_number", "SELECT id {of} WHERE amount"),
        ("not_a_number", "SELECT id {of} WHERE NOT amount"),
        ("minus_a_text", "SELECT id, -plan AS score {of}"),
        ("like_of_a_number", "SELECT id {of} WHERE amount LIKE 'a%'"),
        ("between_of_a_list", "SELECT id {lists} WHERE plans BETWEEN 1 AND 2"),
        ("in_of_a_list", "SELECT id {lists} WHERE id IN (plans, 1)"),
        (
            "a_case_of_two_types",
            "SELECT id, CASE WHEN id > 'a' THEN 'a' ELSE plans END AS segment {lists}",
        ),
        ("a_cast_of_a_list", "SELECT id, CAST(plans AS INT) AS score {lists}"),
        ("a_text_that_is_no_number", "SELECT id {of} WHERE amount > 'abc'"),
        ("a_text_that_is_no_date", "SELECT id {of} WHERE born > DATE '2026-13-01'"),
        ("a_text_that_is_no_time", "SELECT id {of} WHERE born > TIMESTAMP 'yesterday'"),
        ("a_text_that_is_no_interval", "SELECT id {of} WHERE born > as_of() - INTERVAL '3 moons'"),
        ("a_text_that_is_no_pattern", "SELECT id {of} WHERE regexp_like(plan, '(')"),
        ("a_limit_in_quotes", "SELECT id {of} LIMIT 'a'"),
    ]);
    reads("types", &told);
}

#[test]
fn arguments_that_do_not_fit() {
    let told = told_of(&[
        ("too_few_arguments", "SELECT id, score_between(amount) AS score {of}"),
        ("too_many_arguments", "SELECT id, upper(plan, 1) AS segment {of}"),
        ("no_arguments_wanted", "SELECT id {of} WHERE born < as_of(1)"),
        ("an_argument_of_another_type", "SELECT id, score_between(plan, 0, 30) AS score {of}"),
        (
            "an_argument_that_is_no_list",
            "SELECT id, renewal_window(born, as_of(), 15) AS segment {of}",
        ),
        ("an_argument_that_is_not_a_number", "SELECT id, sum(plan) AS score {of} GROUP BY id"),
        ("an_argument_that_is_no_index", "SELECT id, array_element(plans, 'x') AS segment {lists}"),
        ("arguments_of_two_types", "SELECT id, coalesce(1, plans) AS score {lists}"),
        (
            "arguments_out_of_order",
            "SELECT id, tier(amount, [20, 10], ['a', 'b', 'c']) AS segment {of}",
        ),
        ("arguments_that_are_equal", "SELECT id, score_between(amount, 1, 1) AS score {of}"),
        (
            "an_argument_misnamed",
            "SELECT id, score_between(val => amount, worst => 30, best => 1) AS score {of}",
        ),
        ("an_argument_left_out", "SELECT id, score_between(amount, best => 1) AS score {of}"),
        ("an_argument_twice", "SELECT id, score_between(amount, 1, worst => 1) AS score {of}"),
        (
            "an_argument_after_named_ones",
            "SELECT id, score_between(value => amount, 1, 2) AS score {of}",
        ),
        (
            "an_argument_that_is_a_column",
            "SELECT id, lag(amount, share) OVER (ORDER BY id) AS score {of}",
        ),
        ("a_list_wanted", "SELECT id, unnest(plan) AS segment {of}"),
        (
            "distinct_without_meaning",
            "SELECT id, rfm(DISTINCT born, amount, as_of())['monetary'] AS score {of} GROUP BY id",
        ),
    ]);
    reads("arguments", &told);
}

#[test]
fn clauses_that_do_not_fit() {
    let told = told_of(&[
        ("not_grouped", "SELECT id, amount, count(*) AS score {of} GROUP BY id"),
        ("having_without_groups", "SELECT id {of} HAVING amount > 1"),
        ("where_with_an_aggregate", "SELECT id {of} WHERE count(*) > 1"),
        ("where_with_a_window", "SELECT id {of} WHERE row_number() OVER (ORDER BY id) = 1"),
        ("an_aggregate_in_an_aggregate", "SELECT id, max(sum(amount)) AS score {of} GROUP BY id"),
        ("order_by_a_number", "SELECT id {of} ORDER BY 7"),
        ("a_subquery_of_two_columns", "SELECT id {of} WHERE id IN (SELECT id, amount {of})"),
        ("a_union_of_one_and_two", "SELECT id {of} UNION ALL SELECT id, amount {of}"),
        (
            "a_union_of_two_types",
            "SELECT id, amount AS score {of} UNION ALL SELECT id, plans {lists}",
        ),
        ("values_of_one_and_two", "SELECT * FROM (VALUES ('a', 1), ('b')) AS t(id, score)"),
        ("values_without_a_name", "SELECT * FROM (VALUES ('a', 1)) AS t(id)"),
        ("a_pivot", "SELECT * {of} PIVOT (sum(amount) FOR plan IN ('a'))"),
    ]);
    reads("clauses", &told);
}

/// What `roster check` says of this roster.toml.
#[track_caller]
fn told_of_settings(toml: &str) -> String {
    let project = Project::with_toml(toml);
    project.sql("segments/everyone", "SELECT id FROM raw.people");
    check(&project)
}

#[test]
fn settings_that_can_not_be() {
    let everything = r#"[project]
name = "Acme 2"
key = "score"
time_zone = "Europe/Berlim"
universe = "segment.vip"
env = ["LAKE", "HOUSE"]
currancy = "EUR"

[sources.Orders]
location = "in/"

[sources.people]
location = ["${LAKE}/x", "${HOSE}/x", "${OTHER}", "${LAKE", " "]
event_time = "borne"
snapshot = "dt"
freshness = "26 hours"
max_row_drop = 30
masks = "x"
unique = "id"
pii = ["emial", 3]
columns = { id = "txt!", email = "decimal(2,18)", Email = "text", n = 7 }

[sources.late]
location = "in/"
freshness = "1d"
colour = "red"

[sources.later]
optional = true

[sources.none]

[output]
location = ""
retain = "90"
delta = "yes"

[run]
memory_limit = "4GB"
threads = 0
engine = "fats"

[object_store]
regoin = "eu"
region = ["eu"]

[runs]
"#;
    let mut told = told_of_settings(everything);
    told += &told_of_settings("[run]\nthreads = 2\n");
    told += &told_of_settings("[project]\n[sources]\n[output]\n");
    told += &told_of_settings("[project]\nname = acme\nkey = \"id\ntime_zone = \"UTC\"\n[output\n");
    told += &told_of_settings("[project]\nname = \"a\"\nname = \"b\"\n");
    told += &told_of_settings(
        "project = 1\nsources = -2\noutput = 3.5\nrun = true\nobject_store = 1979-05-27\n",
    );
    for location in ["http://127.0.0.1:9/out/", "ftp://host/out/", "s3://bucket/?token=abc=1"] {
        let project = sound();
        project.edit_toml("\"out/\"", &format!("\"{location}\""));
        told += &check(&project);
    }
    let project = sound();
    project.edit_toml("time_zone", "universe = \"feature.acount\"\ntime_zone");
    project.edit_toml("pii", "event_time = \"plan\"\npii");
    told += &check(&project);
    reads("settings", &told);
}

#[test]
fn front_matter_that_can_not_be() {
    let project = sound();
    let select = "SELECT id FROM feature.account\n";
    for (name, toml) in [
        ("misspelt", "lables = [\"a\"]\nseverity = \"blok\"\nlabels = []\n"),
        (
            "of_another_type",
            "owner = 7\ntags = \"x\"\ntotal = \"yes\"\npriority = -1\nlimits = 3\nallow = [\"x\"]\n",
        ),
        ("labels_twice", "labels = [\"everyone\", \"labels_twice\", \"labels_twice\"]\n"),
        ("a_group_alone", "group = \"g\"\n"),
        ("a_priority_alone", "priority = 2\n"),
        ("first_of_a_group", "group = \"h\"\npriority = 1\n"),
        ("also_first_of_it", "group = \"h\"\npriority = 1\n"),
        (
            "limits_of_nobody",
            "limits = { min_members = 5, max_members = 2, max_change = -1, min = 2 }\n",
        ),
        ("a_severity_that_there_is_not", "severity = \"loud\"\n"),
        ("allowed_without_reason", "allow = { null_logik = \"x\", grain = \"\" }\n"),
        ("no_toml", "title = Renewal\nowner \"x\"\n"),
    ] {
        project.sql(&format!("segments/{name}"), &format!("/*\n+++\n{toml}+++\n*/\n{select}"));
    }
    project.sql("segments/never_closed", &format!("/*\n+++\ntitle = \"x\"\n*/\n{select}"));
    project
        .sql("segments/too_late", &format!("-- note\n/*\n+++\ntitle = \"x\"\n+++\n*/\n{select}"));
    let labels = "/*\n+++\nlabels = [\"a\"]\ntitel = \"A\"\n+++\n*/\n";
    project.sql("staging/labelled", &format!("{labels}SELECT id FROM raw.people"));
    reads("front_matter", &check(&project));
}

fn entry(title: &str, told: &str) -> String {
    format!("# {title}\n{told}\n")
}

/// What a night says that fails.
#[track_caller]
fn night(title: &str, project: &Project, stable: &str) -> String {
    let ended = project.run("2026-06-01");
    assert!(ended.code.is_some_and(|code| code > 0), "{}{}", ended.out, ended.err);
    assert_eq!(ended.report()["code"], stable, "{title}: {}", ended.err);
    entry(title, &shown(project, &ended.err))
}

#[test]
fn a_night_that_fails_on_the_data() {
    let mut told = String::new();
    for (title, sql, code) in [
        ("A division by zero", "SELECT id, 10 / amount AS score {of}", "query_failed"),
        ("A text that is no number", "SELECT id, CAST(plan AS INT) AS score {of}", "query_failed"),
        (
            "A number with too many digits",
            "SELECT id, CAST(amount * 1000 AS DECIMAL(3,1)) AS score {of}",
            "query_failed",
        ),
        (
            "Several rows for one value",
            "SELECT id, (SELECT amount {of}) AS score {of}",
            "query_failed",
        ),
        (
            "An argument that can not be",
            "SELECT id, score_between(amount, amount, amount) AS score {of}",
            "query_failed",
        ),
        (
            "A key that is NULL",
            "SELECT CASE WHEN amount > 0 THEN id END AS id {of}",
            "audit_failed",
        ),
        ("A key twice", "SELECT 'a' AS id {of}", "audit_failed"),
        (
            "A label that is not declared",
            "/*\n+++\nlabels = [\"free\"]\n+++\n*/\nSELECT id, plan AS segment {of}",
            "audit_failed",
        ),
        (
            "Too many members",
            "/*\n+++\nlimits = { max_members = 2 }\n+++\n*/\nSELECT id {of}",
            "audit_failed",
        ),
        (
            "A key without a label",
            "/*\n+++\ntotal = true\n+++\n*/\nSELECT id {of} WHERE amount > 0",
            "audit_failed",
        ),
    ] {
        let project = sound();
        project.sql("segments/everyone", &from(sql));
        told += &night(title, &project, code);
    }
    reads("data", &told);
}

#[test]
fn extracts_that_are_not_as_they_should_be() {
    let mut told = String::new();
    let sound_file = parquet(&people());
    let damaged: Vec<u8> = sound_file
        .iter()
        .enumerate()
        .map(|(at, byte)| if (10..30).contains(&at) { !byte } else { *byte })
        .collect();
    let columns = |names: &[&str]| {
        let indices: Vec<_> =
            names.iter().map(|name| people().schema().index_of(name).unwrap()).collect();
        parquet(&people().project(&indices).unwrap())
    };
    let text_amount = table(&[
        ("id", text(&["a"])),
        ("email", text(&["-"])),
        ("plan", text(&["-"])),
        ("amount", text(&["1"])),
        ("born", date(&["-"])),
        ("share", float(&[1.0])),
    ]);
    let no_key = table(&[
        ("id", text(&["a", "-"])),
        ("email", text(&["-", "-"])),
        ("plan", text(&["-", "-"])),
        ("amount", int(&[1, 2])),
        ("born", date(&["-", "-"])),
        ("share", float(&[1.0, 1.0])),
    ]);
    let twice = arrow::compute::concat_batches(&people().schema(), [&people(), &people()]).unwrap();
    for (title, file, code) in [
        (
            "A column is missing",
            columns(&["id", "email", "amount", "born", "share"]),
            "bad_extract",
        ),
        ("A column of another type", parquet(&text_amount), "bad_extract"),
        ("A NULL that is declared not to be", parquet(&no_key), "bad_extract"),
        ("No Parquet", b"id,n\na,1\nb,2\n".to_vec(), "bad_extract"),
        ("Damaged data", damaged, "bad_extract"),
        ("An empty file", Vec::new(), "inputs_not_ready"),
        ("Half a file", sound_file[..sound_file.len() - 20].to_vec(), "inputs_not_ready"),
        ("No row", parquet(&people().slice(0, 0)), "inputs_not_ready"),
        ("Rows that are not unique", parquet(&twice), "audit_failed"),
    ] {
        let project = sound();
        project.bytes(PART, &file);
        told += &night(title, &project, code);
    }
    let project = sound();
    std::fs::remove_file(project.path(PART)).unwrap();
    told += &night("No file", &project, "inputs_not_ready");
    project.parquet(PART, &people());
    project.night("2026-05-01");
    for question in
        ["segment_members('everyon', 'x')", "segment_members('everyone', 'everyone', 7)"]
    {
        let ended = project.roster(&["sql", &format!("SELECT * FROM {question}")]);
        told += &entry(&format!("A question of {question}"), &shown(&project, &ended.err));
    }
    reads("extracts", &told);
}

/// Can not be had here: the tests are built with Delta, and no event time or mask is known that is sound and can not be
/// applied.
const NOT_SHOWN: [&str; 2] = ["no_delta", "source"];

#[test]
fn every_kind_of_mistake_is_shown() {
    let pages = PAGES.map(|name| std::fs::read_to_string(page(name)).unwrap()).concat();
    let reference = Ended::of(sound().command(&["reference", "codes"]).output().unwrap()).out;
    let codes = reference.split("## Codes of mistakes").nth(1).unwrap().lines();
    let codes = codes.filter_map(|line| line.strip_prefix("- `")?.split_once("`: "));
    // Warnings have tests of their own, and `docs/checks.md`.
    for (code, _) in codes.filter(|(_, means)| !means.starts_with("a warning")) {
        let shown = pages.contains(&format!("error[{code}]"));
        assert!(shown != NOT_SHOWN.contains(&code), "{code}");
    }
}
