//! What all rows of a group must agree on, such as the as-of day.

use arrow::array::{Array, ArrayRef, PrimitiveArray};
use arrow::datatypes::{ArrowNativeType, ArrowPrimitiveType};
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::EmitTo;

use super::one_group::array;

/// One value per group, None until a row counts.
#[derive(Debug, Clone)]
pub(super) struct Agreed<N> {
    /// For errors, as `argument`.
    function: &'static str,
    argument: &'static str,
    values: Vec<Option<N>>,
}

impl<N: ArrowNativeType> Agreed<N> {
    pub(super) fn new(function: &'static str, argument: &'static str) -> Self {
        Self { function, argument, values: Vec::new() }
    }

    pub(super) fn grow(&mut self, groups: usize) {
        self.values.resize(groups, None);
    }

    /// The value of a row that counts, which must be that of the rows before.
    pub(super) fn see<T: ArrowPrimitiveType<Native = N>>(
        &mut self,
        group: usize,
        array: &PrimitiveArray<T>,
        row: usize,
    ) -> Result<N> {
        let Self { function, argument, .. } = self;
        if array.is_null(row) {
            return exec_err!("{function}: {argument} must not be NULL");
        }
        let got = array.value(row);
        let seen = *self.values[group].get_or_insert(got);
        if seen == got {
            return Ok(got);
        }
        let shown = |value| ScalarValue::new_primitive::<T>(Some(value), &T::DATA_TYPE);
        let (seen, got) = (shown(seen)?, shown(got)?);
        exec_err!(
            "{function}: {argument} must be the same for all rows of a group, got {seen} and {got}"
        )
    }

    pub(super) fn take(&mut self, emit_to: EmitTo) -> Vec<Option<N>> {
        emit_to.take_needed(&mut self.values)
    }

    /// The first groups' values as partial states.
    pub(super) fn state<T: ArrowPrimitiveType<Native = N>>(&mut self, emit_to: EmitTo) -> ArrayRef {
        array(self.take(emit_to).into_iter().collect::<PrimitiveArray<T>>())
    }

    pub(super) fn size(&self) -> usize {
        self.values.capacity() * size_of::<Option<N>>()
    }
}
