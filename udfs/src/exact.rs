//! Sums without rounding: the same bits whatever the order of rows, threads and merges.

use std::fmt::Debug;

use arrow::array::BinaryViewBuilder;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Decimal256Type, Float64Type, Int64Type,
    UInt64Type, i256,
};
use datafusion::common::{exec_datafusion_err, exec_err, internal_datafusion_err};
use datafusion::error::Result;

use crate::args::finite;

/// A type of amounts, with the sum that loses nothing of them.
pub(crate) trait Amount: ArrowPrimitiveType + Debug {
    type Sum: ExactSum<Self::Native>;
}

impl Amount for Int64Type {
    type Sum = WholeSum;
}

impl Amount for UInt64Type {
    type Sum = WholeSum;
}

impl Amount for Decimal128Type {
    type Sum = WholeSum;
}

impl Amount for Decimal256Type {
    type Sum = WholeSum;
}

impl Amount for Float64Type {
    type Sum = FloatSum;
}

/// A sum of amounts that loses nothing of them. `function` and `argument` are for errors.
pub(crate) trait ExactSum<V>: PartialSum {
    /// Adds a value. Values that a sum of 2^64 of them could overflow on are refused: an overflow on the way would depend
    /// on the order.
    fn add(&mut self, function: &str, argument: &str, value: V) -> Result<()>;

    /// The sum as a value of `data_type`.
    fn total(&self, function: &str, argument: &str, data_type: &DataType) -> Result<V>;
}

/// What of it does not depend on the type of the amounts.
pub(crate) trait PartialSum: Debug + Default + Clone + Send + Sync + 'static {
    fn merge(&mut self, other: &Self);

    /// Adds another sum, as `append_to` writes it.
    fn merge_bytes(&mut self, bytes: &[u8]) -> Result<()>;

    /// As bytes: the usual sum of a single value in at most 12 of them, which a view holds itself.
    fn append_to(&self, states: &mut BinaryViewBuilder);

    /// What it holds beside itself, in bytes.
    fn heap_bytes(&self) -> usize;
}

/// Sum of integers, or of decimals of one scale.
#[derive(Debug, Default, Clone)]
pub(crate) struct WholeSum(i256);

/// 2^191: 2^64 values below it stay below 2^255.
const WHOLE_LIMIT: i256 = i256::from_parts(0, 1 << 63);

pub(crate) trait Whole: Copy {
    fn widen(self) -> i256;
    fn narrow(sum: i256) -> Option<Self>;
}

impl Whole for i64 {
    fn widen(self) -> i256 {
        i256::from_i128(self.into())
    }
    fn narrow(sum: i256) -> Option<Self> {
        sum.to_i128()?.try_into().ok()
    }
}

impl Whole for u64 {
    fn widen(self) -> i256 {
        i256::from_i128(self.into())
    }
    fn narrow(sum: i256) -> Option<Self> {
        sum.to_i128()?.try_into().ok()
    }
}

impl Whole for i128 {
    fn widen(self) -> i256 {
        i256::from_i128(self)
    }
    fn narrow(sum: i256) -> Option<Self> {
        sum.to_i128()
    }
}

impl Whole for i256 {
    fn widen(self) -> i256 {
        self
    }
    fn narrow(sum: i256) -> Option<Self> {
        Some(sum)
    }
}

impl<V: Whole + Debug + 'static> ExactSum<V> for WholeSum {
    fn add(&mut self, function: &str, argument: &str, value: V) -> Result<()> {
        let wide = value.widen();
        if wide >= WHOLE_LIMIT || wide <= WHOLE_LIMIT.wrapping_neg() {
            return exec_err!("{function}: {argument} must be below 2^191 units, got {wide}");
        }
        self.0 = self.0.wrapping_add(wide);
        Ok(())
    }

    fn total(&self, function: &str, argument: &str, data_type: &DataType) -> Result<V> {
        let digits = match data_type {
            DataType::Decimal128(precision, _) | DataType::Decimal256(precision, _) => *precision,
            _ => 76, // integers: what fits is what narrows
        };
        let limit = i256::from_i128(10).wrapping_pow(digits.into());
        let fits = self.0 < limit && self.0 > limit.wrapping_neg();
        V::narrow(self.0).filter(|_| fits).ok_or_else(|| {
            exec_datafusion_err!("{function}: the sum of {argument} does not fit {data_type}")
        })
    }
}

impl PartialSum for WholeSum {
    fn merge(&mut self, other: &Self) {
        self.0 = self.0.wrapping_add(other.0);
    }

    fn merge_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let sum = match <[u8; 8]>::try_from(bytes) {
            Ok(bytes) => i64::from_le_bytes(bytes).widen(),
            Err(_) => i256::from_le_bytes(bytes.try_into().map_err(|_| broken_state())?),
        };
        self.merge(&Self(sum));
        Ok(())
    }

    fn append_to(&self, states: &mut BinaryViewBuilder) {
        match i64::narrow(self.0) {
            Some(sum) => states.append_value(sum.to_le_bytes()),
            None => states.append_value(self.0.to_le_bytes()),
        }
    }

    fn heap_bytes(&self) -> usize {
        0
    }
}

/// Sum of floats, as floats that do not overlap: Shewchuk, Adaptive Precision Floating-Point Arithmetic (1997). Two of
/// them for nearly all money, where a fixed-point accumulator takes 540 bytes a group.
#[derive(Debug, Default, Clone)]
pub(crate) struct FloatSum {
    /// The two largest parts, `high` being the larger; each may be zero.
    high: f64,
    low: f64,
    rest: Option<Box<Rest>>,
}

/// From the least to the largest, all below `low`, none zero; no bit of one part within another: the sum of all parts is the
/// exact sum.
#[derive(Debug, Default, Clone)]
struct Rest(Vec<f64>);

/// 2^64 values below it stay far below `f64::MAX`.
const FLOAT_LIMIT: f64 = 1e270;

/// `(high, low)` with `high + low` exactly `left + right`, `high` being the rounded sum (Knuth's two-sum).
#[inline]
fn two_sum(left: f64, right: f64) -> (f64, f64) {
    let high = left + right;
    let from_right = high - left;
    let from_left = high - from_right;
    (high, (left - from_left) + (right - from_right))
}

/// `(high, low)` with `high + low` exactly `left * right`, `high` being the rounded product (Veltkamp and Dekker): where the
/// target has no fused multiply-add, `mul_add` is a call and slower.
fn two_product(left: f64, right: f64) -> (f64, f64) {
    let split = |value: f64| {
        let shifted = value * f64::from((1_u32 << 27) + 1);
        let high = shifted - (shifted - value);
        (high, value - high)
    };
    let high = left * right;
    let ((left_high, left_low), (right_high, right_low)) = (split(left), split(right));
    let low = left_high * right_high - high + left_high * right_low + left_low * right_high;
    (high, low + left_low * right_low)
}

impl FloatSum {
    #[inline]
    pub(crate) fn push(&mut self, value: f64) {
        let done = self.rest().is_empty() && self.push_to_two(value);
        if !done {
            self.push_to_all(value);
        }
    }

    /// False, and nothing changed, if two parts can not hold the sum.
    #[inline]
    fn push_to_two(&mut self, value: f64) -> bool {
        let (sum, below_low) = two_sum(value, self.low);
        let (high, low) = two_sum(sum, self.high);
        let (low, lost) = two_sum(low, below_low);
        if lost == 0.0 {
            // Again, as `low` may have been rounded up to the last bit of `high`.
            (self.high, self.low) = two_sum(high, low);
        }
        lost == 0.0
    }

    #[cold]
    fn push_to_all(&mut self, value: f64) {
        let rest = &mut self.rest.get_or_insert_default().0;
        let mut carry = value;
        rest.retain_mut(|part| {
            let (sum, error) = two_sum(carry, *part);
            carry = sum;
            *part = error;
            error != 0.0
        });
        let (sum, below_low) = two_sum(carry, self.low);
        let (high, low) = two_sum(sum, self.high);
        self.high = high;
        if below_low == 0.0 {
            self.low = low;
        } else if low == 0.0 {
            self.low = below_low;
        } else {
            self.low = low;
            rest.push(below_low);
        }
    }

    fn rest(&self) -> &[f64] {
        self.rest.as_ref().map_or(&[], |rest| &rest.0)
    }

    /// From the least to the largest, without zeros.
    fn parts(&self) -> impl DoubleEndedIterator<Item = f64> {
        let parts = self.rest().iter().copied().chain([self.low, self.high]);
        parts.filter(|part| *part != 0.0)
    }

    /// The float nearest to the exact sum, the even one of two.
    pub(crate) fn rounded(&self) -> f64 {
        let mut rest = self.parts().rev();
        let Some(mut high) = rest.next() else { return 0.0 };
        for part in rest.by_ref() {
            let (sum, error) = two_sum(high, part);
            high = sum;
            if error != 0.0 {
                // What is below `error` matters only if `error` is exactly half a step: then it breaks the tie.
                let below = rest.next().unwrap_or_default();
                let (next, left) = two_sum(high, 2.0 * error);
                if left == 0.0 && (below > 0.0) == (error > 0.0) && below != 0.0 {
                    high = next;
                }
                break;
            }
        }
        high
    }
}

/// Sum of a few floats and products as if with twice a float's digits, 106 bits: for a row's own arithmetic, where the order
/// is given. Ogita, Rump and Oishi, Accurate Sum and Dot Product (2005).
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct DoubleSum {
    high: f64,
    low: f64,
}

impl DoubleSum {
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut sum = Self::default();
        for value in values {
            sum.add(*value);
        }
        sum
    }

    pub(crate) fn add(&mut self, value: f64) {
        let (sum, error) = two_sum(self.high, value);
        self.high = sum;
        self.low += error;
    }

    /// Adds a product of two numbers below 1e150.
    pub(crate) fn add_product(&mut self, left: f64, right: f64) {
        let (high, low) = two_product(left, right);
        self.add(high);
        self.low += low;
    }

    /// The quotient of the sums, rounded once: one that is a float comes out as it is. `divisor` is not zero.
    pub(crate) fn divided_by(self, divisor: Self) -> f64 {
        let near = self.high / divisor.high;
        // That is some roundings off. What remains undivided says how far.
        let (product, lost) = two_product(near, divisor.high);
        let rest = (self.high - product - lost) + (self.low - near * divisor.low);
        near + rest / divisor.high
    }
}

impl ExactSum<f64> for FloatSum {
    #[inline]
    fn add(&mut self, function: &str, argument: &str, value: f64) -> Result<()> {
        if value.abs() < FLOAT_LIMIT {
            self.push(value);
            return Ok(());
        }
        finite(function, argument, value)?;
        exec_err!("{function}: {argument} must be below 1e270, got {value:e}")
    }

    fn total(&self, _: &str, _: &str, _: &DataType) -> Result<f64> {
        Ok(self.rounded())
    }
}

impl PartialSum for FloatSum {
    fn merge(&mut self, other: &Self) {
        other.parts().for_each(|part| self.push(part));
    }

    #[inline]
    fn merge_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let (parts, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(broken_state());
        }
        for part in parts {
            self.push(f64::from_le_bytes(*part));
        }
        Ok(())
    }

    fn append_to(&self, states: &mut BinaryViewBuilder) {
        if self.low == 0.0 && self.rest().is_empty() {
            states.append_value(self.high.to_le_bytes());
        } else {
            let bytes: Vec<_> = self.parts().flat_map(f64::to_le_bytes).collect();
            states.append_value(bytes);
        }
    }

    fn heap_bytes(&self) -> usize {
        let bytes = |rest: &Rest| size_of::<Rest>() + rest.0.capacity() * size_of::<f64>();
        self.rest.as_deref().map_or(0, bytes)
    }
}

fn broken_state() -> datafusion::error::DataFusionError {
    internal_datafusion_err!("a partial sum has the wrong length")
}

#[cfg(test)]
#[expect(
    clippy::cast_precision_loss,
    reason = "the rounding of `as` is what sums are held against"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(values: &[f64]) -> FloatSum {
        let mut sum = FloatSum::default();
        for value in values {
            sum.add("rfm", "amount", *value).unwrap();
        }
        sum
    }

    #[test]
    fn what_plain_addition_loses_is_kept() {
        assert_eq!(sum(&[1e100, 1.0, -1e100]).rounded().to_bits(), 1.0_f64.to_bits());
        assert_eq!(sum(&[0.1; 10]).rounded().to_bits(), 1.0_f64.to_bits());
    }

    #[test]
    fn zero_has_one_sign() {
        assert_eq!(sum(&[-0.0]).rounded().to_bits(), 0);
        assert_eq!(sum(&[-1.5, 1.5]).rounded().to_bits(), 0);
    }

    #[test]
    fn halves_are_rounded_by_what_lies_below_them() {
        let (one, half_step, tiny) = (1.0_f64, f64::EPSILON / 2.0, 1e-40);
        assert_eq!(sum(&[one, half_step]).rounded().to_bits(), one.to_bits());
        assert_eq!(sum(&[one, half_step, tiny]).rounded().to_bits(), one.next_up().to_bits());
        assert_eq!(sum(&[one, half_step, -tiny]).rounded().to_bits(), one.to_bits());
        let odd = one.next_up();
        assert_eq!(sum(&[odd, half_step]).rounded().to_bits(), odd.next_up().to_bits());
        assert_eq!(sum(&[odd, half_step, -tiny]).rounded().to_bits(), odd.to_bits());
    }

    #[test]
    fn a_quotient_that_is_a_float_comes_out_as_it_is() {
        let (mut weighted, weights) = (DoubleSum::default(), [0.1, 0.7, 0.3]);
        for weight in weights {
            weighted.add_product(weight, 75.0);
        }
        let plain =
            weights.iter().map(|weight| weight * 75.0).sum::<f64>() / weights.iter().sum::<f64>();
        assert_ne!(plain.to_bits(), 75.0_f64.to_bits());
        assert_eq!(weighted.divided_by(DoubleSum::of(&weights)).to_bits(), 75.0_f64.to_bits());
    }

    #[test]
    fn a_sum_that_does_not_fit_its_type_is_an_error_and_one_on_the_way_is_not() {
        let total = |values: &[i64]| {
            let mut sum = WholeSum::default();
            for value in values {
                sum.add("rfm", "amount", *value).unwrap();
            }
            ExactSum::<i64>::total(&sum, "rfm", "amount", &DataType::Int64)
        };
        assert_eq!(total(&[i64::MAX, 1, -2]).unwrap(), i64::MAX - 1);
        let error = total(&[i64::MAX, 1]).unwrap_err().to_string();
        assert!(error.contains("rfm: the sum of amount does not fit Int64"), "{error}");
    }

    #[test]
    fn a_decimal_sum_is_held_to_its_digits() {
        let total = |value: i128| {
            let mut sum = WholeSum::default();
            sum.add("rfm", "amount", value).unwrap();
            ExactSum::<i128>::total(&sum, "rfm", "amount", &DataType::Decimal128(3, 2))
        };
        assert_eq!(total(-999).unwrap(), -999);
        assert!(total(1000).is_err());
    }

    /// The nearest float to `units / 2^20`: `as` rounds half to even, and powers of two only move the point.
    fn reference(units: &[i64]) -> f64 {
        let exact: i128 = units.iter().map(|units| i128::from(*units)).sum();
        exact as f64 / f64::from(1 << 20)
    }

    proptest! {
        /// Against integer arithmetic: 53 bits and 20 of them behind the point.
        #[test]
        fn a_sum_is_the_float_nearest_to_the_exact_one(
            units in proptest::collection::vec(-(1_i64 << 53)..(1 << 53), 0..50),
        ) {
            let values: Vec<_> = units.iter().map(|units| *units as f64 / f64::from(1 << 20)).collect();
            prop_assert_eq!(sum(&values).rounded().to_bits(), (reference(&units) + 0.0).to_bits());
        }

        #[test]
        fn no_neighbour_of_a_quotient_is_nearer_to_the_exact_one(
            values in proptest::collection::vec(0.0..1e6, 1..6), divisors in proptest::collection::vec(1e-3..1e3, 1..6),
        ) {
            let (dividend, divisor) = (sum(&values), sum(&divisors));
            let off = |quotient: f64| {
                let mut rest = dividend.clone();
                for part in divisor.parts() {
                    let product = -quotient * part;
                    rest.push(product);
                    rest.push((-quotient).mul_add(part, -product));
                }
                rest.rounded().abs()
            };
            let quotient = DoubleSum::of(&values).divided_by(DoubleSum::of(&divisors));
            prop_assert!(off(quotient) <= off(quotient.next_up()));
            prop_assert!(off(quotient) <= off(quotient.next_down()));
        }

        /// Sums of a few powers of two: nearly all of them ties or next to one.
        #[test]
        fn ties_are_rounded_as_integers_are(
            powers in proptest::collection::vec((0..100_u32, any::<bool>()), 0..8),
        ) {
            let values: Vec<_> = powers.iter().map(|(power, minus)| {
                let value = 2.0_f64.powi(i32::try_from(*power).unwrap());
                if *minus { -value } else { value }
            }).collect();
            let exact: i128 = powers.iter().map(|(power, minus)| {
                if *minus { -(1_i128 << power) } else { 1_i128 << power }
            }).sum();
            prop_assert_eq!(sum(&values).rounded().to_bits(), (exact as f64).to_bits());
        }

        #[test]
        fn order_and_merging_do_not_change_a_bit(
            values in proptest::collection::vec(wide_float(), 0..30), cut in 0..30_usize, seed in any::<u64>(),
        ) {
            let whole = sum(&values).rounded();
            let mut shuffled = values.clone();
            shuffled.sort_by_key(|value| value.to_bits().wrapping_mul(seed | 1));
            let (left, right) = shuffled.split_at(cut.min(values.len()));
            let mut merged = sum(right);
            merged.merge(&sum(left));
            prop_assert_eq!(merged.rounded().to_bits(), whole.to_bits());
        }
    }

    fn wide_float() -> impl Strategy<Value = f64> {
        let any =
            proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO;
        prop_oneof![
            -1e4..1e4,
            any.prop_filter("below the limit", |value| value.abs() < FLOAT_LIMIT)
        ]
    }
}
