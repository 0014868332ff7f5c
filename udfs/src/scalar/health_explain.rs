//! `health_explain`: a health score with what made it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;

use super::health::{self, Measure, Sums};
use super::row_function::RowFunction;
use crate::args::Parameters;
use crate::exact::DoubleSum;
use crate::fields;

#[user_doc(
    doc_section(label = "Health Functions"),
    description = "Why an account has its `health_score`: a struct of that `score`, the `coverage` (share of all weight that \
                   is known), the `weakest` known measure and the `contributions` of each. A contribution is \
                   `weight * measure / known weight`, NULL for a measure that is not known; they add up to \
                   the score, but for the rounding of each: to within 2e-14 a measure. `weakest` is the measure that costs most: the largest \
                   `weight * (100 - measure)`, the first by name of several. With less than `min_coverage` known, `score` is \
                   NULL and the rest still stands. NULL if `weights` or `min_coverage` is NULL.",
    syntax_example = "health_explain(measures, weights, min_coverage => 0.5)",
    sql_example = "```sql\nSELECT health_explain({usage: 80, nps: 40}, {usage: 3, nps: 1})['weakest']  -- usage\n```",
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
pub(crate) struct HealthExplain;

impl RowFunction for HealthExplain {
    const PARAMETERS: Parameters = health::parameters("health_explain");

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        health::coerce(&Self::PARAMETERS, types)
    }

    fn answers(types: &[DataType]) -> DataType {
        DataType::Struct(answer_fields(types[0].clone()))
    }

    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let measures = args[0].to_array(rows)?;
        let names: Vec<_> = fields::columns(&measures).into_iter().map(|(name, _)| name).collect();
        let known = health::Rows::new("health_explain", args, rows)?;
        let answers: Vec<_> =
            known.map(|row, sums, least| explain(sums, &known.measures(row), least)).collect();

        let each = || answers.iter().map(Option::as_ref);
        let weakest = each().map(|answer| answer.and_then(|answer| Some(&*names[answer.weakest?])));
        let contributions = measures.as_struct().fields().iter().map(|field| -> ArrayRef {
            let at = names.iter().position(|name| name == field.name());
            Arc::new(
                each()
                    .map(|answer| answer.zip(at).and_then(|(answer, at)| answer.contributions[at]))
                    .collect::<Float64Array>(),
            )
        });
        let nulls = each().map(|answer| answer.is_some()).collect::<NullBuffer>();
        let contributions = StructArray::try_new_with_length(
            measures.as_struct().fields().clone(),
            contributions.collect(),
            Some(nulls.clone()),
            rows,
        )?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(each().map(|answer| answer?.score).collect::<Float64Array>()),
            Arc::new(each().map(|answer| Some(answer?.coverage)).collect::<Float64Array>()),
            Arc::new(weakest.collect::<StringArray>()),
            Arc::new(contributions),
        ];
        let fields = answer_fields(measures.data_type().clone());
        Ok(Arc::new(StructArray::try_new(fields, columns, Some(nulls))?))
    }
}

fn answer_fields(measures: DataType) -> Fields {
    Fields::from(vec![
        Field::new("score", DataType::Float64, true),
        Field::new("coverage", DataType::Float64, true),
        Field::new("weakest", DataType::Utf8, true),
        Field::new("contributions", measures, true),
    ])
}

struct Explanation {
    score: Option<f64>,
    coverage: f64,
    weakest: Option<usize>,
    contributions: Vec<Option<f64>>,
}

fn explain(sums: &Sums, measures: &[Measure], min_coverage: f64) -> Explanation {
    let contribution = |measure: &Measure| {
        let mut weighted = DoubleSum::default();
        weighted.add_product(measure.weight, measure.score?);
        Some(weighted.divided_by(sums.known_weights))
    };
    Explanation {
        score: sums.score(min_coverage),
        coverage: sums.coverage(),
        weakest: weakest(measures),
        contributions: measures.iter().map(contribution).collect(),
    }
}

/// The position of the known measure that costs most, the first of several.
fn weakest(measures: &[Measure]) -> Option<usize> {
    let costs = measures.iter().map(|Measure { score, weight }| Some(weight * (100.0 - (*score)?)));
    let known = costs.enumerate().filter_map(|(at, cost)| Some((at, cost?)));
    known.reduce(|most, next| if next.1 > most.1 { next } else { most }).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn weakest_costs_most_weight_and_is_the_first_of_equals() {
        let measure = |score, weight| Measure { score, weight };
        let (bad, heavy) = (measure(Some(0.0), 1.0), measure(Some(60.0), 3.0));
        assert_eq!(weakest(&[bad, heavy]), Some(1));
        assert_eq!(weakest(&[measure(None, 9.0), bad, bad]), Some(1));
        assert_eq!(weakest(&[measure(None, 1.0)]), None);
    }

    proptest! {
        #[test]
        fn contributions_add_up_to_the_score_of_health_score(
            parts in proptest::collection::vec((proptest::option::of(0.0..=100.0), 1e-6..1e6), 1..8),
            min_coverage in 0.0..=1.0,
        ) {
            let measures: Vec<_> = parts.into_iter().map(|(score, weight)| Measure { score, weight }).collect();
            let sums = Sums::alone(&measures);
            let explained = explain(&sums, &measures, min_coverage);
            prop_assert_eq!(explained.score, sums.score(min_coverage));

            let contributions = explained.contributions.iter().flatten();
            let (sum, bound) = contributions.fold((0.0, 0.0), |(sum, bound), part| (sum + part, bound + 2e-14));
            prop_assert!((sum - sums.score(0.0).unwrap_or_default()).abs() <= bound);
        }

        #[test]
        fn only_what_is_known_contributes(
            parts in proptest::collection::vec((proptest::option::of(0.0..=100.0), 0.1..10.0), 1..8),
        ) {
            let measures: Vec<_> = parts.into_iter().map(|(score, weight)| Measure { score, weight }).collect();
            let explained = explain(&Sums::alone(&measures), &measures, 0.5);
            for (measure, contribution) in measures.iter().zip(&explained.contributions) {
                prop_assert_eq!(measure.score.is_some(), contribution.is_some());
            }
            prop_assert!((0.0..=1.0).contains(&explained.coverage));
        }
    }
}
