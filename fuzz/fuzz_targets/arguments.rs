//! The scalar functions, called with arguments of any type: lists and structs, within each other, with NULL and NaN in them.
//! A call is refused with the function's name, or answers in the type it has declared, and a row alone as among others.
//!
//! The seeds are calls that were answered, up to three of a function.
#![no_main]

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};
use datafusion_functions_segmentation::all_scalar;
use libfuzzer_sys::arbitrary::{self, Unstructured};
use libfuzzer_sys::fuzz_target;

static FUNCTIONS: LazyLock<Vec<Arc<ScalarUDF>>> = LazyLock::new(all_scalar);
static CONFIG: LazyLock<Arc<ConfigOptions>> = LazyLock::new(Arc::default);

fuzz_target!(|bytes: &[u8]| {
    if let Ok(call) = Call::new(&mut Unstructured::new(bytes)) {
        call.check();
    }
});

struct Call {
    function: &'static ScalarUDF,
    rows: usize,
    /// A value of each row, or one for all of them.
    arguments: Vec<(DataType, Vec<ScalarValue>)>,
}

impl Call {
    fn new(bytes: &mut Unstructured) -> arbitrary::Result<Self> {
        let function = bytes.choose(&FUNCTIONS)?;
        let rows = bytes.int_in_range(1..=3)?;
        let mut arguments: Vec<(DataType, Vec<ScalarValue>)> = Vec::new();
        let parameters = function.signature().parameter_names.as_ref().map_or(1, Vec::len);
        for _ in 0..bytes.int_in_range(parameters - 1..=parameters + 1)?.max(1) {
            let data_type = match arguments.last() {
                // Measures and weights are structs of the same fields.
                Some((before, _)) if bytes.ratio(1, 3)? => before.clone(),
                _ => data_type(bytes, 2)?,
            };
            let values = if bytes.arbitrary()? { 1 } else { rows };
            let values =
                (0..values).map(|_| value(bytes, &data_type)).collect::<arbitrary::Result<_>>();
            arguments.push((data_type, values?));
        }
        Ok(Self { function, rows, arguments })
    }

    fn check(&self) {
        let types: Vec<_> = self.arguments.iter().map(|(data_type, _)| data_type.clone()).collect();
        let Some(types) = self.unless_refused(self.function.coerce_types(&types)) else { return };
        let read = |((_, values), data_type): (&(DataType, Vec<ScalarValue>), &DataType)| {
            let array = cast(&ScalarValue::iter_to_array(values.iter().cloned())?, data_type)?;
            Ok(match values.len() {
                1 => ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?),
                _ => ColumnarValue::Array(array),
            })
        };
        let arguments = self.arguments.iter().zip(&types).map(read);
        // What can not be read as the type is the cast's affair.
        let Ok(arguments) = arguments.collect::<Result<Vec<_>>>() else { return };
        let together = self.unless_refused(self.answer(&arguments, self.rows));
        let alone = (0..self.rows).map(|row| {
            let arguments = arguments.iter().map(|argument| match argument {
                ColumnarValue::Array(array) => ScalarValue::try_from_array(array, row),
                ColumnarValue::Scalar(value) => Ok(value.clone()),
            });
            let arguments = arguments.map(|value| value.map(ColumnarValue::Scalar));
            let arguments = arguments.collect::<Result<Vec<_>>>().unwrap();
            self.unless_refused(self.answer(&arguments, 1))
        });
        let alone: Option<Vec<_>> = alone.collect();
        assert_eq!(together.is_some(), alone.is_some(), "one of {:?}", self.arguments);
        for (row, alone) in alone.into_iter().flatten().enumerate() {
            let together = together.as_ref().map(|answers| answers.slice(row % answers.len(), 1));
            assert_eq!(together.as_ref(), Some(&alone), "{:?}", self.arguments);
        }
    }

    fn answer(&self, arguments: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let field = |argument: &ColumnarValue| -> FieldRef {
            Arc::new(Field::new("", argument.data_type(), true))
        };
        let arg_fields: Vec<_> = arguments.iter().map(field).collect();
        let constants: Vec<_> = arguments
            .iter()
            .map(|argument| match argument {
                ColumnarValue::Scalar(value) => Some(value),
                ColumnarValue::Array(_) => None,
            })
            .collect();
        let all_constant = constants.iter().all(Option::is_some);
        let return_field = self.function.return_field_from_args(ReturnFieldArgs {
            arg_fields: &arg_fields,
            scalar_arguments: &constants,
        })?;
        let declared = return_field.data_type().clone();
        let answer = self.function.invoke_with_args(ScalarFunctionArgs {
            args: arguments.to_vec(),
            arg_fields,
            number_rows: rows,
            return_field,
            config_options: Arc::clone(&CONFIG),
        })?;
        let rows = if all_constant { 1 } else { rows };
        let answer = answer.into_array(rows)?;
        assert_eq!((answer.len(), answer.data_type()), (rows, &declared));
        Ok(answer)
    }

    /// None: it was, with the name of the function.
    fn unless_refused<T>(&self, result: Result<T>) -> Option<T> {
        result
            .inspect_err(|error| {
                assert!(error.to_string().contains(self.function.name()), "{error}");
            })
            .ok()
    }
}

/// A type of at most `depth` lists and structs within each other.
fn data_type(bytes: &mut Unstructured, depth: u8) -> arbitrary::Result<DataType> {
    let kinds = if depth == 0 { 6 } else { 9 };
    Ok(match bytes.int_in_range(0..=kinds)? {
        0 | 1 => DataType::Float64,
        2 => DataType::Int64,
        3 => DataType::Decimal128(12, 2),
        4 => DataType::Utf8,
        5 => DataType::Date32,
        6 => DataType::Null,
        7 => DataType::new_list(data_type(bytes, depth - 1)?, true),
        _ => {
            let fields = (0..bytes.int_in_range(0..=4)?).map(|_| {
                let name = *bytes.choose(&["a", "b", "c", ""])?;
                Ok(Field::new(name, data_type(bytes, depth - 1)?, true))
            });
            DataType::Struct(fields.collect::<arbitrary::Result<_>>()?)
        }
    })
}

fn value(bytes: &mut Unstructured, data_type: &DataType) -> arbitrary::Result<ScalarValue> {
    let null = ScalarValue::try_from(data_type).unwrap();
    if bytes.ratio(1, 8)? {
        return Ok(null);
    }
    Ok(match data_type {
        DataType::Float64 => {
            let usual = [0.0, -0.0, 0.5, 1.0, 2.0, 5.0, 75.0, 100.0, 1e-300, f64::NAN];
            let any =
                if bytes.ratio(3, 4)? { *bytes.choose(&usual)? } else { bytes.arbitrary()? };
            ScalarValue::Float64(Some(any))
        }
        DataType::Int64 => ScalarValue::Int64(Some(bytes.arbitrary::<i8>()?.into())),
        DataType::Decimal128(precision, scale) => {
            let cents = bytes.arbitrary::<i32>()?.into();
            ScalarValue::Decimal128(Some(cents), *precision, *scale)
        }
        DataType::Utf8 => {
            let texts = ["", "a", "b", "high", "low", "grid", "cells", "r_rfm", "\u{fc}"];
            ScalarValue::from(*bytes.choose(&texts)?)
        }
        DataType::Date32 => ScalarValue::Date32(Some(match bytes.arbitrary()? {
            true => bytes.arbitrary()?,
            false => bytes.int_in_range(20_000..=20_100)?,
        })),
        DataType::List(item) => {
            let items = bytes.int_in_range(0..=4)?;
            let items = (0..items).map(|_| value(bytes, item.data_type()));
            let items = items.collect::<arbitrary::Result<Vec<_>>>()?;
            ScalarValue::List(ScalarValue::new_list(&items, item.data_type(), true))
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().map(|field| value(bytes, field.data_type()));
            let columns = columns.map(|value| Ok(value?.to_array().unwrap()));
            let columns = columns.collect::<arbitrary::Result<_>>()?;
            let row = StructArray::try_new_with_length(fields.clone(), columns, None, 1).unwrap();
            ScalarValue::Struct(Arc::new(row))
        }
        _ => null,
    })
}
