//! Planted leaks: whatever the extracts come to say about later days, an earlier night stays the same to the byte.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};

use crate::support::Project;
use crate::support::data::{micros, parquet, read};

const NIGHT: &str = "2026-05-31";
/// The first instant after the night, in Berlin.
const END: &str = "2026-05-31T22:00:00Z";

/// Columns, each with the date that hides it.
type Masks = &'static [(&'static str, &'static str)];

/// What roster.toml of the demo says of time: the event, and the dates that hide columns.
const EVENTS: [(&str, &str, Masks); 7] = [
    (
        "invoices",
        "issued_at",
        &[("paid_at", "paid_at"), ("finalized_at", "finalized_at"), ("status", "finalized_at")],
    ),
    ("orders", "ordered_at", &[]),
    ("costs", "month", &[]),
    ("fx_rates", "on", &[]),
    ("usage_events", "occurred_at", &[]),
    (
        "tickets",
        "opened_at",
        &[
            ("closed_at", "closed_at"),
            ("escalated_at", "escalated_at"),
            ("satisfaction", "closed_at"),
        ],
    ),
    ("surveys", "answered_at", &[]),
];
const COPIES: [&str; 5] = ["accounts", "subscriptions", "plan_features", "csms", "overrides"];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Which values of a date or time column lie after the night.
fn after(column: &ArrayRef) -> Vec<bool> {
    let day = NIGHT.parse::<chrono::NaiveDate>().unwrap().to_epoch_days();
    let end = micros(END).unwrap();
    match column.data_type() {
        DataType::Date32 => column
            .as_primitive::<Date32Type>()
            .iter()
            .map(|on| on.is_some_and(|on| on > day))
            .collect(),
        _ => {
            let micros = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None)).unwrap();
            let micros = micros.as_primitive::<TimestampMicrosecondType>();
            micros.iter().map(|at| at.is_some_and(|at| at >= end)).collect()
        }
    }
}

/// The column with other values where `chosen`; times only move further away.
fn changed(column: &ArrayRef, chosen: &[bool]) -> ArrayRef {
    const DAY: i64 = 86_400_000_000;
    let data_type = column.data_type();
    match data_type {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => {
            let plain = cast(column, &DataType::Utf8).unwrap();
            let text = plain.as_string::<i32>().iter().zip(chosen);
            let text = text.map(|(text, chosen)| {
                Some(if *chosen { format!("{}!", text?) } else { text?.into() })
            });
            cast(&(Arc::new(text.collect::<StringArray>()) as ArrayRef), data_type).unwrap()
        }
        DataType::Int64 => {
            let numbers = column.as_primitive::<Int64Type>().iter().zip(chosen);
            Arc::new(
                numbers.map(|(n, chosen)| Some(n? + i64::from(*chosen))).collect::<Int64Array>(),
            )
        }
        DataType::Decimal128(precision, scale) => {
            let numbers = column.as_primitive::<Decimal128Type>().iter().zip(chosen);
            let numbers = numbers.map(|(n, chosen)| Some(n? + if *chosen { 12_345 } else { 0 }));
            Arc::new(
                numbers
                    .collect::<Decimal128Array>()
                    .with_precision_and_scale(*precision, *scale)
                    .unwrap(),
            )
        }
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>().iter().zip(chosen);
            Arc::new(
                days.map(|(day, chosen)| Some(day? + i32::from(*chosen))).collect::<Date32Array>(),
            )
        }
        DataType::Timestamp(..) => {
            let plain = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None)).unwrap();
            let times = plain.as_primitive::<TimestampMicrosecondType>().iter().zip(chosen);
            let times = times.map(|(at, chosen)| Some(at? + if *chosen { DAY } else { 0 }));
            let times = times.collect::<TimestampMicrosecondArray>().with_timezone("UTC");
            cast(&(Arc::new(times) as ArrayRef), data_type).unwrap()
        }
        DataType::Boolean => {
            let flags = column.as_boolean().iter().zip(chosen);
            Arc::new(flags.map(|(flag, chosen)| Some(flag? != *chosen)).collect::<BooleanArray>())
        }
        other => panic!("no way to change {other}"),
    }
}

/// Rewrites a file with `edit` over each batch; the answer is how many values `edit` says it changed.
fn rewrite(path: &Path, edit: impl Fn(&RecordBatch) -> (RecordBatch, usize)) -> usize {
    let batches = read(path);
    let Some(schema) = batches.first().map(RecordBatch::schema) else { return 0 };
    let batch = arrow::compute::concat_batches(&schema, &batches).unwrap();
    let (batch, count) = edit(&batch);
    if count > 0 {
        std::fs::write(path, parquet(&batch)).unwrap();
    }
    count
}

fn with_column(batch: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let mut columns = batch.columns().to_vec();
    columns[batch.schema().index_of(name).unwrap()] = column;
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

/// Changes every value of rows that happened after the night, and every masked value whose date lies after it.
fn change_future(
    batch: &RecordBatch,
    event: Option<&str>,
    masks: &[(&str, &str)],
) -> (RecordBatch, usize) {
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let future = event.map_or_else(|| vec![false; batch.num_rows()], |event| after(column(event)));
    let mut next = batch.clone();
    let mut count = 0;
    for field in batch.schema().fields() {
        if matches!(field.data_type(), DataType::List(_)) {
            continue;
        }
        let mut chosen = future.clone();
        for (_, date) in masks.iter().filter(|(masked, _)| *masked == field.name()) {
            chosen
                .iter_mut()
                .zip(after(column(date)))
                .for_each(|(chosen, hidden)| *chosen |= hidden);
        }
        count += chosen.iter().filter(|chosen| **chosen).count();
        next = with_column(&next, field.name(), changed(column(field.name()), &chosen));
    }
    (next, count)
}

/// Whoever has not cancelled or renewed will have, some time after the night; and what was announced comes later.
fn announce(batch: &RecordBatch) -> (RecordBatch, usize) {
    let mut next = change_future(
        batch,
        None,
        &[("renewed_on", "renewed_on"), ("cancelled_on", "cancelled_on")],
    )
    .0;
    let day = NIGHT.parse::<chrono::NaiveDate>().unwrap().to_epoch_days();
    let mut count = 0;
    for name in ["renewed_on", "cancelled_on"] {
        let column = next.column_by_name(name).unwrap().as_primitive::<Date32Type>().clone();
        count += column.null_count();
        let announced = column.iter().map(|on| Some(on.unwrap_or(day + 1)));
        next = with_column(&next, name, Arc::new(announced.collect::<Date32Array>()));
    }
    (next, count)
}

fn copy_is_later(path: &Path) -> bool {
    let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
    folder.strip_prefix("dt=").unwrap() > NIGHT
}

/// The night in an output without a past.
fn bytes_of_the_night(project: &Project) -> BTreeMap<String, String> {
    let _ = std::fs::remove_dir_all(project.path("published"));
    project.night(NIGHT);
    project.hashes(NIGHT)
}

#[test]
fn no_value_from_after_a_night_changes_a_byte_of_it_and_values_from_before_do() {
    let project = Project::demo(60);
    let extracts = project.path("extracts");
    let honest = bytes_of_the_night(&project);
    assert!(project.rows(NIGHT, "membership", "account_id").len() > 200);

    let mut changes = BTreeMap::new();
    for (source, event, masks) in EVENTS {
        let edited = files(&extracts.join(source)).into_iter();
        let edited =
            edited.map(|path| rewrite(&path, |batch| change_future(batch, Some(event), masks)));
        changes.insert(source, edited.sum::<usize>());
    }
    for source in COPIES {
        let (later, known): (Vec<_>, Vec<_>) =
            files(&extracts.join(source)).into_iter().partition(|path| copy_is_later(path));
        // Later copies are not even looked at: half are gone, half are no Parquet any more.
        for (index, path) in later.iter().enumerate() {
            if index % 2 == 0 {
                std::fs::remove_file(path).unwrap();
            } else {
                std::fs::write(path, b"x").unwrap();
            }
        }
        changes.insert(source, later.len());
        if source == "subscriptions" {
            changes.insert("announced", known.iter().map(|path| rewrite(path, announce)).sum());
        }
    }
    assert!(changes.values().all(|count| *count > 0), "nothing to leak in {changes:?}");
    assert_eq!(honest, bytes_of_the_night(&project), "a leak: {changes:?}");

    // Without their masks, what became of tickets would have been seen.
    let toml = std::fs::read_to_string(project.path("roster.toml")).unwrap();
    let at = toml.find("[sources.tickets]").unwrap();
    let unmasked = toml[..at].to_owned() + &toml[at..].replacen("\nmasks", "\n# masks", 1);
    project.text("roster.toml", &unmasked);
    assert_ne!(honest["membership"], bytes_of_the_night(&project)["membership"]);
    project.text("roster.toml", &toml);

    // The same kind of edit, of one value on the night's own day or before, is seen.
    for (source, column) in
        [("orders", "amount"), ("usage_events", "occurred_at"), ("subscriptions", "arr")]
    {
        let folder =
            if source == "subscriptions" { format!("{source}/dt={NIGHT}") } else { source.into() };
        let all = files(&extracts.join(&folder));
        let kept: Vec<_> = all.iter().map(|path| std::fs::read(path).unwrap()).collect();
        let edited: usize =
            all.iter().map(|path| rewrite(path, |batch| change_past(batch, source, column))).sum();
        assert!(edited > 0);
        assert_ne!(
            honest["membership"],
            bytes_of_the_night(&project)["membership"],
            "{source} is not read"
        );
        all.iter().zip(kept).for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
    }
    assert_eq!(honest, bytes_of_the_night(&project));
}

/// Changes a column in all rows up to the night.
fn change_past(batch: &RecordBatch, source: &str, column: &str) -> (RecordBatch, usize) {
    let event = EVENTS.iter().find(|(name, _, _)| *name == source).map(|(_, event, _)| *event);
    let past: Vec<bool> = match event {
        Some(event) => {
            after(batch.column_by_name(event).unwrap()).iter().map(|after| !after).collect()
        }
        None => vec![true; batch.num_rows()],
    };
    let next = changed(batch.column_by_name(column).unwrap(), &past);
    (with_column(batch, column, next), past.iter().filter(|past| **past).count())
}
