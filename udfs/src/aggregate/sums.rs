//! An exact sum of each group.

use arrow::array::{Array, ArrayRef, LargeBinaryArray, LargeBinaryBuilder};
use datafusion::error::Result;
use datafusion::logical_expr::EmitTo;

use super::held::{Heap, Held};
use super::one_group::array;
use crate::exact::{ExactSum, PartialSum};

/// None until a value is known.
pub(super) type Sums<S> = Held<Option<S>>;

impl<S: PartialSum> Heap for Option<S> {
    fn heap_bytes(&self) -> usize {
        self.as_ref().map_or(0, PartialSum::heap_bytes)
    }
}

impl<S: PartialSum> Sums<S> {
    /// `function` and `argument` are for errors.
    pub(super) fn add<V>(
        &mut self,
        group: usize,
        function: &str,
        argument: &str,
        value: V,
    ) -> Result<()>
    where
        S: ExactSum<V>,
    {
        self.change(group, |sum| sum.get_or_insert_default().add(function, argument, value))
    }

    /// Adds what another's `state` says in `row`.
    pub(super) fn merge(
        &mut self,
        group: usize,
        state: &LargeBinaryArray,
        row: usize,
    ) -> Result<()> {
        if state.is_null(row) {
            return Ok(());
        }
        self.change(group, |sum| sum.get_or_insert_default().merge_bytes(state.value(row)))
    }

    /// Moves a group's sum there, onto the one it has.
    pub(super) fn move_to(&mut self, other: &mut Self, group: usize) -> Result<()> {
        let mut moved = None;
        self.change(group, |sum| {
            moved = sum.take();
            Ok(())
        })?;
        let Some(moved) = moved else { return Ok(()) };
        other.change(group, |sum| {
            match sum {
                Some(sum) => sum.merge(&moved),
                None => *sum = Some(moved),
            }
            Ok(())
        })
    }

    /// The first groups' sums as partial states. Large offsets, as 90 million sums of floats pass 2 GiB.
    pub(super) fn state(&mut self, emit_to: EmitTo) -> ArrayRef {
        let sums = self.take(emit_to);
        let mut states = LargeBinaryBuilder::with_capacity(sums.len(), 16 * sums.len());
        for sum in &sums {
            match sum {
                Some(sum) => sum.append_to(&mut states),
                None => states.append_null(),
            }
        }
        array(states.finish())
    }
}
