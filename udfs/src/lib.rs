//! SQL functions for customer health, churn and RFM, for any Apache `DataFusion` session.
//!
//! They know no session: [`register_all`] adds them to one, [`register_clock`] tells `as_of()` which night it is.
//! What each means is in its documentation (`ScalarUDF::documentation` and so on), and with examples in
//! `tests/slt/functions`.

#![forbid(unsafe_code)]

mod aggregate;
mod args;
mod as_of;
mod best;
mod days;
mod exact;
mod fields;
mod labels;
mod scalar;
mod window;

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;

pub use aggregate::all as all_aggregate;
pub use as_of::AsOf;
pub use days::days;
pub use labels::labels;
pub use scalar::all as all_scalar;
pub use window::all as all_window;

/// The version of the functions' meaning: part of what a result was computed from.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Names of the functions that answer by the clock that [`register_clock`] binds.
pub const CLOCK_FUNCTIONS: [&str; 3] = ["as_of", "as_of_end", "as_of_start"];

/// Adds every function. Those of [`CLOCK_FUNCTIONS`] are refused in a query until [`register_clock`], called after this,
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

/// Binds [`CLOCK_FUNCTIONS`]: queries planned from now on hold their values as literals.
///
/// # Errors
/// A registry that takes no functions.
pub fn register_clock(registry: &mut dyn FunctionRegistry, as_of: AsOf) -> Result<()> {
    for function in scalar::clock_functions(Some(as_of)) {
        registry.register_udf(Arc::new(function))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use arrow::array::{
        Array, ArrayRef, Float64Array, ListBuilder, StringBuilder, StructArray, new_null_array,
    };
    use arrow::buffer::NullBuffer;
    use arrow::compute::cast;
    use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
    use datafusion::common::config::ConfigOptions;
    use datafusion::logical_expr::{ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF};
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

    /// All combinations of up to three arguments, of any types; of a function that takes more, of any three in a row, the
    /// others NULL.
    fn combinations(required: usize) -> Vec<Vec<DataType>> {
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
        let triples = all[start..].to_vec();
        for at in 0..=required.saturating_sub(3) {
            for triple in triples.iter().filter(|_| required > 3) {
                let mut types = vec![DataType::Null; required];
                types[at..at + 3].clone_from_slice(triple);
                all.push(types);
            }
        }
        all
    }

    /// How many arguments can not be left out.
    fn required(function: &ScalarUDF) -> usize {
        let most = function.signature().parameter_names.as_ref().map_or(0, Vec::len);
        let nulls = |count| vec![DataType::Null; count];
        (0..=most).find(|count| function.coerce_types(&nulls(*count)).is_ok()).unwrap_or(most)
    }

    #[test]
    fn types_are_taken_or_refused_by_function_and_argument_and_unknown_values_are_no_fault() {
        for function in all_scalar().iter().filter(|f| f.signature().parameter_names.is_some()) {
            let names = function.signature().parameter_names.clone().unwrap();
            let mut taken = 0;
            for types in combinations(required(function)) {
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

    fn answered_or_refused(function: &ScalarUDF, args: Vec<ArrayRef>) -> Result<(), TestCaseError> {
        let rows = args[0].len();
        match invoke(function, args, rows) {
            Ok(answer) => prop_assert_eq!(answer.len(), rows),
            Err(error) => prop_assert!(error.to_string().contains(function.name()), "{error}"),
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn any_floats_are_answered_or_refused(
            rows in proptest::collection::vec(proptest::array::uniform8(any_float()), 0..4),
        ) {
            let column = |at: usize| -> ArrayRef {
                Arc::new(rows.iter().map(|row| row[at]).collect::<Float64Array>())
            };
            let mut answered = 0;
            for function in all_scalar() {
                let count = function.signature().parameter_names.as_ref().map_or(0, Vec::len);
                // rfm_segment takes a text at the end, which can be left out.
                for count in BTreeSet::from([count, required(&function)]) {
                    if count > 0 && function.coerce_types(&vec![DataType::Float64; count]).is_ok() {
                        answered_or_refused(&function, (0..count).map(column).collect())?;
                        answered += 1;
                    }
                }
            }
            prop_assert!(answered >= 5);
        }

        #[test]
        fn any_structs_and_lists_are_answered_or_refused(
            args in (0..4_usize).prop_flat_map(|rows| proptest::collection::vec(any_array(rows), 4)),
        ) {
            let any = |name: &str| all_scalar().into_iter().find(|f| f.name() == name).unwrap();
            for name in ["health_score", "health_explain", "churn_probability", "feature_adoption"] {
                let function = any(name);
                for count in 2..=4 {
                    let types: Vec<_> = args[..count].iter().map(|arg| arg.data_type().clone()).collect();
                    let Ok(types) = function.coerce_types(&types) else { continue };
                    let args = args.iter().zip(&types).map(|(arg, to)| cast(arg, to).unwrap());
                    answered_or_refused(&function, args.collect())?;
                }
            }
        }
    }

    /// Structs of one to three fields, lists of texts, and floats, of so many rows; NULL is everywhere.
    fn any_array(rows: usize) -> impl Strategy<Value = ArrayRef> {
        let floats = move || {
            let rows = proptest::collection::vec(any_float(), rows);
            rows.prop_map(|rows| -> ArrayRef { Arc::new(Float64Array::from(rows)) })
        };
        let fields = proptest::sample::subsequence(vec!["a", "b", "c"], 1..=3);
        let structs = fields.prop_flat_map(move |names| {
            let columns: Vec<_> = names.iter().map(|_| floats()).collect();
            let known = proptest::collection::vec(any::<bool>(), rows);
            (columns, known).prop_map(move |(columns, known)| -> ArrayRef {
                let fields = names.iter().map(|name| Field::new(*name, DataType::Float64, true));
                let fields = fields.collect::<Fields>();
                Arc::new(StructArray::new(fields, columns, Some(NullBuffer::from(known))))
            })
        });
        let items = proptest::collection::vec(proptest::option::of("[a-c]"), 0..4);
        let lists = proptest::collection::vec(proptest::option::of(items), rows);
        let lists = lists.prop_map(|rows| -> ArrayRef {
            let mut lists = ListBuilder::new(StringBuilder::new());
            for row in rows {
                lists.append_option(row);
            }
            Arc::new(lists.finish())
        });
        prop_oneof![3 => structs, 1 => lists, 1 => floats()]
    }
}
