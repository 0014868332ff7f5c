//! `score_by_breaks`: a score from 1 up, by cut points that were settled before.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;
use datafusion::common::exec_datafusion_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;

use super::row_function::RowFunction;
use super::steps::breaks;
use crate::args::{Kind, Parameters, PerRow, floats, measured, text};
use crate::best::Best;

#[user_doc(
    doc_section(label = "RFM Functions"),
    description = "1 + the number of breaks strictly below the value: what `quantile_score` with `breaks` gives, from breaks \
                   that were stored. A night then scores like the night the breaks are from, and needs no window over all \
                   customers. NULL if an argument is NULL.",
    syntax_example = "score_by_breaks(value, breaks, best => 'high')",
    argument(name = "value", description = "What is scored."),
    argument(
        name = "breaks",
        description = "The cut points, one less than there are scores, never falling, else an error. Equal ones are no \
                       fault: no value gets the scores between them."
    ),
    argument(
        name = "best",
        description = "`high` (if left out) scores the largest value highest; `low` the smallest, as for recency: the number \
                       of scores + 1 minus what `high` gives."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ScoreByBreaks;

impl RowFunction for ScoreByBreaks {
    const PARAMETERS: Parameters = Parameters {
        function: "score_by_breaks",
        required: 2,
        all: &[("value", Kind::Number), ("breaks", Kind::Numbers), ("best", Kind::Text)],
    };

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answers(_: &[DataType]) -> DataType {
        DataType::Int64
    }

    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let values = floats(&args[0], rows)?;
        let scales = PerRow::new(&args[1..], rows, scale)?;
        let scores = measured("score_by_breaks", "value", &values, &scales)
            .map(|row| Ok(row?.map(|(value, (breaks, best))| score(value, breaks, *best))));
        Ok(Arc::new(scores.collect::<Result<Int64Array>>()?))
    }
}

fn scale(args: &[ArrayRef], row: usize) -> Result<Option<(Vec<f64>, Best)>> {
    let breaks = breaks("score_by_breaks", &args[0], row, "not fall", |left, right| left <= right)?;
    let parsed =
        |best: &str| best.parse().map_err(|fault| exec_datafusion_err!("score_by_breaks: {fault}"));
    let best = match args.get(1) {
        Some(best) => text(best, row).map(parsed).transpose()?,
        None => Some(Best::High),
    };
    Ok(breaks.zip(best))
}

fn score(value: f64, breaks: &[f64], best: Best) -> i64 {
    best.score(breaks.partition_point(|cut| *cut < value), breaks.len() + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_on_a_break_is_below_it_whichever_end_is_best() {
        let scores = |best| [9.0, 10.0, 10.5, 21.0].map(|value| score(value, &[10.0, 20.0], best));
        assert_eq!(scores(Best::High), [1, 1, 2, 3]);
        assert_eq!(scores(Best::Low), [3, 3, 2, 1]);
    }

    #[test]
    fn no_value_scores_between_equal_breaks() {
        assert_eq!([1.0, 1.5].map(|value| score(value, &[1.0, 1.0], Best::High)), [1, 3]);
    }

    proptest! {
        #[test]
        fn a_score_is_from_1_to_one_more_than_breaks_and_never_falls_towards_best(
            value in -10.0..10.0, more in 0.0..10.0, mut breaks in proptest::collection::vec(-9..9, 0..9), low: bool,
        ) {
            breaks.sort_unstable();
            let breaks: Vec<_> = breaks.into_iter().map(f64::from).collect();
            let best = if low { Best::Low } else { Best::High };
            let (score, higher) = (score(value, &breaks, best), score(value + more, &breaks, best));
            prop_assert!((1..=i64::try_from(breaks.len()).unwrap() + 1).contains(&score));
            prop_assert!(score == higher || (score < higher) != low);
        }
    }
}
