//! `summary`: a row for each segment, also where nobody is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::error::Result;

use super::{Rows, Table, constant_date, constant_text, count, date, number, text};
use crate::membership::{Membership, Stays};
use crate::segment::Members;

/// The shares of the members with a score that lie at or below the score quantiles.
const QUANTILES: [f64; 5] = [0.1, 0.25, 0.5, 0.75, 0.9];

pub(super) const TABLE: Table = Table {
    name: "summary",
    sorted_by: &["segmentation", "segment"],
    looked_up_by_key: false,
    rows: |night| {
        let schema = schema();
        let of_batches = Arc::clone(&schema);
        let now = night.segmentations.iter().map(|(name, stays)| (name.as_str(), Some(stays)));
        // A segmentation that is no more: its members have left.
        let gone = night.change.segmentations.keys().map(|name| (name.as_str(), None));
        let mut segmentations: BTreeMap<_, _> = gone.collect();
        segmentations.extend(now);
        let batches = segmentations
            .into_iter()
            .map(move |(name, stays)| batch(night, name, stays, &of_batches));
        Some(Ok(Rows::new(schema, batches)))
    },
};

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        date("as_of", false),
        date("previous_as_of", true),
        text("segmentation", false),
        text("segment", false),
        text("title", true),
        text("owner", true),
        text("playbook", true),
        count("members"),
        number("share"),
        count("entered"),
        count("left"),
        count("moved_in"),
        count("moved_out"),
        number("score_p10"),
        number("score_p25"),
        number("score_p50"),
        number("score_p75"),
        number("score_p90"),
        date("stale_since", true),
    ]))
}

fn batch(
    night: &Membership,
    name: &str,
    stays: Option<&Stays>,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let members = stays.map(|stays| &stays.members);
    let counts = members.map(Members::counts).unwrap_or_default();
    let flows = night.change.flows(name);
    let labels: BTreeSet<&str> =
        counts.keys().copied().chain(flows.keys().filter_map(|(from, _)| *from)).collect();
    let rows = labels.len();

    let segmentation = members.map(|members| &members.segmentation);
    let said = |text: Option<&String>| -> ArrayRef {
        Arc::new(std::iter::repeat_n(text, rows).collect::<StringArray>())
    };
    let all = |went: fn(&str, Option<&str>, Option<&str>) -> bool| -> ArrayRef {
        let of = |label: &&str| -> i64 {
            let ways = flows.iter().filter(|((from, to), _)| went(label, *from, *to));
            ways.map(|(_, accounts)| accounts).sum()
        };
        Arc::new(labels.iter().map(of).collect::<Int64Array>())
    };
    let members_of = |label: &&str| counts.get(label).copied().unwrap_or_default();
    let universe = night.universe.rows.num_rows();
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 members")]
    let share = |label: &&str| (universe > 0).then(|| members_of(label) as f64 / universe as f64);
    let stale = night.stale.iter().find(|stale| stale.segmentation == name);

    let mut columns = vec![
        constant_date(Some(night.as_of), rows),
        constant_date(night.change.since, rows),
        constant_text(name, rows),
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
    columns.extend(quantiles(members, &labels));
    columns.push(constant_date(stale.map(|stale| stale.since), rows));
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// A column for each of [`QUANTILES`].
fn quantiles(members: Option<&Members>, labels: &BTreeSet<&str>) -> Vec<ArrayRef> {
    let mut scores: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    if let Some(members) = members {
        for (label, score) in members.segments().iter().zip(members.scores()) {
            if let Some((label, score)) = label.zip(score) {
                scores.entry(label).or_default().push(score);
            }
        }
    }
    for scores in scores.values_mut() {
        scores.sort_unstable_by(f64::total_cmp);
    }
    let column = |share: f64| -> ArrayRef {
        let of = |label: &&str| scores.get(label).and_then(|scores| quantile(scores, share));
        Arc::new(labels.iter().map(of).collect::<Float64Array>())
    };
    QUANTILES.into_iter().map(column).collect()
}

/// Type 7 of Hyndman and Fan, Sample Quantiles in Statistical Packages (1996): linear between the order statistics, as R,
/// numpy and `quantile_cont` have it.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 members")]
    let at = sorted.len().checked_sub(1)? as f64 * share;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let [low, high] = [at.floor(), at.ceil()].map(|at| sorted.get(at as usize).copied());
    let (low, high) = (low?, high?);
    let between = at - at.floor();
    // Without a step between them infinite scores stay what they are.
    Some(if between > 0.0 { low + (high - low) * between } else { low })
}
