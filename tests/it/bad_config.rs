//! roster.toml with mistakes, and places with odd names.
#![cfg(test)] // so that clippy takes the helpers for tests too

use crate::support::Project;
use crate::support::data::{table, text};

fn project() -> Project {
    let project = Project::new("[sources.x]\nlocation = \"in/x/\"\n");
    project.sql("segments/all", "SELECT id FROM raw.x");
    project.parquet("in/x/a.parquet", &table(&[("id", text(&["a", "b"]))]));
    project
}

#[test]
fn a_mistake_in_the_settings_is_told_with_its_line_and_the_way_out() {
    for (from, to, words) in [
        ("key = ", "kye = ", ["roster.toml:3:1", "unknown key `kye`", "did you mean `key`?"]),
        (
            "key = \"id\"",
            "key = \"id\"\nkey = \"id\"",
            ["roster.toml:4:1", "duplicate key", "keep one"],
        ),
        (
            "[output]",
            "[sources.x]\nlocation = \"in/\"\n[output]",
            ["roster.toml:", "duplicate key", "keep one"],
        ),
        (
            "time_zone = \"UTC\"\n",
            "",
            ["roster.toml:1:1", "needs the key `time_zone`", "add a line"],
        ),
        ("\"UTC\"", "\"Europe/Berlni\"", ["4:13", "unknown time zone", "`Europe/Berlin`"]),
        ("\"UTC\"", "no", ["4:13", "toml_syntax", "text needs quotes"]),
        ("\"out/\"\n", "\"out/\"\nretain = \"90\"\n", ["8:10", "not a duration", "\"90d\""]),
        ("\"out/\"\n", "\"out/\"\nretain = \"-1d\"\n", ["8:10", "not a duration", "\"90d\""]),
        ("\"out/\"\n", "\"out/\"\n[run]\nmemory_limit = \"10GB\"\n", ["9:16", "not a size", "GiB"]),
        (
            "\"out/\"\n",
            "\"out/\"\n[run]\nmemory_limit = 4000000\n",
            ["9:16", "a size in quotes", "a whole number"],
        ),
        ("\"out/\"\n", "\"out/\"\n[run]\nthreads = 08\n", ["9:11", "leading zero", "no leading 0"]),
        (
            "\"out/\"\n",
            "\"out/\"\n[run]\nthreads = -1\n",
            ["9:11", "whole number", "a negative number"],
        ),
        (
            "\"in/x/\"",
            "\"in/x/\"\noptional = \"yes\"",
            ["11:12", "true or false", "it is now text"],
        ),
        ("\"in/x/\"", "\"in/x/\"\noptional = no", ["11:12", "toml_syntax", "true or false"]),
        (
            "\"in/x/\"",
            "\"in/x/\"\nfreshness = 26",
            ["11:13", "a duration in quotes", "a whole number"],
        ),
        ("\"in/x/\"", "\"in/x\\u0000/\"", ["10:12", "bad_location", "illegal character"]),
        ("\"in/x/\"", "\"s3:///x/\"", ["10:12", "bad_location", "locations are paths"]),
        ("\"in/x/\"", "\"file://in/x/\"", ["10:12", "bad_location", "no path of this machine"]),
        ("\"in/x/\"", "\"in/[x/\"", ["9:10", "not a pattern", "* is any text"]),
        ("\"in/x/\"", "\"in/x/\"\nmasks = [[[[", ["11:", "toml_syntax", "brackets"]),
    ] {
        let project = project();
        project.edit_toml(from, to);
        let ended = project.roster(&["check", "--as-of", "2026-06-01"]);
        assert_eq!(ended.code, Some(2), "{to}: {}", ended.err);
        ended.says(&words);
        let run = project.run("2026-06-01");
        assert_eq!(run.code, Some(2), "{to}: {}", run.err);
        assert!(!project.path("out").exists(), "{to}");
    }
}

#[test]
fn a_place_is_the_same_however_it_is_written_and_odd_names_are_names() {
    for (folder, location) in [
        ("in/x", "in//x//"),
        ("in/x", "./in/../in/./x"),
        ("in/with space/ü#1", "in/with space/ü#1/"),
        ("in/50%", "in/50%/"),
        ("in/50%25", "in/50%25/"),
        ("in/%2e%2e", "in/%2e%2e/"),
        ("in/e\u{301}", "in/e\u{301}/"),
        ("in/q?", "in/q[?]/*.parquet"),
    ] {
        let project = project();
        std::fs::remove_dir_all(project.path("in")).unwrap();
        let rows = table(&[("id", text(&["a", "b"]))]);
        project.parquet(&format!("{folder}/part #1 50%20.parquet"), &rows);
        project.edit_toml("in/x/", location);
        project.edit_toml("\"out/\"", "\"pub lic/ü #%41/\"");
        let report = project.night("2026-06-01");
        assert_eq!(report["segmentations"][0]["members"], 2, "{location}");
        assert!(project.path("pub lic/ü #%41/log").exists(), "{location}");
    }
}

#[test]
fn dots_in_a_url_lead_nowhere_else() {
    let project = project();
    let folder = project.path("in").canonicalize().unwrap();
    project.edit_toml("in/x/", &format!("file://{}/y/%2e%2e/x/", folder.display()));
    project.night("2026-06-01");
    assert_eq!(project.manifest("2026-06-01")["inputs"]["x"][0]["path"], "a.parquet");
}

#[test]
fn a_file_with_a_byte_order_mark_or_carriage_returns_is_read() {
    for change in [|text: &str| format!("\u{feff}{text}"), |text: &str| text.replace('\n', "\r\n")]
    {
        let project = project();
        for file in ["roster.toml", "sql/segments/all.sql"] {
            let text = std::fs::read_to_string(project.path(file)).unwrap();
            project.text(file, &change(&text));
        }
        project.night("2026-06-01");
    }
}

#[test]
fn a_column_that_came_later_may_be_missing_where_its_type_says_so() {
    let project = project();
    project.set("columns = { id = \"text!\", plan = \"text?\" }");
    project.parquet("in/x/b.parquet", &table(&[("id", text(&["c"])), ("plan", text(&["pro"]))]));
    project.sql("segments/all", "SELECT id, plan FROM raw.x");
    project.night("2026-06-01");
    let rows = project.rows("2026-06-01", "membership", "id evidence");
    assert_eq!(rows, [r#"a {"plan":null}"#, r#"b {"plan":null}"#, r#"c {"plan":"pro"}"#]);
    // Not where the file has it under a name that differs in case.
    project.parquet("in/x/b.parquet", &table(&[("id", text(&["c"])), ("Plan", text(&["pro"]))]));
    project.fails("2026-06-02", 2, "bad_extract").says(&["`plan` is missing", "`Plan`"]);
}

#[test]
#[ignore = "a minute: .ci/full"]
fn a_thousand_segmentations_are_one_night() {
    let project = project();
    project.sql("features/account", "SELECT id FROM raw.x");
    for number in 0..1000 {
        let sql = format!("SELECT id FROM feature.account WHERE length(id) <> {number}");
        project.sql(&format!("segments/s{number:04}"), &sql);
    }
    let report = project.night("2026-06-01");
    assert_eq!(report["segmentations"].as_array().unwrap().len(), 1001);
}
