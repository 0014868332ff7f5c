//! `health_score`: the weighted mean of the measures that are known.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;

use super::health;
use super::row_function::RowFunction;
use crate::args::Parameters;

#[user_doc(
    doc_section(label = "Health Functions"),
    description = "Weighted mean, 0 to 100, of the measures that are known. NULL where the known ones carry less than \
                   `min_coverage` of all weight: a missing measure is neither zero nor neutral. NULL if `weights` or \
                   `min_coverage` is NULL. The sums have twice a float's digits and their quotient is rounded once, so \
                   measures that are all 75 give 75, whatever the weights.",
    syntax_example = "health_score(measures, weights, min_coverage => 0.5)",
    sql_example = "```sql\nSELECT health_score({usage: 80, nps: NULL}, {usage: 3, nps: 1})  -- 80.0\n```",
    argument(name = "measures", description = "A struct of scores, each 0 to 100 or NULL."),
    argument(
        name = "weights",
        description = "A struct of the same field names, in any order: how much each counts, > 0, on any scale."
    ),
    argument(
        name = "min_coverage",
        description = "The least share of all weight that must be known, 0 to 1; 0.5 if left out."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct HealthScore;

impl RowFunction for HealthScore {
    const PARAMETERS: Parameters = health::parameters("health_score");

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        health::coerce(&Self::PARAMETERS, types)
    }

    fn answers(_: &[DataType]) -> DataType {
        DataType::Float64
    }

    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let rows = health::Rows::new("health_score", args, rows)?;
        let scores = rows.map(|_, sums, least| sums.score(least)).map(Option::flatten);
        Ok(Arc::new(scores.collect::<Float64Array>()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::health::{Measure, Sums};

    fn score_of(scores: &[Option<f64>], weights: &[f64], min_coverage: f64) -> Option<f64> {
        let measures = scores.iter().zip(weights);
        let measures = measures.map(|(score, weight)| Measure { score: *score, weight: *weight });
        Sums::alone(&measures.collect::<Vec<_>>()).score(min_coverage)
    }

    #[test]
    fn an_unknown_measure_leaves_the_mean_to_the_others() {
        assert_eq!(score_of(&[Some(80.0), None], &[3.0, 1.0], 0.5), Some(80.0));
        assert_eq!(score_of(&[Some(80.0), Some(40.0)], &[3.0, 1.0], 0.5), Some(70.0));
    }

    #[test]
    fn coverage_is_a_share_of_weight_and_its_limit_is_enough() {
        assert_eq!(score_of(&[None, Some(40.0)], &[3.0, 1.0], 0.5), None);
        assert_eq!(score_of(&[None, Some(40.0)], &[3.0, 1.0], 0.25), Some(40.0));
        assert!(score_of(&[Some(1.0), Some(1.0), None], &[0.35, 0.25, 0.4], 0.6).is_some());
    }

    #[test]
    fn nothing_known_is_no_score_even_if_nothing_need_be() {
        assert_eq!(score_of(&[None], &[1.0], 0.0), None);
    }

    proptest! {
        #[test]
        fn equal_measures_are_their_own_mean(
            score in 0.0..=100.0, weights in proptest::collection::vec(1e-6..1e6, 1..8),
        ) {
            prop_assert_eq!(score_of(&vec![Some(score); weights.len()], &weights, 0.5), Some(score));
        }

        #[test]
        fn a_score_lies_between_the_worst_and_the_best_known_measure(
            parts in proptest::collection::vec((proptest::option::of(0.0..=100.0), 1e-6..1e6), 1..8),
        ) {
            let (scores, weights): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
            let known: Vec<f64> = scores.iter().flatten().copied().collect();
            match score_of(&scores, &weights, 0.0) {
                None => prop_assert!(known.is_empty()),
                Some(score) => {
                    let worst = known.iter().copied().fold(100.0, f64::min);
                    let best = known.iter().copied().fold(0.0, f64::max);
                    prop_assert!((worst..=best).contains(&score), "{worst} {score} {best}");
                }
            }
        }

        #[test]
        fn a_better_measure_never_lowers_the_score(
            scores in proptest::collection::vec(0.0..=100.0, 2..6), better in 0.0..=100.0, weight in 0.1..10.0,
        ) {
            let weights = vec![weight; scores.len()];
            let before: Vec<_> = scores.iter().copied().map(Some).collect();
            let mut after = before.clone();
            after[0] = after[0].map(|score: f64| score.max(better));
            prop_assert!(score_of(&before, &weights, 0.5) <= score_of(&after, &weights, 0.5));
        }

        #[test]
        fn a_measure_that_is_not_known_counts_as_one_that_is_not_there(
            parts in proptest::collection::vec((0.0..=100.0, 1e-3..1e3), 1..6), weight in 1e-3..1e3, at in 0..6_usize,
        ) {
            let (scores, weights): (Vec<_>, Vec<_>) = parts.into_iter().map(|(score, w)| (Some(score), w)).unzip();
            let at = at.min(scores.len());
            let (mut more, mut more_weights) = (scores.clone(), weights.clone());
            more.insert(at, None);
            more_weights.insert(at, weight);
            prop_assert_eq!(score_of(&more, &more_weights, 0.0), score_of(&scores, &weights, 0.0));
        }
    }
}
