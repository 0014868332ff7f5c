//! Shares, ratios and rankings with their uncertainty, as plain functions: no Arrow, no I/O, no clock.
//!
//! All intervals are at 95 %.

mod quantile;
mod ranking;
mod ratio;
mod share;
mod stability;

use serde::Serialize;

pub use quantile::quantile;
pub use ranking::{Group, Outcome, auc, lift, reliability};
pub use ratio::ratio;
pub use share::{share, wilson};
pub use stability::{binned, stability_index};

/// The normal deviation that 2.5 % of cases exceed: what bounds 95 % on both sides.
const Z: f64 = 1.959_963_984_540_054;

/// A number from a sample, and where it may as well lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// What the sample says.
    pub value: f64,
    /// Lower and upper bound at 95 %; none where the cases are too few for one.
    pub interval: Option<[f64; 2]>,
}

impl Estimate {
    /// How wide the interval is; none where there is none.
    #[must_use]
    pub fn width(&self) -> Option<f64> {
        self.interval.map(|[low, high]| high - low)
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 cases")]
fn number(count: usize) -> f64 {
    count as f64
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / number(values.len())
}

/// With the divisor n - 1; none for fewer than two.
fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| squares / number(values.len() - 1))
}
