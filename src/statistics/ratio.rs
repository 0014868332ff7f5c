//! The ratio of two sums over accounts.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Estimate, Z, number, quantile};

/// Efron and Tibshirani, An Introduction to the Bootstrap (1993), 14.3: 1,000 resamples for bounds at 95 %.
const RESAMPLES: usize = 1_000;
/// The same accounts give the same bounds.
const SEED: u64 = 1;
/// Above that many accounts the resamples lie as a normal distribution does, and each costs much.
const LARGE: usize = 2_000;

/// `sum(part) / sum(whole)` over pairs of both. The interval is the bootstrap's percentile interval over accounts, since a
/// few large ones decide the ratio; above 2,000 accounts that of the linearised ratio (Cochran, Sampling Techniques, 1977,
/// 6.4). None where the whole is nothing; no interval of fewer than two accounts, whose resamples are all the same.
#[must_use]
pub fn ratio(pairs: &[(f64, f64)]) -> Option<Estimate> {
    let value = quotient(pairs.iter().copied())?;
    let interval = match pairs.len() {
        0..2 => None,
        2..=LARGE => resampled(pairs),
        _ => Some(linearised(pairs, value)),
    };
    Some(Estimate { value, interval })
}

fn quotient(pairs: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (part, whole) = pairs.fold((0.0, 0.0), |sums, pair| (sums.0 + pair.0, sums.1 + pair.1));
    (whole > 0.0).then(|| part / whole)
}

fn resampled(pairs: &[(f64, f64)]) -> Option<[f64; 2]> {
    let mut dice = ChaCha8Rng::seed_from_u64(SEED);
    let mut resample = || {
        let drawn = std::iter::repeat_with(|| pairs[dice.random_range(0..pairs.len())]);
        quotient(drawn.take(pairs.len()))
    };
    let mut ratios: Vec<f64> = (0..RESAMPLES).filter_map(|_| resample()).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    Some([quantile(&ratios, 0.025)?, quantile(&ratios, 0.975)?])
}

fn linearised(pairs: &[(f64, f64)], value: f64) -> [f64; 2] {
    let (accounts, whole) = (number(pairs.len()), pairs.iter().map(|pair| pair.1).sum::<f64>());
    let squares: f64 = pairs.iter().map(|(part, of)| (part - value * of).powi(2)).sum();
    let half = Z * (accounts / (accounts - 1.0) * squares).sqrt() / whole;
    [value - half, value + half]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half of them keep 1 of 1, the others nothing: the ratio is a share, whose deviation is known.
    fn halves(accounts: usize) -> Vec<(f64, f64)> {
        (0..accounts).map(|nth| (number(nth % 2), 1.0)).collect()
    }

    #[test]
    fn the_ratio_is_of_sums_and_not_the_mean_of_ratios() {
        let pairs = [(90.0, 100.0), (0.0, 1.0)];
        assert!((ratio(&pairs).unwrap().value - 90.0 / 101.0).abs() < 1e-12);
    }

    #[test]
    fn both_intervals_are_as_wide_as_the_binomial_says() {
        let deviation = |accounts: usize| (0.25 / number(accounts)).sqrt();
        // The bounds of 1,000 resamples are themselves uncertain, by some hundredths.
        for (accounts, tolerance) in [(400, 0.12), (LARGE, 0.12), (LARGE + 2, 0.001)] {
            let width = ratio(&halves(accounts)).unwrap().width().unwrap();
            let expected = 2.0 * Z * deviation(accounts);
            assert!((width / expected - 1.0).abs() < tolerance, "{accounts}: {width}, {expected}");
        }
    }

    #[test]
    fn the_same_accounts_have_the_same_interval() {
        assert_eq!(ratio(&halves(50)), ratio(&halves(50)));
    }

    #[test]
    fn of_one_account_there_is_no_interval_and_of_nothing_no_ratio() {
        assert_eq!(ratio(&[(1.0, 2.0)]).unwrap().interval, None);
        assert_eq!(ratio(&[]), None);
        assert_eq!(ratio(&[(0.0, 0.0)]), None);
    }
}
