//! The share of cases for which something holds.

use super::{Estimate, Z, number};

/// `hits` of `cases` with the interval of [`wilson`]; none without cases.
#[must_use]
pub fn share(hits: usize, cases: usize) -> Option<Estimate> {
    wilson(number(hits), number(cases))
}

/// Score interval of Wilson, Probable Inference (1927): unlike the usual p +- z s it stays in [0, 1] and is not empty where
/// all or none hit. `hits` may be a fraction, where ties share a place. None without cases.
#[must_use]
pub fn wilson(hits: f64, cases: f64) -> Option<Estimate> {
    if cases <= 0.0 {
        return None;
    }
    let value = hits / cases;
    let shrink = 1.0 + Z * Z / cases;
    let centre = (value + Z * Z / (2.0 * cases)) / shrink;
    let half = Z / shrink * (value * (1.0 - value) / cases + (Z / (2.0 * cases)).powi(2)).sqrt();
    // On paper it never leaves them; rounded it may.
    let interval = [(centre - half).clamp(0.0, value), (centre + half).clamp(value, 1.0)];
    Some(Estimate { value, interval: Some(interval) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `scipy.stats.binomtest(hits, cases).proportion_ci(method="wilson")`
    #[test]
    fn the_interval_is_that_of_scipy() {
        for (hits, cases, [low, high]) in WILSON {
            let [got_low, got_high] = share(hits, cases).unwrap().interval.unwrap();
            assert!((got_low - low).abs() < 1e-12, "{hits} of {cases}: {got_low}");
            assert!((got_high - high).abs() < 1e-12, "{hits} of {cases}: {got_high}");
        }
    }

    const WILSON: [(usize, usize, [f64; 2]); 5] = [
        (0, 5, [0.0, 0.434_482_464_783_174_76]),
        (1, 1, [0.206_549_314_377_237_45, 1.0]),
        (7, 20, [0.181_191_824_101_082_1, 0.567_145_723_314_763_7]),
        (99, 100, [0.945_513_803_821_294_6, 0.998_232_567_935_859_3]),
        (250, 1000, [0.224_153_098_983_691_4, 0.277_760_280_259_086_17]),
    ];

    #[test]
    fn without_cases_there_is_no_share() {
        assert_eq!(share(0, 0), None);
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_share_and_mirrors_what_does_not_hit(cases in 1_usize..5_000, part in 0.0..=1.0) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            let hits = (number(cases) * part) as usize;
            let [low, high] = share(hits, cases).unwrap().interval.unwrap();
            let value = number(hits) / number(cases);
            prop_assert!(0.0 <= low && low <= value && value <= high && high <= 1.0);
            let [mirrored, _] = share(cases - hits, cases).unwrap().interval.unwrap();
            prop_assert!((mirrored - (1.0 - high)).abs() < 1e-12);
        }
    }
}
