//! Extracts against what roster.toml promises of them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Date32Type, Int64Type, TimestampMicrosecondType};
use datafusion::common::TableReference;
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::functions_aggregate::expr_fn::{count, max, sum};
use datafusion::logical_expr::{ident, lit};

use super::found;
use crate::catalog::Catalog;
use crate::config::Source;
use crate::core::{AsOf, Audit, Layer, Severity, TableName};
use crate::error::{Error, Result};
use crate::project::Project;

/// Audits the sources that say how fresh or unique they are.
///
/// # Errors
/// A source that is not fresh (inputs not ready), or can not be read.
pub async fn audit_sources(
    catalog: &Catalog,
    project: &Project,
    as_of: AsOf,
) -> Result<Vec<Audit>> {
    let mut audits = Vec::new();
    for source in project.config.sources.values() {
        let table = TableName::new(Layer::Raw, source.name.clone());
        let failed = async |error| Err(catalog.failure(project, &table, &error).await);
        let absent = source.optional
            && catalog.sources.get(&source.name).is_some_and(|table| table.rows() == 0);
        if let (Some(freshness), Some(column), false) =
            (source.freshness, &source.event_time, absent)
        {
            match newest(catalog, source, column).await {
                Ok(newest) => check_freshness(source, as_of, freshness, newest)?,
                Err(error) => return failed(error).await,
            }
        }
        match repeated(catalog, source).await {
            Ok(0) => {}
            Ok(rows) => {
                let columns = source.unique.join(", ");
                let message = format!(
                    "{rows} rows share ({columns}) with another: deliver each row once, or take them together \
                     in staging and leave out `unique`"
                );
                audits.push(found(&table, "unique", Severity::Abort, message));
            }
            Err(error) => return failed(error).await,
        }
    }
    Ok(audits)
}

/// Audits the sources that say how many rows may be lost since the previous night.
#[must_use]
pub fn audit_row_drop(
    project: &Project,
    rows: &BTreeMap<String, u64>,
    before: &BTreeMap<String, u64>,
) -> Vec<Audit> {
    let mut audits = Vec::new();
    for source in project.config.sources.values() {
        let name = source.name.as_str();
        let (Some(most), Some(now), Some(before)) =
            (source.max_row_drop, rows.get(name), before.get(name))
        else {
            continue;
        };
        #[expect(clippy::cast_precision_loss, reason = "rows are far fewer than 2^52")]
        let lost = before.saturating_sub(*now) as f64 / (*before).max(1) as f64;
        if lost > most {
            let message = format!(
                "{now} rows after {before} the night before: {:.1} % are lost, at most {:.1} % may be: is the extract \
                 complete?",
                lost * 100.0,
                most * 100.0
            );
            let table = TableName::new(Layer::Raw, source.name.clone());
            audits.push(found(&table, "row_drop", Severity::Abort, message));
        }
    }
    audits
}

/// The newest event of the night, if there is any.
async fn newest(
    catalog: &Catalog,
    source: &Source,
    column: &str,
) -> EngineResult<Option<DateTime<Utc>>> {
    let table = TableReference::partial("raw", source.name.as_str());
    let newest = catalog.context.table(table).await?;
    let newest = newest.aggregate(Vec::new(), vec![max(ident(column))])?.collect().await?;
    let Some(value) = newest.first().map(|batch| batch.column(0)) else { return Ok(None) };
    if value.is_empty() || value.is_null(0) {
        return Ok(None);
    }
    let newest = match value.data_type() {
        DataType::Date32 => {
            // The events of a day are all there once it is over, where the project lives.
            let day = NaiveDate::from_epoch_days(value.as_primitive::<Date32Type>().value(0));
            let zone = catalog.zone;
            day.and_then(|day| AsOf::new(day, zone)).map(|day| day.end())
        }
        _ => DateTime::from_timestamp_micros(
            value.as_primitive_opt::<TimestampMicrosecondType>().map_or(i64::MIN, |v| v.value(0)),
        ),
    };
    Ok(newest)
}

fn check_freshness(
    source: &Source,
    as_of: AsOf,
    freshness: TimeDelta,
    newest: Option<DateTime<Utc>>,
) -> Result<()> {
    let oldest_allowed = as_of.end() - freshness;
    let cause = match newest {
        Some(newest) if newest >= oldest_allowed => return Ok(()),
        Some(newest) => format!(
            "the newest event is of {}, for the night of {} it must not be older than {}",
            newest.with_timezone(&as_of.zone()).format("%Y-%m-%d %H:%M %Z"),
            as_of.day(),
            oldest_allowed.with_timezone(&as_of.zone()).format("%Y-%m-%d %H:%M %Z")
        ),
        None => format!("no event up to the night of {}", as_of.day()),
    };
    Err(Error::NotReady {
        source_name: source.name.to_string(),
        cause,
        help: "run again once the extract is delivered; how old it may be says `freshness`".into(),
    })
}

/// Rows that share their unique columns with another.
async fn repeated(catalog: &Catalog, source: &Source) -> EngineResult<i64> {
    if source.unique.is_empty() {
        return Ok(0);
    }
    let table = TableReference::partial("raw", source.name.as_str());
    let columns = source.unique.iter().map(ident).collect();
    let rows = catalog
        .context
        .table(table)
        .await?
        .aggregate(columns, vec![count(lit(1)).alias("rows")])?
        .filter(ident("rows").gt(lit(1)))?
        .aggregate(Vec::new(), vec![sum(ident("rows"))])?
        .collect()
        .await?;
    let value = rows.first().and_then(|batch| {
        let total = batch.column(0).as_primitive_opt::<Int64Type>()?;
        Some(if total.is_empty() || total.is_null(0) { 0 } else { total.value(0) })
    });
    value.ok_or_else(|| DataFusionError::Internal("a sum of counts is no integer".into()))
}
