//! `membership`: a row for each key in a segment.

use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{Date32Array, RecordBatch};
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::error::Result;

use super::{Contents, KEY, Table, constant_date, constant_text, date, number, text};
use crate::segment::MemberBatch;

pub(super) const TABLE: Table = Table {
    name: "membership",
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
    Ok(RecordBatch::try_new(
        Arc::clone(schema),
        vec![
            constant_date(Some(as_of), rows),
            constant_text(name, rows),
            Arc::clone(&columns[1]),
            Arc::clone(&columns[0]),
            Arc::clone(&columns[2]),
            Arc::new(since.clone()),
            members.evidence()?,
        ],
    )?)
}

/// The columns of the membership, given the entity key's.
#[must_use]
pub fn schema(key: &FieldRef) -> SchemaRef {
    Arc::new(Schema::new(vec![
        date("as_of", false),
        text("segmentation", false),
        text("segment", false),
        Arc::clone(key),
        number("score"),
        date("since", false),
        text("evidence", true),
    ]))
}
