//! How well a score ranks those who left before those who stayed.

use serde::Serialize;

use super::{Estimate, Z, mean, number, share, variance, wilson};

/// What became of an account with a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Finite or not, but a number.
    pub score: f64,
    /// Whether it had left.
    pub left: bool,
}

/// Area under the receiver operating characteristic: how often one who left scored higher than one who stayed, ties
/// counting half; 0.5 is chance. The interval is that of E. `DeLong` and others, Comparing the Areas under Two or
/// More Correlated Receiver Operating Characteristic Curves (1988), cut to [0, 1]. None unless some left and some stayed; no
/// interval with only one of either.
#[must_use]
pub fn auc(outcomes: &[Outcome]) -> Option<Estimate> {
    let (left, stayed) = (scores(outcomes, true), scores(outcomes, false));
    if left.is_empty() || stayed.is_empty() {
        return None;
    }
    let of_left: Vec<_> = left.iter().map(|score| share_below(&stayed, *score)).collect();
    let of_stayed: Vec<_> = stayed.iter().map(|score| 1.0 - share_below(&left, *score)).collect();
    let value = mean(&of_left);
    let interval = variance(&of_left).zip(variance(&of_stayed)).map(|(of_left, of_stayed)| {
        let half = Z * (of_left / number(left.len()) + of_stayed / number(stayed.len())).sqrt();
        [(value - half).max(0.0), (value + half).min(1.0)]
    });
    Some(Estimate { value, interval })
}

fn scores(outcomes: &[Outcome], left: bool) -> Vec<f64> {
    let of = outcomes.iter().filter(|outcome| outcome.left == left);
    let mut scores: Vec<f64> = of.map(|outcome| outcome.score).collect();
    scores.sort_unstable_by(f64::total_cmp);
    scores
}

/// The share of `sorted` that lies below `score`, with half of what is equal.
fn share_below(sorted: &[f64], score: f64) -> f64 {
    let below = sorted.partition_point(|other| *other < score);
    let up_to = sorted.partition_point(|other| *other <= score);
    number(below).midpoint(number(up_to)) / number(sorted.len())
}

/// How many times as many leavers the tenth with the highest scores holds as any tenth: their share there over their share
/// of all. Accounts that tie at the line count in part. The interval is Wilson's for the share there; that of all is taken
/// as known. None where nobody left.
#[must_use]
pub fn lift(outcomes: &[Outcome]) -> Option<Estimate> {
    let mut scores: Vec<f64> = outcomes.iter().map(|outcome| outcome.score).collect();
    scores.sort_unstable_by(|a, b| b.total_cmp(a));
    let top = outcomes.len().div_ceil(10);
    let line = *scores.get(top.checked_sub(1)?)?;
    let above = Counted::of(outcomes, |score| score > line);
    let tied = Counted::of(outcomes, |score| score.total_cmp(&line).is_eq());
    let part = number(top - above.accounts) / number(tied.accounts);
    let overall = Counted::of(outcomes, |_| true);
    let overall = number(overall.left) / number(overall.accounts);
    let within = wilson(number(above.left) + number(tied.left) * part, number(top))?;
    (overall > 0.0).then(|| Estimate {
        value: within.value / overall,
        interval: within.interval.map(|bounds| bounds.map(|bound| bound / overall)),
    })
}

struct Counted {
    accounts: usize,
    left: usize,
}

impl Counted {
    fn of(outcomes: &[Outcome], counts: impl Fn(f64) -> bool) -> Self {
        let of = outcomes.iter().filter(|outcome| counts(outcome.score));
        let (accounts, left) = of.fold((0, 0), |(accounts, left), outcome| {
            (accounts + 1, left + usize::from(outcome.left))
        });
        Self { accounts, left }
    }
}

/// Accounts with about the same score, and how many of them left: a line of a reliability table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// How many.
    pub accounts: usize,
    /// Their lowest score.
    pub lowest: f64,
    /// Their highest.
    pub highest: f64,
    /// Their mean.
    pub mean: f64,
    /// The share that left.
    pub left: Option<Estimate>,
}

/// Ten groups of as many accounts each, from the lowest score up, as Hosmer and Lemeshow, Applied Logistic Regression (2000),
/// 5.2.2, have them. Equal scores stay together, so that there may be fewer.
#[must_use]
pub fn reliability(outcomes: &[Outcome]) -> Vec<Group> {
    let mut sorted = outcomes.to_vec();
    sorted.sort_by(|a, b| a.score.total_cmp(&b.score));
    let (mut groups, mut start) = (Vec::new(), 0);
    for tenth in 1..=10 {
        let end = sorted.len() * tenth / 10;
        let Some(last) = end.checked_sub(1).filter(|last| *last >= start) else { continue };
        let highest = sorted[last].score;
        let end = sorted.partition_point(|outcome| outcome.score.total_cmp(&highest).is_le());
        groups.push(group(&sorted[start..end], highest));
        start = end;
    }
    groups
}

fn group(outcomes: &[Outcome], highest: f64) -> Group {
    let scores: Vec<f64> = outcomes.iter().map(|outcome| outcome.score).collect();
    let left = outcomes.iter().filter(|outcome| outcome.left).count();
    Group {
        accounts: outcomes.len(),
        lowest: scores[0],
        highest,
        mean: mean(&scores),
        left: share(left, outcomes.len()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outcomes(of: &[(i32, bool)]) -> Vec<Outcome> {
        of.iter().map(|(score, left)| Outcome { score: f64::from(*score), left: *left }).collect()
    }

    /// The area by `sklearn.metrics.roc_auc_score`; the interval from `delong_roc_variance` of the Python package
    /// `confidenceinterval`, which goes by midranks, in 32 bits.
    #[test]
    fn area_and_interval_are_those_of_other_programs() {
        for (of, area, [low, high]) in AREAS {
            let got = auc(&outcomes(of)).unwrap();
            let [got_low, got_high] = got.interval.unwrap();
            assert!((got.value - area).abs() < 1e-12, "{got:?}");
            assert!((got_low - low).abs() < 1e-6 && (got_high - high).abs() < 1e-6, "{got:?}");
        }
    }

    type Area = (&'static [(i32, bool)], f64, [f64; 2]);
    const AREAS: [Area; 2] = [
        (
            &[
                (1, false),
                (2, false),
                (3, true),
                (4, false),
                (5, true),
                (6, true),
                (7, false),
                (8, true),
            ],
            0.75,
            [0.349_924_026_970_390_8, 1.0],
        ),
        (
            &[
                (1, false),
                (1, false),
                (1, true),
                (2, false),
                (2, true),
                (3, true),
                (3, true),
                (3, false),
                (4, true),
            ],
            0.725_000_000_000_000_1,
            [0.375_648_699_587_420_6, 1.0],
        ),
    ];

    #[test]
    fn a_score_that_tells_nothing_apart_is_chance() {
        let area = auc(&outcomes(&[(1, true), (1, false), (1, true), (1, false)])).unwrap();
        assert!((area.value - 0.5).abs() < 1e-12);
    }

    #[test]
    fn without_leavers_or_stayers_there_is_no_area() {
        assert_eq!(auc(&outcomes(&[(1, true), (2, true)])), None);
        assert_eq!(auc(&outcomes(&[(1, false)])), None);
        assert_eq!(auc(&outcomes(&[(1, false), (2, true)])).unwrap().interval, None);
    }

    #[test]
    fn a_tenth_full_of_leavers_has_the_lift_of_one_over_their_share() {
        let of: Vec<_> = (0..20).map(|score| (score, score >= 18)).collect();
        assert!((lift(&outcomes(&of)).unwrap().value - 10.0).abs() < 1e-12);
    }

    #[test]
    fn who_ties_at_the_line_counts_in_part() {
        let of: Vec<_> = (0..20).map(|nth| (0, nth < 2)).collect();
        assert!((lift(&outcomes(&of)).unwrap().value - 1.0).abs() < 1e-12);
    }

    #[test]
    fn nobody_left_has_no_lift_and_no_accounts_neither() {
        assert_eq!(lift(&outcomes(&[(1, false)])), None);
        assert_eq!(lift(&[]), None);
    }

    #[test]
    fn groups_are_tenths_and_equal_scores_stay_together() {
        let of: Vec<_> = (0..20).map(|score| (score, false)).collect();
        let sizes = |of: &[(i32, bool)]| {
            reliability(&outcomes(of)).iter().map(|group| group.accounts).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&of), [2; 10]);
        assert_eq!(sizes(&[(1, false), (1, true), (1, false), (2, true)]), [3, 1]);
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_pairs_in_order(
            of in prop::collection::vec((0..6_i32, any::<bool>()), 2..40)
        ) {
            let (left, stayed): (Vec<_>, Vec<_>) = of.iter().partition(|(_, left)| *left);
            let pairs = left.iter().flat_map(|(a, _)| stayed.iter().map(move |(b, _)| a.cmp(b)));
            let won: Vec<f64> = pairs.map(|order| f64::from(order as i8).midpoint(1.0)).collect();
            let area = auc(&outcomes(&of)).map(|area| area.value);
            prop_assert_eq!(area.is_some(), !won.is_empty());
            if let Some(area) = area {
                prop_assert!((area - mean(&won)).abs() < 1e-12);
            }
        }

        #[test]
        fn the_area_of_the_negated_score_is_the_rest(
            of in prop::collection::vec((0..6_i32, any::<bool>()), 2..40)
        ) {
            let negated: Vec<_> = of.iter().map(|(score, left)| (-score, *left)).collect();
            let [area, rest] = [&of, &negated].map(|of| auc(&outcomes(of)));
            prop_assert_eq!(area.is_some(), rest.is_some());
            if let (Some(area), Some(rest)) = (area, rest) {
                prop_assert!((area.value + rest.value - 1.0).abs() < 1e-12);
            }
        }

        #[test]
        fn groups_hold_everybody_once(of in prop::collection::vec((0..30_i32, any::<bool>()), 0..80)) {
            let groups = reliability(&outcomes(&of));
            prop_assert_eq!(groups.iter().map(|group| group.accounts).sum::<usize>(), of.len());
            prop_assert!(groups.windows(2).all(|two| two[0].highest < two[1].lowest));
        }
    }
}
