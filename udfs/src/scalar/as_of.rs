//! `as_of`: the day the night is computed for.

use arrow::datatypes::Date32Type;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Documentation;
use datafusion_macros::user_doc;

use super::clock::ClockFunction;
use crate::AsOf;

#[user_doc(
    doc_section(label = "Clock Functions"),
    description = "The day the query is computed for. The session binds it; it is never the clock on the wall.",
    syntax_example = "as_of()"
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct AsOfDay;

impl ClockFunction for AsOfDay {
    const NAME: &'static str = "as_of";

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answer(clock: AsOf) -> ScalarValue {
        ScalarValue::Date32(Some(Date32Type::from_naive_date(clock.day())))
    }
}
