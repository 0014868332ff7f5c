//! `retention_net`: what recurring revenue has become, with expansion.

use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Documentation, Expr};
use datafusion_macros::user_doc;

use super::definition::{Accumulators, Definition};
use super::retention::{self, RetentionGroups};
use crate::args::Parameters;

const FUNCTION: &str = "retention_net";

#[user_doc(
    doc_section(label = "Retention Functions"),
    description = "Net revenue retention: the end over the start, `sum(end) / sum(start)`, of those who were there at the start. Above 1 \
                   when expansion outweighs what was lost. Sums are exact: the same bits whatever the order of rows. NULL \
                   if no row has a start above 0.",
    syntax_example = "retention_net(start, end)",
    argument(
        name = "start",
        description = "What recurred when the period began, such as MRR. Only rows above 0 count: who came later is no \
                       part of what could be kept."
    ),
    argument(
        name = "end",
        description = "What recurs now. NULL is 0: who is gone has no row to join."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct RetentionNet;

impl Definition for RetentionNet {
    const PARAMETERS: Parameters = retention::parameters(FUNCTION);

    fn result(_: &[DataType]) -> DataType {
        DataType::Float64
    }

    fn check(position: usize, argument: &Expr) -> Result<()> {
        retention::check(FUNCTION, position, argument)
    }

    fn state(_: &[DataType]) -> Vec<(&'static str, DataType)> {
        retention::state()
    }

    fn accumulators(_: &AccumulatorArgs) -> Result<Accumulators> {
        Ok(RetentionGroups::new(FUNCTION, |_, end| end).into())
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
