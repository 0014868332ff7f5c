//! What `health_score` and `health_explain` share: measures, weights, and sums of what is known.

use arrow::array::{Array, Float64Array};
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;

use crate::args::{Kind, Parameters, PerRow, float, positive, within};
use crate::exact::DoubleSum;
use crate::fields;

pub(super) const fn parameters(function: &'static str) -> Parameters {
    Parameters {
        function,
        required: 2,
        all: &[("measures", Kind::Own), ("weights", Kind::Own), ("min_coverage", Kind::Number)],
    }
}

/// Structs of the same names with Float64 fields.
pub(super) fn coerce(parameters: &Parameters, types: &[DataType]) -> Result<Vec<DataType>> {
    let (function, mut types) = (parameters.function, parameters.coerce(types)?);
    // A bare NULL has the fields of the other argument.
    if types[0].is_null() {
        types[0] = types[1].clone();
    } else if types[1].is_null() {
        types[1] = types[0].clone();
    }
    types[0] = fields::coerce(function, "measures", &types[0])?;
    types[1] = fields::coerce(function, "weights", &types[1])?;
    fields::check_in(function, ("measures", &types[0]), ("weights", &types[1]))?;
    fields::check_in(function, ("weights", &types[1]), ("measures", &types[0]))?;
    Ok(types)
}

/// A measure of an account, 0 to 100 if it is known, and how much it counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure {
    pub(super) score: Option<f64>,
    pub(super) weight: f64,
}

/// The answer of `formula` for each row's sums, measures, in the order of their names, and least coverage. None where
/// weights or coverage are NULL.
pub(super) fn evaluate<T>(
    function: &'static str,
    args: &[ColumnarValue],
    rows: usize,
    formula: impl Fn(&Sums, &[Measure], f64) -> T,
) -> Result<Vec<Option<T>>> {
    let scores = fields::columns(&args[0].to_array(rows)?);
    let names: Vec<_> = scores.iter().map(|(name, _)| format!("measures.{name}")).collect();
    let known = |at: usize, row| {
        let scores: &Float64Array = &scores[at].1;
        let score = scores.is_valid(row).then(|| scores.value(row));
        score.map(|score| within(function, &names[at], score, 0.0, 100.0)).transpose()
    };
    let weights = PerRow::new(&args[1..2], rows, |weights, row| {
        let weights = fields::values(&weights[0], row);
        weights.map(|weights| Weights::new(function, weights)).transpose()
    })?;
    let coverage = PerRow::new(&args[2..], rows, |coverage, row| {
        let least = coverage.first().map_or(Some(0.5), |coverage| float(coverage, row));
        least.map(|least| within(function, "min_coverage", least, 0.0, 1.0)).transpose()
    })?;
    let mut measures = Vec::with_capacity(scores.len());
    let answers = (0..rows).map(|row| {
        let weights = weights.get(row).as_ref();
        measures.clear();
        for at in 0..scores.len() {
            let weight = weights.map_or(0.0, |weights| weights.each[at]);
            measures.push(Measure { score: known(at, row)?, weight });
        }
        let given = weights.zip(*coverage.get(row));
        Ok(given.map(|(weights, coverage)| {
            formula(&Sums::new(&measures, weights.all), &measures, coverage)
        }))
    });
    answers.collect()
}

struct Weights {
    each: Vec<f64>,
    all: DoubleSum,
}

impl Weights {
    fn new(function: &str, weights: Vec<(String, Option<f64>)>) -> Result<Self> {
        let each = weights.into_iter().map(|(name, weight)| match weight {
            Some(weight) => positive(function, &format!("weights.{name}"), weight),
            None => exec_err!("{function}: weights.{name} must be > 0, got NULL"),
        });
        let each = each.collect::<Result<Vec<_>>>()?;
        let all = DoubleSum::of(&each);
        Ok(Self { each, all })
    }
}

/// Sums of twice a float's digits, of which only quotients are rounded: measures that are all 75 then give 75 and not
/// 74.99999999999999, which would miss a band.
pub(super) struct Sums {
    weights: DoubleSum,
    pub(super) known_weights: DoubleSum,
    weighted_scores: DoubleSum,
}

impl Sums {
    /// `weights` is the sum of all.
    pub(super) fn new(measures: &[Measure], weights: DoubleSum) -> Self {
        let (mut known_weights, mut weighted_scores) = (weights, DoubleSum::default());
        if measures.iter().any(|measure| measure.score.is_none()) {
            known_weights = DoubleSum::default();
            for known in measures.iter().filter(|measure| measure.score.is_some()) {
                known_weights.add(known.weight);
            }
        }
        for Measure { score, weight } in measures {
            if let Some(score) = score {
                weighted_scores.add_product(*weight, *score);
            }
        }
        Self { weights, known_weights, weighted_scores }
    }

    #[cfg(test)]
    pub(super) fn alone(measures: &[Measure]) -> Self {
        let weights: Vec<_> = measures.iter().map(|measure| measure.weight).collect();
        Self::new(measures, DoubleSum::of(&weights))
    }

    /// The share of all weight that is known.
    pub(super) fn coverage(&self) -> f64 {
        self.known_weights.divided_by(self.weights)
    }

    /// The weighted mean of what is known. None: that is too little.
    pub(super) fn score(&self, min_coverage: f64) -> Option<f64> {
        let coverage = self.coverage();
        // 0.35 + 0.25 of 1 is enough for 0.6, though as floats they are a little less.
        let enough = coverage > 0.0 && coverage >= min_coverage * (1.0 - 1e-12);
        enough.then(|| self.weighted_scores.divided_by(self.known_weights))
    }
}
