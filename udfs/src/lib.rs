//! SQL functions for customer health, churn and RFM, for any Apache `DataFusion` session.
//!
//! They know no session: [`register_all`] adds them to one, [`register_clock`] tells `as_of()` which night it is.
//! What each means is in its documentation (`ScalarUDF::documentation` and so on), and with examples in
//! `tests/slt/functions`.

mod aggregate;
mod args;
mod as_of;
mod best;
mod exact;
mod fields;
mod scalar;
mod window;

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::ScalarUDF;

pub use aggregate::all as all_aggregate;
pub use as_of::AsOf;
pub use scalar::all as all_scalar;
pub use window::all as all_window;

/// The version of the functions' meaning: part of what a result was computed from.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Adds every function. `as_of()` and `as_of_end()` are refused in a query until [`register_clock`], called after this,
/// replaces them.
///
/// # Errors
/// A registry that takes no functions.
pub fn register_all(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for function in all_scalar() {
        registry.register_udf(function)?;
    }
    for function in all_aggregate() {
        registry.register_udaf(function)?;
    }
    for function in all_window() {
        registry.register_udwf(function)?;
    }
    Ok(())
}

/// Binds `as_of()` and `as_of_end()`: queries planned from now on hold their values as literals.
///
/// # Errors
/// A registry that takes no functions.
pub fn register_clock(registry: &mut dyn FunctionRegistry, as_of: AsOf) -> Result<()> {
    registry.register_udf(Arc::new(ScalarUDF::from(scalar::AsOfDay::new(Some(as_of)))))?;
    registry.register_udf(Arc::new(ScalarUDF::from(scalar::AsOfEnd::new(Some(as_of)))))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, ArrayRef, Float64Array, new_null_array};
    use arrow::datatypes::{DataType, Field, TimeUnit};
    use datafusion::common::config::ConfigOptions;
    use datafusion::logical_expr::{ColumnarValue, Documentation, ScalarFunctionArgs};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_function_is_documented_down_to_its_arguments() {
        let documented = |name: &str, names: Option<&Vec<String>>, doc: Option<&Documentation>| {
            let doc = doc.expect("documentation");
            let arguments = doc.arguments.iter().flatten().map(|(name, _)| name.clone());
            assert_eq!(arguments.collect::<Vec<_>>(), names.cloned().unwrap_or_default(), "{name}");
        };
        for f in all_scalar() {
            documented(f.name(), f.signature().parameter_names.as_ref(), f.documentation());
        }
        for f in all_aggregate() {
            documented(f.name(), f.signature().parameter_names.as_ref(), f.documentation());
        }
        for f in all_window() {
            documented(f.name(), f.signature().parameter_names.as_ref(), f.documentation());
        }
    }

    fn invoke(function: &ScalarUDF, args: Vec<ArrayRef>, rows: usize) -> Result<ArrayRef> {
        let field = |data_type: &DataType| Arc::new(Field::new("", data_type.clone(), true));
        let types: Vec<_> = args.iter().map(|array| array.data_type().clone()).collect();
        let answer = function.invoke_with_args(ScalarFunctionArgs {
            arg_fields: types.iter().map(field).collect(),
            args: args.into_iter().map(ColumnarValue::Array).collect(),
            number_rows: rows,
            return_field: field(&function.return_type(&types)?),
            config_options: Arc::new(ConfigOptions::default()),
        })?;
        answer.to_array(rows)
    }

    /// One of every family of types.
    fn sample_types() -> Vec<DataType> {
        use DataType as T;
        let list = |item| T::List(Arc::new(Field::new_list_field(item, true)));
        vec![
            T::Null,
            T::Boolean,
            T::Int8,
            T::UInt64,
            T::Float32,
            T::Decimal128(10, 2),
            T::Decimal256(50, 2),
            T::Utf8View,
            T::Dictionary(Box::new(T::Int32), Box::new(T::LargeUtf8)),
            T::Date32,
            T::Timestamp(TimeUnit::Nanosecond, Some("Europe/Berlin".into())),
            T::Binary,
            list(T::Int64),
            list(T::Utf8View),
            T::Struct(vec![Field::new("a", T::Int32, true)].into()),
        ]
    }

    /// All combinations of up to three arguments, of any types.
    fn combinations() -> Vec<Vec<DataType>> {
        let mut all = vec![Vec::new()];
        let mut start = 0;
        for _ in 0..3 {
            let end = all.len();
            for at in start..end {
                for data_type in sample_types() {
                    let longer = [all[at].clone(), vec![data_type]].concat();
                    all.push(longer);
                }
            }
            start = end;
        }
        all
    }

    #[test]
    fn types_are_taken_or_refused_by_function_and_argument_and_unknown_values_are_no_fault() {
        for function in all_scalar().iter().filter(|f| f.signature().parameter_names.is_some()) {
            let names = function.signature().parameter_names.clone().unwrap();
            let mut taken = 0;
            for types in combinations() {
                match function.coerce_types(&types) {
                    Ok(types) => {
                        taken += 1;
                        assert_eq!(function.coerce_types(&types).unwrap(), types);
                        for rows in [0, 1, 3] {
                            let nulls = types.iter().map(|t| new_null_array(t, rows)).collect();
                            let answer = invoke(function, nulls, rows).unwrap();
                            assert_eq!(answer.len(), rows, "{} of {types:?}", function.name());
                        }
                    }
                    Err(error) => {
                        let error = error.to_string();
                        let argument = names.iter().any(|name| error.contains(name.as_str()));
                        assert!(argument && error.contains(function.name()), "{types:?}: {error}");
                    }
                }
            }
            assert!(taken > 0, "{}", function.name());
        }
    }

    fn any_float() -> impl Strategy<Value = Option<f64>> {
        let small = (-1..12_i32).prop_map(f64::from);
        proptest::option::of(prop_oneof![proptest::num::f64::ANY, small])
    }

    proptest! {
        #[test]
        fn any_floats_are_answered_or_refused(
            rows in proptest::collection::vec([any_float(), any_float(), any_float()], 0..4),
        ) {
            let column = |at: usize| -> ArrayRef {
                Arc::new(rows.iter().map(|row| row[at]).collect::<Float64Array>())
            };
            for name in ["score_between", "health_band", "rfm_cell", "rfm_segment"] {
                let all = all_scalar();
                let function = all.iter().find(|function| function.name() == name).unwrap();
                match invoke(function, (0..3).map(column).collect(), rows.len()) {
                    Ok(answer) => prop_assert_eq!(answer.len(), rows.len()),
                    Err(error) => prop_assert!(error.to_string().contains(name), "{error}"),
                }
            }
        }
    }
}
