//! `change`: who entered, moved and left against the previous night.

use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::error::Result;

use super::{KEY, Table, constant_date, constant_text, date, number, text};
use crate::membership::Changes;

pub(super) const TABLE: Table = Table {
    name: "change",
    columns,
    sorted_by: SORTED_BY,
    rows: |night, schema| Some(rows(night.as_of, &night.change, schema)),
};

pub(super) const SORTED_BY: &[&str] = &["segmentation", KEY, "change"];

pub(super) fn columns(key: &FieldRef) -> Vec<FieldRef> {
    vec![
        date("as_of", false),
        text("segmentation", false),
        Arc::clone(key),
        text("change", false),
        text("segment", true),
        text("previous_segment", true),
        number("score"),
        number("previous_score"),
        date("previous_as_of", true),
    ]
}

pub(super) fn rows(
    as_of: NaiveDate,
    changes: &Changes,
    schema: &SchemaRef,
) -> Result<Vec<RecordBatch>> {
    let batches = changes.segmentations.iter().map(|(name, changes_of)| {
        let rows = changes_of.num_rows();
        let mut columns = vec![constant_date(Some(as_of), rows), constant_text(name, rows)];
        columns.extend(changes_of.columns().iter().cloned());
        columns.push(constant_date(changes.since, rows));
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    });
    batches.collect()
}
