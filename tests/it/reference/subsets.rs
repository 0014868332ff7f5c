//! A company may have any of the optional extracts and lack the others: every live account has its one row in every total
//! segmentation, and what nobody delivers is unknown.

use std::collections::BTreeMap;

use arrow::array::Array;

use crate::support::Project;

const NIGHT: &str = "2026-06-30";
const OPTIONAL: [&str; 10] = [
    "invoices",
    "orders",
    "costs",
    "fx_rates",
    "usage_events",
    "plan_features",
    "tickets",
    "surveys",
    "csms",
    "overrides",
];

/// Columns of the account table, and the extracts that they need: all, or for purchases one of them.
const RESTS_ON: [(&str, &[&str]); 9] = [
    (
        "active_days_7 active_days_30 active_days_90 active_users_30 usage_trend_30 last_active_on",
        &["usage_events"],
    ),
    ("features_entitled", &["plan_features"]),
    ("adoption features_used", &["usage_events", "plan_features"]),
    ("open_tickets open_escalations escalations_90 satisfaction", &["tickets"]),
    ("nps csat", &["surveys"]),
    ("overdue_amount overdue_days failed_payments_12m", &["invoices"]),
    ("cost_12m margin", &["costs"]),
    ("churn_score", &["usage_events"]),
    ("recency_days frequency monetary", PURCHASES),
];
const PURCHASES: &[&str] = &["orders", "invoices"];

/// A small company that sells in one currency: others need their rates.
fn company() -> Project {
    let project = Project::demo(40);
    for table in ["subscriptions", "invoices", "orders"] {
        let file = format!("sql/staging/{table}.sql");
        let sql = std::fs::read_to_string(project.path(&file)).unwrap();
        let raw = format!("FROM raw.{table} ");
        assert!(sql.contains(&raw), "{sql}");
        let euros = format!("FROM (SELECT * REPLACE ('EUR' AS currency) FROM raw.{table}) ");
        project.text(&file, &sql.replace(&raw, &euros));
    }
    project
}

/// Runs the company with these optional extracts alone.
fn holds_with(project: &Project, toml: &str, present: &[&str]) {
    let absent = |line: &str| {
        let mut missing = OPTIONAL.iter().filter(|name| !present.contains(name));
        missing.any(|name| line.contains(&format!("\"extracts/{name}/\"")))
    };
    let lines: Vec<_> = toml.lines().filter(|line| !absent(line)).collect();
    project.text("roster.toml", &lines.join("\n"));
    let _ = std::fs::remove_dir_all(project.path("published"));
    project.night(NIGHT);

    let accounts = project.rows(NIGHT, "account", "account_id");
    assert!(!accounts.is_empty());
    each_has_one_row(project, &accounts, present);
    unknown_stays_unknown(project, present);
}

fn each_has_one_row(project: &Project, accounts: &[String], present: &[&str]) {
    let catalog = project.roster(&["catalog", "--format", "json"]);
    let catalog: serde_json::Value = serde_json::from_str(&catalog.out).unwrap();
    let mut keys: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let columns =
        ["segmentation", "account_id"].map(|name| project.rows(NIGHT, "membership", name));
    let [segmentations, members] = columns;
    for (segmentation, key) in segmentations.into_iter().zip(members) {
        keys.entry(segmentation).or_default().push(key);
    }
    for segmentation in catalog.as_array().unwrap() {
        if segmentation["total"] == true {
            let name = segmentation["name"].as_str().unwrap();
            let keys = keys.get_mut(name).unwrap();
            keys.sort();
            assert_eq!(keys, accounts, "{name} with {present:?}");
        }
    }
}

fn unknown_stays_unknown(project: &Project, present: &[&str]) {
    let batches = project.batches(NIGHT, "account");
    for (columns, needed) in RESTS_ON {
        let has = |name: &&str| present.contains(name);
        let known =
            if needed == PURCHASES { needed.iter().any(has) } else { needed.iter().all(has) };
        for column in columns.split(' ') {
            let values = batches.iter().map(|batch| batch.column_by_name(column).unwrap());
            let some = values.map(|values| values.len() - values.null_count()).sum::<usize>() > 0;
            assert_eq!(some, known, "{column} with {present:?}");
        }
    }
}

fn all_hold(subsets: impl Iterator<Item = Vec<&'static str>>) {
    let project = company();
    let toml = std::fs::read_to_string(project.path("roster.toml")).unwrap();
    for present in subsets {
        holds_with(&project, &toml, &present);
    }
}

fn chosen(choose: impl Fn(usize) -> bool) -> Vec<&'static str> {
    OPTIONAL.into_iter().enumerate().filter(|(at, _)| choose(*at)).map(|(_, name)| name).collect()
}

/// Six nights: none, and five in which each extract is there three times, each at three others. Of five nights two of
/// these choices share one, and differ in two: so any two extracts are once both there, once both missing, and once each
/// without the other. A night takes seconds in a debug build: all subsets one by one are left to the test below.
#[test]
fn any_two_optional_extracts_may_be_there_or_missing() {
    let choices: Vec<u32> = (0..32).filter(|nights: &u32| nights.count_ones() == 3).collect();
    assert_eq!(choices.len(), OPTIONAL.len());
    let some = (0..5).map(|night| chosen(|at| choices[at] >> night & 1 == 1));
    all_hold(some.chain([Vec::new()]));
}

#[test]
#[ignore = "66 nights take minutes; .ci/full runs them"]
fn none_one_two_all_and_all_but_one_of_the_optional_extracts_will_do() {
    let each = || 0..OPTIONAL.len();
    let pairs = each()
        .flat_map(|one| each().skip(one).map(move |other| chosen(|at| at == one || at == other)));
    let missing = each().map(|missing| chosen(|at| at != missing));
    all_hold(pairs.chain(missing).chain([Vec::new(), OPTIONAL.to_vec()]));
}
