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

/// Measures, weights and least coverage of each row, with the sums of what is known.
pub(super) struct Rows {
    /// In the order of their names.
    scores: Vec<Float64Array>,
    weights: PerRow<Option<Weights>>,
    min_coverage: PerRow<Option<f64>>,
    sums: Vec<Sums>,
}

impl Rows {
    pub(super) fn new(function: &'static str, args: &[ColumnarValue], rows: usize) -> Result<Self> {
        let weights = PerRow::new(&args[1..2], rows, |weights, row| {
            let weights = fields::values(&weights[0], row);
            weights.map(|weights| Weights::new(function, weights)).transpose()
        })?;
        let min_coverage = PerRow::new(&args[2..], rows, |coverage, row| {
            let least = coverage.first().map_or(Some(0.5), |coverage| float(coverage, row));
            least.map(|least| within(function, "min_coverage", least, 0.0, 1.0)).transpose()
        })?;
        let scores = fields::columns(&args[0].to_array(rows)?);
        for (name, scores) in &scores {
            check(function, name, scores)?;
        }
        let scores: Vec<_> = scores.into_iter().map(|(_, scores)| scores).collect();
        let sums = sums(&scores, &weights, rows);
        Ok(Self { scores, weights, min_coverage, sums })
    }

    /// The answer of `formula` for each row's number, sums and least coverage. None where weights or coverage are NULL.
    pub(super) fn map<T>(
        &self,
        formula: impl Fn(usize, &Sums, f64) -> T,
    ) -> impl Iterator<Item = Option<T>> {
        self.sums.iter().enumerate().map(move |(row, sums)| {
            self.weights.get(row).as_ref()?;
            self.min_coverage.get(row).map(|least| formula(row, sums, least))
        })
    }

    /// Of one row, in the order of their names.
    pub(super) fn measures(&self, row: usize) -> Vec<Measure> {
        let measures = self.scores.iter().enumerate().map(|(at, scores)| Measure {
            score: scores.is_valid(row).then(|| scores.value(row)),
            weight: weight(self.weights.get(row).as_ref(), at),
        });
        measures.collect()
    }
}

/// Refuses a known measure that is not within 0 and 100.
fn check(function: &str, name: &str, scores: &Float64Array) -> Result<()> {
    // All at once first, which the values of unknown measures may fail too.
    let all = scores.values().iter().fold(true, |all, score| all & (0.0..=100.0).contains(score));
    if !all {
        let argument = format!("measures.{name}");
        for score in scores.iter().flatten() {
            within(function, &argument, score, 0.0, 100.0)?;
        }
    }
    Ok(())
}

/// The sums of each row, one measure after the other for all of them.
fn sums(scores: &[Float64Array], weights: &PerRow<Option<Weights>>, rows: usize) -> Vec<Sums> {
    let all = |row| weights.get(row).as_ref().map_or(DoubleSum::default(), |weights| weights.all);
    let mut sums: Vec<_> = (0..rows).map(|row| Sums::new(all(row))).collect();
    for (at, scores) in scores.iter().enumerate() {
        match weights {
            PerRow::Same(weights) => {
                let weight = weight(weights.as_ref(), at);
                add_all(&mut sums, scores, |_| weight);
            }
            PerRow::Each(weights) => {
                add_all(&mut sums, scores, |row| weight(weights[row].as_ref(), at));
            }
        }
    }
    sums
}

fn add_all(sums: &mut [Sums], scores: &Float64Array, weight: impl Fn(usize) -> f64) {
    let rows = sums.iter_mut().zip(scores.values()).enumerate();
    match scores.nulls() {
        None => rows.for_each(|(row, (sums, score))| sums.add(weight(row), Some(*score))),
        Some(known) => rows.zip(known).for_each(|((row, (sums, score)), known)| {
            sums.add(weight(row), known.then_some(*score));
        }),
    }
}

/// Of the measure `at` a place; of no meaning where weights are NULL.
fn weight(weights: Option<&Weights>, at: usize) -> f64 {
    weights.map_or(0.0, |weights| weights.each[at])
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
    /// Of no measure yet. `weights` is the sum of all.
    fn new(weights: DoubleSum) -> Self {
        Self { weights, known_weights: DoubleSum::default(), weighted_scores: DoubleSum::default() }
    }

    /// Adds zeros for what is not known, and not nothing: no processor can foresee which measures are known.
    fn add(&mut self, weight: f64, score: Option<f64>) {
        let (weight, score) = score.map_or((0.0, 0.0), |score| (weight, score));
        self.known_weights.add(weight);
        self.weighted_scores.add_product(weight, score);
    }

    #[cfg(test)]
    pub(super) fn alone(measures: &[Measure]) -> Self {
        let weights: Vec<_> = measures.iter().map(|measure| measure.weight).collect();
        let mut sums = Self::new(DoubleSum::of(&weights));
        for Measure { score, weight } in measures {
            sums.add(*weight, *score);
        }
        sums
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
