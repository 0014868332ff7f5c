//! `membership`: a row for each key in a segment.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;

use super::{KEY, Table, constant_date, constant_text, date, number, text};

pub(super) const TABLE: Table = Table {
    name: "membership",
    columns: |key| {
        vec![
            date("as_of", false),
            text("segmentation", false),
            text("segment", false),
            Arc::clone(key),
            number("score"),
            date("since", false),
            text("evidence", true),
        ]
    },
    sorted_by: &["segmentation", "segment", KEY],
    rows: |night, schema| {
        let batches = night.segmentations.iter().map(|(name, stays)| {
            let members = &stays.members.rows;
            let rows = members.num_rows();
            Ok(RecordBatch::try_new(
                Arc::clone(schema),
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
        Some(batches.collect())
    },
};
