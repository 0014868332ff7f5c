//! `roster evaluate`: what became of segments and scores between two nights.
#![cfg(test)] // so that clippy takes the helpers for tests too

mod proof;

use serde_json::{Value, json};

use crate::support::Project;
use crate::support::data::{date, int, table, text};

/// Six accounts of the first night. By the second a has grown and moved, b has shrunk, c is as it was, d is gone, e is 31 days
/// behind the end of its term and f 30; g is new.
fn project() -> Project {
    let project = Project::new(
        "[sources.people]\nlocation = \"in/people/\"\nsnapshot = \"dt\"\ncolumns = { id = \"text!\", tier = \"text\", \
         arr = \"int\", renewal_date = \"date\", satisfaction = \"int\", health_score = \"int\" }\n",
    );
    let first = table(&[
        ("id", text(&["a", "b", "c", "d", "e", "f"])),
        ("tier", text(&["iron", "iron", "gold", "gold", "gold", "gold"])),
        ("arr", int(&[100, 100, 100, 100, 50, 50])),
        (
            "renewal_date",
            date(&["2027-01-01", "-", "2027-01-01", "2026-06-15", "2026-05-30", "2026-05-31"]),
        ),
        ("satisfaction", int(&[3, 3, 4, 1, 1, 5])),
        ("health_score", int(&[80, 70, 60, 20, 30, 25])),
    ]);
    let second = table(&[
        ("id", text(&["a", "b", "c", "e", "f", "g"])),
        ("tier", text(&["gold", "iron", "-", "gold", "gold", "gold"])),
        ("arr", int(&[150, 40, 100, 50, 50, 900])),
        (
            "renewal_date",
            date(&["2027-01-01", "-", "2027-01-01", "2026-05-30", "2026-05-31", "2027-01-01"]),
        ),
        ("satisfaction", int(&[5, 2, 4, 1, 5, 5])),
        ("health_score", int(&[80, 70, 60, 20, 30, 90])),
    ]);
    project.parquet("in/people/dt=2026-06-01/part.parquet", &first);
    project.parquet("in/people/dt=2026-06-30/part.parquet", &second);
    project.sql(
        "features/account",
        "SELECT id, tier, arr, renewal_date, satisfaction, health_score FROM raw.people",
    );
    project.sql(
        "segments/tier",
        "/*\n+++\nexclusive = true\nlabels = [\"gold\", \"iron\", \"tin\"]\n+++\n*/\n\
         SELECT id, tier AS segment FROM feature.account",
    );
    project.night("2026-06-01");
    project.night("2026-06-30");
    project
}

const NIGHTS: [&str; 5] = ["evaluate", "--from", "2026-06-01", "--to", "2026-06-30"];

#[track_caller]
fn evaluated(project: &Project) -> Value {
    let ended = project.roster(&[&NIGHTS[..], &["--format", "json"]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

#[track_caller]
fn segment<'a>(evaluation: &'a Value, label: &str) -> &'a Value {
    let segments = evaluation["segments"].as_array().unwrap();
    segments.iter().find(|segment| segment["segment"] == label).unwrap()
}

#[test]
fn who_is_gone_or_31_days_behind_its_term_has_left_and_who_came_later_does_not_count() {
    let evaluation = evaluated(&project());
    assert_eq!((&evaluation["accounts"], &evaluation["left"]), (&json!(6), &json!(2)));
    let gold = segment(&evaluation, "gold");
    assert_eq!(gold["accounts"], 4);
    assert_eq!(gold["logo_retention"]["value"], 0.5);
}

#[test]
fn gross_retention_does_not_count_what_grew_and_who_left_pays_nothing() {
    let evaluation = evaluated(&project());
    let iron = segment(&evaluation, "iron");
    assert_eq!(iron["net_revenue_retention"]["value"], 0.95);
    assert_eq!(iron["gross_revenue_retention"]["value"], 0.7);
    // 100 and 50 of 300 stay: d is gone, and e counts as gone.
    assert_eq!(segment(&evaluation, "gold")["net_revenue_retention"]["value"], 0.5);
}

#[test]
fn satisfaction_is_compared_where_both_nights_know_it() {
    let evaluation = evaluated(&project());
    assert_eq!(segment(&evaluation, "iron")["satisfaction_change"]["value"], 0.5);
}

#[test]
fn members_are_found_again_in_a_segment_outside_or_gone() {
    let evaluation = evaluated(&project());
    let flows = |label: &str| -> Vec<Value> {
        let flows = segment(&evaluation, label)["flows"].as_array().unwrap();
        flows.iter().map(|flow| json!([flow["to"], flow["segment"], flow["accounts"]])).collect()
    };
    assert_eq!(flows("iron"), [json!(["segment", "gold", 1]), json!(["segment", "iron", 1])]);
    assert_eq!(
        flows("gold"),
        [json!(["segment", "gold", 1]), json!(["outside", null, 1]), json!(["left", null, 2])]
    );
    assert!(flows("tin").is_empty());
}

#[test]
fn a_score_is_judged_apart_where_the_term_ended() {
    let evaluation = evaluated(&project());
    let health = &evaluation["scores"][0];
    // d, lowest, and e left; f, between them, stayed: 7 of 8 pairs are in order.
    assert_eq!(health["all"]["auc"]["value"], 0.875);
    assert_eq!(health["term_ended"]["accounts"], 3);
    assert_eq!(health["term_ended"]["auc"]["value"], 0.5);
    assert_eq!(
        (&health["others"]["accounts"], &health["others"]["auc"]),
        (&json!(3), &json!(null))
    );
}

#[test]
fn too_few_accounts_are_warned_of_with_their_number() {
    let project = project();
    let ended = project.roster(&NIGHTS);
    assert_eq!(ended.code, Some(0));
    ended.says(&["logo retention of tier, gold is too uncertain", "4 accounts"]);
    ended.says(&["no column `churn_score`", "[evaluate]"]);
}

#[test]
fn the_settings_name_other_columns() {
    let project = project();
    project.set("[evaluate]\nhealth_scores = [\"satisfaction\"]\nrevenue = \"health_score\"");
    let evaluation = evaluated(&project);
    assert_eq!(evaluation["scores"][0]["column"], "satisfaction");
    assert_eq!(segment(&evaluation, "iron")["net_revenue_retention"]["value"], 1.0);
}

#[test]
fn a_column_of_another_type_is_a_mistake() {
    let project = project();
    project.set("[evaluate]\nrevenue = \"tier\"");
    let ended = project.roster(&NIGHTS);
    assert_eq!(ended.code, Some(2));
    ended.says(&["`tier` is text, and not a number", "[evaluate]"]);
}

#[test]
fn nights_that_saw_inputs_of_later_are_refused_unless_allowed() {
    let project =
        Project::new("[sources.people]\nlocation = \"in/\"\ncolumns = { id = \"text\" }\n");
    project.parquet("in/part.parquet", &table(&[("id", text(&["a"]))]));
    project.sql("features/account", "SELECT id FROM raw.people");
    project.sql("segments/all", "SELECT id FROM feature.account");
    project.night("2026-06-01");
    project.night("2026-06-30");
    let ended = project.roster(&NIGHTS);
    assert_eq!(ended.code, Some(2));
    ended.says(&["the night of 2026-06-01 saw inputs as they were later", "--allow-leak"]);
    let ended = project.roster(&[&NIGHTS[..], &["--allow-leak"]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    ended.says(&["warning: the night of 2026-06-30 saw inputs"]);
}

#[test]
fn nights_the_wrong_way_round_or_not_committed_are_mistakes() {
    let project = project();
    let refused = |from: &str, to: &str| project.roster(&["evaluate", "--from", from, "--to", to]);
    refused("2026-06-30", "2026-06-01").says(&["2026-06-30 is not before 2026-06-01"]);
    refused("2026-06-01", "2026-06-02").says(&["the night of 2026-06-02 is not committed"]);
}
