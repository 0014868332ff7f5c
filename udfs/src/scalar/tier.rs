//! `tier`: a label for the step a value stands on.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;

use super::row_function::RowFunction;
use crate::args::{Kind, Parameters, PerRow, finite, floats, items};

#[user_doc(
    doc_section(label = "Health Functions"),
    description = "Label of the step a value stands on: `labels[i]` where `breaks[i-1] <= value < breaks[i]`. For value \
                   tiers, company sizes, customer ages. NULL if an argument is NULL.",
    syntax_example = "tier(value, breaks, labels)",
    argument(name = "value", description = "The measure."),
    argument(
        name = "breaks",
        description = "Where each next step begins, strictly rising; else an error."
    ),
    argument(
        name = "labels",
        description = "One name more than there are breaks, lowest step first."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tier;

impl RowFunction for Tier {
    const PARAMETERS: Parameters = Parameters {
        function: "tier",
        required: 3,
        all: &[("value", Kind::Number), ("breaks", Kind::Numbers), ("labels", Kind::Texts)],
    };

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answers(_: &[DataType]) -> DataType {
        DataType::Utf8
    }

    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let values = floats(&args[0], rows)?;
        let steps = PerRow::new(&args[1..], rows, steps)?;
        let labels = values.iter().enumerate().map(|(row, value)| {
            let value = value.map(|value| finite("tier", "value", value)).transpose()?;
            Ok(value
                .zip(steps.get(row).as_ref())
                .map(|(value, steps)| steps.labels.value(step(value, &steps.breaks))))
        });
        Ok(Arc::new(labels.collect::<Result<StringArray>>()?))
    }
}

struct Steps {
    breaks: Vec<f64>,
    labels: StringArray,
}

fn steps(args: &[ArrayRef], row: usize) -> Result<Option<Steps>> {
    let breaks = items("tier", "breaks", &args[0], row)?;
    let labels = items("tier", "labels", &args[1], row)?;
    if let Some(breaks) = &breaks {
        check_rising(breaks.as_primitive::<Float64Type>().values())?;
    }
    let (Some(breaks), Some(labels)) = (breaks, labels) else { return Ok(None) };
    if labels.len() != breaks.len() + 1 {
        return exec_err!(
            "tier: labels must be one more than breaks, got {} labels for {} breaks",
            labels.len(),
            breaks.len()
        );
    }
    Ok(Some(Steps {
        breaks: breaks.as_primitive::<Float64Type>().values().to_vec(),
        labels: labels.as_string().clone(),
    }))
}

fn check_rising(breaks: &[f64]) -> Result<()> {
    for value in breaks {
        finite("tier", "breaks", *value)?;
    }
    match breaks.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => {
            exec_err!("tier: breaks must rise strictly, got {} before {}", pair[0], pair[1])
        }
        None => Ok(()),
    }
}

/// Steps are half-open: a value on a break has reached the step above.
fn step(value: f64, breaks: &[f64]) -> usize {
    breaks.partition_point(|start| *start <= value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_on_a_break_stands_on_the_step_above() {
        assert_eq!([9.99, 10.0, 10.01, 20.0].map(|value| step(value, &[10.0, 20.0])), [0, 1, 1, 2]);
    }

    #[test]
    fn without_breaks_there_is_one_step() {
        assert_eq!(step(f64::MIN, &[]), 0);
    }

    proptest! {
        #[test]
        fn a_step_holds_its_value_and_never_falls_with_it(
            value in -100.0..100.0, more in 0.0..100.0, steps in proptest::collection::btree_set(-90..90, 0..9),
        ) {
            let breaks: Vec<_> = steps.into_iter().map(f64::from).collect();
            let at = step(value, &breaks);
            prop_assert!(at == 0 || breaks[at - 1] <= value);
            prop_assert!(at == breaks.len() || value < breaks[at]);
            prop_assert!(at <= step(value + more, &breaks));
        }
    }
}
