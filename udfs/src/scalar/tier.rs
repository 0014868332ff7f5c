//! `tier`: a label for the step a value stands on.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;

use super::row_function::RowFunction;
use super::steps::Steps;
use crate::args::{Kind, Parameters, PerRow, floats, measured};

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
        let steps =
            PerRow::new(&args[1..], rows, |args, row| Steps::read("tier", "labels", args, row))?;
        let labels = measured("tier", "value", &values, &steps).map(|row| {
            Ok(row?.map(|(value, steps)| steps.results.as_string::<i32>().value(steps.at(value))))
        });
        Ok(Arc::new(labels.collect::<Result<StringArray>>()?))
    }
}
