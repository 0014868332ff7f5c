//! What all rows of a group must agree on, such as the as-of day.

use arrow::array::{Array, ArrayRef, PrimitiveArray};
use arrow::datatypes::{ArrowNativeType, ArrowPrimitiveType};
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::EmitTo;

use super::one_group::array;

/// One value per group, None until a row counts. Held once as long as it is that of all groups, which is usual.
#[derive(Debug, Clone)]
pub(super) struct Agreed<N> {
    /// For errors, as `argument`.
    function: &'static str,
    argument: &'static str,
    /// Whether a row counts, of each group.
    seen: Vec<bool>,
    common: Option<N>,
    /// The value of each group, if two of them differ.
    each: Vec<N>,
}

impl<N: ArrowNativeType> Agreed<N> {
    pub(super) fn new(function: &'static str, argument: &'static str) -> Self {
        Self { function, argument, seen: Vec::new(), common: None, each: Vec::new() }
    }

    pub(super) fn grow(&mut self, groups: usize) {
        self.seen.resize(groups, false);
        if !self.each.is_empty() {
            self.each.resize(groups, N::default());
        }
    }

    /// The value of a row that counts, which must be that of the rows before.
    #[inline]
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
        let common = *self.common.get_or_insert(got);
        if common != got || !self.each.is_empty() {
            return self.see_apart::<T>(group, common, got);
        }
        self.seen[group] = true;
        Ok(got)
    }

    #[cold]
    fn see_apart<T: ArrowPrimitiveType<Native = N>>(
        &mut self,
        group: usize,
        common: N,
        got: N,
    ) -> Result<N> {
        let Self { function, argument, .. } = self;
        if self.each.is_empty() {
            self.each = vec![common; self.seen.len()];
        }
        let seen = self.each[group];
        if !self.seen[group] || seen == got {
            self.seen[group] = true;
            self.each[group] = got;
            return Ok(got);
        }
        let shown = |value| ScalarValue::new_primitive::<T>(Some(value), &T::DATA_TYPE);
        let (seen, got) = (shown(seen)?, shown(got)?);
        exec_err!(
            "{function}: {argument} must be the same for all rows of a group, got {seen} and {got}"
        )
    }

    pub(super) fn take(&mut self, emit_to: EmitTo) -> Vec<Option<N>> {
        let (seen, common) = (emit_to.take_needed(&mut self.seen), self.common);
        let each = match self.each.is_empty() {
            true => Vec::new(),
            false => emit_to.take_needed(&mut self.each),
        };
        let value = |group| each.get(group).copied().or(common);
        seen.into_iter().enumerate().map(|(group, seen)| value(group).filter(|_| seen)).collect()
    }

    /// The first groups' values as partial states.
    pub(super) fn state<T: ArrowPrimitiveType<Native = N>>(&mut self, emit_to: EmitTo) -> ArrayRef {
        array(self.take(emit_to).into_iter().collect::<PrimitiveArray<T>>())
    }

    pub(super) fn size(&self) -> usize {
        self.seen.capacity() + self.each.capacity() * size_of::<N>()
    }
}
