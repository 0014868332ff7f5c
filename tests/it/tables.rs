//! The tables that follow from a night's memberships: `account`, `summary`, `transition`, `drift`. `DuckDB` recomputes them
//! for the demo (`oracle.rs`); here are the cases it does not have.
#![cfg(test)] // so that clippy takes the helpers for tests too

use crate::support::Project;
use crate::support::data::{int, table, text};

const TIER: &str = "/*\n+++\ntitle = \"Tier\"\nexclusive = true\nlabels = [\"gold\", \"iron\", \"tin\"]\n+++\n*/\n\
     SELECT id, tier AS segment, n AS score FROM feature.account";

/// People of two nights: c leaves, d comes, b goes from iron to gold.
fn project() -> Project {
    let project = Project::new(
        "[sources.people]\nlocation = \"in/people/\"\nsnapshot = \"dt\"\npii = [\"mail\"]\n\
         columns = { id = \"text!\", tier = \"text\", n = \"int\", mail = \"text\" }\n",
    );
    for (day, ids, tiers, numbers) in [
        ("2026-06-01", ["b", "a", "c"], ["iron", "gold", "iron"], [1, 4, 2]),
        ("2026-06-02", ["a", "b", "d"], ["gold", "gold", "-"], [4, 1, 3]),
    ] {
        let columns = [
            ("id", text(&ids)),
            ("tier", text(&tiers)),
            ("n", int(&numbers)),
            ("mail", text(&["x@x", "y@y", "z@z"])),
        ];
        project.parquet(&format!("in/people/dt={day}/part.parquet"), &table(&columns));
    }
    project.sql("features/account", "SELECT id, n, mail, upper(mail) AS shout FROM raw.people");
    project.sql("segments/tier", &TIER.replace("feature.account", "raw.people"));
    // Not exclusive: everybody has two.
    project.sql(
        "segments/both",
        "SELECT id, unnest(['one', 'two']) AS segment, n AS score FROM feature.account",
    );
    project.sql("segments/nobody", "SELECT id FROM feature.account WHERE n > 100");
    project
}

#[test]
fn an_account_has_what_may_be_known_of_it_its_labels_and_all_its_memberships() {
    let project = project();
    project.night("2026-06-01");
    project.night("2026-06-02");
    let rows = project.rows("2026-06-02", "account", "id n segment_tier memberships");
    let list = |n: &str, tier: &str| {
        format!(
            "[{{segmentation: both, segment: one, score: {n}}}, {{segmentation: both, segment: two, score: {n}}}{tier}]"
        )
    };
    let gold = |n: &str| format!(", {{segmentation: tier, segment: gold, score: {n}}}");
    assert_eq!(
        rows,
        [
            format!("a 4 gold {}", list("4.0", &gold("4.0"))),
            format!("b 1 gold {}", list("1.0", &gold("1.0"))),
            format!("d 3 - {}", list("3.0", "")),
        ]
    );
    let resolved = project.roster(&["resolve", "--table", "account", "--format", "paths"]);
    let file = crate::support::data::read(std::path::Path::new(resolved.out.trim()));
    let schema = file[0].schema();
    let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["id", "n", "segment_tier", "memberships"], "personal columns stay out");
}

#[test]
fn a_summary_has_a_row_for_each_segment_also_where_nobody_is_or_may_be_any_more() {
    let project = project();
    project.night("2026-06-01");
    std::fs::remove_file(project.path("sql/segments/both.sql")).unwrap();
    project.night("2026-06-02");
    let columns =
        "segmentation segment title members share entered left moved_in moved_out score_p50";
    let rows = project.rows("2026-06-02", "summary", columns);
    let third = 1.0 / 3.0;
    assert_eq!(
        rows,
        [
            "both one - 0 0.0 0 3 0 0 -".to_owned(),
            "both two - 0 0.0 0 3 0 0 -".to_owned(),
            "nobody nobody - 0 0.0 0 0 0 0 -".to_owned(),
            format!("tier gold Tier 2 {} 0 0 1 0 2.5", 2.0 * third),
            "tier iron Tier 0 0.0 0 1 0 1 -".to_owned(),
            "tier tin Tier 0 0.0 0 0 0 0 -".to_owned(),
        ]
    );
}

#[test]
fn a_transition_counts_those_who_stayed_came_went_and_moved_in_an_exclusive_segmentation() {
    let project = project();
    project.night("2026-06-01");
    let columns = "previous_as_of segmentation from_segment to_segment accounts";
    assert_eq!(
        project.rows("2026-06-01", "transition", columns),
        ["- tier - gold 1", "- tier - iron 2"]
    );
    project.night("2026-06-02");
    assert_eq!(
        project.rows("2026-06-02", "transition", columns),
        ["2026-06-01 tier gold gold 1", "2026-06-01 tier iron - 1", "2026-06-01 tier iron gold 1",]
    );
}

#[test]
fn without_a_universe_table_the_accounts_are_all_members_once_each() {
    let project = project();
    std::fs::remove_file(project.path("sql/features/account.sql")).unwrap();
    project.sql("segments/both", "SELECT id, unnest(['one', 'two']) AS segment FROM raw.people");
    project.sql("segments/nobody", "SELECT id FROM raw.people WHERE n > 100");
    project.night("2026-06-02");
    assert_eq!(
        project.rows("2026-06-02", "account", "id segment_tier"),
        ["a gold", "b gold", "d -"]
    );
    let shares = project.rows("2026-06-02", "summary", "segment share");
    assert_eq!(shares[..2], ["one 1.0", "two 1.0"]);
}

#[test]
fn a_night_of_nobody_has_all_tables() {
    let project = project();
    project.sql("features/account", "SELECT id, n FROM raw.people WHERE false");
    project.sql("segments/tier", TIER.replace("tier AS segment", "'gold' AS segment").as_str());
    project.night("2026-06-01");
    assert_eq!(project.rows("2026-06-01", "account", "id"), [""; 0]);
    assert_eq!(project.rows("2026-06-01", "transition", "accounts"), [""; 0]);
    let rows = project.rows("2026-06-01", "summary", "segment members share");
    assert_eq!(rows, ["nobody 0 -", "gold 0 -", "iron 0 -", "tin 0 -"]);
    assert_eq!(project.roster(&["verify", "--deep"]).code, Some(0));
}

#[test]
fn a_forgotten_key_is_in_no_account_and_the_counts_stay_as_they_were() {
    let project = project();
    project.night("2026-06-01");
    let summary = project.rows("2026-06-01", "summary", "segmentation segment members");
    let ended = project.roster(&["forget", "b"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(project.rows("2026-06-01", "account", "id"), ["a", "c"]);
    assert_eq!(project.rows("2026-06-01", "summary", "segmentation segment members"), summary);
    project.night("2026-06-02");
    assert_eq!(project.rows("2026-06-02", "account", "id"), ["a", "d"]);
}

#[test]
fn a_carried_segmentation_says_since_when_it_is_stale() {
    let project = project();
    project.sql("segments/rate", "SELECT id, 12 / (n - 3) AS score FROM feature.account");
    project.night("2026-06-01");
    assert_eq!(project.run("2026-06-02").code, Some(4));
    let rows = project.rows("2026-06-02", "summary", "segmentation members left stale_since");
    assert_eq!(rows[3..5], ["rate 2 1 2026-06-02", "tier 2 0 -"]);
    let lists = project.rows("2026-06-02", "account", "memberships");
    assert!(lists[0].contains("rate") && !lists[2].contains("rate"), "{lists:?}");
}

#[test]
fn a_column_of_the_universe_that_the_account_table_has_already_is_told_before_the_night() {
    let project = project();
    project.sql("features/account", "SELECT id, n, tier AS segment_tier FROM raw.people");
    let ended = project.roster(&["check", "--as-of", "2026-06-01"]);
    assert_eq!(ended.code, Some(2));
    ended.says(&["sql/features/account.sql", "error[repeated_column]", "`segment_tier`", "AS ..."]);
}

#[test]
fn a_column_that_parquet_can_not_hold_is_told_before_the_night() {
    let project = project();
    project.sql("features/account", "SELECT id, n, INTERVAL '1 month' AS age FROM raw.people");
    let ended = project.roster(&["check", "--as-of", "2026-06-01"]);
    assert_eq!(ended.code, Some(2));
    ended.says(&["sql/features/account.sql", "`age`", "is interval"]);
}

#[test]
fn drift_is_not_known_without_members_before_and_nothing_where_none_moved() {
    let project = project();
    project.night("2026-06-01");
    project.night("2026-06-02");
    let columns = "segmentation members size_drift score_drift";
    let first = project.rows("2026-06-01", "drift", columns);
    assert_eq!(first, ["both 3 - -", "nobody 0 - -", "tier 3 - -"]);
    let sizes = project.rows("2026-06-02", "drift", "segmentation members size_drift");
    assert_eq!(sizes[..2], ["both 3 0.0", "nobody 0 -"]);
}
