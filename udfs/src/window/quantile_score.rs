//! `quantile_score`: a score from 1 to `bins` by rank, the same for equal values.

use std::cmp::Reverse;
use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Decimal256Type, Field, FieldRef, Float64Type,
    Int64Type, UInt64Type,
};
use datafusion::common::{exec_datafusion_err, exec_err, internal_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::function::{
    PartitionEvaluatorArgs, WindowFunctionSimplification, WindowUDFFieldArgs,
};
use datafusion::logical_expr::{Documentation, Expr, PartitionEvaluator, Signature, WindowUDFImpl};
use datafusion_macros::user_doc;

use crate::args::{Kind, Parameters, finite, float, text, whole};
use crate::best::Best;

const FUNCTION: &str = "quantile_score";

const PARAMETERS: Parameters = Parameters {
    function: FUNCTION,
    required: 2,
    all: &[
        ("value", Kind::Amount),
        ("bins", Kind::Number),
        ("best", Kind::Text),
        ("method", Kind::Text),
    ],
};

const MOST_BINS: u32 = 1_000_000;

#[user_doc(
    doc_section(label = "RFM Functions"),
    description = "Score from 1 to `bins` of a value among those of its partition. Equal values get equal scores, whatever \
                   the order of rows. It ranks its own argument: `OVER` takes no ORDER BY. NULL scores NULL and is not \
                   counted. Integers and decimals are ranked as they are, not as floats.",
    syntax_example = "quantile_score(value, bins, best => 'high', method => 'percent_rank') OVER ([PARTITION BY ..])",
    argument(name = "value", description = "What is ranked."),
    argument(name = "bins", description = "The highest score, from 1; 5 for quintiles."),
    argument(
        name = "best",
        description = "`high` (if left out) scores the largest value highest, `low` the smallest, as for recency."
    ),
    argument(
        name = "method",
        description = "`percent_rank` (if left out): `least(bins, 1 + floor(bins * (rank - 1) / (N - 1)))`, 1 if N = 1; with \
                       `low` the rank is descending. `breaks`: 1 + the type-7 quantile breaks strictly below the value; \
                       `low` is `bins + 1 -` that. `r_rfm`: as R's rfm 0.3.0, which adds 1 to each break and computes in \
                       doubles, to the digit; that 1 makes it wrong for fractional money."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct QuantileScore {
    signature: Signature,
}

impl QuantileScore {
    pub(crate) fn new() -> Self {
        Self { signature: PARAMETERS.signature() }
    }
}

impl WindowUDFImpl for QuantileScore {
    fn name(&self) -> &'static str {
        FUNCTION
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        PARAMETERS.coerce(types)
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Field::new(args.name(), DataType::Int64, true).into())
    }

    /// Looks at the call while it is planned, and leaves it as it is. The evaluator sees neither OVER nor constants apart
    /// from rows.
    fn simplify(&self) -> Option<WindowFunctionSimplification> {
        Some(Box::new(|call: WindowFunction, _| {
            let over = &call.params;
            if !over.order_by.is_empty() {
                return plan_err!(
                    "{FUNCTION}: OVER takes no ORDER BY, the value is ranked by itself; \
                     for less is better write best => 'low'"
                );
            }
            let frame = &over.window_frame;
            if !frame.start_bound.is_unbounded() || !frame.end_bound.is_unbounded() {
                return plan_err!("{FUNCTION}: OVER takes no frame, the whole partition is ranked");
            }
            if over.filter.is_some() || over.distinct || over.null_treatment.is_some() {
                return plan_err!("{FUNCTION}: takes no FILTER, DISTINCT or IGNORE NULLS");
            }
            for (position, argument) in over.args.iter().enumerate() {
                if let Expr::Literal(constant, _) = argument {
                    check_constant(position, &constant.to_array()?)?;
                }
            }
            Ok(Expr::from(call))
        }))
    }

    fn partition_evaluator(
        &self,
        _: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Evaluator))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn check_constant(position: usize, constant: &ArrayRef) -> Result<()> {
    match position {
        0 => keys(constant).map(drop),
        1 => bins(constant, 0).map(drop),
        2 => named::<Best>("best", constant, 0).map(drop),
        _ => named::<Method>("method", constant, 0).map(drop),
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Method {
    PercentRank,
    Breaks,
    RRfm,
}

impl FromStr for Method {
    type Err = String;

    fn from_str(method: &str) -> Result<Self, String> {
        match method {
            "percent_rank" => Ok(Self::PercentRank),
            "breaks" => Ok(Self::Breaks),
            "r_rfm" => Ok(Self::RRfm),
            _ => Err(format!("method must be 'percent_rank', 'breaks' or 'r_rfm', got '{method}'")),
        }
    }
}

fn bins(array: &ArrayRef, row: usize) -> Result<u32> {
    let Some(bins) = float(array, row) else {
        return exec_err!("{FUNCTION}: bins must not be NULL");
    };
    whole(FUNCTION, "bins", bins, 1, MOST_BINS)
}

fn named<T: FromStr<Err = String>>(argument: &str, array: &ArrayRef, row: usize) -> Result<T> {
    let Some(name) = text(array, row) else {
        return exec_err!("{FUNCTION}: {argument} must not be NULL");
    };
    name.parse().map_err(|fault| exec_datafusion_err!("{FUNCTION}: {fault}"))
}

/// What all rows of a partition say; None without rows or argument.
fn agreed<T: PartialEq>(
    argument: &str,
    array: Option<&ArrayRef>,
    parse: impl Fn(&ArrayRef, usize) -> Result<T>,
) -> Result<Option<T>> {
    let Some(array) = array.filter(|array| !array.is_empty()) else { return Ok(None) };
    let first = parse(array, 0)?;
    for row in 1..array.len() {
        if parse(array, row)? != first {
            return exec_err!(
                "{FUNCTION}: {argument} must be the same for all rows of a partition"
            );
        }
    }
    Ok(Some(first))
}

#[derive(Debug)]
struct Evaluator;

impl PartitionEvaluator for Evaluator {
    fn evaluate_all(&mut self, values: &[ArrayRef], _: usize) -> Result<ArrayRef> {
        let Some(bins) = agreed("bins", values.get(1), bins)? else {
            return Ok(Arc::new(Int64Array::from(Vec::<i64>::new())));
        };
        let best = agreed("best", values.get(2), |array, row| named("best", array, row))?;
        let method = agreed("method", values.get(3), |array, row| named("method", array, row))?;
        let best = best.unwrap_or(Best::High);
        Ok(Arc::new(match method.unwrap_or(Method::PercentRank) {
            Method::RRfm => {
                let values = cast(&values[0], &DataType::Float64)?;
                check_finite(&values)?;
                r_rfm_scores(values.as_primitive(), bins, best)
            }
            method => match keys(&values[0])? {
                Keys::Int(values) => ranked(&values, method, bins, best),
                Keys::UInt(values) => ranked(&values, method, bins, best),
                Keys::Decimal128(values) => ranked(&values, method, bins, best),
                Keys::Decimal256(values) => ranked(&values, method, bins, best),
            },
        }))
    }
}

/// Values in a type with a total order.
enum Keys {
    Int(PrimitiveArray<Int64Type>),
    UInt(PrimitiveArray<UInt64Type>),
    Decimal128(PrimitiveArray<Decimal128Type>),
    Decimal256(PrimitiveArray<Decimal256Type>),
}

fn keys(values: &ArrayRef) -> Result<Keys> {
    Ok(match values.data_type() {
        DataType::Int64 => Keys::Int(values.as_primitive().clone()),
        DataType::UInt64 => Keys::UInt(values.as_primitive().clone()),
        DataType::Decimal128(..) => Keys::Decimal128(values.as_primitive().clone()),
        DataType::Decimal256(..) => Keys::Decimal256(values.as_primitive().clone()),
        DataType::Float64 => {
            check_finite(values)?;
            Keys::Int(values.as_primitive::<Float64Type>().unary(float_key))
        }
        other => return internal_err!("{FUNCTION}: value was coerced to {other}"),
    })
}

fn check_finite(values: &ArrayRef) -> Result<()> {
    for value in values.as_primitive::<Float64Type>().iter().flatten() {
        finite(FUNCTION, "value", value)?;
    }
    Ok(())
}

/// An integer in the order of floats; -0.0 is 0.0.
fn float_key(value: f64) -> i64 {
    let bits = (value + 0.0).to_bits().cast_signed();
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

fn ranked<T: ArrowPrimitiveType<Native: Ord>>(
    values: &PrimitiveArray<T>,
    method: Method,
    bins: u32,
    best: Best,
) -> Int64Array {
    let known = || values.iter().flatten();
    match (method, best) {
        (Method::PercentRank, Best::High) => {
            let starts = rank_starts(known().collect(), bins);
            let score = |value| {
                Best::High.score(starts.partition_point(|start| *start <= value), bins as usize)
            };
            values.iter().map(|value| value.map(score)).collect()
        }
        (Method::PercentRank, Best::Low) => {
            let starts = rank_starts(known().map(Reverse).collect(), bins);
            let score = |value| {
                Best::High
                    .score(starts.partition_point(|start| *start <= Reverse(value)), bins as usize)
            };
            values.iter().map(|value| value.map(score)).collect()
        }
        _ => {
            let mut sorted: Vec<_> = known().collect();
            sorted.sort_unstable();
            let breaks = below_breaks(&sorted, bins);
            let score =
                |value| best.score(breaks.partition_point(|below| *below < value), bins as usize);
            values.iter().map(|value| value.map(score)).collect()
        }
    }
}

/// The least value of each score from 2 that is reached, or a higher score's: `1 + floor(bins * before / (N - 1))`, at most
/// `bins`, where `before` of the N values are less. Looking for a value among `bins` of them is faster than among N.
fn rank_starts<T: Copy + Ord>(mut values: Vec<T>, bins: u32) -> Vec<T> {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    if last == 0 {
        return Vec::new();
    }
    let starts = (1..u128::from(bins)).filter_map(|more| {
        let least_before = usize::try_from((more * last as u128).div_ceil(bins.into())).ok()?;
        let (before, after) = values.split_at(least_before);
        let value = after.first()?;
        // All equal values have the place of the first of them.
        let equal = if before.last() == Some(value) {
            after.partition_point(|other| other == value)
        } else {
            0
        };
        after.get(equal).copied()
    });
    starts.collect()
}

/// For each type-7 break, the largest value not above it. No value lies between that one and the break, so comparing with
/// it is comparing with the break, and nothing is interpolated or rounded.
fn below_breaks<T: Copy>(sorted: &[T], bins: u32) -> Vec<T> {
    let Some(last) = sorted.len().checked_sub(1) else { return Vec::new() };
    let (last, bins) = (last as u128, u128::from(bins));
    let breaks = (1..bins).map(|nth| usize::try_from(last * nth / bins).map(|at| sorted[at]));
    breaks.flatten().collect()
}

fn r_rfm_scores(values: &PrimitiveArray<Float64Type>, bins: u32, best: Best) -> Int64Array {
    let mut sorted: Vec<_> = values.iter().flatten().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let starts: Vec<_> =
        (1..bins).filter_map(|nth| r_quantile(&sorted, nth, bins)).map(|at| at + 1.0).collect();
    let score = |value| best.score(starts.partition_point(|start| *start <= value), bins as usize);
    values.iter().map(|value| value.map(score)).collect()
}

/// R's `quantile(values, seq(0, 1, length.out = bins + 1), type = 7)`, rounding where R rounds.
fn r_quantile(sorted: &[f64], nth: u32, bins: u32) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "R counts in doubles")]
    let last = sorted.len().checked_sub(1)? as f64;
    let index = 1.0 + last * (f64::from(nth) * (1.0 / f64::from(bins)));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to N")]
    let at = |index: f64| sorted.get(index as usize - 1).copied();
    let (low, high) = (at(index.floor())?, at(index.ceil())?);
    let share = index - index.floor();
    #[expect(clippy::float_cmp, reason = "R does")]
    Some(if share > 0.0 && low != high { (1.0 - share) * low + share * high } else { low })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scores(values: &[i64], method: Method, bins: u32, best: Best) -> Vec<i64> {
        let values = Int64Array::from(values.to_vec());
        let scores = match method {
            Method::RRfm => {
                r_rfm_scores(cast(&values, &DataType::Float64).unwrap().as_primitive(), bins, best)
            }
            _ => ranked(&values, method, bins, best),
        };
        scores.values().to_vec()
    }

    #[test]
    fn percent_rank_gives_the_lowest_rank_to_all_equal_values() {
        assert_eq!(scores(&[1, 1, 1, 2, 3], Method::PercentRank, 5, Best::High), [1, 1, 1, 4, 5]);
        assert_eq!(scores(&[1, 1, 1, 2, 3], Method::PercentRank, 5, Best::Low), [3, 3, 3, 2, 1]);
    }

    #[test]
    fn one_value_alone_scores_1_by_rank() {
        assert_eq!(scores(&[7], Method::PercentRank, 5, Best::High), [1]);
        assert_eq!(scores(&[7], Method::PercentRank, 5, Best::Low), [1]);
    }

    #[test]
    fn a_value_on_a_break_is_below_it() {
        // Breaks at 2, 3, 4, 5.
        assert_eq!(scores(&[1, 2, 3, 4, 5, 6], Method::Breaks, 5, Best::High), [1, 1, 2, 3, 4, 5]);
        assert_eq!(scores(&[1, 2, 3, 4, 5, 6], Method::Breaks, 5, Best::Low), [5, 5, 4, 3, 2, 1]);
    }

    #[test]
    fn the_r_rule_lets_a_step_begin_one_above_its_break() {
        // Median 2.5, so the upper half begins at 3.5.
        assert_eq!(scores(&[1, 2, 3, 4], Method::RRfm, 2, Best::High), [1, 1, 1, 2]);
        assert_eq!(scores(&[1, 2, 3, 4], Method::Breaks, 2, Best::High), [1, 1, 2, 2]);
    }

    #[test]
    fn integers_beyond_float_precision_are_told_apart() {
        let big = 1 << 60;
        assert_eq!(scores(&[big, big + 1], Method::PercentRank, 2, Best::High), [1, 2]);
        assert_eq!(scores(&[big, big + 1], Method::Breaks, 2, Best::High), [1, 2]);
    }

    #[test]
    fn floats_have_integer_keys_in_their_order() {
        let ordered = [f64::MIN, -1.5, -f64::MIN_POSITIVE, -0.0, 5e-324, 1.0, f64::MAX];
        assert!(ordered.map(float_key).is_sorted_by(|left, right| left < right));
        assert_eq!(float_key(-0.0), float_key(0.0));
    }

    fn any_rule() -> impl Strategy<Value = (Method, u32, Best)> {
        let method =
            prop_oneof![Just(Method::PercentRank), Just(Method::Breaks), Just(Method::RRfm)];
        (method, 1..12_u32, prop_oneof![Just(Best::High), Just(Best::Low)])
    }

    proptest! {
        #[test]
        fn scores_are_within_bins_and_never_fall_as_values_get_better(
            mut values in proptest::collection::vec(-20..20_i64, 1..40), (method, bins, best) in any_rule(),
        ) {
            values.sort_unstable();
            if best == Best::Low {
                values.reverse();
            }
            let scores = scores(&values, method, bins, best);
            prop_assert!(scores.iter().all(|score| (1..=i64::from(bins)).contains(score)));
            prop_assert!(scores.is_sorted(), "{:?}", scores);
        }

        #[test]
        fn equal_values_get_equal_scores_in_any_order(
            values in proptest::collection::vec(-5..5_i64, 1..40), (method, bins, best) in any_rule(),
        ) {
            let forward = scores(&values, method, bins, best);
            let backward = scores(&values.iter().rev().copied().collect::<Vec<_>>(), method, bins, best);
            prop_assert_eq!(forward.iter().rev().copied().collect::<Vec<_>>(), backward);
            for (value, score) in values.iter().zip(&forward) {
                let first = values.iter().position(|other| other == value).unwrap();
                prop_assert_eq!(*score, forward[first]);
            }
        }

        #[test]
        fn a_rank_score_is_the_floor_of_its_share_of_the_bins(
            values in proptest::collection::vec(-20..20_i64, 2..40), bins in 1..60_u32,
        ) {
            let last = values.len() - 1;
            let score = |before: usize| i64::from(bins).min(1 + i64::try_from(usize::try_from(bins).unwrap() * before / last).unwrap());
            let expected: Vec<_> = values.iter().map(|value| score(values.iter().filter(|other| *other < value).count())).collect();
            prop_assert_eq!(scores(&values, Method::PercentRank, bins, Best::High), expected);
            let expected: Vec<_> = values.iter().map(|value| score(values.iter().filter(|other| *other > value).count())).collect();
            prop_assert_eq!(scores(&values, Method::PercentRank, bins, Best::Low), expected);
        }

        /// Against interpolated breaks, in fractions.
        #[test]
        fn comparing_with_the_value_below_is_comparing_with_the_break(
            values in proptest::collection::vec(-50..50_i64, 1..40), bins in 1..12_u32,
        ) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let (last, n) = (i64::try_from(values.len()).unwrap() - 1, i64::from(bins));
            let breaks_times_n: Vec<_> = (1..n).map(|nth| {
                let (at, share) = (usize::try_from(last * nth / n).unwrap(), last * nth % n);
                let next = sorted.get(at + 1).unwrap_or(&sorted[at]);
                n * sorted[at] + share * (next - sorted[at])
            }).collect();
            let expected: Vec<_> = values.iter().map(|value| {
                1 + i64::try_from(breaks_times_n.iter().filter(|at| **at < n * value).count()).unwrap()
            }).collect();
            prop_assert_eq!(scores(&values, Method::Breaks, bins, Best::High), expected);
        }
    }
}
