//! `as_of`: the day the night is computed for.

use arrow::datatypes::{DataType, Date32Type, Field, FieldRef};
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
    description = "The day the query is computed for. The session binds it; it is never the clock on the wall.",
    syntax_example = "as_of()"
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct AsOfDay {
    clock: Option<AsOf>,
    signature: Signature,
}

impl AsOfDay {
    pub(crate) fn new(clock: Option<AsOf>) -> Self {
        Self { clock, signature: Signature::nullary(Volatility::Stable) }
    }

    fn value(&self) -> Result<ScalarValue> {
        let Some(clock) = self.clock else {
            return plan_err!("as_of: this session has no clock; call register_clock first");
        };
        Ok(ScalarValue::Date32(Some(Date32Type::from_naive_date(clock.day()))))
    }
}

impl ScalarUDFImpl for AsOfDay {
    fn name(&self) -> &'static str {
        "as_of"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("as_of: return_field_from_args is called instead")
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
