//! Which rows of a table each of several queries picks.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, BooleanBufferBuilder};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::prep_null_mask_filter;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::PhysicalExpr;

use super::texts::Texts;
use super::{Condition, Ordered, Pick};

/// Rows that are looked at together: their columns stay in the cache while all conditions are evaluated. A multiple of 64,
/// so that bits are joined as words.
const BATCH_ROWS: usize = 8192;

/// Each condition once, however many queries have it.
struct Conditions {
    all: Vec<Condition>,
    /// The conditions of each query, by their number.
    of_picks: Vec<Vec<usize>>,
}

impl Conditions {
    fn of(picks: &[Pick]) -> Self {
        let mut known: HashMap<Arc<dyn PhysicalExpr>, usize> = HashMap::new();
        let mut all: Vec<Condition> = Vec::new();
        let mut number = |condition: &Condition| {
            *known.entry(Arc::clone(&condition.holds)).or_insert_with(|| {
                all.push(condition.clone());
                all.len() - 1
            })
        };
        let of_picks = picks.iter().map(|pick| pick.conditions.iter().map(&mut number).collect());
        let of_picks = of_picks.collect();
        Self { all, of_picks }
    }
}

/// The rows that each of the queries picks, which all read the table of `rows`; on `threads` threads.
///
/// # Errors
/// A condition that fails on a row.
pub async fn passing(picks: &[Pick], rows: &Ordered, threads: usize) -> Result<Vec<BooleanArray>> {
    let conditions = Arc::new(Conditions::of(picks));
    let texts = Arc::new(Texts::of(&conditions.all, rows)?);
    let share = rows.num_rows().div_ceil(threads).next_multiple_of(BATCH_ROWS).max(BATCH_ROWS);
    let parts = (0..rows.num_rows()).step_by(share).map(|start| {
        let part = start..rows.num_rows().min(start + share);
        let (conditions, texts, rows) = (Arc::clone(&conditions), Arc::clone(&texts), rows.clone());
        SpawnedTask::spawn_blocking(move || passing_in(part, &conditions, &texts, &rows))
    });
    let parts: Vec<_> = parts.collect();
    let mut passed: Vec<_> =
        picks.iter().map(|_| BooleanBufferBuilder::new(rows.num_rows())).collect();
    for part in parts {
        let part = part.join().await;
        let part = part.map_err(|panic| DataFusionError::ExecutionJoin(Box::new(panic)))??;
        passed.iter_mut().zip(&part).for_each(|(all, part)| all.append_buffer(part));
    }
    Ok(passed.into_iter().map(|mut all| BooleanArray::new(all.finish(), None)).collect())
}

fn passing_in(
    part: Range<usize>,
    conditions: &Conditions,
    texts: &Texts,
    rows: &Ordered,
) -> Result<Vec<BooleanBuffer>> {
    let of_picks = conditions.of_picks.iter();
    let mut passed: Vec<_> = of_picks.map(|_| BooleanBufferBuilder::new(part.len())).collect();
    let mut start = part.start;
    for batch in rows.pieces(part, BATCH_ROWS) {
        let length = batch.num_rows();
        let mut known: Vec<Option<BooleanBuffer>> = vec![None; conditions.all.len()];
        for (all, of_pick) in passed.iter_mut().zip(&conditions.of_picks) {
            let mut here = BooleanBuffer::new_set(length);
            for number in of_pick {
                let holds = match &mut known[*number] {
                    Some(holds) => &*holds,
                    unknown => {
                        let by_text = texts.holds(*number, start..start + length);
                        let holds = match by_text {
                            Some(holds) => holds,
                            None => holding(&conditions.all[*number], &batch)?,
                        };
                        unknown.insert(holds)
                    }
                };
                here = &here & holds;
            }
            all.append_buffer(&here);
        }
        start += length;
    }
    Ok(passed.iter_mut().map(BooleanBufferBuilder::finish).collect())
}

/// The rows of a batch for which a condition is true; where it is NULL, it is not.
pub(super) fn holding(condition: &Condition, batch: &RecordBatch) -> Result<BooleanBuffer> {
    let holds = condition.holds.evaluate(batch)?.into_array(batch.num_rows())?;
    let holds = holds.as_boolean();
    Ok(match holds.nulls() {
        Some(_) => prep_null_mask_filter(holds).values().clone(),
        None => holds.values().clone(),
    })
}
