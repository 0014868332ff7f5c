//! `membership`: a row for each key in a segment.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};

use super::{KEY, Rows, Table, constant_date, constant_text, date, number, text};

pub(super) const TABLE: Table = Table {
    name: "membership",
    sorted_by: &["segmentation", "segment", KEY],
    looked_up_by_key: false,
    rows: |night| {
        let schema = schema(&night.key);
        let of_batches = Arc::clone(&schema);
        let batches = night.segmentations.iter().map(move |(name, stays)| {
            let members = &stays.members.rows;
            let rows = members.num_rows();
            Ok(RecordBatch::try_new(
                Arc::clone(&of_batches),
                vec![
                    constant_date(Some(night.as_of), rows),
                    constant_text(name.as_str(), rows),
                    Arc::clone(members.column(1)),
                    Arc::clone(members.column(0)),
                    Arc::clone(members.column(2)),
                    Arc::new(stays.since.clone()),
                    Arc::clone(&stays.members.evidence),
                ],
            )?)
        });
        Some(Ok(Rows::new(schema, batches)))
    },
};

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
