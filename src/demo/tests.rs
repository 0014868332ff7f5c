//! What holds for the made-up company's extracts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

use super::Company;
use super::calendar::{DAY_US, Day, PAST};

/// The night before the wave.
const MAY_31: Day = PAST - 31;

fn company(accounts: usize, seed: u64, churn_shows: bool) -> TempDir {
    let folder = TempDir::new().unwrap();
    Company { accounts, seed, churn_shows }.write(folder.path(), &mut |_, _| ()).unwrap();
    folder
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn bytes(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let below = |path: &PathBuf| path.strip_prefix(folder).unwrap().to_owned();
    files(folder).into_iter().map(|path| (below(&path), fs::read(&path).unwrap())).collect()
}

fn read(folder: &Path) -> RecordBatch {
    let batches: Vec<_> = files(folder)
        .into_iter()
        .flat_map(|path| {
            let file = File::open(path).unwrap();
            ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap()
        })
        .map(Result::unwrap)
        .collect();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

fn texts<'a>(rows: &'a RecordBatch, column: &str) -> Vec<Option<&'a str>> {
    rows.column_by_name(column).unwrap().as_string::<i32>().iter().collect()
}

fn dates(rows: &RecordBatch, column: &str) -> Vec<Option<Day>> {
    rows.column_by_name(column).unwrap().as_primitive::<Date32Type>().iter().collect()
}

fn instants(rows: &RecordBatch, column: &str) -> Vec<i64> {
    let column = rows.column_by_name(column).unwrap();
    column.as_primitive::<TimestampMicrosecondType>().values().to_vec()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let (first, again, other) = (company(25, 7, true), company(25, 7, true), company(25, 8, true));
    assert!(bytes(first.path()) == bytes(again.path()));
    assert!(bytes(first.path()) != bytes(other.path()));
}

#[test]
fn what_an_account_is_does_not_depend_on_who_leaves() {
    let (shows, hides) = (company(25, 7, true), company(25, 7, false));
    for table in ["accounts", "csms", "plan_features", "fx_rates"] {
        assert!(bytes(&shows.path().join(table)) == bytes(&hides.path().join(table)), "{table}");
    }
}

#[test]
fn the_extracts_hold_what_the_night_of_may_may_not_see_and_end_with_june() {
    let folder = company(60, 1, true);
    for (table, column) in [
        ("invoices", "issued_at"),
        ("orders", "ordered_at"),
        ("usage_events", "occurred_at"),
        ("tickets", "opened_at"),
        ("surveys", "answered_at"),
    ] {
        let times = instants(&read(&folder.path().join(table)), column);
        let last = times.into_iter().max().unwrap();
        let june = i64::from(MAY_31 + 1) * DAY_US..i64::from(PAST) * DAY_US;
        assert!(june.contains(&last), "{table}: {last}");
    }
}

#[test]
fn a_few_events_are_delivered_a_month_late_and_none_early() {
    let folder = company(60, 1, true);
    let usage = folder.path().join("usage_events");
    let may = i64::from(MAY_31 - 30) * DAY_US..i64::from(MAY_31 + 1) * DAY_US;
    let june_file = instants(&read(&usage.join("month=2026-06")), "occurred_at");
    let late = june_file.iter().filter(|at| **at < may.end).count();
    assert!(late > 0 && late * 20 < june_file.len(), "{late} of {}", june_file.len());
    let may_file = instants(&read(&usage.join("month=2026-05")), "occurred_at");
    assert!(may_file.into_iter().all(|at| at < may.end));
}

#[test]
fn every_row_is_of_a_known_account_and_every_key_stands_once() {
    let folder = company(120, 3, true);
    let copy = |table: &str| read(&folder.path().join(table).join("dt=2026-06-30"));
    let accounts = copy("accounts");
    let known: BTreeSet<_> = texts(&accounts, "account_id").into_iter().flatten().collect();
    assert_eq!(known.len(), accounts.num_rows());
    for table in ["invoices", "orders", "usage_events", "tickets", "surveys", "costs"] {
        let rows = read(&folder.path().join(table));
        let strangers: Vec<_> = texts(&rows, "account_id")
            .into_iter()
            .flatten()
            .filter(|id| !known.contains(id))
            .map(str::to_owned)
            .collect();
        assert!(strangers.is_empty(), "{table}: {strangers:?}");
    }
    for night in ["dt=2025-12-31", "dt=2026-05-31", "dt=2026-06-30"] {
        let of_then = |table: &str| read(&folder.path().join(table).join(night));
        let (accounts, subscriptions) = (of_then("accounts"), of_then("subscriptions"));
        let ids = |rows: &RecordBatch, column: &str| -> BTreeSet<String> {
            texts(rows, column).into_iter().flatten().map(str::to_owned).collect()
        };
        let known = ids(&accounts, "account_id");
        assert!(ids(&subscriptions, "account_id").is_subset(&known), "{night}");
        assert!(ids(&accounts, "parent_account_id").is_subset(&known), "{night}");
        assert!(ids(&accounts, "csm").is_subset(&ids(&of_then("csms"), "csm")), "{night}");
        assert!(ids(&of_then("overrides"), "account_id").is_subset(&known), "{night}");
    }
    for (table, key) in
        [("invoices", "invoice_id"), ("orders", "order_id"), ("tickets", "ticket_id")]
    {
        let rows = read(&folder.path().join(table));
        let keys: BTreeSet<_> = texts(&rows, key).into_iter().flatten().collect();
        assert_eq!(keys.len(), rows.num_rows(), "{table}");
    }
}

#[test]
fn gaps_are_where_people_leave_them_and_nowhere_else() {
    let folder = company(120, 3, true);
    let rows = read(&folder.path().join("accounts"));
    let required: Vec<_> = rows
        .schema()
        .fields()
        .iter()
        .filter(|f| !f.is_nullable())
        .map(|f| f.name().clone())
        .collect();
    assert_eq!(required, ["account_id", "created_at"]);
    for column in [
        "industry",
        "country",
        "time_zone",
        "employees",
        "csm",
        "use_case",
        "desired_outcomes",
        "persona",
    ] {
        let nulls = rows.column_by_name(column).unwrap().null_count();
        assert!(nulls > 0 && nulls < rows.num_rows(), "{column}: {nulls}");
    }
    let usage = read(&folder.path().join("usage_events"));
    for column in ["user_id", "feature", "quantity"] {
        let nulls = usage.column_by_name(column).unwrap().null_count();
        assert!(nulls > 0 && nulls * 10 < usage.num_rows(), "{column}: {nulls}");
    }
}

/// Accounts that are live on the night of May: the first day on which they no longer are, and their usage in the 30
/// days to that night against the 60 before.
fn grading(folder: &Path) -> Vec<(Option<Day>, Option<f64>)> {
    let copy = |night: &str| read(&folder.join("subscriptions").join(night));
    let mut ends: BTreeMap<String, Day> = BTreeMap::new();
    let june = copy("dt=2026-06-30");
    let (started, cancelled) = (dates(&june, "started_on"), dates(&june, "cancelled_on"));
    let term_ends = dates(&june, "renewal_date");
    for (row, id) in texts(&june, "account_id").into_iter().flatten().enumerate() {
        let cancelled = cancelled[row].unwrap_or(PAST);
        let live = started[row].unwrap() <= MAY_31 && cancelled > MAY_31;
        let lapsed = term_ends[row].unwrap() < MAY_31;
        let end = if lapsed { MAY_31 + 1 } else { cancelled };
        if live || started[row].unwrap() > MAY_31 {
            let last = ends.entry(id.to_owned()).or_insert(if live { end } else { 0 });
            *last = (*last).max(end);
        }
    }
    let usage = read(&folder.join("usage_events"));
    let times = instants(&usage, "occurred_at");
    let mut counts: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (id, at) in texts(&usage, "account_id").into_iter().flatten().zip(times) {
        let age = i64::from(MAY_31 + 1) - at.div_euclid(DAY_US);
        let (recent, before) = counts.entry(id).or_default();
        match age {
            1..=30 => *recent += 1.0,
            31..=90 => *before += 1.0,
            _ => {}
        }
    }
    ends.into_iter()
        .map(|(id, end)| {
            let ratio = counts.get(id.as_str()).filter(|(_, before)| *before > 0.0);
            ((end < PAST).then_some(end), ratio.map(|(recent, before)| 2.0 * recent / before))
        })
        .collect()
}

/// How often a pair of one that left and one that stayed is in the right order.
fn auc(grades: &[(Option<Day>, Option<f64>)]) -> f64 {
    let of = |left: bool| {
        grades.iter().filter(move |grade| grade.0.is_some() == left).filter_map(|grade| grade.1)
    };
    let (mut right, mut pairs) = (0.0, 0.0);
    for left in of(true) {
        for stayed in of(false) {
            pairs += 1.0;
            right += if left < stayed {
                1.0
            } else if left > stayed {
                0.0
            } else {
                0.5
            };
        }
    }
    right / pairs
}

#[test]
fn usage_foretells_the_wave_if_churn_shows_though_not_perfectly() {
    let grades = grading(company(400, 1, true).path());
    assert!((0.78..0.97).contains(&auc(&grades)), "{}", auc(&grades));
}

#[test]
fn usage_foretells_nothing_if_churn_does_not_show() {
    let grades = grading(company(400, 1, false).path());
    assert!((0.4..0.6).contains(&auc(&grades)), "{}", auc(&grades));
    let left = grades.iter().filter(|grade| grade.0.is_some()).count();
    assert!(left * 100 > grades.len() * 6, "{left} of {}", grades.len());
}

#[test]
fn nothing_is_used_bought_or_answered_after_the_end() {
    let folder = company(150, 2, true);
    let rows = read(&folder.path().join("subscriptions").join("dt=2026-06-30"));
    let mut ends: BTreeMap<&str, Day> = BTreeMap::new();
    let cancelled = dates(&rows, "cancelled_on");
    for (id, end) in texts(&rows, "account_id").into_iter().flatten().zip(cancelled) {
        let last = ends.entry(id).or_default();
        *last = (*last).max(end.unwrap_or(PAST));
    }
    assert!(ends.values().any(|end| *end < PAST));
    for (table, column) in [
        ("usage_events", "occurred_at"),
        ("orders", "ordered_at"),
        ("invoices", "issued_at"),
        ("surveys", "answered_at"),
    ] {
        let rows = read(&folder.path().join(table));
        let ids = texts(&rows, "account_id");
        for (id, at) in ids.into_iter().flatten().zip(instants(&rows, column)) {
            assert!(at < i64::from(ends[id]) * DAY_US, "{table}: {id}");
        }
    }
}
