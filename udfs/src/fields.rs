//! Structs of numbers, whose fields are matched by name.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields, Float64Type};
use datafusion::common::{plan_datafusion_err, plan_err};
use datafusion::error::Result;

use crate::args::Kind;

/// The struct with the same names and Float64 fields.
pub(crate) fn coerce(function: &str, argument: &str, data_type: &DataType) -> Result<DataType> {
    let DataType::Struct(fields) = data_type else {
        return plan_err!("{function}: {argument} must be a struct, got {data_type}");
    };
    if fields.is_empty() {
        return plan_err!("{function}: {argument} must have a field");
    }
    let typed = fields.iter().map(|field| {
        let (name, data_type) = (field.name(), field.data_type());
        Kind::Number.read_as(data_type).map(|float| Field::new(name, float, true)).ok_or_else(
            || {
                plan_datafusion_err!(
                    "{function}: {argument}.{name} must be a number, got {data_type}"
                )
            },
        )
    });
    let typed = DataType::Struct(typed.collect::<Result<Fields>>()?);
    match names(&typed).windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => plan_err!("{function}: {argument}.{} is there twice", pair[0]),
        None => Ok(typed),
    }
}

/// Refuses a name of one argument that the `other` has not.
pub(crate) fn check_in(
    function: &str,
    (argument, data_type): (&str, &DataType),
    (other, other_type): (&str, &DataType),
) -> Result<()> {
    let others = names(other_type);
    match names(data_type).into_iter().find(|name| !others.contains(name)) {
        Some(name) => plan_err!("{function}: {other}.{name} is missing, {argument} has it"),
        None => Ok(()),
    }
}

/// Sorted field names.
fn names(data_type: &DataType) -> Vec<&str> {
    let DataType::Struct(fields) = data_type else { return Vec::new() };
    let mut names: Vec<_> = fields.iter().map(|field| field.name().as_str()).collect();
    names.sort_unstable();
    names
}

/// The fields sorted by name, each NULL where the struct is: sums then have one order, whatever the SQL's.
pub(crate) fn columns(structs: &ArrayRef) -> Vec<(String, Float64Array)> {
    let structs = structs.as_struct();
    let columns = structs.fields().iter().zip(structs.columns()).map(|(field, column)| {
        let column = column.as_primitive::<Float64Type>();
        let nulls = NullBuffer::union(column.nulls(), structs.nulls());
        (field.name().clone(), Float64Array::new(column.values().clone(), nulls))
    });
    let mut columns: Vec<_> = columns.collect();
    columns.sort_by(|(left, _), (right, _)| left.cmp(right));
    columns
}

/// The fields of one row, sorted by name; None if the struct itself is NULL.
pub(crate) fn values(structs: &ArrayRef, row: usize) -> Option<Vec<(String, Option<f64>)>> {
    let value = |(name, column): (String, Float64Array)| (name, column.iter().next().flatten());
    structs.is_valid(row).then(|| columns(&structs.slice(row, 1)).into_iter().map(value).collect())
}
