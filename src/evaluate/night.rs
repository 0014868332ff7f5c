//! What an evaluation reads of a night.

use std::collections::BTreeMap;
use std::pin::pin;

use chrono::NaiveDate;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Date32Type, Float64Type};
use futures::TryStreamExt;

use crate::config::EvaluateSettings;
use crate::core::type_name;
use crate::error::Error;
use crate::reader::{Result, Snapshot};

/// What is known of an account.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) revenue: Option<f64>,
    pub(super) renewal_date: Option<NaiveDate>,
    pub(super) satisfaction: Option<f64>,
    /// In the order of the columns that were asked for.
    pub(super) scores: Vec<Option<f64>>,
}

/// Accounts, by number, of each segmentation and label; a label that nobody has is there too.
pub(super) type Members = BTreeMap<String, BTreeMap<String, Vec<usize>>>;

/// The live accounts of a night by key, with `scores`. A column that the night does not have is a warning, and not known.
pub(super) async fn accounts(
    night: &Snapshot,
    key: &str,
    columns: &EvaluateSettings,
    scores: &[&str],
    warnings: &mut Vec<String>,
) -> Result<BTreeMap<String, Facts>> {
    let mut found = BTreeMap::new();
    let table = night.table("account")?;
    let mut batches = pin!(table.batches());
    while let Some(batch) = batches.try_next().await? {
        let number = |name: &str| column(&batch, name, &DataType::Float64);
        let keys = text(night, &batch, key)?;
        let revenue = number(&columns.revenue)?;
        let renewal_date = column(&batch, &columns.renewal_date, &DataType::Date32)?;
        let satisfaction = number(&columns.satisfaction)?;
        let all: Vec<_> = scores.iter().map(|name| number(name)).collect::<Result<_>>()?;
        for (row, account) in keys.as_string::<i32>().iter().enumerate() {
            let facts = Facts {
                revenue: number_at(revenue.as_ref(), row),
                renewal_date: date_at(renewal_date.as_ref(), row),
                satisfaction: number_at(satisfaction.as_ref(), row),
                scores: all.iter().map(|score| number_at(score.as_ref(), row)).collect(),
            };
            found.insert(account.unwrap_or_default().to_owned(), facts);
        }
        let named = [&columns.revenue, &columns.renewal_date, &columns.satisfaction];
        let named = named.into_iter().map(String::as_str).chain(scores.iter().copied());
        for name in named.filter(|name| batch.column_by_name(name).is_none()) {
            let warning = format!(
                "the night of {} has no column `{name}`, and what needs it is not reported: [evaluate] in roster.toml \
                 names the columns",
                night.as_of
            );
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    Ok(found)
}

/// Who was in which segment, of the accounts with a number.
pub(super) async fn members(
    night: &Snapshot,
    key: &str,
    numbers: &BTreeMap<String, usize>,
) -> Result<Members> {
    let mut found = Members::new();
    let summary = night.table("summary")?;
    let mut batches = pin!(summary.batches());
    while let Some(batch) = batches.try_next().await? {
        let names = [text(night, &batch, "segmentation")?, text(night, &batch, "segment")?];
        let [segmentations, segments] = [0, 1].map(|at| names[at].as_string::<i32>());
        for (segmentation, segment) in segmentations.iter().zip(segments).filter_map(both) {
            found
                .entry(segmentation.to_owned())
                .or_default()
                .entry(segment.to_owned())
                .or_default();
        }
    }
    let membership = night.table("membership")?;
    let mut batches = pin!(membership.batches());
    while let Some(batch) = batches.try_next().await? {
        let names = [text(night, &batch, "segmentation")?, text(night, &batch, "segment")?];
        let [segmentations, segments] = [0, 1].map(|at| names[at].as_string::<i32>());
        let keys = text(night, &batch, key)?;
        let labels = segmentations.iter().zip(segments).map(both);
        for (label, account) in labels.zip(keys.as_string::<i32>()) {
            let number = account.and_then(|account| numbers.get(account));
            let segmentation = label.and_then(|(segmentation, _)| found.get_mut(segmentation));
            if let (Some((_, segment)), Some(segments), Some(number)) =
                (label, segmentation, number)
                && let Some(members) = segments.get_mut(segment)
            {
                members.push(*number);
            }
        }
    }
    Ok(found)
}

fn both<'a>((first, second): (Option<&'a str>, Option<&'a str>)) -> Option<(&'a str, &'a str)> {
    first.zip(second)
}

/// A column that every night has, as text.
fn text(night: &Snapshot, batch: &RecordBatch, name: &str) -> Result<ArrayRef> {
    let found = batch.column_by_name(name).and_then(|column| cast(column, &DataType::Utf8).ok());
    let missing = || Error::Log {
        message: format!("the published tables of {} have no column `{name}`", night.as_of),
        help: "`key` of [project] names the entity key; nights under another one are not compared"
            .to_owned(),
    };
    Ok(found.ok_or_else(missing)?)
}

/// A column of the universe as `wanted`, a date or a number; none where the night does not have it.
fn column(batch: &RecordBatch, name: &str, wanted: &DataType) -> Result<Option<ArrayRef>> {
    let Some(column) = batch.column_by_name(name) else { return Ok(None) };
    let is = column.data_type();
    let (fits, meant) = match wanted {
        DataType::Date32 => (is.is_temporal(), "a date"),
        _ => (is.is_numeric(), "a number"),
    };
    let converted = if fits { cast(column, wanted).ok() } else { None };
    let wrong = || Error::Setting {
        message: format!("the column `{name}` is {}, and not {meant}", type_name(is)),
        help: "name another one under [evaluate] in roster.toml".to_owned(),
    };
    Ok(Some(converted.ok_or_else(wrong)?))
}

/// What is no number says nothing, as what is not known.
fn number_at(column: Option<&ArrayRef>, row: usize) -> Option<f64> {
    let column = column?.as_primitive::<Float64Type>();
    column.is_valid(row).then(|| column.value(row)).filter(|number| number.is_finite())
}

fn date_at(column: Option<&ArrayRef>, row: usize) -> Option<NaiveDate> {
    let column = column?.as_primitive::<Date32Type>();
    column.is_valid(row).then(|| column.value_as_date(row)).flatten()
}
