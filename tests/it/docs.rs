//! The documentation that is written by the program says what the program says.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::path::Path;
use std::process::Command;

use crate::support::Project;

#[path = "../../examples/embed_udfs.rs"]
#[expect(dead_code, reason = "an example has a main")]
mod embed_udfs;

fn roster(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_roster")).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// `file` is what `roster <arguments>` prints.
#[track_caller]
fn is_written_by(file: &str, arguments: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let (code, out, _) = roster(arguments);
    assert_eq!(code, Some(0));
    let command = arguments.join(" ");
    assert!(written == out, "{file} is not up to date: roster {command} > {file}");
}

#[test]
fn the_reference_of_functions_is_up_to_date() {
    is_written_by("docs/functions.md", &["functions", "--format", "markdown"]);
}

#[test]
fn the_reference_is_up_to_date() {
    is_written_by("docs/reference.md", &["reference"]);
}

#[test]
fn a_chapter_of_the_reference_can_be_had_alone() {
    let (_, page, _) = roster(&["reference"]);
    for topic in ["settings", "types", "front-matter", "sql", "tables", "codes"] {
        let (code, chapter, _) = roster(&["reference", topic]);
        assert_eq!(code, Some(0));
        assert!(chapter.starts_with("## ") && page.contains(&chapter), "{topic}");
    }
}

#[test]
fn the_schema_for_editors_knows_every_key_of_the_reference_project() {
    let (_, schema, _) = roster(&["reference", "--format", "json-schema"]);
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let toml = include_str!("../../sql/roster.toml").parse::<toml::Table>().unwrap();
    for (table, keys) in toml {
        let known = &schema["properties"][&table];
        let (known, tables) = match known["additionalProperties"].as_object() {
            Some(each) => (each["properties"].clone(), keys.as_table().unwrap().clone()),
            None => (known["properties"].clone(), toml::Table::from_iter([(table, keys)])),
        };
        for key in tables.values().flat_map(|table| table.as_table().unwrap().keys()) {
            assert!(known[key]["description"].is_string(), "{key}");
        }
    }
}

#[test]
fn the_release_of_the_zones_is_told() {
    let limits = include_str!("../../docs/limits.md");
    let release = format!("release {} of the IANA database", chrono_tz::IANA_TZDB_VERSION);
    assert!(limits.contains(&release), "{release} is not in docs/limits.md");
}

#[test]
fn the_catalogue_of_segmentations_is_up_to_date() {
    let project = Project::reference();
    let directory = project.path("");
    let directory = directory.to_str().unwrap();
    is_written_by("docs/segments.md", &["catalog", "--format", "markdown", "--project", directory]);
}

#[test]
fn all_segmentations_are_listed_with_what_they_promise() {
    let project = Project::new("[sources.people]\noptional = true\ncolumns = { id = \"text!\" }\n");
    let header = "title = \"Everyone\"\nowner = \"us\"\nlabels = [\"a\", \"b\"]\nexclusive = true";
    let sql = format!("/*\n+++\n{header}\n+++\nFor all.\n*/\nSELECT id FROM feature.account\n");
    project.sql("segments/everyone", &sql);
    project.sql("features/account", "SELECT id FROM raw.people");
    let table = project.roster(&["catalog"]).out;
    assert!(table.contains("everyone      Everyone  us     a, b"), "{table}");
    let json = project.roster(&["catalog", "--format", "json"]).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let expected = serde_json::json!([{
        "name": "everyone",
        "title": "Everyone",
        "owner": "us",
        "tags": [],
        "labels": ["a", "b"],
        "exclusive": true,
        "total": false,
        "playbook": null,
        "description": "For all.",
        "reads": ["feature.account"],
        "file": "sql/segments/everyone.sql",
    }]);
    assert_eq!(json, expected);
}

#[test]
fn a_function_is_explained_with_its_arguments_and_a_slip_gets_a_suggestion() {
    let (_, out, _) = roster(&["functions", "score_between"]);
    assert!(out.starts_with("score_between(value, worst, best)\n  scalar function\n"), "{out}");
    assert!(out.contains("\n  worst: The value that scores 0."), "{out}");
    let (code, out, err) = roster(&["functions", "score_betwen"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("did you mean `score_between`?"), "{err}");
}

#[test]
fn all_functions_are_listed_a_line_each() {
    let (_, table, _) = roster(&["functions"]);
    let (_, json, _) = roster(&["functions", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let names: Vec<_> =
        json.as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"rfm") && names.contains(&"membership_history"), "{names:?}");
    for name in names {
        assert!(table.lines().any(|line| line.starts_with(&format!("{name} "))), "{name}: {table}");
    }
}

#[tokio::test]
async fn the_functions_work_in_a_plain_datafusion_program() {
    let table = embed_udfs::health().await.unwrap();
    assert!(table.contains("| Ada  | 100.0  | good    | 2       |"), "{table}");
    assert!(table.contains("| Cleo |        | unknown | 3       |"), "{table}");
}

#[test]
fn a_new_project_is_sound_and_runs_before_any_location_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("Acme-2.0");
    let project = project.to_str().unwrap();
    let (code, out, err) = roster(&["init", project]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("28 segmentations over 12 sources"), "{out}");
    let (code, out, err) = roster(&["check", "--warnings-as-errors", "--project", project]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let toml = std::fs::read_to_string(Path::new(project).join("roster.toml")).unwrap();
    assert!(toml.contains("name      = \"acme_2_0\"") && !toml.contains("extracts/"), "{toml}");
    let sql = "SELECT count(*) FROM feature.account";
    let ask = ["sql", sql, "--as-of", "2026-06-30", "--format", "csv", "--project", project];
    assert_eq!(roster(&ask).1, "count(*)\n0\n");
    let (code, _, err) = roster(&["init", project]);
    assert_eq!(code, Some(2));
    assert!(err.contains("is not empty"), "{err}");
}

#[test]
fn shells_and_manuals_know_every_command() {
    let (_, help, _) = roster(&["help"]);
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: Vec<_> =
        list.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(roster(&["man", folder.path().to_str().unwrap()]).0, Some(0));
    let (_, bash, _) = roster(&["completions", "bash"]);
    for command in commands.into_iter().filter(|command| *command != "help") {
        assert!(folder.path().join(format!("roster-{command}.1")).is_file(), "{command}");
        assert!(bash.contains(&format!("roster,{command})")), "{command}");
    }
}

#[test]
fn the_nightly_script_tries_again_where_that_helps() {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/orchestrators/nightly.sh");
    for (answers, expected) in [("6 3 0", 0), ("6 4 0", 4), ("2 0 0", 2), ("6 6 6", 6)] {
        // Answers with one code after the other.
        let stub = "#!/bin/bash\nset -- $(cat answers)\nexit_code=$1\nshift\necho $* > answers\nexit $exit_code\n";
        std::fs::write(folder.path().join("roster"), stub).unwrap();
        std::fs::write(folder.path().join("answers"), answers).unwrap();
        let runnable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path().join("roster"), runnable).unwrap();
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let mut command = Command::new("bash");
        command.arg(&script).args(["acme", "2026-06-30"]).env("PATH", path).env("PAUSES", "0 0");
        let ended = command.current_dir(folder.path()).status().unwrap();
        assert_eq!(ended.code(), Some(expected), "{answers}");
    }
}

/// Commands of a document's `console` blocks, each with what it must print to standard output.
fn commands(document: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    let blocks = document.split("```console\n").skip(1);
    for line in blocks.flat_map(|block| block.split("```").next().unwrap().lines()) {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push((command.to_owned(), String::new()));
        } else if let Some(more) = line.strip_prefix("> ") {
            commands.last_mut().unwrap().0.extend(["\n", more]);
        } else {
            commands.last_mut().unwrap().1.extend([line, "\n"]);
        }
    }
    commands
}

#[test]
fn the_guide_does_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let roster = Path::new(env!("CARGO_BIN_EXE_roster")).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", roster.display());
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide.md");
    let commands = commands(&std::fs::read_to_string(document).unwrap());
    assert!(commands.len() > 12);
    for (command, expected) in commands {
        let mut shell = Command::new("bash");
        shell.args(["-c", &command]).env("PATH", &path).current_dir(folder.path());
        let output = shell.output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{command}\n{err}");
        let out = String::from_utf8(output.stdout).unwrap();
        snapbox::Assert::new().eq(out, expected);
    }
}
