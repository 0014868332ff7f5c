//! `transition`: how many went from one segment of an exclusive segmentation to another, or stayed.

use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;

use super::column::{AS_OF, Column, PREVIOUS_AS_OF, SEGMENTATION, schema};
use super::{Contents, Table, constant_date, constant_text};
use crate::membership::{Compared, Membership, Tally};
use crate::runs::batch;

pub(super) const TABLE: Table = Table {
    name: "transition",
    row: "A pair of segments of an exclusive segmentation, where somebody went from one to the other or stayed.",
    columns: COLUMNS,
    sorted_by: &["segmentation", "from_segment", "to_segment"],
    looked_up_by_key: false,
    contents: Contents::OfSegmentations { schema: |night| Some(schema(COLUMNS, &night.key)), rows },
};

const COLUMNS: &[Column] = &[
    AS_OF,
    PREVIOUS_AS_OF,
    SEGMENTATION,
    Column::text("from_segment", "The segment before; NULL = outside.").or_null(),
    Column::text("to_segment", "The segment now; NULL = outside.").or_null(),
    Column::count("accounts", "How many keys."),
];

/// Pairs that nobody went are left out.
fn rows(
    night: &Membership,
    compared: &Compared<'_>,
    tally: &Tally,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let members = compared.members.as_ref();
    if !members.is_some_and(|(members, _)| members.segmentation.exclusive) {
        return Ok(RecordBatch::new_empty(Arc::clone(schema)));
    }
    let mut ways = tally.flows.clone();
    for (label, members) in &tally.segments {
        let arrived = ways.iter().filter(|((_, to), _)| to.as_ref() == Some(label));
        let arrived: i64 = arrived.map(|(_, accounts)| accounts).sum();
        if *members > arrived {
            ways.insert((Some(label.clone()), Some(label.clone())), members - arrived);
        }
    }
    let rows = ways.len();
    let from: StringArray = ways.keys().map(|(from, _)| from.as_ref()).collect();
    let to: StringArray = ways.keys().map(|(_, to)| to.as_ref()).collect();
    batch(
        schema,
        vec![
            constant_date(Some(night.as_of), rows)?,
            constant_date(night.previous.as_of, rows)?,
            constant_text(compared.name, rows)?,
            Arc::new(from),
            Arc::new(to),
            Arc::new(ways.into_values().collect::<Int64Array>()),
        ],
    )
}
