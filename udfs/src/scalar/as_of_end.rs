//! `as_of_end`: the first instant after the as-of day.

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{ScalarValue, internal_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion_macros::user_doc;

use crate::AsOf;

#[user_doc(
    doc_section(label = "Clock Functions"),
    description = "The first instant after the day of `as_of()`, as a timestamp in the session's time zone: \
                   `event_time < as_of_end()` keeps what had happened by then. A day may have 23 or 25 hours.",
    syntax_example = "as_of_end()"
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct AsOfEnd {
    clock: Option<AsOf>,
    signature: Signature,
}

impl AsOfEnd {
    pub(crate) fn new(clock: Option<AsOf>) -> Self {
        Self { clock, signature: Signature::nullary(Volatility::Stable) }
    }

    fn value(&self) -> Result<ScalarValue> {
        let Some(clock) = self.clock else {
            return plan_err!("as_of_end: this session has no clock; call register_clock first");
        };
        let zone = Some(clock.zone().name().into());
        Ok(ScalarValue::TimestampMicrosecond(Some(clock.end().timestamp_micros()), zone))
    }
}

impl ScalarUDFImpl for AsOfEnd {
    fn name(&self) -> &'static str {
        "as_of_end"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("as_of_end: return_field_from_args is called instead")
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Field::new(self.name(), self.value()?.data_type(), false).into())
    }

    /// To a literal, so that files and row groups are pruned by it.
    fn simplify(&self, _: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(ExprSimplifyResult::Simplified(Expr::Literal(self.value()?, None)))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value()?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
