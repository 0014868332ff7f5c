//! Entity keys, compared and told.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, make_comparator};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::row::{Row, RowConverter, Rows, SortField};
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::error::Result;

use crate::core::counted;

/// Keys that a message shows at most: enough to look one up, too few to leak a list.
pub(super) const KEYS_SHOWN: usize = 5;

/// Keys in a form that can be compared.
pub(super) struct Keys {
    array: ArrayRef,
    rows: Rows,
}

/// How many keys were found, and the first of them.
#[derive(Default)]
pub(super) struct Found {
    pub(super) count: usize,
    first: Vec<String>,
}

impl Found {
    /// `3 keys (A1, A2, A3)`.
    pub(super) fn told(&self) -> String {
        counted(self.count, "key") + &self.named()
    }

    /// `has` of one, `have` of several.
    pub(super) fn has(&self) -> &'static str {
        if self.count == 1 { "has" } else { "have" }
    }

    /// ` (A1, A2, A3)`.
    pub(super) fn named(&self) -> String {
        let more = if self.count > self.first.len() { ", ..." } else { "" };
        format!(" ({}{more})", self.first.join(", "))
    }
}

impl Keys {
    pub(super) fn new(array: &ArrayRef) -> Result<Self> {
        let converter = RowConverter::new(vec![SortField::new(array.data_type().clone())])?;
        let rows = converter.convert_columns(&[Arc::clone(array)])?;
        Ok(Self { array: Arc::clone(array), rows })
    }

    /// A key.
    pub(super) fn row(&self, index: usize) -> Row<'_> {
        self.rows.row(index)
    }

    /// The keys at `indices`, NULL aside, once each, in their order.
    pub(super) fn at(&self, indices: impl Iterator<Item = usize>) -> Found {
        let indices = indices.filter(|index| self.array.is_valid(*index));
        let mut indices: Vec<_> = indices.collect();
        indices.sort_by_key(|index| self.row(*index));
        indices.dedup_by_key(|index| self.row(*index));
        let first = indices.iter().take(KEYS_SHOWN);
        let first = first
            .filter_map(|index| array_value_to_string(self.array.as_ref(), *index).ok())
            .collect();
        Found { count: indices.len(), first }
    }
}

/// Those keys, for a message.
pub(super) fn found_at(keys: &ArrayRef, rows: &[usize]) -> Result<Found> {
    if rows.is_empty() {
        return Ok(Found::default());
    }
    Ok(Keys::new(keys)?.at(rows.iter().copied()))
}

/// Rows of a range in the order of their keys that have the key of the row before them.
pub(super) fn again(keys: &ArrayRef, rows: Range<usize>) -> Result<Vec<usize>> {
    let key = make_comparator(keys, keys, SortOptions::default())?;
    Ok(rows.skip(1).filter(|row| key(row - 1, *row).is_eq()).collect())
}
