//! How much a distribution has moved.

use super::number;

/// Population stability index of two sets of cases over the same bins: `sum((a - e) ln(a / e))` over the shares of each bin,
/// Siddiqi, Credit Risk Scorecards (2006), 9: below 0.1 nothing happened, from 0.25 on the population is another one. It is
/// the symmetric divergence of Kullback and Leibler, so that it does not matter which set is the earlier one. A bin without
/// cases counts as half a case: the logarithm of nothing would outweigh all others. None where one set is empty.
#[must_use]
pub fn stability_index(earlier: &[usize], now: &[usize]) -> Option<f64> {
    let total = |cases: &[usize]| cases.iter().sum::<usize>();
    let (of_earlier, of_now) = (total(earlier), total(now));
    if of_earlier == 0 || of_now == 0 {
        return None;
    }
    let share = |cases: usize, of: usize| {
        let cases = if cases == 0 { 0.5 } else { number(cases) };
        cases / number(of)
    };
    // Bins that neither fills say nothing.
    let bins = earlier.iter().zip(now).filter(|(earlier, now)| **earlier + **now > 0);
    let terms = bins.map(|(earlier, now)| {
        let (earlier, now) = (share(*earlier, of_earlier), share(*now, of_now));
        (now - earlier) * (now / earlier).ln()
    });
    Some(terms.sum())
}

/// Cases of sorted values in the bins between `edges`, which ascend; a value on an edge is in the bin below.
#[must_use]
pub fn binned(sorted: &[f64], edges: &[f64]) -> Vec<usize> {
    let up_to = edges.iter().map(|edge| sorted.partition_point(|value| value <= edge));
    let ends: Vec<usize> = up_to.chain([sorted.len()]).collect();
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(&ends).map(|(start, end)| end - start).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_index_is_the_sum_over_the_bins() {
        // 0.1 ln(0.6 / 0.5) - 0.1 ln(0.4 / 0.5) = 0.1 ln 1.5
        let index = stability_index(&[50, 50], &[60, 40]).unwrap();
        assert!((index - 0.1 * 1.5_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn an_emptied_bin_counts_as_half_a_case() {
        let index = stability_index(&[50, 50], &[100, 0]).unwrap();
        assert!((index - (0.5 * 2_f64.ln() + (0.005 - 0.5) * 0.01_f64.ln())).abs() < 1e-12);
    }

    #[test]
    fn of_nothing_there_is_no_index() {
        assert_eq!(stability_index(&[], &[]), None);
        assert_eq!(stability_index(&[1], &[0]), None);
    }

    #[test]
    fn a_value_on_an_edge_is_in_the_bin_below() {
        assert_eq!(binned(&[1.0, 2.0, 2.0, 3.0], &[2.0]), [3, 1]);
        assert_eq!(binned(&[1.0], &[]), [1]);
    }

    proptest! {
        #[test]
        fn the_index_is_symmetric_never_negative_and_0_of_the_same(
            bins in prop::collection::vec((0..50_usize, 0..50_usize), 1..12)
        ) {
            let (earlier, now): (Vec<_>, Vec<_>) = bins.into_iter().unzip();
            let index = stability_index(&earlier, &now);
            prop_assert_eq!(index.is_some(), stability_index(&now, &earlier).is_some());
            if let (Some(index), Some(turned)) = (index, stability_index(&now, &earlier)) {
                prop_assert!(index >= 0.0 && (index - turned).abs() < 1e-9);
            }
            prop_assert!(stability_index(&earlier, &earlier).is_none_or(|index| index.abs() < 1e-12));
        }
    }
}
