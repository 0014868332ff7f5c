//! What people do to a log beside running nights: rollback, hold, vacuum, forget, and how it stands.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::support::data::{int, read, table, text};
use crate::support::{Project, as_text, assert_unchanged};

const DAYS: [&str; 3] = ["2026-06-01", "2026-06-02", "2026-06-03"];

/// Three nights of people who enter, move and leave.
fn three_nights() -> Project {
    let project = Project::new(
        "[sources.people]\nlocation = \"in/people/\"\nsnapshot = \"dt\"\n\
         columns = { id = \"text!\", plan = \"text\", n = \"int\" }\n",
    );
    project.sql("segments/plan", "/*\n+++\nexclusive = true\n+++\n*/\nSELECT id, plan AS segment, n AS score FROM raw.people");
    let people = [
        [("a", "pro", 1), ("b", "pro", 2), ("c", "free", 3)],
        [("a", "pro", 9), ("b", "free", 4), ("d", "pro", 5)],
        [("a", "free", 9), ("b", "pro", 6), ("c", "free", 7)],
    ];
    for (day, people) in DAYS.iter().zip(people) {
        let (ids, plans) = (people.map(|p| p.0), people.map(|p| p.1));
        let rows =
            table(&[("id", text(&ids)), ("plan", text(&plans)), ("n", int(&people.map(|p| p.2)))]);
        project.parquet(&format!("in/people/dt={day}/part.parquet"), &rows);
    }
    for day in DAYS {
        project.night(day);
    }
    project
}

#[track_caller]
fn does(project: &Project, arguments: &[&str]) -> String {
    let ended = project.roster(arguments);
    assert_eq!(ended.code, Some(0), "{arguments:?}: {}{}", ended.out, ended.err);
    ended.out
}

#[track_caller]
fn refuses(project: &Project, arguments: &[&str], code: i32, words: &[&str]) {
    let before = project.published();
    let ended = project.roster(arguments);
    assert_eq!(ended.code, Some(code), "{arguments:?}: {}{}", ended.out, ended.err);
    ended.says(words);
    assert_unchanged(&before, &project.published());
}

/// Applies change sets to what a follower holds; every row must make sense to it.
fn follow(project: &Project, held: &mut BTreeMap<String, String>, since: u64) -> u64 {
    let out = does(project, &["changes", "--since", &since.to_string()]);
    let json: Value = serde_json::from_str(&out).unwrap();
    for set in json["changes"].as_array().unwrap() {
        for file in set["files"].as_array().unwrap() {
            let batches = read(Path::new(file["url"].as_str().unwrap()));
            for row in as_text(&batches, "id change segment previous_segment") {
                let [id, change, segment, previous] =
                    row.split(' ').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
                match change.as_str() {
                    "entered" => assert_eq!(held.insert(id, segment), None),
                    "moved" => assert_eq!(held.insert(id, segment), Some(previous)),
                    "left" => assert_eq!(held.remove(&id), Some(previous)),
                    other => panic!("{other}"),
                }
            }
        }
    }
    json["token"].as_u64().unwrap()
}

fn current(project: &Project) -> BTreeMap<String, String> {
    let json: Value =
        serde_json::from_str(&does(project, &["resolve", "--table", "membership"])).unwrap();
    let as_of = json["as_of"].as_str().unwrap();
    let rows = project.rows(as_of, "membership", "id segment");
    rows.iter().map(|row| row.split_once(' ').unwrap()).map(|(a, b)| (a.into(), b.into())).collect()
}

#[test]
fn a_rollback_withdraws_the_nights_above_and_leads_followers_back() {
    let project = three_nights();
    let mut held = BTreeMap::new();
    let token = follow(&project, &mut held, 0);
    does(&project, &["rollback", "--to", "1", "--why", "bad prices"]);
    let record = project.log().pop().unwrap();
    assert_eq!((&record["kind"], &record["why"]), (&"rollback".into(), &"bad prices".into()));
    assert_eq!(record["state"]["current"], DAYS[0]);
    let token = follow(&project, &mut held, token);
    assert_eq!(held, current(&project));

    // Once more is harmless; a withdrawn night comes back by a person's decision only.
    assert!(does(&project, &["rollback", "--to", "1", "--why", "again"]).contains("already"));
    refuses(&project, &["run", "--as-of", DAYS[1]], 5, &["withdrawn", "--replace"]);
    project.run_with(DAYS[1], &["--replace"]).committed();
    follow(&project, &mut held, token);
    assert_eq!(held, current(&project));
}

#[test]
fn a_replaced_current_night_leads_followers_on() {
    let project = three_nights();
    let mut held = BTreeMap::new();
    let token = follow(&project, &mut held, 0);
    project.sql("segments/plan", "/*\n+++\nexclusive = true\n+++\n*/\nSELECT id, 'all' AS segment FROM raw.people WHERE id > 'a'");
    project.run_with(DAYS[2], &["--replace"]).committed();
    follow(&project, &mut held, token);
    assert_eq!(held, current(&project));
}

#[test]
fn a_version_that_does_not_exist_or_was_deleted_can_not_be_rolled_back_to() {
    let project = three_nights();
    refuses(&project, &["rollback", "--to", "9", "--why", "x"], 2, &["no version 9", "roster log"]);
    does(&project, &["rollback", "--to", "1", "--why", "x"]);
    project.edit_toml("[output]", "[output]\nretain = \"0m\"");
    does(&project, &["vacuum", "--yes"]);
    refuses(&project, &["rollback", "--to", "3", "--why", "x"], 2, &["can not be had any more"]);
}

#[test]
fn a_hold_stops_new_nights_and_answers_for_committed_ones() {
    let project = three_nights();
    does(&project, &["hold", "--why", "migration"]);
    let held = project.roster(&["run", "--as-of", "2026-06-04"]);
    assert_eq!(held.code, Some(2), "{}", held.err);
    held.says(&["on hold: migration"]);
    assert_eq!(project.run(DAYS[2]).report()["code"], "already_committed");
    assert!(does(&project, &["status"]).contains("held: migration"));
    does(&project, &["release"]);
    assert!(does(&project, &["release"]).contains("already"));
    let late = project.run("2026-06-04");
    assert_eq!(late.code, Some(0), "{}", late.err);
}

#[test]
fn a_vacuum_tells_first_and_leaves_the_live_nights() {
    let project = three_nights();
    project.sql("segments/plan", "SELECT id, 'all' AS segment FROM raw.people");
    project.run_with(DAYS[1], &["--replace"]).committed(); // a side night takes the place of one
    let before = project.published();
    assert!(does(&project, &["vacuum"]).contains("0 attempts"));
    project.edit_toml("[output]", "[output]\nretain = \"0m\"");
    assert!(does(&project, &["vacuum"]).contains("1 attempts"));
    assert_unchanged(&before, &project.published());

    does(&project, &["vacuum", "--yes"]);
    let record = project.log().pop().unwrap();
    let stale = record["state"]["stale"].as_array().unwrap();
    assert_eq!((record["kind"].as_str(), stale.len()), (Some("vacuum"), 1));
    let stale = stale[0].as_str().unwrap();
    assert!(project.published().keys().all(|path| !path.contains(stale)));
    assert!(does(&project, &["verify", "--deep"]).contains("3 nights"));
    assert!(does(&project, &["vacuum", "--yes"]).contains("nothing new to name"));
}

#[test]
fn a_follower_behind_deleted_changes_is_told_to_start_again() {
    let project = three_nights();
    does(&project, &["rollback", "--to", "1", "--why", "x"]);
    project.edit_toml("[output]", "[output]\nretain = \"0m\"");
    does(&project, &["vacuum", "--yes"]);
    refuses(&project, &["changes", "--since", "1"], 2, &["gap at version 2", "--since 5"]);
    refuses(&project, &["changes", "--since", "77"], 2, &["no version 77"]);
    assert!(does(&project, &["changes", "--since", "5"]).contains("\"token\": 5"));
}

#[test]
fn a_forgotten_key_is_in_no_file_and_never_comes_back() {
    let project = three_nights();
    does(&project, &["forget", "a"]);
    for day in DAYS {
        let ids = project.rows(day, "membership", "id");
        assert!(!ids.is_empty() && !ids.contains(&"a".to_owned()), "{ids:?}");
        assert!(!project.rows(day, "change", "id").contains(&"a".to_owned()));
    }
    let attempts: BTreeSet<_> =
        (project.published().into_keys()).filter(|path| path.contains("manifest.json")).collect();
    assert_eq!(attempts.len(), 3, "{attempts:?}");
    assert!(does(&project, &["verify", "--deep"]).contains("0 problems"));
    assert!(does(&project, &["forget", "a"]).contains("already"));
    refuses(&project, &["changes", "--since", "3"], 2, &["forgotten", "--since 4"]);

    std::fs::rename(
        project.path("in/people/dt=2026-06-03"),
        project.path("in/people/dt=2026-06-04"),
    )
    .unwrap();
    project.night("2026-06-04");
    let ids = project.rows("2026-06-04", "membership", "id");
    assert!(ids.contains(&"b".to_owned()) && !ids.contains(&"a".to_owned()), "{ids:?}");
}

#[test]
fn verify_names_what_is_missing_or_changed() {
    let project = three_nights();
    let manifest = project.manifest(DAYS[0]);
    let path = manifest["tables"]["membership"]["files"][0]["path"].as_str().unwrap();
    let path = project.path(&format!("out/{path}"));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    does(&project, &["verify"]);
    let deep = project.roster(&["verify", "--deep"]);
    assert_eq!(deep.code, Some(2));
    deep.says(&["part-00000.parquet", "not the bytes that were committed"]);
    std::fs::remove_file(&path).unwrap();
    let missing = project.roster(&["verify"]);
    assert_eq!(missing.code, Some(2));
    missing.says(&["part-00000.parquet"]);
}

#[test]
fn status_is_late_without_a_night_or_with_an_old_one() {
    let project = three_nights();
    assert!(does(&project, &["status"]).contains("2026-06-03"));
    // The nights are of 2026; whoever runs this does so later.
    assert_eq!(project.roster(&["status", "--max-age", "1m"]).code, Some(6));
    std::fs::remove_dir_all(project.path("out")).unwrap();
    assert_eq!(project.roster(&["status"]).code, Some(6));
}

#[test]
fn what_is_published_can_be_read_while_sql_is_being_edited() {
    let project = three_nights();
    project.sql("segments/draft", "SELEC");
    does(&project, &["resolve", "--table", "membership"]);
    does(&project, &["log"]);
    does(&project, &["changes", "--since", "0"]);
}

/// Every night's rows, without the version that published them.
fn all_rows(project: &Project) -> Vec<Vec<String>> {
    let columns = "as_of segmentation segment id score since";
    DAYS.map(|day| project.rows(day, "membership", columns)).into()
}

#[test]
fn a_backfill_computes_ahead_and_publishes_what_single_nights_would() {
    let single = three_nights();
    let together = three_nights();
    std::fs::remove_dir_all(together.path("out")).unwrap();
    let jobs = ["backfill", "--from", DAYS[0], "--to", DAYS[2], "--jobs", "3"];
    does(&together, &jobs);
    assert_eq!(all_rows(&single), all_rows(&together));
    for day in DAYS {
        assert_eq!(single.hashes(day), together.hashes(day), "{day}");
    }
    assert_eq!(together.log().len(), 3);
    // It goes on where it stopped: nothing is left to do.
    assert_eq!(does(&together, &jobs).matches("already committed").count(), 3);
}

#[test]
fn a_backfill_fills_gaps_beside_the_current_night_and_keeps_what_differs() {
    let project = three_nights();
    std::fs::remove_dir_all(project.path("out")).unwrap();
    project.night(DAYS[2]);
    project.sql("segments/plan", "SELECT id, 'all' AS segment FROM raw.people");
    let ended = project.roster(&["backfill", "--from", DAYS[0], "--to", DAYS[2]]);
    assert_eq!(ended.code, Some(5), "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("2026-06-03  kept"), "{}", ended.out);
    let record = project.log().pop().unwrap();
    assert_eq!(
        (&record["advances"], &record["state"]["current"]),
        (&false.into(), &DAYS[2].into())
    );
    does(&project, &["backfill", "--from", DAYS[0], "--to", DAYS[2], "--replace"]);
    assert_eq!(project.rows(DAYS[2], "membership", "segment")[0], "all");
}

#[test]
fn sql_that_looks_back_is_backfilled_one_night_after_the_other() {
    let project = three_nights();
    std::fs::remove_dir_all(project.path("out")).unwrap();
    project.sql("segments/stayed", "SELECT p.id FROM raw.people AS p JOIN previous.membership AS m ON m.id = p.id WHERE m.segmentation = 'plan'");
    does(&project, &["backfill", "--from", DAYS[0], "--to", DAYS[2], "--jobs", "3"]);
    let stayed = project.rows(DAYS[2], "membership", "segmentation id");
    let stayed: Vec<_> = stayed.iter().filter_map(|row| row.strip_prefix("stayed ")).collect();
    assert_eq!(stayed, ["a", "b"]);
}

#[test]
fn the_log_keeps_no_keys_of_audits_and_a_forgotten_one_is_named_no_more() {
    let project = three_nights();
    project.sql("audits/odd", "/*\n+++\nseverity = \"warn\"\n+++\n*/\nSELECT id FROM raw.people");
    let told = project.run_with(DAYS[2], &["--replace"]);
    told.says(&[]);
    assert!(told.out.contains("3 rows, a, b, c"), "{}", told.out);
    let message = project.log().pop().unwrap()["audits"][0]["message"].clone();
    assert!(message.as_str().unwrap().contains("3 rows; `roster sql"), "{message}");

    does(&project, &["forget", "a"]);
    assert!(does(&project, &["forget", "zz"]).contains("mistyped"));
    std::fs::rename(
        project.path("in/people/dt=2026-06-03"),
        project.path("in/people/dt=2026-06-04"),
    )
    .unwrap();
    let told = project.run("2026-06-04");
    assert!(told.out.contains("3 rows, b, c"), "{}", told.out);
}

#[test]
fn a_vacuum_touches_nothing_that_is_not_rosters() {
    let project = three_nights();
    let outside = project.path("outside/notes#1");
    project.text("outside/notes#1", "mine").text("out/mine#7", "mine");
    project.text("out/tables/half#1", "half").text("out/attempts/killed/manifest.json#1", "half");
    std::os::unix::fs::symlink(project.path("outside"), project.path("out/tables/link")).unwrap();
    let old = std::time::SystemTime::UNIX_EPOCH;
    let half = ["out/mine#7", "out/tables/half#1", "out/attempts/killed/manifest.json#1"];
    for path in half.map(|path| project.path(path)).iter().chain([&outside]) {
        std::fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    }
    let folder = project.path("out/attempts/killed");
    std::fs::File::open(&folder).unwrap().set_modified(old).unwrap();
    does(&project, &["vacuum", "--yes"]);
    assert!(outside.exists() && project.path("out/mine#7").exists());
    assert!(!project.path("out/tables/half#1").exists() && !folder.exists());
}

#[test]
fn a_backfill_never_takes_the_place_of_a_night_that_somebody_else_publishes() {
    let project = three_nights();
    std::fs::remove_dir_all(project.path("out")).unwrap();
    // The second night stands before the backfill comes to it, under other SQL.
    let plan = "/*\n+++\nexclusive = true\n+++\n*/\nSELECT id, plan AS segment, n AS score FROM raw.people";
    project.sql("segments/plan", "SELECT id, 'other' AS segment FROM raw.people");
    project.night(DAYS[1]);
    project.sql("segments/plan", plan);
    let ended = project.roster(&["backfill", "--from", DAYS[0], "--to", DAYS[2], "--jobs", "3"]);
    assert_eq!(ended.code, Some(5), "{}{}", ended.out, ended.err);
    assert_eq!(project.rows(DAYS[1], "membership", "segment")[0], "other");
}
