//! `health_band`: a health score as a word.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;

use super::row_function::RowFunction;
use crate::args::{Kind, Parameters, PerRow, finite, float, floats};

/// The band of a score that is not known.
const UNKNOWN: &str = "unknown";

#[user_doc(
    doc_section(label = "Health Functions"),
    description = "`poor` below `average_from`, `average` below `good_from`, `good` from there on. NULL is `unknown`, \
                   never poor.",
    syntax_example = "health_band(score, average_from => 50, good_from => 75)",
    argument(name = "score", description = "A health score, 0 to 100."),
    argument(name = "average_from", description = "The least average score; 50 if left out."),
    argument(
        name = "good_from",
        description = "The least good score, above `average_from`, else an error; 75 if left out."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct HealthBand;

impl RowFunction for HealthBand {
    const PARAMETERS: Parameters = Parameters {
        function: "health_band",
        required: 1,
        all: &[
            ("score", Kind::Number),
            ("average_from", Kind::Number),
            ("good_from", Kind::Number),
        ],
    };

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answers(_: &[DataType]) -> DataType {
        DataType::Utf8
    }

    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let scores = floats(&args[0], rows)?;
        let limits = PerRow::new(&args[1..], rows, |limits, row| {
            let average_from = limits.first().map_or(Some(50.0), |limit| float(limit, row));
            let good_from = limits.get(1).map_or(Some(75.0), |limit| float(limit, row));
            average_from.zip(good_from).map(checked_limits).transpose()
        })?;
        let bands = scores.iter().enumerate().map(|(row, score)| {
            let score = score.map(|score| finite("health_band", "score", score)).transpose()?;
            Ok(Some(
                score.zip(*limits.get(row)).map_or(UNKNOWN, |(score, limits)| band(score, limits)),
            ))
        });
        Ok(Arc::new(bands.collect::<Result<StringArray>>()?))
    }
}

fn checked_limits((average_from, good_from): (f64, f64)) -> Result<(f64, f64)> {
    finite("health_band", "average_from", average_from)?;
    finite("health_band", "good_from", good_from)?;
    if average_from >= good_from {
        return exec_err!(
            "health_band: average_from must be below good_from, got {average_from} and {good_from}"
        );
    }
    Ok((average_from, good_from))
}

/// Every band, whatever the limits.
pub(crate) fn labels() -> Vec<String> {
    let limits = (50.0, 75.0);
    let known = [0.0, limits.0, limits.1].map(|score| band(score, limits));
    known.into_iter().chain([UNKNOWN]).map(str::to_owned).collect()
}

fn band(score: f64, (average_from, good_from): (f64, f64)) -> &'static str {
    if score < average_from {
        "poor"
    } else if score < good_from {
        "average"
    } else {
        "good"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_on_a_limit_is_in_the_better_band() {
        let bands = [49.9, 50.0, 74.9, 75.0].map(|score| band(score, (50.0, 75.0)));
        assert_eq!(bands, ["poor", "average", "average", "good"]);
    }
}
