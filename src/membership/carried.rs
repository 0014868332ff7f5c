//! A segmentation that could not be computed keeps its members of the night before.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch, new_empty_array};
use datafusion::arrow::compute::{filter, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::error::Result;

use super::Published;
use crate::catalog::{Failure, Failures, SCORE, SEGMENT};
use crate::core::Segmentation;
use crate::project::Project;
use crate::segment::Members;

/// Gives every segmentation that failed its members of `previous`, in the place of those that it may have; the answer
/// is which, each with the reason. `members` are by name afterwards.
///
/// # Errors
/// A key of another type than the earlier night's: [`Published::check_key`] says so in words.
pub fn carry_forward<'a>(
    project: &Project,
    failures: &'a Failures,
    members: &mut Vec<Members>,
    previous: &Published,
    key: &FieldRef,
    universe: Option<&ArrayRef>,
) -> Result<Vec<(String, &'a Failure)>> {
    let mut all = Vec::new();
    for segmentation in project.segmentations().filter(|mine| project.publishes(mine)) {
        let name = &segmentation.name;
        let Some(failure) = failures.get(&segmentation.table()) else { continue };
        members.retain(|members| members.segmentation.name != *name);
        members.push(carried(segmentation, previous, key, universe)?);
        all.push((name.to_string(), failure));
    }
    members.sort_by(|a, b| a.segmentation.name.cmp(&b.segmentation.name));
    Ok(all)
}

/// Adds the segmentations that a selected run is not about, as `committed` has them.
///
/// # Errors
/// A key of another type than that night's.
pub fn keep(
    kept: &[Segmentation],
    members: &mut Vec<Members>,
    committed: &Published,
    key: &FieldRef,
) -> Result<()> {
    for segmentation in kept {
        members.push(published(segmentation, committed, key)?);
    }
    members.sort_by(|a, b| a.segmentation.name.cmp(&b.segmentation.name));
    Ok(())
}

/// The members that `previous` has of a segmentation, without those that are no longer among the keys of the `universe`.
/// None before the first night.
fn carried(
    segmentation: &Segmentation,
    previous: &Published,
    key: &FieldRef,
    universe: Option<&ArrayRef>,
) -> Result<Members> {
    let members = published(segmentation, previous, key)?;
    let Some(universe) = universe else { return Ok(members) };
    let converter = RowConverter::new(vec![SortField::new(key.data_type().clone())])?;
    let counted = converter.convert_columns(&[Arc::clone(universe)])?;
    let counted: HashSet<_> = counted.iter().collect();
    let keys = converter.convert_columns(&[Arc::clone(members.keys())])?;
    let stay: BooleanArray = keys.iter().map(|key| Some(counted.contains(&key))).collect();
    let rows = filter_record_batch(&members.rows, &stay)?;
    Ok(Members { rows, evidence: filter(&members.evidence, &stay)?, ..members })
}

/// The members that a night has of a segmentation.
fn published(segmentation: &Segmentation, night: &Published, key: &FieldRef) -> Result<Members> {
    let text = |name, nullable| Field::new(name, DataType::Utf8, nullable);
    let score = Field::new(SCORE, DataType::Float64, true);
    let schema = Schema::new(vec![key.as_ref().clone(), text(SEGMENT, false), score]);
    let schema = Arc::new(schema);
    let (rows, evidence) = match night.segmentations.get(segmentation.name.as_str()) {
        Some(rows) => {
            let columns = [key.name(), SEGMENT, SCORE].map(|name| rows.column(name));
            let columns: Result<_> = columns.into_iter().collect();
            (RecordBatch::try_new(schema, columns?)?, rows.column("evidence")?)
        }
        None => (RecordBatch::new_empty(schema), new_empty_array(&DataType::Utf8)),
    };
    let labels = segmentation.label_names().unwrap_or_default();
    Ok(Members { segmentation: segmentation.clone(), rows, labels, evidence })
}
