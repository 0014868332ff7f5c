//! `membership`: a row for each key in a segment.

use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{Date32Array, RecordBatch};
use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::error::Result;

use super::column::{self, AS_OF, Column, KEY_COLUMN, SEGMENTATION};
use super::{Contents, EVIDENCE, KEY, Table, constant_date, constant_text};
use crate::runs::batch;
use crate::segment::MemberBatch;

pub(super) const TABLE: Table = Table {
    name: "membership",
    row: "A key in a segment.",
    columns: COLUMNS,
    sorted_by: &["segmentation", "segment", KEY],
    looked_up_by_key: false,
    contents: Contents::OfSegmentations {
        schema: |night| Some(schema(&night.key)),
        rows: |night, compared, _, schema| match &compared.members {
            Some((_, members)) => {
                rows(night.as_of, compared.name, members, &compared.since, schema)
            }
            None => Ok(RecordBatch::new_empty(Arc::clone(schema))),
        },
    },
};

pub(super) fn rows(
    as_of: NaiveDate,
    name: &str,
    members: &MemberBatch,
    since: &Date32Array,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let (columns, rows) = (members.batch().columns(), members.len());
    batch(
        schema,
        vec![
            constant_date(Some(as_of), rows)?,
            constant_text(name, rows)?,
            members.segments_in_runs()?,
            Arc::clone(&columns[0]),
            Arc::clone(&columns[2]),
            Arc::new(since.clone()),
            members.evidence()?,
        ],
    )
}

const COLUMNS: &[Column] = &[
    AS_OF,
    SEGMENTATION,
    Column::text("segment", "The label; the segmentation's name where its query returns none."),
    KEY_COLUMN,
    Column::number("score", "What the query returned as `score`; NULL where it is not known, or there is none."),
    Column::date("since", "The first night of the unbroken stay in this segment."),
    Column::text(
        EVIDENCE,
        "What else the query returned, as a JSON object: the columns but for personal ones; NULL where there are none.",
    )
    .or_null(),
];

/// The columns of the membership, given the entity key's.
#[must_use]
pub fn schema(key: &FieldRef) -> SchemaRef {
    column::schema(COLUMNS, key)
}
