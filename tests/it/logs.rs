//! A log that can not be understood stops everything and is left as it is; a hint may say anything.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::path::PathBuf;

use serde_json::Value;

use crate::python::program;
use crate::stores::servers::Place;
use crate::support::data::{table, text};
use crate::support::{Project, assert_unchanged};

fn two_nights() -> Project {
    let project = Project::new("[sources.x]\nlocation = \"in/x/\"\n");
    project.parquet("in/x/a.parquet", &table(&[("id", text(&["a"]))]));
    project.sql("segments/all", "SELECT id FROM raw.x");
    project.night("2026-06-01");
    project.night("2026-06-02");
    project
}

fn record(project: &Project, version: u64) -> PathBuf {
    project.path(&format!("out/log/{version:020}.json"))
}

/// A run, and the commands that read, must end with this; nothing may change.
#[track_caller]
fn unusable(project: &Project, words: &[&str]) {
    project.fails("2026-06-03", 2, "unusable_log").says(words);
    for command in [&["log"][..], &["resolve", "--table", "membership"]] {
        let ended = project.roster(command);
        assert_eq!(ended.code, Some(2), "{}{}", ended.out, ended.err);
        ended.says(words);
    }
}

fn change(project: &Project, version: u64, change: impl Fn(&mut Value)) {
    let path = record(project, version);
    let mut json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut json);
    std::fs::write(path, serde_json::to_vec(&json).unwrap()).unwrap();
}

#[test]
fn a_damaged_record_is_named_with_the_way_out() {
    for bytes in [&b""[..], b"{", b"[]", b"{\"format\": 1}", b"\xff\xfe"] {
        let project = two_nights();
        std::fs::write(record(&project, 2), bytes).unwrap();
        unusable(&project, &["log/00000000000000000002.json", "restore"]);
    }
}

#[test]
fn a_record_of_a_later_format_asks_for_a_newer_program() {
    let project = two_nights();
    change(&project, 2, |record| {
        record["format"] = 2.into();
        record["state"] = "in a shape of its own".into();
    });
    unusable(&project, &["format 2", "this program reads 1", "newer roster"]);
}

#[test]
fn the_log_of_another_project_is_not_written_to() {
    let project = two_nights();
    project.edit_toml("\"tiny\"", "\"other\"");
    unusable(&project, &["belongs to project `tiny`, not `other`", "output location of its own"]);
}

#[test]
fn a_record_in_the_wrong_slot_is_refused() {
    let project = two_nights();
    std::fs::copy(record(&project, 1), record(&project, 2)).unwrap();
    unusable(&project, &["00000000000000000002.json", "version 1"]);
}

#[test]
fn a_gap_in_the_log_is_named() {
    let project = two_nights();
    project.night("2026-06-03");
    std::fs::remove_file(record(&project, 2)).unwrap();
    let ended = project.roster(&["log"]);
    assert_eq!(ended.code, Some(2), "{}", ended.out);
    ended.says(&["log/00000000000000000002.json is missing", "restore"]);

    // Without a hint nobody knows where to go on.
    std::fs::remove_file(project.path("out/latest.json")).unwrap();
    let ended = project.fails("2026-06-04", 2, "unusable_log");
    ended.says(&["log/00000000000000000002.json is missing", "restore"]);
}

#[test]
fn a_slot_in_a_gap_is_never_written() {
    let project = two_nights();
    project.night("2026-06-03");
    std::fs::remove_file(record(&project, 2)).unwrap();
    // The hint was behind when the record was lost.
    project.text("out/latest.json", "{\"version\":1}");
    let ended = project.run("2026-06-04");
    assert!(!record(&project, 2).exists(), "{}", ended.err);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
}

#[test]
fn a_hint_that_is_missing_damaged_too_old_or_too_new_is_harmless() {
    for hint in [
        None,
        Some(""),
        Some("garbage"),
        Some("{\"version\":0}"),
        Some("{\"version\":1}"),
        Some("{\"version\":7}"),
        Some("{\"version\":-1}"),
        Some("{\"version\":18446744073709551615}"),
    ] {
        let project = two_nights();
        match hint {
            Some(hint) => project.text("out/latest.json", hint),
            None => {
                std::fs::remove_file(project.path("out/latest.json")).unwrap();
                &project
            }
        };
        let log = project.roster(&["log", "--format", "json"]);
        let log: Value =
            serde_json::from_str(&log.out).unwrap_or_else(|_| panic!("{hint:?}: {}", log.err));
        assert_eq!(log.as_array().unwrap().len(), 2, "{hint:?}");
        assert_eq!(project.night("2026-06-03")["version"], 3, "{hint:?}");
        let latest = std::fs::read_to_string(project.path("out/latest.json")).unwrap();
        assert_eq!(latest, "{\"version\":3}", "mended by the next night");
    }
}

#[test]
fn a_hint_that_can_not_be_written_is_a_warning_and_the_night_is_there() {
    let project = two_nights();
    std::fs::remove_file(project.path("out/latest.json")).unwrap();
    std::fs::create_dir_all(project.path("out/latest.json/in_the_way")).unwrap();
    let report = project.night("2026-06-03");
    assert!(report["warnings"].to_string().contains("readers find the night"), "{report}");
    assert_eq!(project.run("2026-06-03").report()["code"], "already_committed");
}

#[test]
fn published_files_that_were_touched_are_not_compared_with() {
    for (file, words) in [
        ("tables/membership", "not the bytes that were committed"),
        ("attempts", "not the manifest that was committed"),
    ] {
        let project = two_nights();
        let attempt = project.log()[1]["attempt_id"].as_str().unwrap().to_owned();
        let path = match file {
            "attempts" => project.path(&format!("out/attempts/{attempt}/manifest.json")),
            _ => project.path(&format!("out/{file}/{attempt}/part-00000.parquet")),
        };
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let ended = project.fails("2026-06-03", 2, "unusable_log");
        ended.says(&[words, &attempt, "restore"]);
    }
}

#[test]
fn resolve_names_the_files_of_a_night_with_their_hashes() {
    let project = two_nights();
    for (options, as_of, version) in [
        (&[][..], "2026-06-02", 2),
        (&["--as-of", "2026-06-01"], "2026-06-01", 2),
        (&["--version", "1"], "2026-06-01", 1),
    ] {
        let ended = project.roster(&[&["resolve", "--table", "membership"], options].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let resolved: Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!((&resolved["as_of"], &resolved["version"]), (&as_of.into(), &version.into()));
        let file = &resolved["files"][0];
        let bytes = std::fs::read(file["url"].as_str().unwrap()).unwrap();
        assert_eq!(file["sha256"], crate::support::sha256(&bytes));
        assert_eq!(project.hashes(as_of)["membership"], file["sha256"].as_str().unwrap());
    }
}

#[test]
fn resolve_speaks_the_dialects_of_those_who_load() {
    let project = two_nights();
    let resolve =
        |format: &str| project.roster(&["resolve", "--table", "membership", "--format", format]);
    let (sql, python, url) = (resolve("duckdb").out, resolve("spark").out, resolve("paths").out);
    let run = "import duckdb, sys; print(duckdb.sql(sys.argv[1]).fetchall())";
    let rows = program("python").args(["-c", run, &sql]).output().unwrap();
    let rows = String::from_utf8(rows.stdout).unwrap();
    assert!(rows.contains("'all', 'all', 'a'") && rows.matches('(').count() == 3, "{sql}\n{rows}");
    assert_eq!(python.trim(), format!("spark.read.parquet(\"{}\")", url.trim()));
    let refused = resolve("redshift");
    assert_eq!(refused.code, Some(2));
    refused.says(&["S3 alone", "--format paths"]);

    let (s3, away) = (Place::s3(), two_nights());
    s3.publishes(&away, "lake");
    away.night("2026-06-01");
    let resolve =
        |format: &str| away.roster(&["resolve", "--table", "membership", "--format", format]).out;
    let manifest: Value = serde_json::from_str(&resolve("redshift")).unwrap();
    let files: Value = serde_json::from_str(&resolve("json")).unwrap();
    let (entry, file) = (&manifest["entries"][0], &files["files"][0]);
    assert_eq!((&entry["url"], &entry["mandatory"]), (&file["url"], &true.into()));
    assert_eq!(entry["meta"]["content_length"], file["size"]);
    assert!(resolve("spark").starts_with("spark.read.parquet(\"s3a://lake-"));
}

#[test]
fn resolve_says_what_there_is_when_asked_for_what_is_not() {
    let project = two_nights();
    for (options, words) in [
        (&["--table", "membershp"][..], "did you mean `membership`?"),
        (
            &["--table", "membership", "--as-of", "2026-06-09"],
            "committed are: 2026-06-01, 2026-06-02",
        ),
        (&["--table", "membership", "--version", "9"], "there is no version 9"),
    ] {
        let ended = project.roster(&[&["resolve"], options].concat());
        assert_eq!(ended.code, Some(2), "{}", ended.out);
        ended.says(&[words]);
    }
}

#[test]
fn reading_writes_nothing() {
    let project = two_nights();
    std::fs::remove_file(project.path("out/latest.json")).unwrap();
    let before = project.published();
    project.roster(&["log"]);
    project.roster(&["resolve", "--table", "change"]);
    project.roster(&["check"]);
    assert_unchanged(&before, &project.published());
}
