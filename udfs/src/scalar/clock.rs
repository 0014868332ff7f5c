//! What `DataFusion` wants of a function that asks the session's clock, once for all of them.

use std::fmt::Debug;
use std::hash::Hash;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{ScalarValue, internal_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};

use crate::AsOf;

/// A function without arguments that says something of the night.
pub(crate) trait ClockFunction: Debug + Eq + Hash + Send + Sync + 'static {
    const NAME: &'static str;

    /// What `#[user_doc]` made of the function's documentation.
    fn documentation(&self) -> Option<&Documentation>;

    fn answer(clock: AsOf) -> ScalarValue;
}

/// Without a clock it is refused where it is used.
pub(crate) fn udf<F: ClockFunction>(function: F, clock: Option<AsOf>) -> ScalarUDF {
    Udf { function, clock, signature: Signature::nullary(Volatility::Stable) }.into()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Udf<F> {
    function: F,
    clock: Option<AsOf>,
    signature: Signature,
}

impl<F: ClockFunction> Udf<F> {
    fn value(&self) -> Result<ScalarValue> {
        match self.clock {
            Some(clock) => Ok(F::answer(clock)),
            None => plan_err!("{}: this session has no clock; call register_clock first", F::NAME),
        }
    }
}

impl<F: ClockFunction> ScalarUDFImpl for Udf<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("{}: return_field_from_args is called instead", F::NAME)
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Field::new(F::NAME, self.value()?.data_type(), false).into())
    }

    /// To a literal, so that files and row groups are pruned by it.
    fn simplify(&self, _: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(ExprSimplifyResult::Simplified(Expr::Literal(self.value()?, None)))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value()?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }
}
