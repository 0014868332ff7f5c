//! `change`: who entered, moved and left against the previous night.

use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::error::Result;

use super::{Contents, KEY, Table, constant_date, constant_text, date, number, text};

pub(super) const TABLE: Table = Table {
    name: "change",
    sorted_by: SORTED_BY,
    looked_up_by_key: false,
    contents: Contents::OfSegmentations {
        schema: |night| Some(schema(&night.key)),
        rows: |night, compared, _, schema| {
            rows(night.as_of, night.previous.as_of, compared.name, &compared.change.rows, schema)
        },
    },
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

/// The changes of one segmentation against the night of `since`.
pub(super) fn rows(
    as_of: NaiveDate,
    since: Option<NaiveDate>,
    name: &str,
    changes: &RecordBatch,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let rows = changes.num_rows();
    let mut columns = vec![constant_date(Some(as_of), rows), constant_text(name, rows)];
    columns.extend(changes.columns().iter().cloned());
    columns.push(constant_date(since, rows));
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
