//! How much a segmentation has moved since an earlier night.

use std::collections::BTreeMap;

use datafusion::error::Result;

use crate::segment::MemberBatch;
use crate::statistics::{binned, quantile, stability_index};

/// Population stability indices; see [`stability_index`] for what they mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// Of the members by label; none where nobody is in it now, or was.
    pub sizes: Option<f64>,
    /// Of the scores, by the tenths of the earlier night; none where nobody has one now, or had.
    pub scores: Option<f64>,
}

impl Drift {
    /// From one night's rows to another's.
    ///
    /// # Errors
    /// None: labels can be compared.
    pub fn between(before: &MemberBatch, now: &MemberBatch) -> Result<Self> {
        let (sizes_before, sizes_now) = (sizes(before)?, sizes(now)?);
        let mut labels: Vec<&str> = sizes_before.keys().chain(sizes_now.keys()).copied().collect();
        labels.sort_unstable();
        labels.dedup();
        let by_label = |sizes: &BTreeMap<&str, usize>| -> Vec<usize> {
            labels.iter().map(|label| sizes.get(label).copied().unwrap_or_default()).collect()
        };
        let sizes = stability_index(&by_label(&sizes_before), &by_label(&sizes_now));

        let (before, now) = (scores(before), scores(now));
        let mut edges: Vec<f64> =
            (1..10).filter_map(|tenth| quantile(&before, f64::from(tenth) / 10.0)).collect();
        edges.dedup();
        let scores = stability_index(&binned(&before, &edges), &binned(&now, &edges));
        Ok(Self { sizes, scores })
    }

    /// The larger of the two.
    #[must_use]
    pub fn largest(&self) -> Option<f64> {
        [self.sizes, self.scores].into_iter().flatten().reduce(f64::max)
    }
}

fn sizes(rows: &MemberBatch) -> Result<BTreeMap<&str, usize>> {
    Ok(rows.runs()?.into_iter().map(|(label, run)| (label, run.len())).collect())
}

fn scores(rows: &MemberBatch) -> Vec<f64> {
    // What is no number has no place among the others.
    let known = rows.scores().iter().flatten().filter(|score| !score.is_nan());
    let mut scores: Vec<f64> = known.collect();
    scores.sort_unstable_by(f64::total_cmp);
    scores
}
