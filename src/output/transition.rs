//! `transition`: how many went from one segment of an exclusive segmentation to another, or stayed.

use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::error::Result;

use super::{Rows, Table, constant_date, constant_text, count, date, text};
use crate::membership::{Membership, Stays};

pub(super) const TABLE: Table = Table {
    name: "transition",
    sorted_by: &["segmentation", "from_segment", "to_segment"],
    looked_up_by_key: false,
    rows: |night| {
        let schema = schema();
        let of_batches = Arc::clone(&schema);
        let exclusive =
            night.segmentations.iter().filter(|(_, stays)| stays.members.segmentation.exclusive);
        let batches =
            exclusive.map(move |(name, stays)| batch(night, name.as_str(), stays, &of_batches));
        Some(Ok(Rows::new(schema, batches)))
    },
};

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        date("as_of", false),
        date("previous_as_of", true),
        text("segmentation", false),
        text("from_segment", true),
        text("to_segment", true),
        count("accounts"),
    ]))
}

/// Pairs that nobody went are left out.
fn batch(night: &Membership, name: &str, stays: &Stays, schema: &SchemaRef) -> Result<RecordBatch> {
    let mut ways = night.change.flows(name);
    for (label, members) in stays.members.counts() {
        let arrived = ways.iter().filter(|((_, to), _)| *to == Some(label));
        let arrived: i64 = arrived.map(|(_, accounts)| accounts).sum();
        if members > arrived {
            ways.insert((Some(label), Some(label)), members - arrived);
        }
    }
    let rows = ways.len();
    let from: StringArray = ways.keys().map(|(from, _)| *from).collect();
    let to: StringArray = ways.keys().map(|(_, to)| *to).collect();
    Ok(RecordBatch::try_new(
        Arc::clone(schema),
        vec![
            constant_date(Some(night.as_of), rows),
            constant_date(night.change.since, rows),
            constant_text(name, rows),
            Arc::new(from),
            Arc::new(to),
            Arc::new(ways.into_values().collect::<Int64Array>()),
        ],
    )?)
}
