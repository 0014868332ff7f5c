//! What became of a segment's members.

use std::collections::BTreeMap;

use serde::Serialize;

use super::night::Members;
use super::{Account, too_vague};
use crate::statistics::{Estimate, ratio, share};

/// A segment of the first night.
#[derive(Debug, Serialize)]
pub struct Segment {
    /// Its segmentation.
    pub segmentation: String,
    /// The label.
    pub segment: String,
    /// Members that were live at the first night.
    pub accounts: usize,
    /// The share that had not left by the second.
    pub logo_retention: Option<Estimate>,
    /// Net revenue retention: their recurring revenue at the second night over that at the first, of those with one that is
    /// known and above 0. Who left has 0; who stayed with revenue that is not known does not count.
    pub net_revenue_retention: Option<Estimate>,
    /// Gross: without what an account has more than before.
    pub gross_revenue_retention: Option<Estimate>,
    /// Mean change of those whose satisfaction is known at both nights.
    pub satisfaction_change: Option<Estimate>,
    /// Where they are by the second night.
    pub flows: Vec<Flow>,
}

/// A part of a segment's members, by where they are later. Of a segmentation that is not exclusive one account may be in
/// several parts.
#[derive(Debug, Serialize)]
pub struct Flow {
    /// `segment`, `outside` of the segmentation, or `left`.
    pub to: &'static str,
    /// The label, of a segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// How many.
    pub accounts: usize,
    /// Of the segment's accounts.
    pub share: Option<Estimate>,
}

impl Segment {
    /// That it is too small, if so.
    pub(super) fn warning(&self) -> Option<String> {
        let what = format!("logo retention of {}, {}", self.segmentation, self.segment);
        too_vague(&what, self.logo_retention, self.accounts)
    }
}

pub(super) fn evaluate(first: &Members, second: &Members, accounts: &[Account]) -> Vec<Segment> {
    let mut found = Vec::new();
    for (segmentation, segments) in first {
        let mut now: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for (segment, members) in second.get(segmentation).into_iter().flatten() {
            for member in members {
                now.entry(*member).or_default().push(segment);
            }
        }
        for (segment, members) in segments {
            let flows = flows(members, &now, accounts);
            let members: Vec<&Account> = members.iter().map(|nth| &accounts[*nth]).collect();
            found.push(one(segmentation, segment, &members, flows));
        }
    }
    found
}

fn one(segmentation: &str, segment: &str, members: &[&Account], flows: Vec<Flow>) -> Segment {
    let stayed = members.iter().filter(|account| !account.left).count();
    let revenue: Vec<_> = members.iter().filter_map(|account| revenue(account)).collect();
    let kept: Vec<_> = revenue.iter().map(|(now, before)| (now.min(*before), *before)).collect();
    let change: Vec<_> =
        members.iter().filter_map(|account| satisfaction_change(account)).collect();
    let change: Vec<_> = change.into_iter().map(|change| (change, 1.0)).collect();
    Segment {
        segmentation: segmentation.to_owned(),
        segment: segment.to_owned(),
        accounts: members.len(),
        logo_retention: share(stayed, members.len()),
        net_revenue_retention: ratio(&revenue),
        gross_revenue_retention: ratio(&kept),
        satisfaction_change: ratio(&change),
        flows,
    }
}

/// Recurring revenue at the second night and at the first.
fn revenue(account: &Account) -> Option<(f64, f64)> {
    let before = account.first.revenue.filter(|revenue| *revenue > 0.0)?;
    let now = match &account.second {
        Some(second) if !account.left => second.revenue?,
        _ => 0.0,
    };
    Some((now, before))
}

fn satisfaction_change(account: &Account) -> Option<f64> {
    Some(account.second.as_ref()?.satisfaction? - account.first.satisfaction?)
}

fn flows(members: &[usize], now: &BTreeMap<usize, Vec<&str>>, accounts: &[Account]) -> Vec<Flow> {
    let (mut into, mut outside, mut left) = (BTreeMap::<&str, usize>::new(), 0, 0);
    for member in members {
        match now.get(member) {
            _ if accounts[*member].left => left += 1,
            Some(segments) => {
                for segment in segments {
                    *into.entry(segment).or_default() += 1;
                }
            }
            None => outside += 1,
        }
    }
    let flow = |to, segment: Option<&str>, count| Flow {
        to,
        segment: segment.map(str::to_owned),
        accounts: count,
        share: share(count, members.len()),
    };
    let into = into.into_iter().map(|(segment, count)| flow("segment", Some(segment), count));
    let rest = [("outside", outside), ("left", left)];
    let rest = rest.into_iter().filter(|(_, count)| *count > 0);
    into.chain(rest.map(|(to, count)| flow(to, None, count))).collect()
}
