//! The rows of one segmentation.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, RecordBatch, StringArray,
    make_comparator, new_null_array,
};
use datafusion::arrow::compute::{
    SortColumn, SortOptions, cast, filter_record_batch, lexsort_to_indices, partition,
    take_record_batch,
};
use datafusion::arrow::datatypes::{DataType, Date32Type, Field, FieldRef, Float64Type, Schema};
use datafusion::arrow::json::writer::{LineDelimited, WriterBuilder};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::exec_err;
use datafusion::error::{DataFusionError, Result};

use crate::catalog::{Planned, SCORE, SEGMENT};
use crate::core::{Forgotten, Segmentation};
use crate::runs::runs;
use crate::spool::Spooled;

/// A segmentation of a night, with its rows set aside.
#[derive(Debug, Clone)]
pub struct Members {
    /// Whose they are.
    pub segmentation: Segmentation,
    /// Labels that a row may have, as far as they are known without a look at the rows.
    pub labels: Vec<String>,
    rows: Spooled,
    form: Form,
}

/// What follows after `<key>, segment, score`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The columns of the evidence.
    Computed,
    /// The evidence as text, and since when.
    Published,
}

/// The rows of a segmentation, by segment, then key.
#[derive(Debug, Clone)]
pub struct MemberBatch {
    rows: RecordBatch,
    form: Form,
}

impl Members {
    pub(super) fn computed(segmentation: &Segmentation, query: &Planned, rows: Spooled) -> Self {
        let labels = match segmentation.label_names() {
            None if one_label(query) => vec![segmentation.name.to_string()],
            declared => declared.unwrap_or_default(),
        };
        Self { segmentation: segmentation.clone(), labels, rows, form: Form::Computed }
    }

    /// Those of a published night: `<key>, segment, score, evidence, since`.
    #[must_use]
    pub fn published(segmentation: &Segmentation, rows: Spooled) -> Self {
        let labels = segmentation.label_names().unwrap_or_default();
        Self { segmentation: segmentation.clone(), labels, rows, form: Form::Published }
    }

    /// How many of its `rows` have each label, labels without rows included as far as they are known.
    ///
    /// # Errors
    /// None: labels can be compared.
    pub fn counts(&self, rows: &MemberBatch) -> Result<BTreeMap<String, i64>> {
        let mut counts: BTreeMap<_, _> =
            self.labels.iter().map(|label| (label.clone(), 0)).collect();
        for (label, run) in rows.runs()? {
            #[expect(clippy::cast_possible_wrap, reason = "rows are far fewer than 2^63")]
            counts.insert(label.to_owned(), run.len() as i64);
        }
        Ok(counts)
    }

    /// The rows.
    ///
    /// # Errors
    /// Rows that were set aside on a disk that is gone.
    pub fn read(&self) -> Result<MemberBatch> {
        Ok(MemberBatch { rows: self.rows.rows()?, form: self.form })
    }
}

impl MemberBatch {
    /// Those of a published night: `<key>, segment, score, evidence, since`.
    #[must_use]
    pub fn published(rows: RecordBatch) -> Self {
        Self { rows, form: Form::Published }
    }

    /// No rows.
    #[must_use]
    pub fn nobody(key: &FieldRef) -> Self {
        let text = |name| Field::new(name, DataType::Utf8, true);
        let rows = RecordBatch::new_empty(Arc::new(Schema::new(vec![
            key.as_ref().clone(),
            text(SEGMENT),
            Field::new(SCORE, DataType::Float64, true),
            text("evidence"),
            Field::new("since", DataType::Date32, true),
        ])));
        Self::published(rows)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `<key>, segment, score`, then the evidence.
    #[must_use]
    pub fn batch(&self) -> &RecordBatch {
        &self.rows
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

    /// The labels, as runs.
    ///
    /// # Errors
    /// As [`MemberBatch::runs`].
    pub fn segments_in_runs(&self) -> Result<ArrayRef> {
        let of_rows = self.runs()?;
        let labels = StringArray::from_iter_values(of_rows.keys());
        runs(&labels, of_rows.into_values().map(|rows| rows.end))
    }

    /// The scores.
    #[must_use]
    pub fn scores(&self) -> &Float64Array {
        self.rows.column(2).as_primitive::<Float64Type>()
    }

    /// The further columns of each row as a JSON object; NULL where the query returns none.
    ///
    /// # Errors
    /// A type that JSON can not say.
    pub fn evidence(&self) -> Result<ArrayRef> {
        match self.form {
            Form::Computed => evidence(&self.rows),
            Form::Published => Ok(Arc::clone(self.rows.column(3))),
        }
    }

    /// First night of each row's unbroken stay, of a published night.
    #[must_use]
    pub fn since(&self) -> Option<&Date32Array> {
        match self.form {
            Form::Computed => None,
            Form::Published => Some(self.rows.column(4).as_primitive::<Date32Type>()),
        }
    }

    /// Each label that a row has, with the rows that have it.
    ///
    /// # Errors
    /// None: labels can be compared.
    pub fn runs(&self) -> Result<BTreeMap<&str, Range<usize>>> {
        if self.is_empty() {
            return Ok(BTreeMap::new()); // `partition` has one of nothing
        }
        let (labels, last) = (self.segments(), self.len() - 1);
        if labels.value(0) == labels.value(last) {
            return Ok(BTreeMap::from([(labels.value(0), 0..self.len())]));
        }
        let runs = partition(&[Arc::clone(self.rows.column(1))])?.ranges();
        Ok(runs.into_iter().map(|run| (labels.value(run.start), run)).collect())
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
}

/// Whether a query has no labels of its own: its rows have the segmentation's name.
pub(super) fn one_label(query: &Planned) -> bool {
    query.members.as_ref().is_some_and(|members| !members.labelled)
}

pub(super) fn without(rows: RecordBatch, forgotten: &[Forgotten]) -> Result<RecordBatch> {
    Ok(match remembered(rows.column(0), forgotten)? {
        Some(keep) => filter_record_batch(&rows, &keep)?,
        None => rows,
    })
}

/// Puts rows in their final order; whether the query gives them one label only is known before.
pub(super) fn sorted(rows: &RecordBatch, one_label: bool) -> Result<RecordBatch> {
    // A type that JSON can not say is a mistake of this query: it is told now, not when all are written.
    evidence(&rows.slice(0, rows.num_rows().min(1)))?;
    // So they are where a table in the order of the key was read.
    if one_label {
        let key = make_comparator(rows.column(0), rows.column(0), SortOptions::default())?;
        if (1..rows.num_rows()).all(|row| key(row - 1, row).is_lt()) {
            return Ok(rows.clone());
        }
    }
    let by = [1, 0, 2]
        .map(|column| SortColumn { values: Arc::clone(rows.column(column)), options: None });
    Ok(take_record_batch(rows, &lexsort_to_indices(&by, None)?)?)
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
    if i32::try_from(text.len()).is_err() {
        return exec_err!(
            "the evidence of its {} rows is longer than 2 GiB; return fewer columns beside key, segment and score",
            rows.num_rows()
        );
    }
    // Line breaks in values are escaped: a line is a row.
    let lines: Vec<_> = text.lines().collect();
    Ok(Arc::new(StringArray::from_iter_values(lines)))
}
