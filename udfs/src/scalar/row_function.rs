//! What `DataFusion` wants of a function of one row, once for all of them.

use std::fmt::Debug;
use std::hash::Hash;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature,
};

use crate::args::{Parameters, rows_of};

/// A function of one row. A fault in its constants stops the planning.
pub(crate) trait RowFunction: Debug + Eq + Hash + Send + Sync + 'static {
    const PARAMETERS: Parameters;

    /// What `#[user_doc]` made of the function's documentation.
    fn documentation(&self) -> Option<&Documentation>;

    /// The types in which `evaluate` reads arguments of `types`.
    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        Self::PARAMETERS.coerce(types)
    }

    /// The type of the answer to arguments of `types`, which are coerced.
    fn answers(types: &[DataType]) -> DataType;

    /// The answers of `rows` rows.
    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef>;
}

pub(crate) fn udf<F: RowFunction>(function: F) -> ScalarUDF {
    Udf { function, signature: F::PARAMETERS.signature() }.into()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Udf<F> {
    function: F,
    signature: Signature,
}

impl<F: RowFunction> ScalarUDFImpl for Udf<F> {
    fn name(&self) -> &'static str {
        F::PARAMETERS.function
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        F::coerce(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(F::answers(types))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<_> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let types = F::coerce(&types)?;
        check_constants(&types, &args, F::evaluate)?;
        Ok(Field::new(self.name(), F::answers(&types), true).into())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        F::evaluate(&args.args, rows_of(&args.args, args.number_rows)).map(ColumnarValue::Array)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }
}

/// Runs the function over its constants, with NULL where only rows can tell: a fault in them then stops the planning and
/// not the night.
fn check_constants(
    types: &[DataType],
    args: &ReturnFieldArgs,
    evaluate: impl Fn(&[ColumnarValue], usize) -> Result<ArrayRef>,
) -> Result<()> {
    let constants = args.scalar_arguments.iter().zip(types).map(|(constant, data_type)| {
        Ok(ColumnarValue::Scalar(match constant {
            Some(value) => value.cast_to(data_type)?,
            None => ScalarValue::try_from(data_type)?,
        }))
    });
    evaluate(&constants.collect::<Result<Vec<_>>>()?, 1).map(drop)
}
