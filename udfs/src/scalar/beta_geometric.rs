//! What the functions of BG/NBD and MBG/NBD share: a customer's purchases, and the parameters of the model.
//!
//! A customer buys at a rate that is Gamma(r, alpha) among customers, and leaves after a purchase with a probability that
//! is Beta(a, b) among them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;

use crate::args::{LARGEST, PerRow, numbers, positive, whole, within};

/// Of a customer, as `purchase_summary` gives it; times in the unit of the fit.
#[derive(Debug, Clone, Copy)]
pub(super) struct History {
    /// Repeat purchases.
    pub(super) frequency: f64,
    /// From the first purchase to the last.
    pub(super) recency: f64,
    /// From the first purchase to the end of what was observed.
    pub(super) t: f64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Model {
    pub(super) r: f64,
    pub(super) alpha: f64,
    pub(super) a: f64,
    pub(super) b: f64,
}

/// The answer of `formula` for each row. `args` are frequency, recency, t, r, alpha, a and b; NULL if one is NULL.
pub(super) fn evaluate(
    function: &str,
    args: &[ColumnarValue],
    rows: usize,
    formula: impl Fn(usize, History, Model) -> Option<f64>,
) -> Result<ArrayRef> {
    let (histories, models) = args.split_at(3);
    let histories = PerRow::new(histories, rows, |args, row| {
        numbers(args, row).map(|history| History::checked(function, history)).transpose()
    })?;
    let models = PerRow::new(models, rows, |args, row| {
        numbers(args, row).map(|model| Model::checked(function, model)).transpose()
    })?;
    let answers = (0..rows).map(|row| formula(row, (*histories.get(row))?, (*models.get(row))?));
    Ok(Arc::new(answers.collect::<Float64Array>()))
}

impl History {
    fn checked(function: &str, [frequency, recency, t]: [f64; 3]) -> Result<Self> {
        let t = within(function, "t", t, 0.0, LARGEST)?;
        Ok(Self {
            frequency: whole(function, "frequency", frequency, 0, u32::MAX)?.into(),
            recency: within(function, "recency", recency, 0.0, t)?,
            t,
        })
    }
}

impl Model {
    fn checked(function: &str, [r, alpha, a, b]: [f64; 4]) -> Result<Self> {
        Ok(Self {
            r: positive(function, "r", r)?,
            alpha: positive(function, "alpha", alpha)?,
            a: positive(function, "a", a)?,
            b: positive(function, "b", b)?,
        })
    }

    /// P(alive), where `odds` to 1 are against it before the silence since the last purchase is counted: both models have
    /// `1 / (1 + odds * ((alpha + t) / (alpha + recency)) ^ (r + frequency))`. In logarithms, because the power overflows.
    pub(super) fn p_alive(&self, odds: f64, history: History) -> f64 {
        let silence = (history.t - history.recency) / (self.alpha + history.recency);
        let log_odds = odds.ln() + (self.r + history.frequency) * silence.ln_1p();
        1.0 / (1.0 + log_odds.exp())
    }
}

#[cfg(test)]
pub(super) mod samples {
    use proptest::prelude::*;

    use super::{History, Model};

    pub(in super::super) fn positive() -> impl Strategy<Value = f64> {
        prop_oneof![1e-3..1e3, (-18.0..18.0).prop_map(|digits| 10_f64.powf(digits))]
    }

    pub(in super::super) fn near(left: f64, right: f64, tolerance: f64) -> bool {
        (left - right).abs() <= tolerance * right.abs()
    }

    /// Histories and parameters of any size the functions take.
    pub(in super::super) fn customers() -> impl Strategy<Value = (History, Model)> {
        let frequency = prop_oneof![0..9_u32, any::<u32>()];
        let t = prop_oneof![Just(0.0), positive()];
        let model = [positive(), positive(), positive(), positive()];
        (frequency, t, 0.0..=1.0, model).prop_map(|(frequency, t, share, [r, alpha, a, b])| {
            let history = History { frequency: frequency.into(), recency: t * share, t };
            (history, Model { r, alpha, a, b })
        })
    }
}
