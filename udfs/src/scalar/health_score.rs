//! `health_score`: the weighted mean of the measures that are known.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Field, Fields, Float64Type};
use datafusion::common::{exec_err, plan_datafusion_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;

use super::row_function::RowFunction;
use crate::args::{Kind, Parameters, PerRow, float};

#[user_doc(
    doc_section(label = "Health Functions"),
    description = "Weighted mean, 0 to 100, of the measures that are known. NULL where the known ones carry less than \
                   `min_coverage` of all weight: a missing measure is neither zero nor neutral.",
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
    const PARAMETERS: Parameters = Parameters {
        function: "health_score",
        required: 2,
        all: &[("measures", Kind::Own), ("weights", Kind::Own), ("min_coverage", Kind::Number)],
    };

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = Self::PARAMETERS.coerce(types)?;
        // A bare NULL has the fields of the other argument.
        if types[0].is_null() {
            types[0] = types[1].clone();
        } else if types[1].is_null() {
            types[1] = types[0].clone();
        }
        types[0] = float_fields("measures", &types[0])?;
        types[1] = float_fields("weights", &types[1])?;
        check_same_names(&names(&types[0]), &names(&types[1]))?;
        Ok(types)
    }

    fn answers(_: &[DataType]) -> DataType {
        DataType::Float64
    }

    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let measures = fields(&args[0].to_array(rows)?);
        let weights =
            PerRow::new(&args[1..2], rows, |weights, row| checked_weights(&weights[0], row))?;
        let coverage = PerRow::new(&args[2..], rows, |coverage, row| {
            let least = coverage.first().map_or(Some(0.5), |coverage| float(coverage, row));
            least.map(checked_coverage).transpose()
        })?;
        let mut known = vec![None; measures.len()];
        let scores = (0..rows).map(|row| {
            for (measure, (name, scores)) in known.iter_mut().zip(&measures) {
                *measure = scores.is_valid(row).then(|| scores.value(row));
                if let Some(score) = measure
                    && !(0.0..=100.0).contains(score)
                {
                    return exec_err!(
                        "health_score: measures.{name} must be within 0 and 100, got {score}"
                    );
                }
            }
            let given = weights.get(row).as_ref().zip(*coverage.get(row));
            Ok(given.and_then(|(weights, min_coverage)| score(&known, weights, min_coverage)))
        });
        Ok(Arc::new(scores.collect::<Result<Float64Array>>()?))
    }
}

/// The struct with the same names and Float64 fields.
fn float_fields(argument: &str, data_type: &DataType) -> Result<DataType> {
    let DataType::Struct(fields) = data_type else {
        return plan_err!("health_score: {argument} must be a struct, got {data_type}");
    };
    if fields.is_empty() {
        return plan_err!("health_score: {argument} must have a field");
    }
    let typed = fields.iter().map(|field| {
        let (name, data_type) = (field.name(), field.data_type());
        Kind::Number.read_as(data_type).map(|float| Field::new(name, float, true)).ok_or_else(
            || {
                plan_datafusion_err!(
                    "health_score: {argument}.{name} must be a number, got {data_type}"
                )
            },
        )
    });
    Ok(DataType::Struct(typed.collect::<Result<Fields>>()?))
}

/// Sorted field names.
fn names(data_type: &DataType) -> Vec<&str> {
    let DataType::Struct(fields) = data_type else { return Vec::new() };
    let mut names: Vec<_> = fields.iter().map(|field| field.name().as_str()).collect();
    names.sort_unstable();
    names
}

fn check_same_names(measures: &[&str], weights: &[&str]) -> Result<()> {
    if let Some(name) = measures.iter().find(|name| !weights.contains(name)) {
        return plan_err!("health_score: weights.{name} is missing, measures has it");
    }
    if let Some(name) = weights.iter().find(|name| !measures.contains(name)) {
        return plan_err!("health_score: measures.{name} is missing, weights has it");
    }
    match measures.windows(2).chain(weights.windows(2)).find(|pair| pair[0] == pair[1]) {
        Some(pair) => plan_err!("health_score: {} is there twice", pair[0]),
        None => Ok(()),
    }
}

/// The fields of a struct by name, each NULL where the struct is: sums then have one order, whatever the SQL's.
fn fields(structs: &ArrayRef) -> Vec<(String, Float64Array)> {
    let structs = structs.as_struct();
    let columns = structs.fields().iter().zip(structs.columns()).map(|(field, column)| {
        let column = column.as_primitive::<Float64Type>();
        let nulls = arrow::buffer::NullBuffer::union(column.nulls(), structs.nulls());
        (field.name().clone(), Float64Array::new(column.values().clone(), nulls))
    });
    let mut columns: Vec<_> = columns.collect();
    columns.sort_by(|(left, _), (right, _)| left.cmp(right));
    columns
}

/// Weights by name; None if the struct itself is NULL.
fn checked_weights(structs: &ArrayRef, row: usize) -> Result<Option<Vec<f64>>> {
    if structs.is_null(row) {
        return Ok(None);
    }
    let weights = fields(&structs.slice(row, 1)).into_iter().map(|(name, weight)| {
        if weight.is_null(0) {
            return exec_err!("health_score: weights.{name} must be > 0, got NULL");
        }
        let weight = weight.value(0);
        if !weight.is_finite() || weight <= 0.0 {
            return exec_err!("health_score: weights.{name} must be > 0, got {weight}");
        }
        Ok(weight)
    });
    let weights = weights.collect::<Result<Vec<_>>>()?;
    if !(100.0 * weights.iter().sum::<f64>()).is_finite() {
        return exec_err!("health_score: weights must have a sum a float can hold");
    }
    Ok(Some(weights))
}

fn checked_coverage(min_coverage: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&min_coverage) {
        Ok(min_coverage)
    } else {
        exec_err!("health_score: min_coverage must be within 0 and 1, got {min_coverage}")
    }
}

/// None: too little is known.
fn score(measures: &[Option<f64>], weights: &[f64], min_coverage: f64) -> Option<f64> {
    let (mut all, mut known, mut weighted) = (0.0, 0.0, 0.0);
    for (measure, weight) in measures.iter().zip(weights) {
        all += weight;
        if let Some(score) = measure {
            known += weight;
            weighted += weight * score;
        }
    }
    // 0.35 + 0.25 of 1 is enough for 0.6, whichever way the sums were rounded.
    let enough = known >= min_coverage * all * (1.0 - 1e-12);
    (known > 0.0 && enough).then(|| (weighted / known).clamp(0.0, 100.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_unknown_measure_leaves_the_mean_to_the_others() {
        assert_eq!(score(&[Some(80.0), None], &[3.0, 1.0], 0.5), Some(80.0));
        assert_eq!(score(&[Some(80.0), Some(40.0)], &[3.0, 1.0], 0.5), Some(70.0));
    }

    #[test]
    fn coverage_is_a_share_of_weight_and_its_limit_is_enough() {
        assert_eq!(score(&[None, Some(40.0)], &[3.0, 1.0], 0.5), None);
        assert_eq!(score(&[None, Some(40.0)], &[3.0, 1.0], 0.25), Some(40.0));
        assert!(score(&[Some(1.0), Some(1.0), None], &[0.35, 0.25, 0.4], 0.6).is_some());
    }

    #[test]
    fn nothing_known_is_no_score_even_if_nothing_need_be() {
        assert_eq!(score(&[None], &[1.0], 0.0), None);
    }

    proptest! {
        #[test]
        fn a_score_lies_between_the_worst_and_the_best_known_measure(
            parts in proptest::collection::vec((proptest::option::of(0.0..=100.0), 1e-6..1e6), 1..8),
        ) {
            let (measures, weights): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
            let known: Vec<f64> = measures.iter().flatten().copied().collect();
            match score(&measures, &weights, 0.0) {
                None => prop_assert!(known.is_empty()),
                Some(score) => {
                    let worst = known.iter().copied().fold(100.0, f64::min);
                    let best = known.iter().copied().fold(0.0, f64::max);
                    prop_assert!((worst - 1e-9..=best + 1e-9).contains(&score));
                    prop_assert!((0.0..=100.0).contains(&score));
                }
            }
        }

        #[test]
        fn a_better_measure_never_lowers_the_score(
            measures in proptest::collection::vec(0.0..=100.0, 2..6), better in 0.0..=100.0, weight in 0.1..10.0,
        ) {
            let weights = vec![weight; measures.len()];
            let before: Vec<_> = measures.iter().copied().map(Some).collect();
            let mut after = before.clone();
            after[0] = after[0].map(|measure: f64| measure.max(better));
            prop_assert!(score(&before, &weights, 0.5) <= score(&after, &weights, 0.5));
        }
    }
}
