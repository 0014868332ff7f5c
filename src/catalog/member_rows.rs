//! A segment query's columns: key, label, score, and the evidence that is left.

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, lit};

use crate::core::{Problem, Segmentation, SqlFile, type_name};
use crate::source::published_type;

/// The label's column.
pub const SEGMENT: &str = "segment";
/// The score's column.
pub const SCORE: &str = "score";

/// What the rows of a segment query are: `<key>, segment, score`, then the evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberRows {
    /// The key's type, as published.
    pub key_type: DataType,
    /// Whether the query returns labels; otherwise the file's name is the one.
    pub labelled: bool,
    /// Columns that become the row's evidence, in their order.
    pub evidence: Vec<String>,
}

impl MemberRows {
    /// Gives a segment query its published columns, without rows whose label is NULL: they are no members.
    pub(super) fn of(
        file: &SqlFile,
        segmentation: &Segmentation,
        plan: LogicalPlan,
        key: &str,
        personal: &BTreeSet<String>,
    ) -> Result<(LogicalPlan, Self, Vec<Problem>), Box<Problem>> {
        let error = |code, column: &str, message: String, help: String| {
            Box::new(Problem::error(code, &file.file, span_of(file, column), message).help(help))
        };
        let schema = plan.schema().as_arrow().clone();
        let column = |name: &str| schema.fields().iter().find(|field| field.name() == name);
        let mut seen = BTreeSet::new();
        if let Some(twice) = schema.fields().iter().find(|field| !seen.insert(field.name())) {
            let message = format!("two columns are named `{}`", twice.name());
            return Err(error(
                "repeated_column",
                twice.name(),
                message,
                "name one of them otherwise: AS ...".into(),
            ));
        }
        let Some(key_field) = column(key) else {
            let has = schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>();
            let message = format!("{} does not return the entity key `{key}`", file.table);
            let help = format!("it returns: {}; add `{key}` to the SELECT", has.join(", "));
            return Err(error("missing_key_column", key, message, help));
        };
        let key_type = published_type(key_field.data_type());
        if !(key_type == DataType::Utf8 || key_type.is_integer()) {
            let message = format!("the entity key `{key}` is {}", type_name(&key_type));
            return Err(error("key_type", key, message, "a key is text or an integer".into()));
        }
        for name in [key, SEGMENT, SCORE] {
            if column(name).is_some() && personal.contains(name) {
                let message = format!("`{name}` is computed from personal data, and is published");
                let help = "leave personal columns (pii in roster.toml) out of it".to_owned();
                return Err(error("personal_data", name, message, help));
            }
        }
        let label = match column(SEGMENT) {
            None => lit(segmentation.name.as_str()),
            Some(field) if published_type(field.data_type()) == DataType::Utf8 => {
                cast(value(field), DataType::Utf8)
            }
            Some(field) if *field.data_type() == DataType::Null => lit(ScalarValue::Utf8(None)),
            Some(field) => {
                let message = format!("`segment` is {}", type_name(field.data_type()));
                return Err(error("label_type", SEGMENT, message, "a label is text".into()));
            }
        };
        let score = match column(SCORE) {
            None => lit(ScalarValue::Float64(None)),
            Some(field) if field.data_type().is_numeric() || field.data_type().is_null() => {
                cast(value(field), DataType::Float64)
            }
            Some(field) => {
                let message = format!("`score` is {}", type_name(field.data_type()));
                return Err(error("score_type", SCORE, message, "a score is a number".into()));
            }
        };
        let rest = schema
            .fields()
            .iter()
            .filter(|field| ![key, SEGMENT, SCORE].contains(&field.name().as_str()));
        let (hidden, evidence): (Vec<_>, Vec<_>) =
            rest.partition(|field| personal.contains(field.name()));
        let warnings = hidden.into_iter().map(|field| {
            let message =
                format!("`{}` is personal data and stays out of the evidence", field.name());
            let span = span_of(file, field.name());
            let problem = Problem::error("personal_evidence", &file.file, span, message);
            problem.warning().help("take it out of the SELECT")
        });
        let warnings = warnings.collect();

        let columns = [
            cast(value(key_field), key_type.clone()).alias(key),
            label.alias(SEGMENT),
            score.alias(SCORE),
        ];
        let columns = columns.into_iter().chain(evidence.iter().map(|field| value(field)));
        let rows = Self {
            key_type,
            labelled: column(SEGMENT).is_some(),
            evidence: evidence.iter().map(|field| field.name().clone()).collect(),
        };
        let plan = LogicalPlanBuilder::from(plan)
            .project(columns.collect::<Vec<_>>())
            .and_then(|builder| {
                builder.filter(Expr::Column(Column::new_unqualified(SEGMENT)).is_not_null())
            })
            .and_then(LogicalPlanBuilder::build);
        match plan {
            Ok(plan) => Ok((plan, rows, warnings)),
            Err(failed) => Err(error("sql_planning", "", failed.strip_backtrace(), String::new())),
        }
    }
}

fn value(field: &Field) -> Expr {
    Expr::Column(Column::new_unqualified(field.name()))
}

/// Where the query returns the column; its SELECT where only the engine knows.
fn span_of(file: &SqlFile, column: &str) -> std::ops::Range<usize> {
    file.span_of_column(column).unwrap_or_else(|| super::diagnose::select(&file.file.text))
}
