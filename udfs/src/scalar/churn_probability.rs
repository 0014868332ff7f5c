//! `churn_probability`: a logistic model whose coefficients were fitted elsewhere.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array};
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;

use super::row_function::RowFunction;
use crate::args::{Kind, Parameters, PerRow, finite, float};
use crate::fields;

const FUNCTION: &str = "churn_probability";

#[user_doc(
    doc_section(label = "Health Functions"),
    description = "Probability, 0 to 1, of a logistic model: `1 / (1 + exp(-(intercept + sum of coefficient * feature)))`. \
                   For coefficients that were fitted to accounts that left and stayed; guessed ones give a number, not a \
                   probability. NULL where a feature is NULL and has no stand-in, and if `coefficients` or `intercept` is \
                   NULL.",
    syntax_example = "churn_probability(features, coefficients, intercept, means)",
    sql_example = "```sql\nSELECT churn_probability({logins: 2}, {logins: -0.5}, 1)  -- 0.5\n```",
    argument(name = "features", description = "A struct of numbers, in the units of the fit."),
    argument(
        name = "coefficients",
        description = "A struct of the same field names, in any order: the change of the log odds for one unit more."
    ),
    argument(name = "intercept", description = "The log odds where all features are 0."),
    argument(
        name = "means",
        description = "A struct of some of the names: what stands in for a feature that is NULL, as its mean in the data of \
                       the fit. Without it, or where it is NULL itself, nothing does."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ChurnProbability;

impl RowFunction for ChurnProbability {
    const PARAMETERS: Parameters = Parameters {
        function: FUNCTION,
        required: 3,
        all: &[
            ("features", Kind::Own),
            ("coefficients", Kind::Own),
            ("intercept", Kind::Number),
            ("means", Kind::Own),
        ],
    };

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = Self::PARAMETERS.coerce(types)?;
        // A bare NULL has the fields of another argument.
        let fields = types.iter().find(|of| matches!(of, DataType::Struct(_))).cloned();
        for (data_type, (argument, kind)) in types.iter_mut().zip(Self::PARAMETERS.all) {
            if matches!(kind, Kind::Own) {
                let fields = fields.as_ref().filter(|_| data_type.is_null());
                *data_type = fields::coerce(FUNCTION, argument, fields.unwrap_or(data_type))?;
            }
        }
        let [features, coefficients] = [("features", &types[0]), ("coefficients", &types[1])];
        fields::check_in(FUNCTION, features, coefficients)?;
        fields::check_in(FUNCTION, coefficients, features)?;
        if let Some(means) = types.get(3) {
            fields::check_in(FUNCTION, ("means", means), features)?;
        }
        Ok(types)
    }

    fn answers(_: &[DataType]) -> DataType {
        DataType::Float64
    }

    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let features = fields::columns(&args[0].to_array(rows)?);
        let names: Vec<_> = features.iter().map(|(name, _)| format!("features.{name}")).collect();
        let models = PerRow::new(&args[1..], rows, model)?;
        let probabilities = (0..rows).map(|row| {
            let values = features.iter().zip(&names).map(|((_, values), name)| {
                let value = values.is_valid(row).then(|| values.value(row));
                value.map(|value| finite(FUNCTION, name, value)).transpose()
            });
            let values = values.collect::<Result<Vec<_>>>()?;
            let log_odds = models.get(row).as_ref().and_then(|model| log_odds(&values, model));
            if log_odds.is_some_and(f64::is_nan) {
                return exec_err!(
                    "{FUNCTION}: the sum of coefficients times features does not fit a float; \
                     scale the features as they were for the fit"
                );
            }
            Ok(log_odds.map(logistic))
        });
        Ok(Arc::new(probabilities.collect::<Result<Float64Array>>()?))
    }
}

struct Model {
    intercept: f64,
    /// In the order of the features' names.
    terms: Vec<Term>,
}

struct Term {
    coefficient: f64,
    /// Stands in for a feature that is not known.
    mean: Option<f64>,
}

fn model(args: &[ArrayRef], row: usize) -> Result<Option<Model>> {
    let intercept = float(&args[1], row).map(|value| finite(FUNCTION, "intercept", value));
    let intercept = intercept.transpose()?;
    let means = args.get(2).and_then(|means| fields::values(means, row)).unwrap_or_default();
    for (name, mean) in &means {
        mean.map(|mean| finite(FUNCTION, &format!("means.{name}"), mean)).transpose()?;
    }
    let Some(coefficients) = fields::values(&args[0], row) else { return Ok(None) };
    let terms = coefficients.into_iter().map(|(name, coefficient)| {
        let Some(coefficient) = coefficient else {
            return exec_err!("{FUNCTION}: coefficients.{name} must be finite, got NULL");
        };
        let mean = means.iter().find(|(of, _)| *of == name).and_then(|(_, mean)| *mean);
        let coefficient = finite(FUNCTION, &format!("coefficients.{name}"), coefficient)?;
        Ok(Term { coefficient, mean })
    });
    let terms = terms.collect::<Result<_>>()?;
    Ok(intercept.map(|intercept| Model { intercept, terms }))
}

/// None: a feature is not known, and nothing stands in for it.
fn log_odds(features: &[Option<f64>], model: &Model) -> Option<f64> {
    let terms = features.iter().zip(&model.terms);
    let terms = terms.map(|(value, term)| Some(term.coefficient * value.or(term.mean)?));
    terms.sum::<Option<f64>>().map(|terms| model.intercept + terms)
}

fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn model(intercept: f64, terms: &[(f64, Option<f64>)]) -> Model {
        let terms =
            terms.iter().map(|(coefficient, mean)| Term { coefficient: *coefficient, mean: *mean });
        Model { intercept, terms: terms.collect() }
    }

    #[test]
    fn even_odds_are_one_half() {
        assert_eq!(log_odds(&[Some(2.0)], &model(1.0, &[(-0.5, None)])).map(logistic), Some(0.5));
    }

    #[test]
    fn a_mean_stands_in_for_what_is_not_known_and_only_for_that() {
        let model = model(0.0, &[(1.0, Some(3.0)), (1.0, None)]);
        assert_eq!(log_odds(&[None, Some(1.0)], &model), Some(4.0));
        assert_eq!(log_odds(&[Some(1.0), Some(1.0)], &model), Some(2.0));
        assert_eq!(log_odds(&[Some(1.0), None], &model), None);
    }

    proptest! {
        #[test]
        fn a_probability_is_within_0_and_1_and_rises_with_a_feature_of_positive_coefficient(
            value in -1e3..1e3, more in 0.0..1e3, coefficient in 0.0..1e3, intercept in -1e3..1e3,
        ) {
            let model = model(intercept, &[(coefficient, None)]);
            let probability = |value| log_odds(&[Some(value)], &model).map(logistic).unwrap();
            prop_assert!((0.0..=1.0).contains(&probability(value)));
            prop_assert!(probability(value) <= probability(value + more));
        }
    }
}
