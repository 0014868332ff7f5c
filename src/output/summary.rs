//! `summary`: a row for each segment, also where nobody is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray,
};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;

use super::column::{AS_OF, Column, PREVIOUS_AS_OF, SEGMENTATION, schema};
use super::{Contents, Table, constant_date, constant_text};
use crate::membership::{Compared, Membership, Tally};
use crate::runs::batch;
use crate::segment::MemberBatch;
use crate::statistics::quantile;

/// The shares of the members with a score that lie at or below the score quantiles.
const QUANTILES: [f64; 5] = [0.1, 0.25, 0.5, 0.75, 0.9];

pub(super) const TABLE: Table = Table {
    name: "summary",
    row: "A segment, also one that nobody is in.",
    columns: COLUMNS,
    sorted_by: &["segmentation", "segment"],
    looked_up_by_key: false,
    contents: Contents::OfSegmentations { schema: |night| Some(schema(COLUMNS, &night.key)), rows },
};

const COLUMNS: &[Column] = &[
    AS_OF,
    PREVIOUS_AS_OF,
    SEGMENTATION,
    Column::text("segment", "The label."),
    Column::text("title", "Of the segmentation's front matter; NULL where it has none.").or_null(),
    Column::text("owner", "Likewise.").or_null(),
    Column::text("playbook", "Likewise.").or_null(),
    Column::count("members", "Keys in the segment."),
    Column::number("share", "`members` as a share of the universe, 0 to 1; NULL where the universe is empty."),
    Column::count("entered", "Keys that were not in it the night before, nor moved in."),
    Column::count("left", "Keys that are not in it any more, nor moved out."),
    Column::count("moved_in", "Keys that came from another segment of an exclusive segmentation."),
    Column::count("moved_out", "Keys that went to another segment of it."),
    Column::number("score_p10", "A tenth of the members with a score are at or below it; NULL where none has one."),
    Column::number("score_p25", "A quarter, likewise."),
    Column::number("score_p50", "The median."),
    Column::number("score_p75", "Three quarters."),
    Column::number("score_p90", "Nine tenths."),
    Column::date(
        "stale_since",
        "The first night in a row on which the segmentation could not be computed and was carried forward; NULL where it \
         is of this night.",
    )
    .or_null(),
];

fn rows(
    night: &Membership,
    compared: &Compared<'_>,
    tally: &Tally,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let Tally { segments: counts, flows, .. } = tally;
    let came_from = flows.keys().filter_map(|(from, _)| from.as_ref());
    let labels: BTreeSet<&str> = counts.keys().chain(came_from).map(String::as_str).collect();
    let rows = labels.len();

    let name = compared.name;
    let segmentation = compared.members.as_ref().map(|(members, _)| &members.segmentation);
    let said = |text: Option<&String>| -> ArrayRef {
        Arc::new(std::iter::repeat_n(text, rows).collect::<StringArray>())
    };
    let all = |went: fn(&str, Option<&str>, Option<&str>) -> bool| -> ArrayRef {
        let of = |label: &&str| -> i64 {
            let ways =
                flows.iter().filter(|((from, to), _)| went(label, from.as_deref(), to.as_deref()));
            ways.map(|(_, accounts)| accounts).sum()
        };
        Arc::new(labels.iter().map(of).collect::<Int64Array>())
    };
    let members_of = |label: &&str| counts.get(*label).copied().unwrap_or_default();
    let universe = night.universe.keys().len();
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 members")]
    let share = |label: &&str| (universe > 0).then(|| members_of(label) as f64 / universe as f64);
    let stale = night.stale.iter().find(|stale| stale.segmentation == name);

    let mut columns = vec![
        constant_date(Some(night.as_of), rows)?,
        constant_date(night.previous.as_of, rows)?,
        constant_text(name, rows)?,
        Arc::new(StringArray::from_iter_values(&labels)),
        said(segmentation.and_then(|segmentation| segmentation.title.as_ref())),
        said(segmentation.and_then(|segmentation| segmentation.owner.as_ref())),
        said(segmentation.and_then(|segmentation| segmentation.playbook.as_ref())),
        Arc::new(labels.iter().map(members_of).collect::<Int64Array>()),
        Arc::new(labels.iter().map(share).collect::<Float64Array>()),
        all(|label, from, to| from.is_none() && to == Some(label)),
        all(|label, from, to| from == Some(label) && to.is_none()),
        all(|label, from, to| from.is_some() && to == Some(label)),
        all(|label, from, to| from == Some(label) && to.is_some()),
    ];
    columns.extend(quantiles(compared.members.as_ref().map(|(_, rows)| rows), &labels)?);
    columns.push(constant_date(stale.map(|stale| stale.since), rows)?);
    batch(schema, columns)
}

/// A column for each of [`QUANTILES`].
fn quantiles(members: Option<&MemberBatch>, labels: &BTreeSet<&str>) -> Result<Vec<ArrayRef>> {
    let mut scores: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    if let Some(members) = members.filter(|members| members.scores().null_count() < members.len()) {
        for (label, run) in members.runs()? {
            let run = members.scores().slice(run.start, run.len());
            let of_label: &mut Vec<f64> = scores.entry(label).or_default();
            // What is no number says as little about the others as what is not known.
            of_label.extend(run.iter().flatten().filter(|score| !score.is_nan()));
            of_label.sort_unstable_by(f64::total_cmp);
        }
    }
    let column = |share: f64| -> ArrayRef {
        let of = |label: &&str| scores.get(label).and_then(|scores| quantile(scores, share));
        Arc::new(labels.iter().map(of).collect::<Float64Array>())
    };
    Ok(QUANTILES.into_iter().map(column).collect())
}
