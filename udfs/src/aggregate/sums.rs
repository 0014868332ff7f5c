//! An exact sum of each group.

use arrow::array::{Array, ArrayRef, BinaryViewArray, BinaryViewBuilder, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::EmitTo;

use super::held::{Heap, Held};
use super::one_group::array;
use crate::exact::{Amount, ExactSum, PartialSum};

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
        state: &BinaryViewArray,
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

    /// The first groups' sums as partial states.
    pub(super) fn state(&mut self, emit_to: EmitTo) -> ArrayRef {
        states(self.take(emit_to).iter().map(Option::as_ref))
    }
}

/// The type of partial states of sums: views, as most of them hold their few bytes themselves.
pub(super) const STATE: DataType = DataType::BinaryView;

pub(super) fn states<'a, S: PartialSum>(
    sums: impl ExactSizeIterator<Item = Option<&'a S>>,
) -> ArrayRef {
    let mut states = BinaryViewBuilder::with_capacity(sums.len());
    for sum in sums {
        match sum {
            Some(sum) => sum.append_to(&mut states),
            None => states.append_null(),
        }
    }
    array(states.finish())
}

/// The sums of single amounts, of the rows that count.
pub(super) fn state_of_each<A: Amount>(
    function: &str,
    argument: &str,
    amounts: &PrimitiveArray<A>,
    counts: Option<&NullBuffer>,
) -> Result<ArrayRef> {
    let known = NullBuffer::union(amounts.nulls(), counts);
    let mut states = BinaryViewBuilder::with_capacity(amounts.len());
    for (row, amount) in amounts.values().iter().enumerate() {
        if known.as_ref().is_some_and(|known| known.is_null(row)) {
            states.append_null();
            continue;
        }
        let mut sum = A::Sum::default();
        sum.add(function, argument, *amount)?;
        sum.append_to(&mut states);
    }
    Ok(array(states.finish()))
}
