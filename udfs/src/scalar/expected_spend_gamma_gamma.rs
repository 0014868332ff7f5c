//! `expected_spend_gamma_gamma`: what a customer is expected to spend on a purchase, by the Gamma-Gamma model.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;

use super::row_function::RowFunction;
use crate::args::{Kind, LARGEST, Parameters, PerRow, numbers, positive, whole, within};

const FUNCTION: &str = "expected_spend_gamma_gamma";

#[user_doc(
    doc_section(label = "Purchase Model Functions"),
    description = "Mean spend to be expected of a customer's purchases, by the Gamma-Gamma model (Fader, Hardie 2013), for \
                   parameters that were fitted elsewhere: between the customer's own mean and that of all customers, \
                   `p * v / (q - 1)`, nearer to the own the more purchases it is from. Without repeat purchases it is that \
                   of all. NULL if an argument is NULL.",
    syntax_example = "expected_spend_gamma_gamma(frequency, monetary, p, q, v)",
    argument(name = "frequency", description = "Repeat purchases: a whole number from 0."),
    argument(
        name = "monetary",
        description = "Mean spend of the repeat purchases, from 0; without any, it is ignored."
    ),
    argument(name = "p", description = "Shape of a customer's spends, > 0."),
    argument(
        name = "q",
        description = "Shape of the customers' scales, > 1: up to 1 there is no mean of all customers."
    ),
    argument(name = "v", description = "Scale of the customers' scales, > 0, in money.")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ExpectedSpendGammaGamma;

impl RowFunction for ExpectedSpendGammaGamma {
    const PARAMETERS: Parameters = Parameters {
        function: FUNCTION,
        required: 5,
        all: &[
            ("frequency", Kind::Number),
            ("monetary", Kind::Number),
            ("p", Kind::Number),
            ("q", Kind::Number),
            ("v", Kind::Number),
        ],
    };

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answers(_: &[DataType]) -> DataType {
        DataType::Float64
    }

    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let (histories, models) = args.split_at(2);
        let histories = PerRow::new(histories, rows, |args, row| {
            numbers(args, row).map(History::checked).transpose()
        })?;
        let models = PerRow::new(models, rows, |args, row| {
            numbers(args, row).map(Model::checked).transpose()
        })?;
        let spends =
            (0..rows).map(|row| Some(expected_spend((*histories.get(row))?, (*models.get(row))?)));
        Ok(Arc::new(spends.collect::<Float64Array>()))
    }
}

#[derive(Debug, Clone, Copy)]
struct History {
    frequency: f64,
    monetary: f64,
}

impl History {
    fn checked([frequency, monetary]: [f64; 2]) -> Result<Self> {
        Ok(Self {
            frequency: whole(FUNCTION, "frequency", frequency, 0, u32::MAX)?.into(),
            monetary: within(FUNCTION, "monetary", monetary, 0.0, LARGEST)?,
        })
    }
}

#[derive(Debug, Clone, Copy)]
struct Model {
    p: f64,
    q: f64,
    v: f64,
}

impl Model {
    fn checked([p, q, v]: [f64; 3]) -> Result<Self> {
        if positive(FUNCTION, "q", q)? <= 1.0 {
            return exec_err!("{FUNCTION}: q must be > 1, got {q}: up to 1, spend has no mean");
        }
        Ok(Self { p: positive(FUNCTION, "p", p)?, q, v: positive(FUNCTION, "v", v)? })
    }
}

/// Fader and Hardie, The Gamma-Gamma Model of Monetary Value (2013), equation 5: a weighted mean of the customer's own and
/// that of all customers, here over one denominator.
fn expected_spend(history: History, Model { p, q, v }: Model) -> f64 {
    p * (v + history.frequency * history.monetary) / (p * history.frequency + (q - 1.0))
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these spends are exact")]
mod tests {
    use proptest::prelude::*;

    use super::super::beta_geometric::samples::positive;
    use super::*;

    #[test]
    fn without_repeat_purchases_it_is_the_mean_of_all() {
        let model = Model { p: 6.0, q: 4.0, v: 15.0 };
        let spend = |frequency, monetary| expected_spend(History { frequency, monetary }, model);
        assert_eq!([spend(0.0, 0.0), spend(0.0, 99.0), spend(1.0, 60.0)], [30.0, 30.0, 50.0]);
    }

    proptest! {
        #[test]
        fn a_spend_lies_between_the_own_mean_and_that_of_all(
            frequency: u32, monetary in prop_oneof![Just(0.0), positive()],
            p in positive(), q in positive(), v in positive(),
        ) {
            prop_assume!(1.0 + q > 1.0);
            let model = Model { p, q: 1.0 + q, v };
            let spend = |frequency| expected_spend(History { frequency, monetary }, model);
            let (spend, all) = (spend(frequency.into()), spend(0.0));
            let (least, most) = (monetary.min(all), monetary.max(all));
            prop_assert!(
                (least * (1.0 - 1e-15)..=most * (1.0 + 1e-15)).contains(&spend),
                "{least} {spend} {most}"
            );
        }
    }
}
