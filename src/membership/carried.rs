//! A segmentation that could not be computed keeps its members of the night before.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::FieldRef;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::error::Result;

use super::Published;
use crate::catalog::{Failure, Failures};
use crate::core::Segmentation;
use crate::project::Project;
use crate::segment::{MemberBatch, Members};
use crate::spool::Spool;

/// Gives every segmentation that failed its members of `previous`, in the place of those that it may have; the answer
/// is which, each with the reason. `members` are by name afterwards.
///
/// # Errors
/// A spill directory without room.
pub fn carry_forward<'a>(
    project: &Project,
    failures: &'a Failures,
    members: &mut Vec<Members>,
    previous: &Published,
    key: &FieldRef,
    universe: Option<&ArrayRef>,
    spool: &Spool,
) -> Result<Vec<(String, &'a Failure)>> {
    let mut all = Vec::new();
    for segmentation in project.segmentations().filter(|mine| project.publishes(mine)) {
        let name = &segmentation.name;
        let Some(failure) = failures.get(&segmentation.table()) else { continue };
        members.retain(|members| members.segmentation.name != *name);
        members.push(carried(segmentation, previous, key, universe, spool)?);
        all.push((name.to_string(), failure));
    }
    members.sort_by(|a, b| a.segmentation.name.cmp(&b.segmentation.name));
    Ok(all)
}

/// Adds the segmentations that a selected run is not about, as `committed` has them.
///
/// # Errors
/// A spill directory without room.
pub fn keep(
    kept: &[Segmentation],
    members: &mut Vec<Members>,
    committed: &Published,
    key: &FieldRef,
    spool: &Spool,
) -> Result<()> {
    for segmentation in kept {
        members.push(carried(segmentation, committed, key, None, spool)?);
    }
    members.sort_by(|a, b| a.segmentation.name.cmp(&b.segmentation.name));
    Ok(())
}

/// The members that a `night` has of a segmentation, without those that are no longer among the keys of the `universe`.
/// None before the first night.
fn carried(
    segmentation: &Segmentation,
    night: &Published,
    key: &FieldRef,
    universe: Option<&ArrayRef>,
    spool: &Spool,
) -> Result<Members> {
    let rows = match night.segmentations.get(segmentation.name.as_str()) {
        None => spool.set_aside(MemberBatch::nobody(key).batch().clone())?,
        Some(rows) => match universe {
            None => rows.clone(),
            Some(universe) => spool.set_aside(among(&rows.rows()?, universe)?)?,
        },
    };
    Ok(Members::published(segmentation, rows))
}

fn among(rows: &RecordBatch, universe: &ArrayRef) -> Result<RecordBatch> {
    let converter = RowConverter::new(vec![SortField::new(universe.data_type().clone())])?;
    let counted = converter.convert_columns(&[Arc::clone(universe)])?;
    let counted: HashSet<_> = counted.iter().collect();
    let keys = converter.convert_columns(&[Arc::clone(rows.column(0))])?;
    let stay: BooleanArray = keys.iter().map(|key| Some(counted.contains(&key))).collect();
    Ok(filter_record_batch(rows, &stay)?)
}
