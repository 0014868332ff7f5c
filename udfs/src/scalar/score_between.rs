//! `score_between`: a measure on a scale from its worst to its best value.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;

use super::row_function::RowFunction;
use crate::args::{Kind, Parameters, PerRow, finite, float, floats, measured};

#[user_doc(
    doc_section(label = "Health Functions"),
    description = "Score in [0, 100] of a measure: 0 at `worst` and beyond, 100 at `best` and beyond, linear between. \
                   `worst > best` for measures of which less is better. NULL if an argument is NULL.",
    syntax_example = "score_between(value, worst, best)",
    argument(name = "value", description = "The measure."),
    argument(name = "worst", description = "The value that scores 0."),
    argument(
        name = "best",
        description = "The value that scores 100; `worst = best` is an error."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ScoreBetween;

impl RowFunction for ScoreBetween {
    const PARAMETERS: Parameters = Parameters {
        function: "score_between",
        required: 3,
        all: &[("value", Kind::Number), ("worst", Kind::Number), ("best", Kind::Number)],
    };

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answers(_: &[DataType]) -> DataType {
        DataType::Float64
    }

    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let values = floats(&args[0], rows)?;
        let scales = PerRow::new(&args[1..], rows, |scale, row| {
            match (float(&scale[0], row), float(&scale[1], row)) {
                (Some(worst), Some(best)) => checked_scale(worst, best).map(Some),
                _ => Ok(None),
            }
        })?;
        let scores = measured("score_between", "value", &values, &scales)
            .map(|row| Ok(row?.map(|(value, (worst, best))| score(value, *worst, *best))));
        Ok(Arc::new(scores.collect::<Result<Float64Array>>()?))
    }
}

fn checked_scale(worst: f64, best: f64) -> Result<(f64, f64)> {
    finite("score_between", "worst", worst)?;
    finite("score_between", "best", best)?;
    #[expect(clippy::float_cmp, reason = "any difference makes a scale")]
    if worst == best {
        return exec_err!("score_between: worst and best must differ, both are {worst}");
    }
    Ok((worst, best))
}

fn score(value: f64, worst: f64, best: f64) -> f64 {
    let value = value.clamp(worst.min(best), worst.max(best));
    let (way, span) = ((value - worst).abs(), (best - worst).abs());
    if (100.0 * span).is_infinite() {
        return score(value / 256.0, worst / 256.0, best / 256.0);
    }
    // Divided last: of the decimals people write, 0.6 of 0.8 is 75, and not 74.99999999999999 below a band.
    if way < span { (100.0 * way / span).min(100.0) } else { 100.0 }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these scores are exact")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn less_is_better_where_worst_is_the_larger() {
        assert_eq!([30.0, 0.0, 27.0].map(|days| score(days, 30.0, 0.0)), [0.0, 100.0, 10.0]);
    }

    #[test]
    fn three_quarters_of_a_decimal_scale_score_75() {
        assert_eq!([score(0.6, 0.0, 0.8), score(0.4, -0.2, 0.6)], [75.0, 75.0]);
    }

    #[test]
    fn a_span_beyond_f64_is_still_a_scale() {
        assert_eq!(
            [f64::MIN, 0.0, f64::MAX / 2.0, f64::MAX].map(|v| score(v, f64::MIN, f64::MAX)),
            [0.0, 50.0, 75.0, 100.0]
        );
    }

    proptest! {
        #[test]
        fn a_score_is_within_0_and_100_and_never_falls_towards_best(
            value in finite_float(), step in 0.0..1e9, worst in finite_float(), best in finite_float(),
        ) {
            prop_assume!(worst != best);
            let better = if worst < best { value + step } else { value - step };
            let (score, improved) = (score(value, worst, best), score(better, worst, best));
            prop_assert!((0.0..=100.0).contains(&score) && score <= improved, "{score} {improved}");
        }
    }

    fn finite_float() -> impl Strategy<Value = f64> {
        prop_oneof![-1e6..1e6, proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL]
    }
}
