//! Quantiles of a sample.

use super::number;

/// Type 7 of Hyndman and Fan, Sample Quantiles in Statistical Packages (1996): linear between the order statistics, as R,
/// numpy and `quantile_cont` have it. None of an empty sample.
#[must_use]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let at = number(sorted.len().checked_sub(1)?) * share;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let [low, high] = [at.floor(), at.ceil()].map(|at| sorted.get(at as usize).copied());
    let (low, high) = (low?, high?);
    let between = at - at.floor();
    // Without a step between them infinite scores stay what they are.
    Some(if between > 0.0 { low + (high - low) * between } else { low })
}
