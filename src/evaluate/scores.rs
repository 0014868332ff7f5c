//! Whether a score told who would leave.

use chrono::NaiveDate;
use serde::Serialize;

use super::{Account, too_vague};
use crate::config::EvaluateSettings;
use crate::statistics::{Estimate, Group, Outcome, auc, lift, reliability};

/// A score of the first night against who had left by the second.
#[derive(Debug, Serialize)]
pub struct Score {
    /// Its column.
    pub column: String,
    /// Whether a low score is meant to tell of leaving, as with health.
    pub low_is_risk: bool,
    /// Of all accounts with a score.
    pub all: Part,
    /// Of those whose term ended by the second night, or was over at the first: the calendar alone says when they may leave,
    /// or have left.
    pub term_ended: Part,
    /// Of the others: what the score says beyond the calendar.
    pub others: Part,
    /// Accounts without a score, of which nothing was said.
    pub without_score: usize,
    /// By score, from the lowest: the share that left.
    pub reliability: Vec<Group>,
}

/// How a score ranks some accounts.
#[derive(Debug, Serialize)]
pub struct Part {
    /// How many.
    pub accounts: usize,
    /// How many of them had left.
    pub left: usize,
    /// Area under the ROC curve: how often one who left was ranked as riskier than one who stayed; 0.5 is chance.
    pub auc: Option<Estimate>,
    /// How many times as many leavers the riskiest tenth holds as any tenth.
    pub lift: Option<Estimate>,
}

impl Score {
    /// What it can not say.
    pub(super) fn warnings(&self) -> impl Iterator<Item = String> {
        let parts = [("", &self.all), (" where the term did not end", &self.others)];
        parts.into_iter().filter_map(move |(of, part)| {
            let what = format!("AUC of {}{of}", self.column);
            let one_side = part.auc.is_none().then(|| {
                format!("{what} is not known: {} of {} accounts left", part.left, part.accounts)
            });
            let (few, cases) = match part.left * 2 > part.accounts {
                true => ("stayed", part.accounts - part.left),
                false => ("left", part.left),
            };
            one_side.or_else(|| {
                too_vague(&format!("{what}, as {cases} {few},"), part.auc, part.accounts)
            })
        })
    }
}

/// The columns of scores, each with whether a low one is meant to tell of leaving.
pub(super) fn columns(settings: &EvaluateSettings) -> Vec<(&str, bool)> {
    let health = settings.health_scores.iter().map(|name| (name.as_str(), true));
    health.chain(settings.churn_scores.iter().map(|name| (name.as_str(), false))).collect()
}

/// Each score that some account has.
pub(super) fn evaluate(
    columns: &[(&str, bool)],
    accounts: &[Account],
    to: NaiveDate,
) -> Vec<Score> {
    let with = |(nth, (column, low_is_risk)): (usize, &(&str, bool))| {
        let scored = accounts.iter().filter_map(|account| {
            let score = account.first.scores[nth]?;
            let term_ended = account.first.renewal_date.is_some_and(|end| end <= to);
            Some((Outcome { score, left: account.left }, term_ended))
        });
        let scored: Vec<(Outcome, bool)> = scored.collect();
        (!scored.is_empty()).then(|| one(column, *low_is_risk, &scored, accounts.len()))
    };
    columns.iter().enumerate().filter_map(with).collect()
}

fn one(column: &str, low_is_risk: bool, scored: &[(Outcome, bool)], accounts: usize) -> Score {
    let part = |counts: fn(bool) -> bool| {
        let of = scored.iter().filter(|(_, term_ended)| counts(*term_ended));
        let risk = |outcome: &Outcome| if low_is_risk { -outcome.score } else { outcome.score };
        let of = of.map(|(outcome, _)| Outcome { score: risk(outcome), left: outcome.left });
        let outcomes: Vec<Outcome> = of.collect();
        Part {
            accounts: outcomes.len(),
            left: outcomes.iter().filter(|outcome| outcome.left).count(),
            auc: auc(&outcomes),
            lift: lift(&outcomes),
        }
    };
    let outcomes: Vec<Outcome> = scored.iter().map(|(outcome, _)| *outcome).collect();
    Score {
        column: column.to_owned(),
        low_is_risk,
        all: part(|_| true),
        term_ended: part(|term_ended| term_ended),
        others: part(|term_ended| !term_ended),
        without_score: accounts - scored.len(),
        reliability: reliability(&outcomes),
    }
}
