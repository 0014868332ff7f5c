//! `score_steps`: a score for the step a value stands on.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;

use super::row_function::RowFunction;
use super::steps::Steps;
use crate::args::{Kind, Parameters, PerRow, finite, floats, measured};

#[user_doc(
    doc_section(label = "Health Functions"),
    description = "Score of the step a value stands on: `scores[i]` where `breaks[i-1] <= value < breaks[i]`. For measures \
                   that are judged in steps and not on a line. NULL if an argument is NULL.",
    syntax_example = "score_steps(value, breaks, scores)",
    argument(name = "value", description = "The measure."),
    argument(
        name = "breaks",
        description = "Where each next step begins, strictly rising; else an error."
    ),
    argument(
        name = "scores",
        description = "One score more than there are breaks, lowest step first; on any scale, rising or not."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ScoreSteps;

impl RowFunction for ScoreSteps {
    const PARAMETERS: Parameters = Parameters {
        function: "score_steps",
        required: 3,
        all: &[("value", Kind::Number), ("breaks", Kind::Numbers), ("scores", Kind::Numbers)],
    };

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answers(_: &[DataType]) -> DataType {
        DataType::Float64
    }

    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let values = floats(&args[0], rows)?;
        let steps = PerRow::new(&args[1..], rows, steps)?;
        let scores = measured("score_steps", "value", &values, &steps).map(|row| {
            let score =
                |steps: &Steps, step| steps.results.as_primitive::<Float64Type>().value(step);
            Ok(row?.map(|(value, steps)| score(steps, steps.at(value))))
        });
        Ok(Arc::new(scores.collect::<Result<Float64Array>>()?))
    }
}

fn steps(args: &[ArrayRef], row: usize) -> Result<Option<Steps>> {
    let steps = Steps::read("score_steps", "scores", args, row)?;
    if let Some(steps) = &steps {
        for score in steps.results.as_primitive::<Float64Type>().values() {
            finite("score_steps", "scores", *score)?;
        }
    }
    Ok(steps)
}
