//! Segmentations of a group exclude each other: who comes first in it keeps the key.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::error::Result;

use crate::core::Segmentation;

/// The keys that each group has given away. Segmentations come in the order of their priority: the DAG sees to it.
#[derive(Default)]
pub(super) struct Claims(BTreeMap<String, Group>);

struct Group {
    converter: RowConverter,
    taken: HashSet<OwnedRow>,
}

impl Claims {
    /// Takes away the rows of keys that are claimed, and claims the rest.
    pub(super) fn settle(
        &mut self,
        segmentation: &Segmentation,
        rows: RecordBatch,
    ) -> Result<RecordBatch> {
        let Some(group) = &segmentation.group else { return Ok(rows) };
        let name = &group.name;
        let keys = rows.column(0);
        let group = match self.0.get_mut(name) {
            Some(group) => group,
            None => {
                let converter = RowConverter::new(vec![SortField::new(keys.data_type().clone())])?;
                let taken = HashSet::new();
                self.0.entry(name.clone()).or_insert(Group { converter, taken })
            }
        };
        let keys = group.converter.convert_columns(&[Arc::clone(keys)])?;
        let keys: Vec<_> = keys.iter().map(|key| key.owned()).collect();
        let free: BooleanArray = keys.iter().map(|key| Some(!group.taken.contains(key))).collect();
        group.taken.extend(keys);
        Ok(filter_record_batch(&rows, &free)?)
    }
}
