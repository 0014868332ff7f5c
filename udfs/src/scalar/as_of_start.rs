//! `as_of_start`: the first instant of the as-of day.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Documentation;
use datafusion_macros::user_doc;

use super::as_of_end::instant;
use super::clock::ClockFunction;
use crate::AsOf;

#[user_doc(
    doc_section(label = "Clock Functions"),
    description = "The first instant of the day of `as_of()`, as a timestamp in the session's time zone: \
                   `event_time >= as_of_start()` keeps what happened on that day, also where clocks skip midnight or show \
                   it twice. `as_of_end() - INTERVAL '1 day'` and `CAST(as_of() AS TIMESTAMP)` fail there.",
    syntax_example = "as_of_start()"
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct AsOfStart;

impl ClockFunction for AsOfStart {
    const NAME: &'static str = "as_of_start";

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answer(clock: AsOf) -> ScalarValue {
        instant(clock, clock.start())
    }
}
