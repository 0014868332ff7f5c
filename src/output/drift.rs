//! `drift`: how much each segmentation has moved since the night before.

use std::sync::Arc;

use datafusion::arrow::array::{Float64Array, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;

use super::column::{AS_OF, Column, PREVIOUS_AS_OF, SEGMENTATION, schema};
use super::{Contents, Table, constant_date, constant_text};
use crate::membership::{Compared, Drift, Membership, Tally};
use crate::runs::batch;

pub(super) const TABLE: Table = Table {
    name: "drift",
    row: "A segmentation, with how much it has moved since the night before.",
    columns: COLUMNS,
    sorted_by: &["segmentation"],
    looked_up_by_key: false,
    contents: Contents::OfSegmentations { schema: |night| Some(schema(COLUMNS, &night.key)), rows },
};

const COLUMNS: &[Column] = &[
    AS_OF,
    PREVIOUS_AS_OF,
    SEGMENTATION,
    Column::count("members", "Keys in the segmentation."),
    Column::number(
        "size_drift",
        "Population stability index of the members by segment: below 0.1 nothing happened, from 0.25 on the segmentation \
         is another one (Siddiqi, Credit Risk Scorecards, 2006). NULL where nobody is in it, or was the night before.",
    ),
    Column::number(
        "score_drift",
        "The same of the scores, by the tenths of the night before; NULL where nobody has a score, or had.",
    ),
];

fn rows(
    night: &Membership,
    compared: &Compared<'_>,
    tally: &Tally,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let drift = match (night.previous.rows(compared.name)?, &compared.members) {
        (Some(before), Some((_, now))) => Drift::between(&before, now)?,
        _ => Drift { sizes: None, scores: None },
    };
    batch(
        schema,
        vec![
            constant_date(Some(night.as_of), 1)?,
            constant_date(night.previous.as_of, 1)?,
            constant_text(compared.name, 1)?,
            Arc::new(Int64Array::from(vec![tally.members])),
            Arc::new(Float64Array::from(vec![drift.sizes])),
            Arc::new(Float64Array::from(vec![drift.scores])),
        ],
    )
}
