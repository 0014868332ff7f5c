//! `as_of_end`: the first instant after the as-of day.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Documentation;
use datafusion_macros::user_doc;

use super::clock::ClockFunction;
use crate::AsOf;

#[user_doc(
    doc_section(label = "Clock Functions"),
    description = "The first instant after the day of `as_of()`, as a timestamp in the session's time zone: \
                   `event_time < as_of_end()` keeps what had happened by then. A day may have 23 or 25 hours.",
    syntax_example = "as_of_end()"
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct AsOfEnd;

impl ClockFunction for AsOfEnd {
    const NAME: &'static str = "as_of_end";

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answer(clock: AsOf) -> ScalarValue {
        instant(clock, clock.end())
    }
}

/// An instant as clocks in the night's zone show it.
pub(super) fn instant(clock: AsOf, at: chrono::DateTime<chrono::Utc>) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(Some(at.timestamp_micros()), Some(clock.zone().name().into()))
}
