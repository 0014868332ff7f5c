//! Items of groups that hold memory beside themselves, counted as it changes.

use std::hint::black_box;

use datafusion::error::Result;
use datafusion::logical_expr::EmitTo;

/// What an item holds beside itself, in bytes.
pub(super) trait Heap: Default + Clone {
    fn heap_bytes(&self) -> usize;
}

impl<T: Clone> Heap for Vec<T> {
    fn heap_bytes(&self) -> usize {
        self.capacity() * size_of::<T>()
    }
}

/// Their items fill an eighth of the 32 KiB of the nearest cache.
const FETCHED_ROWS: usize = 64;

/// One item per group.
#[derive(Debug, Default)]
pub(super) struct Held<T> {
    items: Vec<T>,
    /// Kept here as `size` must not look at every group.
    heap_bytes: usize,
}

impl<T: Heap> Clone for Held<T> {
    fn clone(&self) -> Self {
        let items = self.items.clone();
        // Clones may have less to spare.
        Self { heap_bytes: heap_bytes(&items), items }
    }
}

impl<T: Heap> Held<T> {
    pub(super) fn grow(&mut self, groups: usize) {
        self.items.resize(groups, T::default());
    }

    pub(super) fn get(&self, group: usize) -> &T {
        &self.items[group]
    }

    /// To be called before each row, with a `part` to read of the items of the next rows: they lie anywhere in memory, and a
    /// loop as short as this one has many of them under way at once, where one that also adds up waits for each.
    #[inline]
    pub(super) fn fetch<P>(&self, groups: &[usize], row: usize, part: impl Fn(&T) -> P) {
        if row.is_multiple_of(FETCHED_ROWS) {
            for group in groups.iter().skip(row).take(FETCHED_ROWS) {
                black_box(part(&self.items[*group]));
            }
        }
    }

    #[inline]
    pub(super) fn change(
        &mut self,
        group: usize,
        change: impl FnOnce(&mut T) -> Result<()>,
    ) -> Result<()> {
        let item = &mut self.items[group];
        let before = item.heap_bytes();
        change(item)?;
        self.heap_bytes = self.heap_bytes + item.heap_bytes() - before;
        Ok(())
    }

    pub(super) fn take(&mut self, emit_to: EmitTo) -> Vec<T> {
        let taken = emit_to.take_needed(&mut self.items);
        self.heap_bytes -= heap_bytes(&taken);
        taken
    }

    pub(super) fn size(&self) -> usize {
        self.items.capacity() * size_of::<T>() + self.heap_bytes
    }
}

fn heap_bytes<T: Heap>(items: &[T]) -> usize {
    items.iter().map(Heap::heap_bytes).sum()
}
