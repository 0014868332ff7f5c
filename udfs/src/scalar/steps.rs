//! Breaks on the scale of a measure, and the half-open steps between them.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Float64Type;
use datafusion::common::exec_err;
use datafusion::error::Result;

use crate::args::{finite, items};

/// Half-open steps, and what a value is given that stands on one.
pub(super) struct Steps {
    breaks: Vec<f64>,
    /// One more than there are breaks.
    pub(super) results: ArrayRef,
}

impl Steps {
    /// From the lists of breaks and of results in `args`; `argument` names the second. None if one of them is NULL.
    pub(super) fn read(
        function: &str,
        argument: &str,
        args: &[ArrayRef],
        row: usize,
    ) -> Result<Option<Self>> {
        let breaks = breaks(function, &args[0], row, "rise strictly", |left, right| left < right)?;
        let results = items(function, argument, &args[1], row)?;
        let (Some(breaks), Some(results)) = (breaks, results) else { return Ok(None) };
        if results.len() != breaks.len() + 1 {
            return exec_err!(
                "{function}: {argument} must be one more than breaks, got {} {argument} for {} breaks",
                results.len(),
                breaks.len()
            );
        }
        Ok(Some(Self { breaks, results }))
    }

    /// The step `value` stands on: one on a break has reached the step above.
    pub(super) fn at(&self, value: f64) -> usize {
        self.breaks.partition_point(|start| *start <= value)
    }
}

/// Finite breaks in `row`, neighbours `in_order` as `rule` says; None if there are none known.
pub(super) fn breaks(
    function: &str,
    lists: &ArrayRef,
    row: usize,
    rule: &str,
    in_order: fn(f64, f64) -> bool,
) -> Result<Option<Vec<f64>>> {
    let Some(breaks) = items(function, "breaks", lists, row)? else { return Ok(None) };
    let breaks = breaks.as_primitive::<Float64Type>().values().to_vec();
    for value in &breaks {
        finite(function, "breaks", *value)?;
    }
    match breaks.windows(2).find(|pair| !in_order(pair[0], pair[1])) {
        Some(pair) => {
            exec_err!("{function}: breaks must {rule}, got {} before {}", pair[0], pair[1])
        }
        None => Ok(Some(breaks)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::NullArray;
    use proptest::prelude::*;

    use super::*;

    fn steps(breaks: &[f64]) -> Steps {
        Steps { breaks: breaks.to_vec(), results: Arc::new(NullArray::new(breaks.len() + 1)) }
    }

    #[test]
    fn a_value_on_a_break_stands_on_the_step_above() {
        let steps = steps(&[10.0, 20.0]);
        assert_eq!([9.99, 10.0, 10.01, 20.0].map(|value| steps.at(value)), [0, 1, 1, 2]);
    }

    #[test]
    fn without_breaks_there_is_one_step() {
        assert_eq!(steps(&[]).at(f64::MIN), 0);
    }

    proptest! {
        #[test]
        fn a_step_holds_its_value_and_never_falls_with_it(
            value in -100.0..100.0, more in 0.0..100.0, breaks in proptest::collection::btree_set(-90..90, 0..9),
        ) {
            let breaks: Vec<_> = breaks.into_iter().map(f64::from).collect();
            let steps = steps(&breaks);
            let at = steps.at(value);
            prop_assert!(at == 0 || breaks[at - 1] <= value);
            prop_assert!(at == breaks.len() || value < breaks[at]);
            prop_assert!(at <= steps.at(value + more));
        }
    }
}
