//! `change`: who entered, moved and left against the previous night.

use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};

use super::{KEY, Rows, Table, constant_date, constant_text, date, number, text};
use crate::membership::Changes;

pub(super) const TABLE: Table = Table {
    name: "change",
    sorted_by: SORTED_BY,
    looked_up_by_key: false,
    rows: |night| Some(Ok(rows(night.as_of, &night.key, &night.change))),
};

pub(super) const SORTED_BY: &[&str] = &["segmentation", KEY, "change"];

/// The columns of the changes, given the entity key's.
#[must_use]
pub fn schema(key: &FieldRef) -> SchemaRef {
    Arc::new(Schema::new(vec![
        date("as_of", false),
        text("segmentation", false),
        Arc::clone(key),
        text("change", false),
        text("segment", true),
        text("previous_segment", true),
        number("score"),
        number("previous_score"),
        date("previous_as_of", true),
    ]))
}

pub(super) fn rows<'a>(as_of: NaiveDate, key: &FieldRef, changes: &'a Changes) -> Rows<'a> {
    let schema = schema(key);
    let of_batches = Arc::clone(&schema);
    let batches = changes.segmentations.iter().map(move |(name, changes_of)| {
        let rows = changes_of.num_rows();
        let mut columns = vec![constant_date(Some(as_of), rows), constant_text(name, rows)];
        columns.extend(changes_of.columns().iter().cloned());
        columns.push(constant_date(changes.since, rows));
        Ok(RecordBatch::try_new(Arc::clone(&of_batches), columns)?)
    });
    Rows::new(schema, batches)
}
