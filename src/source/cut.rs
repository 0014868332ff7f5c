//! A source as it was on the night: no row and no value from later.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, Result, ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, lit, not, when};

use toml::Spanned;

use crate::config::{Config, Source};
use crate::core::{AsOf, Problem, nearest, type_name};

/// The plan of `raw.<source>`: filters and masks stand over the scan, where the optimizer pushes them into it.
///
/// # Errors
/// A column that roster.toml names and the files do not have, or a time column that is neither date nor timestamp.
pub fn as_of_night(
    source: &Source,
    config: &Config,
    as_of: AsOf,
    files: &Arc<dyn TableProvider>,
) -> Result<LogicalPlan, Vec<Problem>> {
    let schema = files.schema();
    let span_of = |name: &str| {
        let named = source.named.iter().find(|named| named.get_ref() == name);
        named.map_or(source.span.clone(), Spanned::span)
    };
    let mut unknown: Vec<Problem> = Vec::new();
    for named in &source.named {
        if schema.field_with_name(named.get_ref()).is_err() {
            let names = || schema.fields().iter().map(|field| field.name().as_str());
            let help = match nearest(named.get_ref(), names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("they have: {}", names().collect::<Vec<_>>().join(", ")),
            };
            let message =
                format!("the files of {} have no column `{}`", source.name, named.get_ref());
            let problem = Problem::error("unknown_column", &config.file, named.span(), message);
            unknown.push(problem.help(help));
        }
    }
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let time_column = |name: &str, what: &str| -> Result<FieldRef, Vec<Problem>> {
        let problem = |message: String| {
            let problem = Problem::error("time_column", &config.file, span_of(name), message);
            vec![problem.help("name a column of type date or timestamp")]
        };
        match schema.field_with_name(name).map(|field| (field, field.data_type())) {
            Ok((field, DataType::Date32 | DataType::Timestamp(..))) => Ok(Arc::new(field.clone())),
            Ok((_, other)) => {
                Err(problem(format!("`{name}` can not be {what}: it is {}", type_name(other))))
            }
            Err(_) => Err(problem(format!("there is no column `{name}` for {what}"))),
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
        vec![problem.help("check event_time and masks of this source")]
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
