//! `change`: who entered, moved and left against the previous night.

use chrono::NaiveDate;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::error::Result;

use super::column::{self, AS_OF, Column, KEY_COLUMN, PREVIOUS_AS_OF, SEGMENTATION};
use super::{Contents, KEY, Table, constant_date, constant_text};
use crate::runs::batch;

pub(super) const TABLE: Table = Table {
    name: "change",
    row: "An entry, move or exit against the previous night.",
    columns: COLUMNS,
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

pub(super) const COLUMNS: &[Column] = &[
    AS_OF,
    SEGMENTATION,
    KEY_COLUMN,
    Column::text(
        "change",
        "`entered`, `moved` or `left`. Only in an exclusive segmentation can a key move; elsewhere it leaves one segment \
         and enters another.",
    ),
    Column::text("segment", "The segment now; NULL for who has left.").or_null(),
    Column::text("previous_segment", "The segment before; NULL for who has entered.").or_null(),
    Column::number("score", "The score now; NULL for who has left, or where it is not known."),
    Column::number(
        "previous_score",
        "The score before; NULL for who has entered, or where it was not known.",
    ),
    PREVIOUS_AS_OF,
];

/// The columns of the changes, given the entity key's.
#[must_use]
pub fn schema(key: &FieldRef) -> SchemaRef {
    column::schema(COLUMNS, key)
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
    let mut columns = vec![constant_date(Some(as_of), rows)?, constant_text(name, rows)?];
    columns.extend(changes.columns().iter().cloned());
    columns.push(constant_date(since, rows)?);
    batch(schema, columns)
}
