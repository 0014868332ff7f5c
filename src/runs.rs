//! Columns that say the same in many rows: as runs they cost next to nothing until they are published.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int32Array, RecordBatch, RunArray};
use datafusion::arrow::datatypes::{FieldRef, Fields, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::error::Result;

/// The same in each row: the one row of `value`.
///
/// # Errors
/// More than 2^31 rows.
pub fn constant(value: impl Array, rows: usize) -> Result<ArrayRef> {
    let ends = Some(rows).filter(|rows| *rows > 0);
    runs(&value.slice(0, usize::from(rows > 0)), ends.into_iter())
}

/// Each row of `values` up to the row where its run ends.
///
/// # Errors
/// More than 2^31 rows.
pub fn runs(values: &dyn Array, ends: impl Iterator<Item = usize>) -> Result<ArrayRef> {
    let ends: Vec<_> = ends
        .map(i32::try_from)
        .collect::<Result<_, _>>()
        .map_err(|_| ArrowError::OffsetOverflowError(i32::MAX as usize))?;
    Ok(Arc::new(RunArray::try_new(&Int32Array::from(ends), values)?))
}

/// Rows of a table of `schema`, in which columns may be in runs or by number.
///
/// # Errors
/// Columns that are not as long as each other, or NULL where they may not be: a bug.
pub fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let schema = Schema::new(as_they_are(schema.fields(), &columns));
    Ok(RecordBatch::try_new(Arc::new(schema), columns)?)
}

/// The fields with the types that their columns have in memory.
#[must_use]
pub fn as_they_are(fields: &Fields, columns: &[ArrayRef]) -> Fields {
    let typed = |(field, column): (&FieldRef, &ArrayRef)| {
        field.as_ref().clone().with_data_type(column.data_type().clone())
    };
    fields.iter().zip(columns).map(typed).collect()
}
