//! Delta readers see what the log says: deltalake, Polars and `DuckDB` over the same files, at every version.
#![cfg(test)] // so that clippy takes the helpers for tests too

use crate::support::Project;

#[test]
#[cfg(not(feature = "delta"))]
fn a_program_without_the_view_says_how_to_get_one_with_it() {
    let project = Project::new("[sources.people]\nlocation = \"in/\"\n");
    project.edit_toml("[output]", "[output]\ndelta = true");
    let ended = project.run("2026-06-01");
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    ended.says(&["this roster writes no Delta tables", "--features delta"]);
}

#[cfg(feature = "delta")]
mod with_the_feature {
    use std::collections::BTreeMap;
    use std::path::Path;

    use arrow::array::ArrayRef;
    use serde_json::{Value, json};

    use super::Project;
    use crate::python::delta_python;
    use crate::stores::servers::Place;
    use crate::support::data::{int, table, text};
    use crate::support::{TABLES, assert_unchanged};

    /// Three people over two tiers; the view is on.
    fn tiny() -> Project {
        let project = Project::new("[sources.people]\nlocation = \"in/\"\n");
        project.edit_toml("[output]", "[output]\ndelta = true");
        project.sql(
            "segments/tier",
            "/*\n+++\nexclusive = true\n+++\n*/\nSELECT id, tier AS segment, 0.1 AS score FROM raw.people",
        );
        tiers(&project, &["gold", "gold", "iron"]);
        project
    }

    fn tiers(project: &Project, tiers: &[&str]) {
        people(project, text(&["a", "b", "c"][..tiers.len()]), tiers);
    }

    fn people(project: &Project, ids: ArrayRef, tiers: &[&str]) {
        project.parquet("in/part.parquet", &table(&[("id", ids), ("tier", text(tiers))]));
    }

    #[track_caller]
    fn does(project: &Project, arguments: &[&str]) {
        let ended = project.roster(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}{}", ended.out, ended.err);
        assert_eq!(ended.err, "", "{arguments:?}");
    }

    /// What of the output root is the view's.
    fn view(project: &Project) -> BTreeMap<String, String> {
        let mut published = project.published();
        published.retain(|path, _| path.contains("/_delta_log/"));
        published
    }

    fn delete_view(project: &Project) {
        for table in TABLES {
            let folder = project.path(&format!("out/tables/{table}/_delta_log"));
            std::fs::remove_dir_all(folder).unwrap();
        }
    }

    fn commit_path(table: &str, version: u64) -> String {
        format!("out/tables/{table}/_delta_log/{version:020}.json")
    }

    /// The lines of a commit.
    fn actions(project: &Project, table: &str, version: u64) -> Vec<Value> {
        let commit = std::fs::read_to_string(project.path(&commit_path(table, version))).unwrap();
        commit.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// A version that is to be read: `at` of the log, or the newest; `resolved` says its files.
    fn expected(
        root: &str,
        table: &str,
        at: Option<u64>,
        resolved: Option<&Value>,
        newest: u64,
        options: &Value,
    ) -> Value {
        let files = resolved.map(|resolved| {
            let files = resolved["files"].as_array().unwrap().iter();
            files.map(|file| file["url"].clone()).collect::<Vec<_>>()
        });
        json!({
            "uri": format!("{root}/tables/{table}"),
            "version": at.map(|version| version - 1),
            "is_version": at.unwrap_or(newest),
            "files": files,
            "options": options,
        })
    }

    fn resolved(project: &Project, arguments: &[&str]) -> Option<Value> {
        let ended = project.roster(&[&["resolve"], arguments].concat());
        (ended.code == Some(0)).then(|| serde_json::from_str(&ended.out).unwrap())
    }

    /// Everybody reads the newest version, and every one before it whose files are there. `deleted` are those whose are not.
    #[track_caller]
    fn all_agree(project: &Project, root: &str, newest: u64, deleted: &[u64], options: &Value) {
        let mut all = Vec::new();
        for table in TABLES {
            let now = resolved(project, &["--table", table]).unwrap();
            all.push(expected(root, table, None, Some(&now), newest, options));
            for version in 1..=newest {
                let at = resolved(project, &["--table", table, "--version", &version.to_string()]);
                assert_eq!(at.is_none(), deleted.contains(&version), "version {version}: {at:?}");
                all.push(expected(root, table, Some(version), at.as_ref(), newest, options));
            }
        }
        readers_find(project, &all);
    }

    #[track_caller]
    fn readers_find(project: &Project, expected: &[Value]) {
        let file = project.path("expected.json");
        std::fs::write(&file, json!(expected).to_string()).unwrap();
        ends_well("delta.py", &file);
    }

    #[track_caller]
    fn ends_well(script: &str, argument: &Path) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle").join(script);
        let output = delta_python().arg(script).arg(argument).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[track_caller]
    fn agree(project: &Project, newest: u64, deleted: &[u64]) {
        all_agree(project, project.path("out").to_str().unwrap(), newest, deleted, &json!({}));
    }

    #[test]
    fn deltalake_duckdb_and_polars_read_what_the_log_names_after_every_command() {
        let project = tiny();
        project.night("2026-06-01");
        agree(&project, 1, &[]);
        tiers(&project, &["gold", "iron", "iron"]);
        project.night("2026-06-02");
        agree(&project, 2, &[]);
        tiers(&project, &["iron", "iron"]);
        project.run_with("2026-06-02", &["--replace"]).committed();
        project.run_with("2026-05-31", &["--replace"]).committed(); // a side night
        agree(&project, 4, &[]);
        does(&project, &["hold", "--why", "a test"]);
        does(&project, &["release"]);
        does(&project, &["rollback", "--to", "1", "--why", "a test"]);
        agree(&project, 7, &[]);
        assert_eq!(actions(&project, "membership", 4).len(), 1, "a hold changes no row");

        does(&project, &["forget", "b"]);
        agree(&project, 8, &[1, 2, 3, 4, 5, 6, 7]);
        does(&project, &["verify", "--deep"]);
        project.night("2026-06-03");
        project.edit_toml("[output]", "[output]\nretain = \"0m\"");
        tiers(&project, &["gold", "gold", "gold"]);
        project.run_with("2026-06-03", &["--replace"]).committed();
        does(&project, &["vacuum", "--yes", "--older-than", "0m"]);
        agree(&project, 11, &[1, 2, 3, 4, 5, 6, 7, 9]);
        does(&project, &["verify"]);
        let view = view(&project);
        assert_eq!(view.keys().filter(|path| path.contains("/membership/")).count(), 11);
    }

    #[test]
    fn a_view_that_is_turned_on_late_starts_with_version_1() {
        let early = tiny();
        early.night("2026-06-01");
        tiers(&early, &["iron", "iron", "iron"]);
        early.run_with("2026-06-01", &["--replace"]).committed();
        early.night("2026-06-02");
        let written = view(&early);
        delete_view(&early);
        // The same night again has nothing to commit, and writes the same bytes.
        assert_eq!(early.run("2026-06-02").report()["warnings"], json!([]));
        assert_unchanged(&written, &view(&early));

        // Files that are gone: what was current then can not be read, what is current can.
        early.edit_toml("[output]", "[output]\nretain = \"0m\"");
        does(&early, &["vacuum", "--yes"]);
        delete_view(&early);
        does(&early, &["hold", "--why", "a test"]);
        agree(&early, 5, &[1]);
        // Nor is what came after it any worse for having lost that commit, which told the schema.
        std::fs::remove_file(early.path(&commit_path("membership", 0))).unwrap();
        does(&early, &["release"]);
        agree(&early, 6, &[1]);
    }

    #[test]
    fn commits_that_are_missing_are_written_by_the_next_run_the_same_bytes() {
        let project = tiny();
        for night in ["2026-06-01", "2026-06-02", "2026-06-03"] {
            project.night(night);
        }
        let written = view(&project);
        // As if the program had died between the commit and the view; and a hole.
        for version in [2, 0] {
            std::fs::remove_file(project.path(&commit_path("membership", version))).unwrap();
        }
        let told = project.roster(&["verify"]);
        assert_eq!(told.code, Some(2));
        told.says(&["2 of 3 versions are missing"]);
        project.run("2026-06-03");
        assert_unchanged(&written, &view(&project));
        std::fs::remove_file(project.path(&commit_path("change", 2))).unwrap();
        project.night("2026-06-04");
        agree(&project, 4, &[]);
    }

    #[test]
    fn a_vacuum_leaves_a_view_that_is_turned_off() {
        let project = tiny();
        project.night("2026-06-01");
        let written = view(&project);
        project.edit_toml("delta = true", "delta = false");
        let old = std::time::SystemTime::UNIX_EPOCH;
        for path in written.keys() {
            let file = std::fs::File::options().write(true).open(project.path("out").join(path));
            file.unwrap().set_modified(old).unwrap();
        }
        does(&project, &["vacuum", "--yes"]);
        project.night("2026-06-02");
        assert_unchanged(&written, &view(&project));
        project.edit_toml("delta = false", "delta = true");
        project.night("2026-06-03");
        agree(&project, 3, &[]);
    }

    #[test]
    fn two_writers_at_once_write_one_view() {
        let project = tiny();
        project.night("2026-06-01");
        project.night("2026-06-02");
        let written = view(&project);
        delete_view(&project);
        let writers: Vec<_> = (0..4).map(|_| project.start("2026-06-02")).collect();
        for writer in writers {
            let ended = crate::support::Ended::of(writer.wait_with_output().unwrap());
            assert_eq!((ended.code, &ended.report()["warnings"]), (Some(0), &json!([])));
        }
        assert_unchanged(&written, &view(&project));
    }

    /// The schema that a commit sets, if it does.
    fn schema(project: &Project, version: u64) -> Option<(Value, String)> {
        let all = actions(project, "membership", version);
        let metadata = all.iter().find_map(|action| action.get("metaData"))?;
        Some((metadata["id"].clone(), metadata["schemaString"].as_str().unwrap().to_owned()))
    }

    #[test]
    fn columns_have_the_types_of_the_files_and_a_new_schema_is_told_once() {
        let project = tiny();
        project.night("2026-06-01");
        // A night with a key of another type, as a newer program might publish columns that this one does not know.
        let other = tiny();
        people(&other, int(&[1, 2]), &["gold", "iron"]);
        other.night("2026-06-02");
        for folder in ["tables", "attempts"] {
            let copy = std::process::Command::new("cp")
                .arg("-r")
                .arg(other.path("out").join(folder))
                .arg(project.path("out"))
                .status();
            assert!(copy.unwrap().success());
        }
        let (ours, mut record) = (project.log().remove(0), other.log().remove(0));
        record["version"] = 2.into();
        record["state"]["nights"][0]["version"] = 2.into();
        let nights = record["state"]["nights"].as_array_mut().unwrap();
        nights.insert(0, ours["state"]["nights"][0].clone());
        project.text("out/log/00000000000000000002.json", &record.to_string());
        delete_view(&project);
        does(&project, &["hold", "--why", "a test"]);
        agree(&project, 3, &[]);

        let ((id, text_key), (same_id, int_key)) =
            (schema(&project, 0).unwrap(), schema(&project, 1).unwrap());
        assert_eq!((id, schema(&project, 2)), (same_id, None));
        assert!(text_key.contains(r#""name":"id","type":"string","nullable":false"#), "{text_key}");
        assert!(int_key.contains(r#""name":"id","type":"long","nullable":false"#), "{int_key}");
        for column in [
            r#""as_of","type":"date","nullable":false"#,
            r#""score","type":"double","nullable":true"#,
        ] {
            assert!(int_key.contains(column), "{int_key}");
        }
    }

    #[test]
    fn no_key_stands_in_a_view() {
        let project = tiny();
        people(&project, text(&["canary-a", "canary-b", "canary-c"]), &["gold", "iron", "iron"]);
        project.night("2026-06-01");
        does(&project, &["forget", "canary-a"]);
        assert_eq!(
            view(&project).keys().filter(|path| path.contains(".json")).count(),
            2 * TABLES.len()
        );
        for path in view(&project).keys().filter(|path| path.contains(".json")) {
            let text = std::fs::read_to_string(project.path(&format!("out/{path}"))).unwrap();
            assert!(!text.contains("canary"), "{path}: {text}");
        }
    }

    #[test]
    fn a_view_that_can_not_be_written_is_a_warning_of_a_night_and_an_error_of_a_forget() {
        let project = tiny();
        project.night("2026-06-01");
        // Somebody else's commit, in the next slot of ours.
        project.text(&commit_path("membership", 1), "{\"commitInfo\":{}}\n");
        let report = project.night("2026-06-02");
        let warning = report["warnings"].as_array().unwrap().last().unwrap().as_str().unwrap();
        assert!(warning.contains("somebody else wrote to this Delta table"), "{warning}");
        assert!(warning.contains("delete ") && warning.contains("_delta_log"), "{warning}");
        let told = project.roster(&["verify"]);
        assert_eq!(told.code, Some(2));
        told.says(&["somebody else wrote"]);

        let forgot = project.roster(&["forget", "a"]);
        assert_eq!(forgot.code, Some(3), "{}{}", forgot.out, forgot.err);
        forgot.says(&["no file holds the key any more", "run the same command again"]);
        assert!(!project.rows("2026-06-02", "membership", "id").contains(&"a".to_owned()));
        std::fs::remove_dir_all(project.path("out/tables/membership/_delta_log")).unwrap();
        does(&project, &["forget", "a"]);
        agree(&project, 3, &[1, 2]);
    }

    #[test]
    fn other_peoples_delta_writers_refuse_the_table() {
        let project = tiny();
        project.night("2026-06-01");
        project.night("2026-06-02");
        let before = project.published();
        ends_well("delta_writers.py", &project.path("out/tables/membership"));
        assert_unchanged(&before, &project.published());
    }

    #[test]
    fn readers_start_from_a_checkpoint_once_there_are_many_versions() {
        let project = tiny();
        let nights = ["backfill", "--from", "2026-01-01", "--to", "2026-04-11"];
        assert_eq!(project.roster(&nights).code, Some(0));
        let view = view(&project);
        assert_eq!(
            view.keys().filter(|path| path.ends_with("checkpoint.parquet")).count(),
            TABLES.len()
        );
        // A reader that has it needs nothing from before it.
        for table in TABLES {
            for version in 0..100 {
                std::fs::remove_file(project.path(&commit_path(table, version))).unwrap();
            }
        }
        let root = project.path("out").to_str().unwrap().to_owned();
        let now: Vec<_> = TABLES
            .iter()
            .map(|table| {
                let files = resolved(&project, &["--table", table]).unwrap();
                expected(&root, table, None, Some(&files), 101, &json!({}))
            })
            .collect();
        readers_find(&project, &now);
    }

    #[test]
    fn an_s3_bucket_has_the_same_view() {
        let place = Place::s3();
        let published = format!("{}/published", place.location);
        let project = tiny();
        place.publishes(&project, "published");
        let options = json!({
            "AWS_ENDPOINT_URL": place.options["endpoint"],
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": place.options["region"],
            "AWS_ACCESS_KEY_ID": place.options["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": place.options["secret_access_key"],
        });
        project.night("2026-06-01");
        tiers(&project, &["iron", "gold"]);
        project.night("2026-06-02");
        does(&project, &["rollback", "--to", "1", "--why", "a test"]);
        all_agree(&project, &published, 3, &[], &options);
        does(&project, &["forget", "c"]);
        // The night that it left in names it among its changes.
        all_agree(&project, &published, 4, &[1, 2, 3], &options);
    }
}
