//! A source as it was on the night: no row and no value from later.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, Result, ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, lit, not, when};

use crate::config::{Config, Source};
use crate::core::{AsOf, Problem};

/// The plan of `raw.<source>`: filters and masks stand over the scan, where the optimizer pushes them into it.
///
/// # Errors
/// A time column that is not in the files, or is neither date nor timestamp: a problem of roster.toml.
pub fn as_of_night(
    source: &Source,
    config: &Config,
    as_of: AsOf,
    files: &Arc<dyn TableProvider>,
) -> Result<LogicalPlan, Box<Problem>> {
    let schema = files.schema();
    let time_column = |name: &str, what: &str| -> Result<FieldRef, Box<Problem>> {
        let problem = |message: String| {
            let start =
                config.file.text[source.span.start..].find(name).unwrap_or(0) + source.span.start;
            let problem =
                Problem::error("time_column", &config.file, start..start + name.len(), message);
            Box::new(problem.help("name a column of type date or timestamp"))
        };
        let Ok(field) = schema.field_with_name(name) else {
            let message =
                format!("the files of {} have no column `{name}` for {what}", source.name);
            return Err(problem(message));
        };
        match field.data_type() {
            DataType::Date32 | DataType::Timestamp(..) => Ok(Arc::new(field.clone())),
            other => Err(problem(format!("`{name}` can not be {what}: it is {other}"))),
        }
    };
    let event_time = source.event_time.as_ref();
    let event_time = event_time.map(|name| time_column(name, "event_time")).transpose()?;
    let mut masks = Vec::new();
    for mask in &source.masks {
        let date = time_column(&mask.date, "the date of a mask")?;
        masks.push((&mask.column, date));
    }

    let plan = || -> Result<LogicalPlan> {
        let name = TableReference::partial("raw", source.name.as_str());
        let mut builder =
            LogicalPlanBuilder::scan(name, provider_as_source(Arc::clone(files)), None)?;
        if let Some(field) = &event_time {
            builder = builder.filter(reached(field, as_of))?;
        }
        let columns = schema.fields().iter().map(|field| {
            let mut value = column(field);
            for (_, date) in masks.iter().filter(|(masked, _)| *masked == field.name()) {
                let null = lit(ScalarValue::try_from(field.data_type())?);
                // A date that is not known (yet) hides nothing: the row itself is older than the night.
                value = when(not(reached(date, as_of)), null).otherwise(value)?;
            }
            let seen = config.seen_type(field.data_type());
            if seen != *field.data_type() {
                value = cast(value, seen);
            }
            Ok(value.alias(field.name()))
        });
        let columns: Result<Vec<_>> = columns.collect();
        builder.project(columns?)?.build()
    };
    plan().map_err(|error| {
        let message = format!("raw.{}: {}", source.name, error.strip_backtrace());
        let problem = Problem::error("source", &config.file, source.span.clone(), message);
        Box::new(problem.help("check event_time and masks of this source"))
    })
}

fn column(field: &Field) -> Expr {
    Expr::Column(Column::new_unqualified(field.name()))
}

/// Whether a time lies on the night's day or before it.
fn reached(field: &Field, as_of: AsOf) -> Expr {
    match field.data_type() {
        DataType::Date32 => {
            column(field).lt_eq(lit(ScalarValue::Date32(Some(as_of.day().to_epoch_days()))))
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let end = as_of.end().timestamp_micros();
            column(field).lt(lit(ScalarValue::TimestampMicrosecond(Some(end), zone.clone())))
        }
        // The files' times are read as microseconds; whoever changes that meets the type error here.
        _ => column(field).lt(lit(ScalarValue::Null)),
    }
}
