//! The rows of a table in the order of one of its columns.

use std::ops::Range;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::{concat, interleave, sort_to_indices};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;

use crate::session::compact_column;

/// Rows of a batch, but for the last. Large tables are gathered in such as well: what a column took that is no longer needed
/// has room for one in its order.
pub(super) const BATCH_ROWS: usize = 64 << 10;

/// All rows of a table, in their order.
#[derive(Debug, Clone)]
pub struct Ordered {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl Ordered {
    /// Column by column, each gone as it came before the next is there once more: a table is not in memory twice.
    pub(super) fn sort(
        batches: impl Iterator<Item = RecordBatch>,
        schema: &SchemaRef,
        by: usize,
    ) -> Result<Self> {
        let mut columns: Vec<Vec<ArrayRef>> = vec![Vec::new(); schema.fields().len()];
        for batch in batches {
            for (parts, part) in columns.iter_mut().zip(batch.columns()) {
                parts.push(ArrayRef::clone(part));
            }
        }
        let order = order(&columns[by])?;
        let mut sorted: Vec<Vec<ArrayRef>> = vec![Vec::new(); order.len().div_ceil(BATCH_ROWS)];
        for parts in columns {
            let parts_of: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            for (batch, order) in sorted.iter_mut().zip(order.chunks(BATCH_ROWS)) {
                // Views keep all the texts that they were picked from.
                batch.push(compact_column(&interleave(&parts_of, order)?));
            }
        }
        let batches = sorted
            .into_iter()
            .map(|columns| RecordBatch::try_new(SchemaRef::clone(schema), columns));
        Ok(Self { schema: SchemaRef::clone(schema), batches: batches.collect::<Result<_, _>>()? })
    }

    /// Its columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many rows there are.
    #[must_use]
    pub fn num_rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// All rows.
    #[must_use]
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// Some of the rows in pieces of at most so many, and a piece is of one batch.
    pub fn pieces(&self, rows: Range<usize>, at_most: usize) -> impl Iterator<Item = RecordBatch> {
        let mut start = rows.start;
        std::iter::from_fn(move || {
            let within = start % BATCH_ROWS;
            let length = at_most.min(BATCH_ROWS - within).min(rows.end.checked_sub(start)?);
            let piece =
                (length > 0).then(|| self.batches[start / BATCH_ROWS].slice(within, length));
            start += length;
            piece
        })
    }
}

/// Where the rows of a column stand, the part and the place in it, in the order of their values.
fn order(parts: &[ArrayRef]) -> Result<Vec<(usize, usize)>> {
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let whole = concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>())?;
    let mut rows = 0;
    let starts = parts.iter().map(|part| {
        rows += part.len();
        rows - part.len()
    });
    let starts: Vec<_> = starts.collect();
    let order = sort_to_indices(&whole, None, None)?;
    let places = order.values().iter().map(|row| {
        let row = *row as usize;
        let part = starts.partition_point(|start| *start <= row) - 1;
        (part, row - starts[part])
    });
    Ok(places.collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{AsArray, Int64Array, StringViewArray};
    use datafusion::arrow::compute::concat_batches;
    use datafusion::arrow::datatypes::Int64Type;

    use super::*;

    /// Numbers from the last to the first, each with a text that tells it; every seventh text is NULL.
    fn rows(numbers: Range<i64>) -> RecordBatch {
        let texts =
            numbers.clone().rev().map(|n| (n % 7 > 0).then(|| format!("the number is {n}")));
        let texts: ArrayRef = Arc::new(texts.collect::<StringViewArray>());
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers.rev()));
        RecordBatch::try_from_iter_with_nullable([("t", texts, true), ("n", numbers, false)])
            .unwrap()
    }

    #[test]
    fn rows_of_several_batches_are_in_order_and_pieces_are_of_those() {
        for all in [0, 5, 65_536, 150_000] {
            let parts = (0..all).step_by(9000).map(|start| rows(start..all.min(start + 9000)));
            let ordered = Ordered::sort(parts, &rows(0..0).schema(), 1).unwrap();
            let count = usize::try_from(all).unwrap();
            assert_eq!(ordered.num_rows(), count);
            for (from, to) in [(0, count), (count / 3, count / 2), (count, count)] {
                let pieces: Vec<_> = ordered.pieces(from..to, 8192).collect();
                assert!(pieces.iter().all(|piece| (1..=8192).contains(&piece.num_rows())));
                let joined = concat_batches(ordered.schema(), &pieces).unwrap();
                let numbers = joined.column(1).as_primitive::<Int64Type>().values();
                assert!(numbers.iter().map(|n| usize::try_from(*n).unwrap()).eq(from..to));
                for (n, text) in numbers.iter().zip(joined.column(0).as_string_view()) {
                    assert_eq!(
                        text.map(str::to_owned),
                        (n % 7 > 0).then(|| format!("the number is {n}"))
                    );
                }
            }
        }
    }
}
