//! The rows of one segmentation.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, StringArray, new_null_array,
};
use datafusion::arrow::compute::{
    SortColumn, cast, filter_record_batch, lexsort_to_indices, take_record_batch,
};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::arrow::json::writer::{LineDelimited, WriterBuilder};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::error::{DataFusionError, Result};

use crate::catalog::{Planned, one_batch};
use crate::core::{Forgotten, Segmentation};

/// A segmentation's published rows: `<key>, segment, score`, then the columns of the evidence.
#[derive(Debug, Clone)]
pub struct Members {
    /// Whose they are.
    pub segmentation: Segmentation,
    /// By segment, then key.
    pub rows: RecordBatch,
    /// Labels that a row may have, as far as they are known without a look at the rows.
    pub labels: Vec<String>,
    /// The further columns of each row as a JSON object; NULL where the query returns none.
    pub evidence: ArrayRef,
}

impl Members {
    pub(super) fn new(
        segmentation: &Segmentation,
        query: &Planned,
        batches: &[RecordBatch],
    ) -> Result<Self> {
        let rows = one_batch(&query.plan, batches)?;
        let evidence = new_null_array(&DataType::Utf8, 0); // once the rows are final
        let one_label = query.members.as_ref().is_some_and(|members| !members.labelled);
        let labels = match segmentation.label_names() {
            None if one_label => vec![segmentation.name.to_string()],
            declared => declared.unwrap_or_default(),
        };
        Ok(Self { segmentation: segmentation.clone(), rows, labels, evidence })
    }

    /// The entity keys.
    #[must_use]
    pub fn keys(&self) -> &ArrayRef {
        self.rows.column(0)
    }

    /// The labels; none is NULL.
    #[must_use]
    pub fn segments(&self) -> &StringArray {
        self.rows.column(1).as_string()
    }

    /// The scores.
    #[must_use]
    pub fn scores(&self) -> &Float64Array {
        self.rows.column(2).as_primitive::<Float64Type>()
    }

    /// Rows by label, labels without rows included as far as they are known.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&str, i64> {
        let mut counts: BTreeMap<_, _> =
            self.labels.iter().map(|label| (label.as_str(), 0)).collect();
        for label in self.segments().iter().flatten() {
            *counts.entry(label).or_default() += 1;
        }
        counts
    }

    /// How many keys there are.
    ///
    /// # Errors
    /// A key type that can not be compared.
    pub fn distinct_keys(&self) -> Result<usize> {
        let key = SortField::new(self.keys().data_type().clone());
        let keys = RowConverter::new(vec![key])?.convert_columns(&[Arc::clone(self.keys())])?;
        Ok(keys.iter().collect::<HashSet<_>>().len())
    }

    pub(super) fn without(self, forgotten: &[Forgotten]) -> Result<Self> {
        let keep = remembered(self.keys(), forgotten)?;
        let rows = keep.map(|keep| filter_record_batch(&self.rows, &keep)).transpose()?;
        Ok(match rows {
            Some(rows) => Self { rows, ..self },
            None => self,
        })
    }

    /// Puts the rows in their final order, and their evidence beside them.
    pub(super) fn sorted(self) -> Result<Self> {
        let by = [1, 0, 2].map(|column| SortColumn {
            values: Arc::clone(self.rows.column(column)),
            options: None,
        });
        let rows = take_record_batch(&self.rows, &lexsort_to_indices(&by, None)?)?;
        Ok(Self { evidence: evidence(&rows)?, rows, ..self })
    }
}

/// Which keys are not forgotten; none where nothing is.
///
/// # Errors
/// Keys that have no text form.
pub fn remembered(keys: &ArrayRef, forgotten: &[Forgotten]) -> Result<Option<BooleanArray>> {
    if forgotten.is_empty() {
        return Ok(None);
    }
    let keys = cast(keys, &DataType::Utf8)?;
    let keys = keys.as_string::<i32>().iter();
    let keep =
        keys.map(|key| Some(!forgotten.iter().any(|known| key.is_some_and(|key| known.is(key)))));
    Ok(Some(keep.collect()))
}

fn evidence(rows: &RecordBatch) -> Result<ArrayRef> {
    let columns: Vec<_> = (3..rows.num_columns()).collect();
    if columns.is_empty() || rows.num_rows() == 0 {
        return Ok(new_null_array(&DataType::Utf8, rows.num_rows()));
    }
    let mut json =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    json.write(&rows.project(&columns)?)?;
    json.finish()?;
    let text = String::from_utf8(json.into_inner())
        .map_err(|error| DataFusionError::External(Box::new(error)))?;
    // Line breaks in values are escaped: a line is a row.
    let lines: Vec<_> = text.lines().collect();
    Ok(Arc::new(StringArray::from_iter_values(lines)))
}
