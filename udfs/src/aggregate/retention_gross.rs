//! `retention_gross`: how much recurring revenue was kept, without expansion.

use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Documentation, Expr};
use datafusion_macros::user_doc;

use super::definition::{Accumulators, Definition};
use super::retention::{self, RetentionGroups};
use crate::args::Parameters;

const FUNCTION: &str = "retention_gross";

#[user_doc(
    doc_section(label = "Retention Functions"),
    description = "Gross revenue retention: what was kept of the start, `sum(min(end, start)) / sum(start)`. Expansion does not count, \
                   so it is never above 1. Sums are exact: the same bits whatever the order of rows. NULL if no row has a \
                   start above 0.",
    syntax_example = "retention_gross(start, end)",
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
pub(super) struct RetentionGross;

impl Definition for RetentionGross {
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
        Ok(RetentionGroups::new(FUNCTION, |start, end| end.min(start)).into())
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
