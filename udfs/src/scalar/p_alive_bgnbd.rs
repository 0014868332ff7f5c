//! `p_alive_bgnbd`: the probability that a customer is still one, by BG/NBD.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;

use super::beta_geometric::{History, Model, evaluate};
use super::row_function::RowFunction;
use crate::args::{Kind, Parameters};

#[user_doc(
    doc_section(label = "Purchase Model Functions"),
    description = "Probability, 0 to 1, that a customer has not left, by BG/NBD (Fader, Hardie, Lee 2005), for parameters \
                   that were fitted elsewhere. It is 1 for every customer who bought once, however long ago: in this model \
                   nobody leaves before the second purchase. So it says nothing about churn of one-time buyers, and where \
                   they are many it ranks customers worse than a coin (AUC 0.316 on CDNOW, plain recency 0.771); \
                   `p_alive_mbgnbd` has no such gap. NULL if an argument is NULL.",
    syntax_example = "p_alive_bgnbd(frequency, recency, t, r, alpha, a, b)",
    argument(name = "frequency", description = "Repeat purchases: a whole number from 0."),
    argument(
        name = "recency",
        description = "From the first purchase to the last, within 0 and `t`, in the unit of the fit."
    ),
    argument(
        name = "t",
        description = "From the first purchase to the end of what was observed, in the same unit."
    ),
    argument(name = "r", description = "Shape of the purchase rates, > 0."),
    argument(
        name = "alpha",
        description = "Rate of the purchase rates, > 0, in the unit of the fit."
    ),
    argument(name = "a", description = "First parameter of leaving, > 0."),
    argument(name = "b", description = "Second parameter of leaving, > 0.")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct PAliveBgnbd;

impl RowFunction for PAliveBgnbd {
    const PARAMETERS: Parameters = Parameters {
        function: "p_alive_bgnbd",
        required: 7,
        all: &[
            ("frequency", Kind::Number),
            ("recency", Kind::Number),
            ("t", Kind::Number),
            ("r", Kind::Number),
            ("alpha", Kind::Number),
            ("a", Kind::Number),
            ("b", Kind::Number),
        ],
    };

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answers(_: &[DataType]) -> DataType {
        DataType::Float64
    }

    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        evaluate("p_alive_bgnbd", args, rows, |_, history, model| Some(p_alive(history, model)))
    }
}

/// Fader, Hardie and Lee, Computing P(alive) Using the BG/NBD Model (2008).
pub(super) fn p_alive(history: History, model: Model) -> f64 {
    if history.frequency == 0.0 {
        return 1.0;
    }
    model.p_alive(model.a / (model.b + (history.frequency - 1.0)), history)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::beta_geometric::samples;
    use super::*;

    const MODEL: Model = Model { r: 1.0, alpha: 1.0, a: 1.0, b: 1.0 };

    #[test]
    fn who_bought_once_is_alive_however_long_ago() {
        let alive = |frequency| p_alive(History { frequency, recency: 0.0, t: 1.0 }, MODEL);
        assert!(samples::near(alive(0.0), 1.0, 0.0));
        assert!(samples::near(alive(1.0), 1.0 / (1.0 + 2.0 * 2.0), 1e-15));
    }

    proptest! {
        #[test]
        fn a_probability_is_within_0_and_1_for_histories_and_parameters_of_any_size(
            (history, model) in samples::customers(),
        ) {
            let probability = p_alive(history, model);
            prop_assert!((0.0..=1.0).contains(&probability), "{history:?} {model:?} {probability}");
        }

        #[test]
        fn a_longer_silence_never_makes_it_likelier_that_a_customer_is_alive(
            (history, model) in samples::customers(), longer in 0.01..100.0,
        ) {
            let later = History { t: history.t + longer * (model.alpha + history.t), ..history };
            prop_assert!(p_alive(later, model) <= p_alive(history, model));
        }
    }
}
